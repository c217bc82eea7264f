/* Shows that what is there is shown and nothing else, that values are shown as their format reads
 * them, and that the result is JSON whatever the bytes are. */
#include "runtime/format/headers.h"
#include "runtime/format/record_json.h"
#include "tests/unit/unit.h"

#include <string.h>

static void expect(const struct record *record, const char *wanted)
{
    struct buffer out;
    struct json json;
    buffer_init(&out);
    json_init(&json);
    record_json_write(&out, record);
    assert_string_equal(buffer_string(&out), wanted);
    assert_int_equal(json_parse(&json, buffer_bytes(&out)), 0);
    json_fini(&json);
    buffer_fini(&out);
}

static struct record make(const char *key, const char *value)
{
    return (struct record){.partition = -1,
                           .offset = -1,
                           .timestamp_ms = -1,
                           .key = bytes_from_string(key),
                           .value = bytes_from_string(value)};
}

static void what_is_not_there_is_left_out(void **state)
{
    (void)state;
    struct record record = make("k", "v");
    expect(&record, "{\"key\":\"k\",\"value\":\"v\"}");
    record.key = record.value = (struct bytes){0};
    expect(&record, "{\"key\":null,\"value\":null}");
}

static void where_it_is_from_and_when(void **state)
{
    (void)state;
    struct record record = make("k", "v");
    record.topic = "a \"b\"";
    record.partition = 3;
    record.offset = 70;
    record.timestamp_ms = 1764000000000;
    record.is_windowed = true;
    record.window_start_ms = 10;
    record.window_end_ms = 20;
    expect(&record, "{\"topic\":\"a \\\"b\\\"\",\"partition\":3,\"offset\":70,\"ts\":1764000000000,"
                    "\"key\":\"k\",\"value\":\"v\",\"window_start\":10,\"window_end\":20}");
}

static void headers_are_pairs(void **state)
{
    (void)state;
    struct record record = make("k", "v");
    struct buffer headers;
    buffer_init(&headers);
    headers_append(&headers, BYTES_LITERAL("a"), BYTES_LITERAL("1"));
    headers_append(&headers, BYTES_LITERAL("a"), (struct bytes){0});
    record.headers_encoded = buffer_bytes(&headers);
    record.header_count = 2;
    expect(&record, "{\"key\":\"k\",\"value\":\"v\",\"headers\":[[\"a\",\"1\"],[\"a\",null]]}");
    buffer_fini(&headers);
}

static void json_stays_json(void **state)
{
    (void)state;
    struct record record = make("k", "{\"n\":[1,null]}");
    record.value_format = VALUE_JSON;
    expect(&record, "{\"key\":\"k\",\"value\":{\"n\":[1,null]}}");
}

static void what_its_format_cannot_read_is_bytes(void **state)
{
    (void)state;
    struct record record = make("k", "{\"n\":");
    record.value_format = VALUE_JSON;
    expect(&record, "{\"key\":\"k\",\"value\":\"{\\\"n\\\":\"}");
    record.value = bytes_make("\xff\x00", 2);
    expect(&record, "{\"key\":\"k\",\"value\":{\"base64\":\"/wA=\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_left_out),
        cmocka_unit_test(where_it_is_from_and_when),
        cmocka_unit_test(headers_are_pairs),
        cmocka_unit_test(json_stays_json),
        cmocka_unit_test(what_its_format_cannot_read_is_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
