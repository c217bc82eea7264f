/* Seeds that are text, or nearly; the formats are drawn in the targets. */
#include "tests/fuzz/seeds.h"

#include <stddef.h>

static const struct {
    const char *name;
    struct bytes content;
} seeds_texts[] = {
    {"json/text",
     BYTES_LITERAL(
         "j{\"a\":[1,-2.5e3,null,true,false,\"\"],\"b\":{\"a\":1,\"a\":2},"
         "\"c\":\"\\u00e4\\ud83d\\ude00\\n\\\"\\/x\xc3\xa4\",\"\":18446744073709551616}")},
    {"json/path", BYTES_LITERAL("p$.a[1].b\xff{\"a\":[1,{\"b\":2}]}")},
    {"json/path_quoted", BYTES_LITERAL("p$['a b'].x-@\xff{\"a b\":{\"x-@\":1}}")},
    {"json/edits", BYTES_LITERAL("eSgSaRbWrcE5E0LrSdda0SbrW\xff"
                                 "{ \"a\":[1 , 2] ,\"b\":{\"c\":3}, \"c\":[[1],2 ]}")},
    {"json/headers", BYTES_LITERAL("h\x02"
                                   "a\x04xy\x02"
                                   "b\x01\x00\x00")},
    {"json/timed", BYTES_LITERAL("t[1764000000000,{\"n\":3}]")},
    {"store/epochs", BYTES_LITERAL("e0\n2\n0 0\n3 12\n")},
    {"store/metadata", BYTES_LITERAL("mversion: 0\ntopic_id: AQIDBAAAAAAAAAAAAAAAAA\n")},
    {"store/points", BYTES_LITERAL("porders-0 0 10 0 700 1\nin-voices-12 5 7 5 90 0\n")},
    {"store/points_of_kafka", BYTES_LITERAL("k0\n2\norders 0 10\nin-voices 12 7\n")},
};

void seeds_text(const char *folder)
{
    for (size_t i = 0; i < sizeof seeds_texts / sizeof seeds_texts[0]; i++) {
        seeds_save(folder, seeds_texts[i].name, seeds_texts[i].content);
    }
}
