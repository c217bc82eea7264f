/* Shows when timers run, by which clock, and that what they do is staged as what records do. */
#include "tests/unit/runtime/task/task_bench.h"

static void stream_time_moves_with_data_only_and_missed_ticks_are_one(void **state)
{
    (void)state;
    static const struct topology_timer timer = {TOPOLOGY_STREAM_TIME, 100};
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.store_count = 2, .timers = &timer, .timer_count = 1});
    bench->tick = "emit tick 1;put ticks 1";
    task_bench_append(bench, "left", 130, ""); /* the first tick is due at 200 */
    task_bench_append(bench, "left", 199, "");
    task_bench_append(bench, "left", 200, "");
    task_bench_append(bench, "left", 150, ""); /* late: time does not go back */
    task_bench_append(bench, "left", 670, "");
    task_bench_append(bench, "left", 699, "");
    task_bench_start(bench);
    task_bench_run(bench);
    client_bench_run(bench->clients, 10ull * CLIENT_BENCH_SECOND);
    assert_int_equal(task_tick(bench->task), UINT64_MAX);
    task_bench_expect(bench, "left@0:130 left@1:199 left@2:200 tick@200 left@3:200 left@4:670 "
                             "tick@600 left@5:699");
    task_bench_expect_topic(bench, "out", "tick=1 tick=1");
    task_bench_expect_store(bench, "counts", "ticks", "1");
    assert_int_equal(task_counts(bench->task)->in_count, 6);
    assert_int_equal(task_counts(bench->task)->filtered_count, 6); /* timers are no records */
    task_bench_free(bench);
}

static void stream_time_goes_on_where_the_task_was(void **state)
{
    (void)state;
    static const struct topology_timer timer = {TOPOLOGY_STREAM_TIME, 100};
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.store_count = 2, .timers = &timer, .timer_count = 1});
    task_bench_append(bench, "left", 170, "put a 1");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_commit(bench);
    task_bench_restart(bench);
    task_bench_append(bench, "left", 230, ""); /* the tick of 200 was due meanwhile */
    task_bench_run(bench);
    task_bench_expect(bench, "left@1:230 tick@200");
    task_bench_free(bench);
}

static void the_wall_clock_ticks_without_data(void **state)
{
    (void)state;
    static const struct topology_timer timers[] = {{TOPOLOGY_WALL_CLOCK, 1000},
                                                   {TOPOLOGY_WALL_CLOCK, 60000}};
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.timers = timers, .timer_count = 2});
    bench->tick = "emit tick 1";
    task_bench_start(bench);
    uint64_t first_ns = task_tick(bench->task);
    assert_true(first_ns > 0 && first_ns <= CLIENT_BENCH_SECOND);
    task_bench_expect(bench, "");
    client_bench_run(bench->clients, first_ns - 1000000);
    assert_true(task_tick(bench->task) <= 2000000);
    task_bench_expect(bench, "");
    client_bench_run(bench->clients, 2000000);
    uint64_t next_ns = task_tick(bench->task);
    assert_true(next_ns > CLIENT_BENCH_SECOND / 2 && next_ns <= CLIENT_BENCH_SECOND);
    assert_true(bench->notes.size > 0);
    buffer_clear(&bench->notes);
    /* Five are missed: one call, at the newest that was due. */
    client_bench_run(bench->clients, 5ull * CLIENT_BENCH_SECOND);
    int64_t now_ms = io_wall_clock(sim_io(bench->clients->sim, 0));
    char expected[64];
    snprintf(expected, sizeof expected, "tick@%lld", (long long)(now_ms / 1000 * 1000));
    task_tick(bench->task);
    task_tick(bench->task);
    task_bench_expect(bench, expected);
    assert_true(task_is_dirty(bench->task));
    task_bench_expect_topic(bench, "out", "tick=1 tick=1");
    task_bench_free(bench);
}

static void a_timer_that_fails_is_undone(void **state)
{
    (void)state;
    static const struct topology_timer timer = {TOPOLOGY_STREAM_TIME, 100};
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.store_count = 2, .timers = &timer, .timer_count = 1});
    bench->tick = "put t 1;emit t 1;fail no";
    task_bench_append(bench, "left", 50, "put a 1");
    task_bench_append(bench, "left", 150, "put b 1");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench, "left@0:50 left@1:150 tick@100");
    task_bench_expect_topic(bench, "out", "");
    task_bench_expect_store(bench, "counts", "t", NULL);
    task_bench_expect_store(bench, "counts", "b", "1");
    assert_int_equal(task_counts(bench->task)->timer_failed_count, 1);
    assert_int_equal(task_counts(bench->task)->kept_count, 2); /* timers are no records */
    assert_int_equal(task_counts(bench->task)->dead_letter_count, 0);
    task_bench_expect_topic(bench, "app-dlq", "-=-");
    task_bench_free(bench);
}

static void timers_wait_while_emits_wait(void **state)
{
    (void)state;
    static const struct topology_timer timer = {TOPOLOGY_WALL_CLOCK, 100};
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.timers = &timer, .timer_count = 1, .buffer_size = 3000});
    bench->tick = "big 2000;big 2000";
    bench->clients->cluster->produce_delay_ns = 300000000;
    task_bench_start(bench);
    task_tick(bench->task);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    task_tick(bench->task);
    assert_true(task_is_blocked(bench->task));
    buffer_clear(&bench->notes);
    client_bench_run(bench->clients, 150000000);
    task_tick(bench->task);
    task_bench_expect(bench, "");
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    task_process(bench->task, 10, INT64_MAX);
    assert_false(task_is_blocked(bench->task));
    task_tick(bench->task);
    assert_true(bench->notes.size > 0);
    task_bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_time_moves_with_data_only_and_missed_ticks_are_one),
        cmocka_unit_test(stream_time_goes_on_where_the_task_was),
        cmocka_unit_test(the_wall_clock_ticks_without_data),
        cmocka_unit_test(a_timer_that_fails_is_undone),
        cmocka_unit_test(timers_wait_while_emits_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
