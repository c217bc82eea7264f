/* Shows that a value is translated once for all who ask, what becomes of a value in another format,
 * and that failures say what the value is not. */
#include "log/base/error.h"
#include "runtime/format/decoded.h"
#include "tests/unit/unit.h"

#include <string.h>

/* A format of one letter: 'a' says {"letter":"a"}. */
static int decode_count;

static int decode(const struct value_format *format, struct bytes value, struct buffer *json,
                  struct report *report)
{
    (void)format;
    decode_count++;
    if (value.size == 0) {
        return report_add(report, NULL, "it is empty");
    }
    for (size_t i = 1; i < value.size; i++) {
        buffer_reserve(json, VALUE_DECODED_SIZE_MAX);
        json->size += VALUE_DECODED_SIZE_MAX;
    }
    buffer_printf(json, "{\"letter\":\"%c\"}", value.data[0]);
    return 0;
}

static int encode(const struct value_format *format, const struct json *json, struct buffer *out,
                  struct report *report)
{
    (void)format;
    uint32_t letter = json_find(json, JSON_ROOT, BYTES_LITERAL("letter"));
    if (letter == JSON_ABSENT) {
        return report_add(report, NULL, "there is no letter");
    }
    buffer_add_byte(out, json_raw(json, letter).data[1]);
    return 0;
}

static const struct value_ops letter_ops = {
    .name = "letter", .text = "a letter", .decode = decode, .encode = encode};
static const struct value_format letter = {&letter_ops};

static void a_value_is_read_once(void **state)
{
    (void)state;
    struct decoded decoded;
    struct bytes value = BYTES_LITERAL("a");
    struct bytes text;
    decoded_init(&decoded);
    decode_count = 0;
    assert_int_equal(decoded_text(&decoded, &letter, value, &text), 0);
    assert_int_equal(decoded_read(&decoded, &letter, value), 0);
    assert_int_equal(decoded_read(&decoded, &letter, value), 0);
    assert_true(bytes_equal_string(text, "{\"letter\":\"a\"}"));
    assert_int_equal(decoded.json.token_count, 3);
    assert_int_equal(decode_count, 1);
    decoded_clear(&decoded);
    assert_int_equal(decoded_read(&decoded, &letter, value), 0);
    assert_int_equal(decode_count, 2);
    assert_int_equal(decoded_read(&decoded, VALUE_JSON, value), ERROR_MALFORMED);
    assert_int_equal(decoded_read(&decoded, VALUE_JSON, BYTES_LITERAL("[1]")), 0);
    assert_int_equal(decoded_read(&decoded, &letter, value), 0);
    assert_int_equal(decoded.json.token_count, 3);
    decoded_fini(&decoded);
}

static void failures_say_what_the_value_is_not(void **state)
{
    (void)state;
    struct decoded decoded;
    decoded_init(&decoded);
    assert_int_equal(decoded_read(&decoded, &letter, BYTES_LITERAL("")), ERROR_INVALID);
    assert_string_equal(decoded.report.text, "the value is not a letter: it is empty");
    assert_int_equal(decoded_read(&decoded, &letter, BYTES_LITERAL("aa")), ERROR_INVALID);
    assert_string_equal(decoded.report.text,
                        "the value is not a letter: it says more than 16777216 bytes of JSON");
    assert_int_equal(decoded_read(&decoded, VALUE_BYTES, BYTES_LITERAL("{x")), ERROR_MALFORMED);
    assert_non_null(strstr(decoded.report.text, "the value is not JSON: "));
    assert_non_null(strstr(decoded.report.text, " at byte 1"));
    decoded_fini(&decoded);
}

static void a_value_is_written_in_another_format(void **state)
{
    (void)state;
    static const struct {
        const struct value_format *from;
        const struct value_format *to;
        const char *value;
        const char *expected; /* NULL: an error */
    } rows[] = {
        {VALUE_BYTES, VALUE_TEXT, "a", "a"},
        {VALUE_TEXT, VALUE_JSON, "a\"", "\"a\\\"\""},
        {VALUE_BYTES, VALUE_JSON, "\xff", NULL},
        {VALUE_JSON, VALUE_JSON, " {} ", " {} "},
        {VALUE_JSON, VALUE_TEXT, " \"a\\n\" ", "a\n"},
        {VALUE_JSON, VALUE_BYTES, " {}", "{}"},
        {VALUE_JSON, VALUE_TEXT, "{} ", "{} "},
        {VALUE_JSON, VALUE_TEXT, "\"", NULL},
        {&letter, VALUE_JSON, "a", "{\"letter\":\"a\"}"},
        {&letter, VALUE_TEXT, "a", "{\"letter\":\"a\"}"},
        {&letter, VALUE_BYTES, "a", "a"},
        {&letter, &letter, "", ""},
        {VALUE_JSON, &letter, "{\"letter\":\"b\"}", "b"},
        {VALUE_JSON, &letter, "{}", NULL},
        {VALUE_TEXT, &letter, "a", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct decoded decoded;
        struct buffer out;
        struct bytes value = bytes_from_string(rows[i].value);
        int error = 0;
        decoded_init(&decoded);
        buffer_init(&out);
        if (decoded_is_same(rows[i].from, rows[i].to, value)) {
            buffer_add_bytes(&out, value);
        } else {
            error = decoded_convert(&decoded, rows[i].from, rows[i].to, value, &out);
        }
        assert_int_equal(error != 0, rows[i].expected == NULL);
        if (error == 0) {
            assert_string_equal(buffer_string(&out), rows[i].expected);
        } else {
            assert_string_not_equal(decoded.report.text, "");
        }
        buffer_fini(&out);
        decoded_fini(&decoded);
    }
    assert_true(decoded_is_same(&letter, VALUE_JSON, (struct bytes){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_read_once),
        cmocka_unit_test(failures_say_what_the_value_is_not),
        cmocka_unit_test(a_value_is_written_in_another_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
