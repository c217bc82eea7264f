/* Shows that numbers, sizes and durations are read whole or not at all, and that a slip of the pen
 * finds the name that was meant. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "tests/unit/unit.h"

#include <string.h>

typedef int (*text_parser)(const char *text, int64_t *out);

struct text_case {
    const char *text;
    int64_t value;
};

static void expect_all(text_parser parse, const struct text_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = 0;
        assert_int_equal(parse(cases[i].text, &value), 0);
        assert_int_equal(value, cases[i].value);
    }
}

static void expect_refused(text_parser parse, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = 4711;
        assert_int_equal(parse(texts[i], &value), ERROR_INVALID);
        assert_int_equal(value, 4711);
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void a_whole_number_is_read_and_nothing_else(void **state)
{
    (void)state;
    const struct text_case good[] = {
        {"0", 0},
        {"-1", -1},
        {"+7", 7},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    const char *const bad[] = {"",    " 1",  "1 ", "0x10", "1.0",
                               "1e3", "--1", "-",  ".",    "9223372036854775808"};
    expect_all(text_parse_int64, good, COUNT(good));
    expect_refused(text_parse_int64, bad, COUNT(bad));
}

static void sizes_take_suffixes_of_1024(void **state)
{
    (void)state;
    const struct text_case good[] = {
        {"100", 100},    {"5b", 5},       {"64k", 65536},      {"64KiB", 65536},  {"64kb", 65536},
        {"3M", 3 << 20}, {"1g", 1 << 30}, {"2GiB", 2LL << 30}, {"1t", 1LL << 40}, {"-1", -1},
    };
    const char *const bad[] = {"", "k", "1kk", "1 k", "1.5g", "10000000t", "9223372036854775807k"};
    expect_all(text_parse_size, good, COUNT(good));
    expect_refused(text_parse_size, bad, COUNT(bad));
}

static void durations_take_units_of_time(void **state)
{
    (void)state;
    const struct text_case good[] = {
        {"1500", 1500},  {"250ms", 250},    {"10s", 10000}, {"5m", 300000},
        {"2h", 7200000}, {"7d", 604800000}, {"-1", -1},
    };
    const char *const bad[] = {"", "s", "5 m", "5w", "1h30m", "9223372036854775807d"};
    expect_all(text_parse_duration_ms, good, COUNT(good));
    expect_refused(text_parse_duration_ms, bad, COUNT(bad));
}

static void fractions_are_decimal_and_finite(void **state)
{
    (void)state;
    const char *const bad[] = {"",      "nan",  "inf",  "-inf", "0x1p3",
                               "1e999", "1.5x", "1..5", "e5",   "."};
    double value = 0;
    assert_int_equal(text_parse_double("0.5", &value), 0);
    assert_true(value == 0.5);
    assert_int_equal(text_parse_double("-.25", &value), 0);
    assert_true(value == -0.25);
    assert_int_equal(text_parse_double("1e3", &value), 0);
    assert_true(value == 1000.0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(text_parse_double(bad[i], &value), ERROR_INVALID);
        assert_true(value == 1000.0);
    }
}

static void only_true_and_false_are_booleans(void **state)
{
    (void)state;
    bool value = false;
    assert_int_equal(text_parse_bool("TRUE", &value), 0);
    assert_true(value);
    assert_int_equal(text_parse_bool("False", &value), 0);
    assert_false(value);
    assert_int_equal(text_parse_bool("1", &value), ERROR_INVALID);
    assert_int_equal(text_parse_bool("yes", &value), ERROR_INVALID);
    assert_int_equal(text_parse_bool("", &value), ERROR_INVALID);
}

static void a_slip_finds_the_name_that_was_meant(void **state)
{
    (void)state;
    const char *const names[] = {"retention.ms", "retention.bytes", "segment.bytes", "topic"};
    assert_string_equal(text_nearest("retention.ms", names, COUNT(names)), "retention.ms");
    assert_string_equal(text_nearest("retenton.ms", names, COUNT(names)), "retention.ms");
    assert_string_equal(text_nearest("retention.byte", names, COUNT(names)), "retention.bytes");
    assert_string_equal(text_nearest("tpoic", names, COUNT(names)), "topic");
    assert_string_equal(text_nearest("segmnet.bytse", names, COUNT(names)), "segment.bytes");
    assert_null(text_nearest("compression", names, COUNT(names)));
    assert_null(text_nearest("", names, COUNT(names)));
    assert_null(text_nearest("topic", names, 0));
}

static void names_past_the_limit_are_never_near(void **state)
{
    (void)state;
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    const char *const names[] = {long_name};
    assert_null(text_nearest(long_name, names, 1));
    assert_null(text_nearest("x", names, 1));
    long_name[128] = 0;
    assert_string_equal(text_nearest(long_name, names, 1), long_name);
}

static void lists_are_of_words_with_commas_or_spaces(void **state)
{
    (void)state;
    const char *rest = " one,Two , ,three";
    struct bytes word;
    assert_true(text_list_next(&rest, &word));
    assert_true(bytes_equal_string(word, "one"));
    assert_true(text_list_next(&rest, &word));
    assert_true(bytes_equal_string(word, "Two"));
    assert_true(text_list_next(&rest, &word));
    assert_true(bytes_equal_string(word, "three"));
    assert_false(text_list_next(&rest, &word));
    assert_true(text_list_has("one,Two", bytes_from_string("tWO")));
    assert_false(text_list_has("one,Two", bytes_from_string("on")));
    assert_false(text_list_has(NULL, bytes_from_string("one")));
    assert_false(text_list_has("", bytes_from_string("one")));
    assert_false(text_list_has(",", bytes_from_string("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_number_is_read_and_nothing_else),
        cmocka_unit_test(sizes_take_suffixes_of_1024),
        cmocka_unit_test(durations_take_units_of_time),
        cmocka_unit_test(fractions_are_decimal_and_finite),
        cmocka_unit_test(only_true_and_false_are_booleans),
        cmocka_unit_test(a_slip_finds_the_name_that_was_meant),
        cmocka_unit_test(names_past_the_limit_are_never_near),
        cmocka_unit_test(lists_are_of_words_with_commas_or_spaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
