/* Shows counts: added, taken away, merged, and full. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

static void records_are_counted_and_taken_away(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "count", 0);
    assert_string_equal(aggregate_bench_text(&bench), "0");
    for (int i = 0; i < 3; i++) {
        aggregate_bench_add(&bench, NULL);
    }
    assert_string_equal(aggregate_bench_text(&bench), "3");
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), 0);
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), 0);
    assert_string_equal(aggregate_bench_text_of(&bench, 1), "6");
    for (int i = 0; i < 5; i++) {
        aggregate_bench_subtract(&bench, NULL);
    }
    assert_string_equal(aggregate_bench_text(&bench), "0");
    aggregate_bench_damage(&bench);
    aggregate_bench_fini(&bench);
}

static void a_full_count_is_refused(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "count", 0);
    summary_put_integer(&bench.summaries[0], INT64_MAX);
    assert_int_equal(aggregate_bench_change(&bench, 0, NULL, 0, true), ERROR_TOO_LARGE);
    assert_string_equal(aggregate_bench_text(&bench), "9223372036854775807");
    aggregate_bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_counted_and_taken_away),
        cmocka_unit_test(a_full_count_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
