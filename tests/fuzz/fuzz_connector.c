/* Feeds bytes to the JSON reader that is compiled into each connector.
 *
 * Promises: what is one JSON value is walked to its end; every part lies inside the text; decoded
 * text is written and decoded again as the same. */
#include "connectors/shared/json.h"
#include "log/base/check.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void fuzz_string(struct json_value string)
{
    struct builder decoded = {0};
    struct builder written = {0};
    struct builder again = {0};
    struct json_value value;
    json_decode(string, &decoded);
    json_write_text(&written, decoded.data, decoded.size);
    check(json_parse(written.data, written.size, &value));
    check(value.type == JSON_STRING);
    json_decode(value, &again);
    check(again.size == decoded.size);
    check(again.size == 0 || memcmp(again.data, decoded.data, again.size) == 0);
    builder_fini(&again);
    builder_fini(&written);
    builder_fini(&decoded);
}

static void fuzz_number(struct json_value number)
{
    int64_t integer = 0;
    double real = 0;
    check(json_real(number, &real));
    (void)json_integer(number, &integer);
}

/* As deep as JSON_DEPTH_MAX, which json_parse judged. */
static void fuzz_value(struct json_value value, struct json_value whole)
{
    check(value.text >= whole.text);
    check(value.text + value.size <= whole.text + whole.size);
    if (value.type == JSON_STRING) {
        fuzz_string(value);
    } else if (value.type == JSON_NUMBER) {
        fuzz_number(value);
    } else if (value.type == JSON_ARRAY || value.type == JSON_OBJECT) {
        struct json_cursor cursor = json_start(value);
        struct json_value key, item;
        while (json_next(&cursor, value.type == JSON_OBJECT ? &key : NULL, &item)) {
            fuzz_value(item, whole);
            if (value.type == JSON_OBJECT) {
                fuzz_value(key, whole);
            }
        }
        (void)json_find(value, "a", &item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_value value;
    if (json_parse(data, size, &value)) {
        fuzz_value(value, value);
    }
    return 0;
}
