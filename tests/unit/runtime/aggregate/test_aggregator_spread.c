/* Shows standard deviations: against two passes over all values, far from zero, in parts, and with
 * values taken away. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

#include <math.h>

static double exact_deviation(const double *values, int count)
{
    long double mean = 0, squares = 0;
    for (int i = 0; i < count; i++) {
        mean += values[i];
    }
    mean /= count;
    for (int i = 0; i < count; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    return (double)sqrtl(squares / (count - 1));
}

static void few_values_have_none(void **state)
{
    (void)state;
    static const char *const one[] = {"5", NULL};
    static const char *const two[] = {"1", "3", NULL};
    aggregate_bench_expect("stddev", 0, one, "null");
    aggregate_bench_expect("stddev", 0, two, "1.4142135623730951");
}

static void random_deviations_are_right(void **state)
{
    (void)state;
    enum { COUNT = 2000, KEPT = 1500 };
    static double values[COUNT];
    static const double bases[] = {0, 1e9, -1e6};
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        uint64_t seed = 17 + b;
        struct aggregate_bench bench;
        char text[40];
        aggregate_bench_init(&bench, "stddev", 0);
        for (int i = 0; i < COUNT; i++) {
            snprintf(text, sizeof text, "%.17g", bases[b] + random_next(&seed) / 4294967296.0);
            values[i] = strtod(text, NULL);
            assert_int_equal(aggregate_bench_change(&bench, i % 2, text, 0, true), 0);
        }
        assert_int_equal(aggregate_bench_merge(&bench, 0, 1), 0);
        double exact = exact_deviation(values, COUNT);
        assert_true(fabs(aggregate_bench_number(&bench, 0) - exact) < 1e-6 * exact);
        for (int i = KEPT; i < COUNT; i++) {
            snprintf(text, sizeof text, "%.17g", values[i]);
            aggregate_bench_subtract(&bench, text);
        }
        exact = exact_deviation(values, KEPT);
        assert_true(fabs(aggregate_bench_number(&bench, 0) - exact) < 1e-5 * exact);
        aggregate_bench_damage(&bench);
        aggregate_bench_fini(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_values_have_none),
        cmocka_unit_test(random_deviations_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
