/* Shows the most frequent values: exact while all fit, and with heavy hitters among many others
 * found, their counts never too small and too large by no more than is said. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

static void few_values_are_counted_exactly(void **state)
{
    (void)state;
    static const char *const values[] = {"\"a\"", "2", "\"a\"", "2", "true", "2.0", "\"b\"", NULL};
    static const char *const none[] = {NULL};
    aggregate_bench_expect("topk", 2, values,
                           "[{\"count\":3,\"error\":0,\"value\":2},"
                           "{\"count\":2,\"error\":0,\"value\":\"a\"}]");
    aggregate_bench_expect("topk", 1, none, "[]");
}

/* Of 3 in 10 records each third has one of the values 0, 1, 2; the rest are spread over many. */
static int draw(uint64_t *seed)
{
    uint32_t number = random_next(seed);
    return number % 10 < 3 ? (int)(number % 3) : 100 + (int)(random_next(seed) % 5000);
}

static void expect_heavy_hitters(struct aggregate_bench *bench, int which, const int *counts)
{
    const char *at = aggregate_bench_text_of(bench, which);
    bool is_found[3] = {false};
    for (int i = 0; i < 3; i++) {
        int count = 0, error = 0, value = 0;
        assert_int_equal(
            sscanf(at, "%*[[,]{\"count\":%d,\"error\":%d,\"value\":%d", &count, &error, &value), 3);
        assert_in_range(value, 0, 2);
        assert_true(count - error <= counts[value]);
        assert_true(count >= counts[value]);
        is_found[value] = true;
        at = strchr(at, '}') + 1;
    }
    assert_true(is_found[0] && is_found[1] && is_found[2]);
}

static void heavy_hitters_are_found_in_parts_too(void **state)
{
    (void)state;
    uint64_t seed = 3;
    int counts[3] = {0};
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "topk", 3);
    for (int i = 0; i < 20000; i++) {
        char text[16];
        int value = draw(&seed);
        snprintf(text, sizeof text, "%d", value);
        counts[value % 3] += value < 3;
        assert_int_equal(aggregate_bench_change(&bench, 0, text, 0, true), 0);
        assert_int_equal(aggregate_bench_change(&bench, 1 + i % 2, text, 0, true), 0);
    }
    expect_heavy_hitters(&bench, 0, counts);
    assert_int_equal(aggregate_bench_merge(&bench, 1, 2), 0);
    expect_heavy_hitters(&bench, 1, counts);
    aggregate_bench_damage(&bench);
    aggregate_bench_fini(&bench);
}

static void a_long_value_is_refused(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    char text[1100];
    memset(text, 'x', sizeof text);
    text[0] = text[sizeof text - 2] = '"';
    text[sizeof text - 1] = 0;
    aggregate_bench_init(&bench, "topk", 3);
    assert_int_equal(aggregate_bench_change(&bench, 0, text, 0, true), ERROR_TOO_LARGE);
    aggregate_bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_values_are_counted_exactly),
        cmocka_unit_test(heavy_hitters_are_found_in_parts_too),
        cmocka_unit_test(a_long_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
