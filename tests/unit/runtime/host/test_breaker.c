/* Shows when too many records fail: by share and number, in a span that slides; and that what was
 * before a new beginning does not count. */
#include "runtime/host/breaker.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { SPAN_MS = 10000, STEP_MS = 1000 };

struct run {
    struct breaker breaker;
    struct breaker_figures figures;
    struct breaker_figures seen;
    int64_t now_ms;
};

/* A second in which so many more records came and failed. */
static bool step(struct run *run, double percent, int64_t in_count, int64_t failed_count)
{
    run->now_ms += STEP_MS;
    run->figures.in_count += in_count;
    run->figures.failed_count += failed_count;
    return breaker_is_tripped(&run->breaker, percent, SPAN_MS, run->now_ms, run->figures,
                              &run->seen);
}

static void the_share_decides(void **state)
{
    (void)state;
    struct run run = {0};
    assert_false(step(&run, 20, 0, 0));
    assert_false(step(&run, 20, 100, 20)); /* not more than that */
    assert_true(step(&run, 20, 100, 21));
    assert_int_equal(run.seen.in_count, 200);
    assert_int_equal(run.seen.failed_count, 41);
}

static void few_failures_break_nothing(void **state)
{
    (void)state;
    struct run run = {0};
    assert_false(step(&run, 1, 0, 0));
    assert_false(step(&run, 1, 19, 19));
    assert_true(step(&run, 1, 1, 1));
}

static void what_is_older_than_the_span_is_forgotten(void **state)
{
    (void)state;
    struct run run = {0};
    assert_false(step(&run, 50, 0, 0));
    assert_false(step(&run, 50, 100, 40));
    for (int i = 0; i < 10; i++) {
        assert_false(step(&run, 50, 0, 0));
    }
    assert_false(step(&run, 50, 30, 19)); /* 59 of 130 with the old ones, 19 of 30 alone */
    assert_int_equal(run.seen.in_count, 30);
    assert_true(step(&run, 50, 1, 1));
}

/* One that is no longer than the time between two looks, and one of two of them. */
static void short_spans_break_as_well(void **state)
{
    (void)state;
    for (int64_t span_ms = STEP_MS; span_ms <= 2 * STEP_MS; span_ms += STEP_MS) {
        struct breaker breaker = {0};
        struct breaker_figures seen;
        struct breaker_figures figures = {0};
        int64_t now_ms = 0;
        for (int i = 0; i < 5; i++, now_ms += STEP_MS) {
            assert_false(breaker_is_tripped(&breaker, 50, span_ms, now_ms, figures, &seen));
        }
        figures = (struct breaker_figures){19, 19};
        assert_false(breaker_is_tripped(&breaker, 50, span_ms, now_ms, figures, &seen));
        assert_int_equal(seen.failed_count, 19);
        for (int i = 0; i < 3; i++) {
            now_ms += STEP_MS;
            assert_false(breaker_is_tripped(&breaker, 50, span_ms, now_ms, figures, &seen));
        }
        assert_int_equal(seen.failed_count, 0); /* they are older than the span */
        figures = (struct breaker_figures){39, 39};
        now_ms += STEP_MS;
        assert_true(breaker_is_tripped(&breaker, 50, span_ms, now_ms, figures, &seen));
        assert_int_equal(seen.failed_count, 20);
    }
}

static void what_was_before_does_not_count(void **state)
{
    (void)state;
    struct run run = {.figures = {1000, 1000}};
    breaker_begin(&run.breaker, run.figures);
    assert_false(step(&run, 10, 19, 19));
    breaker_begin(&run.breaker, run.figures);
    assert_false(step(&run, 10, 19, 19));
    assert_true(step(&run, 10, 20, 20));
    /* Another process of its counts anew: */
    run.figures = (struct breaker_figures){0};
    assert_false(step(&run, 10, 19, 19));
    assert_true(step(&run, 10, 20, 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_decides),
        cmocka_unit_test(few_failures_break_nothing),
        cmocka_unit_test(what_is_older_than_the_span_is_forgotten),
        cmocka_unit_test(short_spans_break_as_well),
        cmocka_unit_test(what_was_before_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
