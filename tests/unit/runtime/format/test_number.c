/* Shows that numbers keep their digits: read, put in order and written. */
#include "log/base/error.h"
#include "runtime/format/number.h"
#include "tests/unit/unit.h"

#include <math.h>

static bool read_text(const char *text, struct number *out)
{
    struct json json;
    json_init(&json);
    assert_int_equal(json_parse(&json, bytes_from_string(text)), 0);
    bool is_number = number_read(&json, JSON_ROOT, out);
    json_fini(&json);
    return is_number;
}

static void integers_are_exact_and_the_rest_are_doubles(void **state)
{
    (void)state;
    struct number number;
    assert_true(read_text("9223372036854775807", &number));
    assert_true(number.is_integer);
    assert_true(number.integer == INT64_MAX);
    assert_true(read_text("9223372036854775808", &number));
    assert_false(number.is_integer);
    assert_true(read_text("-2.5e3", &number));
    assert_true(number_real(&number) == -2500);
    assert_false(read_text("\"1\"", &number));
    assert_false(read_text("null", &number));
}

static void order_loses_no_digits(void **state)
{
    (void)state;
    static const char *const ascending[] = {
        "-1e999",           "-9223372036854775809.5", "-9223372036854775807", "-1",  "-0.5", "0",
        "9007199254740992", "9007199254740993",       "9007199254740994.0",   "1e30"};
    enum { COUNT = sizeof ascending / sizeof *ascending };
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < COUNT; k++) {
            struct number left, right;
            assert_true(read_text(ascending[i], &left));
            assert_true(read_text(ascending[k], &right));
            assert_int_equal(number_compare(&left, &right), (i > k) - (i < k));
        }
    }
    struct number nan = number_from_double(NAN);
    struct number one = number_from_integer(1);
    assert_int_equal(number_compare(&nan, &one), 2);
    assert_int_equal(number_compare(&one, &nan), 2);
    assert_int_equal(number_compare(&nan, &nan), 2);
}

static void what_is_written_reads_as_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {"0", "-9223372036854775808", "0.1", "1e+30", "2.0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct number number;
        struct buffer out;
        buffer_init(&out);
        assert_true(read_text(texts[i], &number));
        assert_int_equal(number_write(&out, &number), 0);
        assert_string_equal(buffer_string(&out), texts[i]);
        number = number_from_double(INFINITY);
        assert_int_equal(number_write(&out, &number), ERROR_INVALID);
        buffer_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact_and_the_rest_are_doubles),
        cmocka_unit_test(order_loses_no_digits),
        cmocka_unit_test(what_is_written_reads_as_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
