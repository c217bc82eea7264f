/* Shows that written scalars read back as they were. */
#include "log/base/error.h"
#include "runtime/format/json.h"
#include "runtime/format/json_writer.h"
#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>

static void strings_are_escaped_and_must_be_utf8(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    struct bytes text = BYTES_LITERAL("a\"\\\n\r\t\b\f\x01\x7f/\0z\xc3\xa4");
    assert_int_equal(json_writer_string(&out, text), 0);
    assert_string_equal(buffer_string(&out),
                        "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\x7f/\\u0000z\xc3\xa4\"");
    struct json json;
    json_init(&json);
    struct buffer scratch;
    buffer_init(&scratch);
    assert_int_equal(json_parse(&json, buffer_bytes(&out)), 0);
    assert_true(bytes_equal(json_string(&json, JSON_ROOT, &scratch), text));
    size_t before = out.size;
    assert_int_equal(json_writer_string(&out, BYTES_LITERAL("ok\xff")), ERROR_MALFORMED);
    assert_int_equal(out.size, before);
    buffer_fini(&scratch);
    json_fini(&json);
    buffer_fini(&out);
}

static void integers_are_written_whole(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    json_writer_int64(&out, INT64_MIN);
    buffer_add_byte(&out, ' ');
    json_writer_int64(&out, INT64_MAX);
    buffer_add_byte(&out, ' ');
    json_writer_int64(&out, 0);
    assert_string_equal(buffer_string(&out), "-9223372036854775808 9223372036854775807 0");
    buffer_fini(&out);
}

static void doubles_read_back_the_same_and_stay_doubles(void **state)
{
    (void)state;
    const double values[] = {0.1, 1.0, -0.0, 1e300, 5e-324, DBL_MAX, 1.0 / 3, 9007199254740993.0};
    struct buffer out;
    buffer_init(&out);
    struct json json;
    json_init(&json);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        buffer_clear(&out);
        double again = 0;
        int64_t integer = 0;
        assert_int_equal(json_writer_double(&out, values[i]), 0);
        assert_int_equal(json_parse(&json, buffer_bytes(&out)), 0);
        assert_true(json_double(&json, JSON_ROOT, &again));
        assert_true(again == values[i]);
        assert_false(json_int64(&json, JSON_ROOT, &integer));
    }
    assert_int_equal(json_writer_double(&out, NAN), ERROR_INVALID);
    assert_int_equal(json_writer_double(&out, INFINITY), ERROR_INVALID);
    json_fini(&json);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_and_must_be_utf8),
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(doubles_read_back_the_same_and_stay_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
