/* Shows that format strings print what kcat prints for the same record. */
#include "log/base/error.h"
#include "runtime/cli/token_format.h"
#include "tests/unit/unit.h"

/* Two headers as on the wire: a=1, b=null. */
static const uint8_t headers[] = {2, 'a', 2, '1', 2, 'b', 1};

static const struct batch_record record = {
    .offset = 42,
    .timestamp_ms = 1700000000000,
    .key = {(const uint8_t *)"k", 1},
    .value = {(const uint8_t *)"hello", 5},
    .header_count = 2,
    .headers_encoded = {headers, sizeof(headers)},
};
static const struct batch_record tombstone = {.offset = -1, .timestamp_ms = -1};

static void expect(const char *text, const struct batch_record *subject, bool is_null_named,
                   const char *expected)
{
    struct token_format format;
    struct report report = {0};
    struct buffer out;
    const struct envelope envelope = {.topic = "orders", .partition = 3, .record = subject};
    buffer_init(&out);
    assert_int_equal(token_format_init(&format, text, is_null_named ? "NULL" : NULL, &report), 0);
    token_format_apply(&format, &envelope, &out);
    assert_string_equal(buffer_string(&out), expected);
    token_format_fini(&format);
    buffer_fini(&out);
}

static void every_token_has_its_meaning(void **state)
{
    (void)state;
    expect("%t [%p] at offset %o: key %k: %s\\n", &record, false,
           "orders [3] at offset 42: key k: hello\n");
    expect("%K %S %T %h %%", &record, false, "1 5 1700000000000 a=1,b=NULL %");
    expect("\\x41\\t", &record, false, "A\t");
}

static void the_size_can_be_binary(void **state)
{
    (void)state;
    struct token_format format;
    struct report report = {0};
    struct buffer out;
    const struct envelope envelope = {.topic = "orders", .record = &record};
    buffer_init(&out);
    assert_int_equal(token_format_init(&format, "%R%s", NULL, &report), 0);
    token_format_apply(&format, &envelope, &out);
    assert_int_equal(out.size, 9);
    assert_memory_equal(out.data, "\0\0\0\5hello", 9);
    token_format_fini(&format);
    buffer_fini(&out);
}

static void null_is_empty_or_named(void **state)
{
    (void)state;
    expect("<%k|%s|%K|%S|%o>", &tombstone, false, "<||-1|-1|-1>");
    expect("<%k|%s>", &tombstone, true, "<NULL|NULL>");
}

static void without_a_format_values_are_lines(void **state)
{
    (void)state;
    struct token_format format;
    struct buffer out;
    const struct envelope envelope = {.topic = "orders", .record = &record};
    buffer_init(&out);
    token_format_init_plain(&format, NULL, "\\n", NULL);
    token_format_apply(&format, &envelope, &out);
    token_format_fini(&format);
    token_format_init_plain(&format, ":", ";", NULL);
    token_format_apply(&format, &envelope, &out);
    token_format_fini(&format);
    assert_string_equal(buffer_string(&out), "hello\nk:hello;");
    buffer_fini(&out);
}

static void unknown_tokens_are_refused(void **state)
{
    (void)state;
    struct token_format format;
    struct report report = {0};
    assert_int_equal(token_format_init(&format, "%s %z", NULL, &report), ERROR_INVALID);
    assert_int_equal(token_format_init(&format, "%", NULL, &report), ERROR_INVALID);
}

static void the_envelope_is_json(void **state)
{
    (void)state;
    struct buffer out;
    struct envelope envelope = {.topic = "orders", .partition = 3, .record = &record};
    buffer_init(&out);
    envelope_write_json(&envelope, &out);
    assert_string_equal(buffer_string(&out),
                        "{\"topic\":\"orders\",\"partition\":3,\"offset\":42,\"tstype\":\"create\","
                        "\"ts\":1700000000000,\"broker\":0,\"headers\":[\"a\",\"1\",\"b\",null],"
                        "\"key\":\"k\",\"payload\":\"hello\"}");
    buffer_clear(&out);
    const struct batch_record dirty = {.value = {(const uint8_t *)"a\xff\xe2\x82\xac", 5}};
    envelope = (struct envelope){.topic = "t", .is_append_time = true, .record = &dirty};
    envelope_write_json(&envelope, &out);
    assert_string_equal(buffer_string(&out),
                        "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"tstype\":\"logappend\","
                        "\"ts\":0,\"broker\":0,\"key\":null,\"payload\":\"a\xef\xbf\xbd\xe2\x82\xac"
                        "\"}");
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_has_its_meaning),
        cmocka_unit_test(the_size_can_be_binary),
        cmocka_unit_test(null_is_empty_or_named),
        cmocka_unit_test(without_a_format_values_are_lines),
        cmocka_unit_test(unknown_tokens_are_refused),
        cmocka_unit_test(the_envelope_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
