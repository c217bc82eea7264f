/* Shows the first and the last value by time, however late they come. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

static void time_decides_and_then_the_order(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms;
    } values[] = {{"\"b\"", 5}, {"[1, 2]", 9}, {"{\"a\":1}", 9}, {"\"a\"", 3}, {"7", 3}};
    struct aggregate_bench first, last;
    aggregate_bench_init(&first, "first", 0);
    aggregate_bench_init(&last, "last", 0);
    assert_string_equal(aggregate_bench_text(&first), "null");
    for (int i = 0; i < 5; i++) {
        int part = i / 3; /* the two of one time in one part and in both */
        assert_int_equal(
            aggregate_bench_change(&first, part, values[i].text, values[i].time_ms, true), 0);
        assert_int_equal(
            aggregate_bench_change(&last, part, values[i].text, values[i].time_ms, true), 0);
    }
    assert_string_equal(aggregate_bench_text(&first), "\"b\"");
    assert_string_equal(aggregate_bench_text(&last), "{\"a\":1}");
    assert_int_equal(aggregate_bench_merge(&first, 0, 1), 0);
    assert_int_equal(aggregate_bench_merge(&last, 0, 1), 0);
    assert_string_equal(aggregate_bench_text(&first), "\"a\"");
    assert_string_equal(aggregate_bench_text(&last), "{\"a\":1}");
    assert_int_equal(aggregate_bench_merge(&last, 2, 0), 0);
    assert_string_equal(aggregate_bench_text_of(&last, 2), "{\"a\":1}");
    aggregate_bench_damage(&last);
    aggregate_bench_fini(&first);
    aggregate_bench_fini(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_decides_and_then_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
