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
    {"format/sketch", BYTES_LITERAL("d\1\2\4\2\x0a\4\6\2\7\2\xbf\0\0\0\0\0\0\0"
                                    "\x40\0\0\0\0\0\0\0\xff"
                                    "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0")},
    {"format/csv_row", BYTES_LITERAL("v\1\"a\"\"b, c\",-1.5e3\r\n")},
    {"format/csv_table", BYTES_LITERAL("v\2a;b\n1;2\n\"x;\r\ny\";\n")},
    {"format/csv_list", BYTES_LITERAL("v\0\"\",a b,\"\xc3\xa4\"")},
    {"format/logfmt", BYTES_LITERAL("v\4 at=\"a \\\"b\\u00e4\\ud83d\\ude00\\n\" b=12 c d= e=\\\n")},
    {"format/protobuf",
     BYTES_LITERAL(
         "v\5\x08\xff\xff\xff\xff\xff\xff\xff\xef\xff\x01\x12\x03\xc3\x9cn\x18\x02\"\x05\n\x01"
         "a\x10\x02*\x03\x02\x01\x04"
         "2\x05\n\x01x\x10\x05@\x07J\x02\xff\0P\x01Y\xff\xff\xff\xff\xff\xff\xff\xff`\0j\x02"
         "\x08\x07u\xcd\xcc\xcc=z\x07\x08\x03\x12\x03\n\x01z\x82\x01\x02\x01\x02\xfa\x07\x01u")},
    {"aggregate/sum", BYTES_LITERAL("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\1"
                                    "\x3f\xe0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff"
                                    "2.5")},
    {"aggregate/max", BYTES_LITERAL("\5\1\0\0\0\0\0\0\0\7\xff\2\x40\0\0\0\0\0\0\0\xff"
                                    "9")},
    {"aggregate/last", BYTES_LITERAL("\7\0\0\0\0\0\0\0\2{}\xff\0\0\0\0\0\0\0\3[1]\xff"
                                     "\"a\"")},
    {"aggregate/stddev", BYTES_LITERAL("\x08\0\0\0\0\0\0\0\2\x3f\xe0\0\0\0\0\0\0\x3f\xe0\0\0\0\0"
                                       "\0\0\xff\xff"
                                       "2")},
    {"aggregate/quantile", BYTES_LITERAL("\x09\1\2\4\2\x0a\4\6\2\7\2\xbf\0\0\0\0\0\0\0"
                                         "\x40\0\0\0\0\0\0\0\xff\xff"
                                         "2")},
    {"aggregate/distinct", BYTES_LITERAL("\x0a\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\xff"
                                         "\1\0\0\0\0\0\0\0\2\xff\"a\"")},
    {"aggregate/topk", BYTES_LITERAL("\x0b\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\0\3\"a\""
                                     "\xff\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1\0\1"
                                     "7\xff\"a\"")},
    {"aggregate/collect", BYTES_LITERAL("\x0c\0\0\0\1"
                                        "7\0\0\0\3[1]\xff\0\0\0\2{}\xff\"a\"")},
    {"group/position", BYTES_LITERAL("pcommit 12\nstream_time 1763983890000\n"
                                     "input dpkg.raw 0 5137\nchangelog counts 911\n")},
    {"connector/text",
     BYTES_LITERAL(
         "{\"a\":[1,-2.5e3,null,true,false,\"\"],\"b\":{\"a\":1,\"a\":2},"
         "\"c\":\"\\u00e4\\ud83d\\ude00\\n\\\"\\/x\xc3\xa4\",\"\":18446744073709551616}")},
    {"grammar/condition",
     BYTES_LITERAL("c$.level == 'error' and ($.ms >= 500 or not $.cached) and topic != \"a\"\xff"
                   "{\"level\":\"error\",\"ms\":500.5}")},
    {"grammar/condition_of_fields",
     BYTES_LITERAL("ckey == nil or value <= \"x\" and partition < -1.5e3 or $['a b'][0] ~= null\xff"
                   "{\"a b\":[1]}")},
    {"grammar/format", BYTES_LITERAL("f%t [%p] at %o: %k %K %s %S %R %T %h %%\\n\\x41\\0")},
    {"grammar/offset_of_date", BYTES_LITERAL("o@2026-11-24T12:00:00Z")},
    {"grammar/offset_to_stop", BYTES_LITERAL("oe@1700000000000")},
    {"grammar/offset_from_end", BYTES_LITERAL("o-10")},
    {"grammar/properties", BYTES_LITERAL("r# a comment\nnode.id=1\nlog.retention.hours = 7\n"
                                         "log.segment.bytes: 1g\nlisteners=PLAINTEXT://\\\n:9092\n"
                                         "compression.type zstd\n")},
    {"script/tiny",
     BYTES_LITERAL("return {input='in',output='out',process=function(r) local j=r.json "
                   "j.x={1,'a'} for k,v in pairs(j) do emit('o',r) end return r end}")},
    {"script/builder",
     BYTES_LITERAL("local S=require'tidemill' local a=S.app'w' a:stream('in',{value='text'})"
                   ":flat_map(function(r) local o={} for w in r.value:gmatch('%w+') do "
                   "o[#o+1]={key=w,value=1} end return o end):group_by_key():count{name='c'}"
                   ":to_stream():to('out',{value='json'}) return a")},
    {"script/endless",
     BYTES_LITERAL("local s=('x'):rep(9) while pcall(function() s=s..s end) do end")},
    {"stream/frames", BYTES_LITERAL("\3\1\5\2\0\0\0\4abcd\0\0\0\0\0\0\0\2xy\0\0\1")},
    {"stream/announced", BYTES_LITERAL("\2\4\3\6\x3f\xff\xff"
                                       "abcdef")},
    {"stream/negative", BYTES_LITERAL("\1\2\xff\xff\xff\xff"
                                      "abc")},
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
