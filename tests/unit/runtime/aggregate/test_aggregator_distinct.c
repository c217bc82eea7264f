/* Shows counts of different values: exact while they are few, within a few standard errors of
 * 1.1 % beyond, and the same bytes in whatever parts they were counted. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

#include <math.h>

static void equal_values_are_one(void **state)
{
    (void)state;
    static const char *const values[] = {"1",    "1.0", "\"1\"", "\"\\u0031\"",
                                         "true", "2",   "1e0",   NULL};
    static const char *const none[] = {NULL};
    aggregate_bench_expect("distinct", 0, values, "4");
    aggregate_bench_expect("distinct", 0, none, "0");
}

static void add_number(struct aggregate_bench *bench, int which, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    assert_int_equal(aggregate_bench_change(bench, which, text, 0, true), 0);
}

static void estimates_are_close_and_parts_make_no_difference(void **state)
{
    (void)state;
    static const int counts[] = {1, 256, 257, 1000, 20000, 40000, 100000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct aggregate_bench bench;
        aggregate_bench_init(&bench, "distinct", 0);
        for (int i = 0; i < counts[c]; i++) {
            add_number(&bench, 0, i);
            add_number(&bench, 1 + i % 2, i);
            add_number(&bench, 1, i / 2); /* seen before by the one or the other */
        }
        double found = aggregate_bench_number(&bench, 0);
        assert_true(fabs(found - counts[c]) <= (counts[c] <= 256 ? 0 : 0.035 * counts[c]));
        assert_int_equal(aggregate_bench_merge(&bench, 2, 1), 0);
        assert_true(
            bytes_equal(aggregate_bench_summary(&bench, 0), aggregate_bench_summary(&bench, 2)));
        aggregate_bench_fini(&bench);
    }
}

static void damage_is_survived(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "distinct", 0);
    for (int i = 0; i < 40; i++) {
        add_number(&bench, 0, i);
    }
    aggregate_bench_damage(&bench);
    buffer_add_byte(&bench.summaries[2], 2);
    for (int i = 0; i < 6144; i++) {
        buffer_add_byte(&bench.summaries[2], 0xff);
    }
    aggregate_bench_use(&bench, aggregate_bench_summary(&bench, 2));
    assert_true(aggregate_bench_number(&bench, 2) > 1e15);
    aggregate_bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_are_one),
        cmocka_unit_test(estimates_are_close_and_parts_make_no_difference),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
