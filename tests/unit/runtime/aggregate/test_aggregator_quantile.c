/* Shows quantiles as aggregates; their accuracy is the sketch's (test_sketch.c). */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

static void quantiles_of_a_path_share_a_sketch(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "quantile", 0.5);
    assert_string_equal(aggregate_bench_text(&bench), "null");
    for (int i = 1; i <= 100; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(aggregate_bench_change(&bench, i % 2, text, 0, true), 0);
    }
    assert_int_equal(aggregate_bench_merge(&bench, 0, 1), 0);
    assert_in_range((int)aggregate_bench_number(&bench, 0), 49, 51);
    bench.parameter = 1;
    assert_string_equal(aggregate_bench_text(&bench), "100.0");
    bench.parameter = 0;
    assert_string_equal(aggregate_bench_text(&bench), "1.0");
    assert_int_equal(aggregate_bench_merge(&bench, 2, 0), 0);
    assert_string_equal(aggregate_bench_text_of(&bench, 2), "1.0");
    aggregate_bench_damage(&bench);
    aggregate_bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_a_path_share_a_sketch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
