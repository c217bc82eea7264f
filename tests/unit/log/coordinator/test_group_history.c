/* The ring of rebalances: what belongs to one, what is kept, what goes. */
#include "log/coordinator/group_history.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void add(struct group_history *history, enum group_cause cause, int64_t at_ms)
{
    struct group_history_cause row = {
        .cause = cause, .at_ms = at_ms, .member = BYTES_LITERAL("m"), .detail = BYTES_LITERAL("d")};
    group_history_add(history, &row);
    group_history_check(history);
}

static void causes_until_the_end_are_one_rebalance(void **state)
{
    (void)state;
    struct group_history history;
    group_history_init(&history, 3);
    add(&history, GROUP_CAUSE_JOINED, 10);
    add(&history, GROUP_CAUSE_LEFT, 20);
    const struct group_history_rebalance *rebalance = group_history_at(&history, 0);
    assert_int_equal(rebalance->began_ms, 10);
    assert_int_equal(rebalance->ended_ms, -1);
    group_history_end(&history, 35, 7, 2);
    group_history_end(&history, 99, 8, 3); /* none is under way: nothing happens */
    assert_int_equal(rebalance->ended_ms, 35);
    assert_int_equal(rebalance->generation, 7);
    assert_int_equal(rebalance->member_count, 2);
    assert_int_equal(rebalance->cause_count, 2);
    assert_true(bytes_equal_string(rebalance->causes[1].member, "m"));
    assert_string_equal(group_history_cause_name(rebalance->causes[1].cause), "left");
    group_history_fini(&history);
}

static void the_oldest_goes_first(void **state)
{
    (void)state;
    struct group_history history;
    group_history_init(&history, 3);
    for (int i = 1; i <= 5; i++) {
        add(&history, GROUP_CAUSE_TOPICS, i);
        group_history_end(&history, i, i, 0);
    }
    assert_int_equal(history.count, 3);
    assert_int_equal(group_history_at(&history, 0)->generation, 5);
    assert_int_equal(group_history_at(&history, 2)->generation, 3);
    group_history_fini(&history);
}

static void too_many_causes_are_counted(void **state)
{
    (void)state;
    struct group_history history;
    group_history_init(&history, 1);
    for (int i = 0; i < GROUP_HISTORY_CAUSE_MAX + 5; i++) {
        add(&history, GROUP_CAUSE_JOINED, i);
    }
    assert_int_equal(group_history_at(&history, 0)->cause_count, GROUP_HISTORY_CAUSE_MAX);
    assert_int_equal(group_history_at(&history, 0)->more_count, 5);
    group_history_fini(&history);
}

static void a_clock_that_goes_back_makes_no_negative_times(void **state)
{
    (void)state;
    struct group_history history;
    group_history_init(&history, 1);
    add(&history, GROUP_CAUSE_SILENT, 100);
    group_history_end(&history, 50, 1, 0);
    assert_int_equal(group_history_at(&history, 0)->ended_ms, 100);
    group_history_fini(&history);
}

static void nothing_is_kept_without_room(void **state)
{
    (void)state;
    struct group_history history;
    group_history_init(&history, 0);
    add(&history, GROUP_CAUSE_SLOW, 1);
    group_history_end(&history, 2, 1, 0);
    assert_int_equal(history.count, 0);
    group_history_fini(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_until_the_end_are_one_rebalance),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(too_many_causes_are_counted),
        cmocka_unit_test(a_clock_that_goes_back_makes_no_negative_times),
        cmocka_unit_test(nothing_is_kept_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
