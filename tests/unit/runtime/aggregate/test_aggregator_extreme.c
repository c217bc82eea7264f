/* Shows the smallest and the largest number, with every digit. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

static void numbers_are_compared_exactly(void **state)
{
    (void)state;
    static const char *const values[] = {
        "9007199254740993", "9007199254740992.0", "-0.5", "-1", "9007199254740992", NULL};
    static const char *const none[] = {NULL};
    aggregate_bench_expect("max", 0, values, "9007199254740993");
    aggregate_bench_expect("min", 0, values, "-1");
    aggregate_bench_expect("min", 0, none, "null");
}

static void random_extremes_are_right_in_parts_too(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct aggregate_bench benches[2];
    int64_t extremes[2] = {INT64_MAX, INT64_MIN};
    aggregate_bench_init(&benches[0], "min", 0);
    aggregate_bench_init(&benches[1], "max", 0);
    for (int i = 0; i < 1000; i++) {
        char text[40];
        int64_t value = (int64_t)((uint64_t)random_next(&seed) << 32 | random_next(&seed));
        snprintf(text, sizeof text, "%lld", (long long)value);
        extremes[0] = value < extremes[0] ? value : extremes[0];
        extremes[1] = value > extremes[1] ? value : extremes[1];
        assert_int_equal(aggregate_bench_change(&benches[0], i % 2, text, 0, true), 0);
        assert_int_equal(aggregate_bench_change(&benches[1], i % 2, text, 0, true), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(aggregate_bench_merge(&benches[i], 0, 1), 0);
        assert_int_equal(aggregate_bench_merge(&benches[i], 2, 0), 0); /* into nothing */
        assert_true(strtoll(aggregate_bench_text_of(&benches[i], 2), NULL, 10) == extremes[i]);
        aggregate_bench_damage(&benches[i]);
        aggregate_bench_fini(&benches[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared_exactly),
        cmocka_unit_test(random_extremes_are_right_in_parts_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
