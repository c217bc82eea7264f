/* Shows how offsets and times are read after -o and --to. */
#include "log/base/error.h"
#include "runtime/cli/offset_spec.h"
#include "tests/unit/unit.h"

static void expect(const char *text, enum offset_spec_kind kind, int64_t value)
{
    struct offset_spec start = {0}, stop = {0};
    struct report report = {0};
    assert_int_equal(offset_spec_parse(text, &start, &stop, &report), 0);
    assert_int_equal(start.kind, kind);
    assert_int_equal(start.value, value);
    assert_int_equal(stop.kind, OFFSET_SPEC_NONE);
}

static void words_name_places(void **state)
{
    (void)state;
    expect("beginning", OFFSET_SPEC_BEGINNING, 0);
    expect("start", OFFSET_SPEC_BEGINNING, 0);
    expect("earliest", OFFSET_SPEC_BEGINNING, 0);
    expect("end", OFFSET_SPEC_END, 0);
    expect("latest", OFFSET_SPEC_END, 0);
    expect("stored", OFFSET_SPEC_STORED, 0);
}

static void numbers_count_from_the_start_or_the_end(void **state)
{
    (void)state;
    expect("0", OFFSET_SPEC_ABSOLUTE, 0);
    expect("42", OFFSET_SPEC_ABSOLUTE, 42);
    expect("-10", OFFSET_SPEC_FROM_END, 10);
    expect("-0", OFFSET_SPEC_FROM_END, 0);
}

static void times_are_milliseconds_or_dates(void **state)
{
    (void)state;
    expect("s@1700000000000", OFFSET_SPEC_TIME, 1700000000000);
    expect("@1700000000000", OFFSET_SPEC_TIME, 1700000000000);
    expect("@1970-01-02", OFFSET_SPEC_TIME, 86400000);
    expect("@2024-02-29T12:30:15Z", OFFSET_SPEC_TIME, 1709209815000);
    expect("@2024-02-29T12:30:15.25", OFFSET_SPEC_TIME, 1709209815250);
    expect("@2024-02-29T14:00:15.0005+01:30", OFFSET_SPEC_TIME, 1709209815000);
    expect("@2024-02-29T11:30:15-0100", OFFSET_SPEC_TIME, 1709209815000);
}

static void a_stop_leaves_the_start_alone(void **state)
{
    (void)state;
    struct offset_spec start = {.kind = OFFSET_SPEC_END}, stop = {0};
    struct report report = {0};
    assert_int_equal(offset_spec_parse("e@5", &start, &stop, &report), 0);
    assert_int_equal(start.kind, OFFSET_SPEC_END);
    assert_int_equal(stop.kind, OFFSET_SPEC_TIME);
    assert_int_equal(stop.value, 5);
    assert_int_equal(offset_spec_parse("e@5", &start, NULL, &report), ERROR_INVALID);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "ends",
                                        "1x",
                                        "s@",
                                        "s@-3",
                                        "@x",
                                        "--1",
                                        "@2024-13-01",
                                        "@2024-01-01T",
                                        "@1969-12-31",
                                        "@2024-01-01T00:00:00+1",
                                        "@2024-01-01T00:00:00.5x",
                                        "@2024-01-01+01:00",
                                        "@2024-01-01T00:00:00+99:00"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct offset_spec start = {0}, stop = {0};
        struct report report = {0};
        assert_int_equal(offset_spec_parse(texts[i], &start, &stop, &report), ERROR_INVALID);
        assert_false(report_is_empty(&report));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_name_places),
        cmocka_unit_test(numbers_count_from_the_start_or_the_end),
        cmocka_unit_test(times_are_milliseconds_or_dates),
        cmocka_unit_test(a_stop_leaves_the_start_alone),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
