/* Shows sums, means and rates: integers exact to the last of 64 bits, doubles in any order, taken
 * away without a rest, merged from parts. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

#include <math.h>

static void integers_stay_exact(void **state)
{
    (void)state;
    static const char *const large[] = {"9007199254740993", "9007199254740993", NULL};
    static const char *const mixed[] = {"1", "0.5", "2", NULL};
    static const char *const none[] = {NULL};
    aggregate_bench_expect("sum", 0, large, "18014398509481986");
    aggregate_bench_expect("sum", 0, mixed, "3.5");
    aggregate_bench_expect("sum", 0, none, "null");
    aggregate_bench_expect("avg", 0, none, "null");
    aggregate_bench_expect("avg", 0, mixed, "1.1666666666666667");
}

static void a_sum_past_64_bits_is_refused(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "sum", 0);
    aggregate_bench_add(&bench, "9223372036854775806");
    assert_int_equal(aggregate_bench_change(&bench, 0, "2", 0, true), ERROR_TOO_LARGE);
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), 0);
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), ERROR_TOO_LARGE);
    aggregate_bench_add(&bench, "1");
    assert_string_equal(aggregate_bench_text(&bench), "9223372036854775807");
    aggregate_bench_add(&bench, "1.7e308");
    assert_int_equal(aggregate_bench_change(&bench, 0, "1.7e308", 0, true), ERROR_TOO_LARGE);
    aggregate_bench_damage(&bench);
    aggregate_bench_fini(&bench);
}

static void what_is_taken_away_leaves_nothing(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "sum", 0);
    aggregate_bench_subtract(&bench, "5"); /* nothing there */
    assert_string_equal(aggregate_bench_text(&bench), "null");
    aggregate_bench_add(&bench, "1e17");
    aggregate_bench_add(&bench, "0.1");
    aggregate_bench_add(&bench, "7");
    aggregate_bench_subtract(&bench, "1e17");
    aggregate_bench_subtract(&bench, "0.1");
    assert_string_equal(aggregate_bench_text(&bench), "7");
    aggregate_bench_subtract(&bench, "7");
    assert_string_equal(aggregate_bench_text(&bench), "null");
    aggregate_bench_fini(&bench);
}

static void a_rate_is_by_the_second(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "rate", 0);
    bench.span_ms = 500;
    assert_string_equal(aggregate_bench_text(&bench), "0.0");
    aggregate_bench_add(&bench, NULL);
    aggregate_bench_add(&bench, "2");
    assert_string_equal(aggregate_bench_text(&bench), "6.0");
    bench.span_ms = 0;
    assert_string_equal(aggregate_bench_text(&bench), "null");
    aggregate_bench_fini(&bench);
}

/* Against long doubles; parts are merged in the end. */
static void random_sums_are_right(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "sum", 0);
    long double sum = 0, size = 0;
    for (int i = 0; i < 2000; i++) {
        char text[40];
        double value = (random_next(&seed) - 2147483648.0) * pow(10, random_next(&seed) % 12);
        if (random_next(&seed) % 2 == 0) {
            snprintf(text, sizeof text, "%lld", (long long)(value / 1024));
        } else {
            snprintf(text, sizeof text, "%.17g", value / 1024);
        }
        sum += strtod(text, NULL);
        size += fabsl(strtod(text, NULL));
        assert_int_equal(aggregate_bench_change(&bench, i % 2, text, 0, true), 0);
    }
    assert_int_equal(aggregate_bench_merge(&bench, 0, 1), 0);
    assert_true(fabsl(aggregate_bench_number(&bench, 0) - sum) <= 1e-15L * size);
    bench.aggregator = aggregator_find("avg");
    assert_true(fabsl(aggregate_bench_number(&bench, 0) - sum / 2000) <= 1e-15L * size);
    aggregate_bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_stay_exact),
        cmocka_unit_test(a_sum_past_64_bits_is_refused),
        cmocka_unit_test(what_is_taken_away_leaves_nothing),
        cmocka_unit_test(a_rate_is_by_the_second),
        cmocka_unit_test(random_sums_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
