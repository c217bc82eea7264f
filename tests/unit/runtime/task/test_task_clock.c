/* Shows that what is open closes after a pause, once; that this is written down and repeated at the
 * same place when the records are processed again; and that decisions which cannot be repeated are
 * passed over. */
#include "tests/unit/runtime/task/task_bench.h"

static const struct task_bench_options options = {.store_count = 2, .idle_ms = 5000};

/* A pause, in which the task is asked. */
static void pause_for(struct task_bench *bench, uint64_t seconds)
{
    client_bench_run(bench->clients, seconds * CLIENT_BENCH_SECOND);
    task_tick(bench->task);
}

static void what_is_open_closes_after_a_pause(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&options);
    task_bench_append(bench, "left", 100, "put open 500");
    task_bench_start(bench);
    pause_for(bench, 10); /* what was not processed is no pause */
    task_bench_expect(bench, "");
    task_bench_run(bench);
    pause_for(bench, 4);
    uint64_t left_ns = task_tick(bench->task);
    assert_true(left_ns > 0 && left_ns < CLIENT_BENCH_SECOND);
    task_bench_expect(bench, "left@0:100");
    pause_for(bench, 1);
    pause_for(bench, 10);
    task_bench_expect(bench, "close@500");
    task_bench_expect_topic(bench, "out", "closed=500");
    task_bench_expect_topic(bench, "app-clock",
                            "do=commit 1\nfollows 0\nstream_time 500\ninput left 0 1\n");
    assert_int_equal(task_counts(bench->task)->out_count, 1);
    task_bench_append(bench, "left", 200, "put open 900");
    task_bench_run(bench);
    pause_for(bench, 10);
    task_bench_expect(bench, "left@1:200 close@900");
    task_bench_free(bench);
}

static void a_task_without_a_pause_reads_and_writes_no_decisions(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    client_bench_append(bench->clients, "app-clock", 0, 1, "do", "no decision");
    task_bench_append(bench, "left", 100, "put open 500");
    task_bench_start(bench);
    task_bench_run(bench);
    pause_for(bench, 100);
    assert_int_equal(task_tick(bench->task), UINT64_MAX);
    task_bench_expect(bench, "left@0:100");
    task_bench_free(bench);
}

static void a_decision_that_was_committed_is_not_repeated(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&options);
    task_bench_append(bench, "left", 100, "put open 500");
    task_bench_start(bench);
    task_bench_run(bench);
    pause_for(bench, 6);
    task_bench_commit(bench);
    task_bench_restart(bench);
    task_bench_append(bench, "left", 200, "put open 900");
    task_bench_run(bench);
    pause_for(bench, 6);
    task_bench_expect(bench, "left@1:200 close@900");
    task_bench_expect_topic(bench, "out", "closed=500 closed=900");
    assert_string_equal(client_bench_text(bench->clients, "app-clock", 0),
                        "do=commit 1\nfollows 0\nstream_time 500\ninput left 0 1\n "
                        "do=commit 2\nfollows 0\nstream_time 900\ninput left 0 2\n");
    task_bench_free(bench);
}

/* The second time all records are there at once, and no time passes. */
static void decisions_are_repeated_where_they_were_made(void **state)
{
    (void)state;
    struct task_bench_options both = options;
    both.has_right = true;
    struct task_bench *bench = task_bench_new(&both);
    task_bench_append(bench, "right", 50, "");
    task_bench_append(bench, "left", 100, "put open 500;emit a 1");
    task_bench_start(bench);
    task_bench_run(bench);
    pause_for(bench, 6);
    task_bench_append(bench, "left", 10, "put open 900;emit b 1"); /* older than what is before */
    task_bench_append(bench, "right", 20, "emit c 1");
    task_bench_run(bench);
    pause_for(bench, 6);
    task_bench_append(bench, "right", 30, "emit d 1");
    task_bench_run(bench);
    const char *notes = "right@0:50 left@0:100 close@500 left@1:100 right@1:100 close@900 "
                        "right@2:100";
    task_bench_expect(bench, notes);
    task_bench_expect_topic(bench, "out", "a=1 closed=500 b=1 c=1 closed=900 d=1");
    task_bench_restart(bench);
    task_bench_run(bench);
    task_bench_expect(bench, notes);
    task_bench_expect_topic(bench, "out",
                            "a=1 closed=500 b=1 c=1 closed=900 d=1 "
                            "a=1 closed=500 b=1 c=1 closed=900 d=1");
    task_bench_commit(bench);
    task_bench_restart(bench);
    task_bench_append(bench, "left", 400, "put open 950");
    task_bench_run(bench);
    pause_for(bench, 6);
    task_bench_expect(bench, "left@2:400 close@950"); /* the third */
    task_bench_flush(bench);
    assert_non_null(strstr(client_bench_text(bench->clients, "app-clock", 0), "commit 3\n"));
    task_bench_free(bench);
}

static void decisions_for_nobody_are_passed_over(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&options);
    client_bench_append(bench->clients, "app-clock", 0, 1, "gone",
                        "commit 1\nfollows 0\nstream_time 500\ninput left 0 0\n");
    client_bench_append(bench->clients, "app-clock", 0, 1, "left",
                        "commit 1\nfollows 0\nstream_time 500\ninput left 0 0\n");
    task_bench_append(bench, "left", 100, "put open 500");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench, "left@0:100");
    task_bench_free(bench);
}

/* The records up to it are lost. */
static void an_input_that_ends_before_a_decision_has_reached_it(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&options);
    client_bench_append(bench->clients, "app-clock", 0, 1, "do",
                        "commit 1\nfollows 0\nstream_time 500\ninput left 0 7\n");
    client_bench_append(bench->clients, "app-clock", 0, 1, "do",
                        "commit 1\nfollows 0\nstream_time 600\ninput left 0 0\n");
    task_bench_append(bench, "left", 100, "put open 500");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench, "left@0:100 close@500"); /* the first of a number counts */
    task_bench_free(bench);
}

static void what_is_no_decision_ends_the_start(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&options);
    client_bench_append(bench->clients, "app-clock", 0, 1, "do", "close it");
    task_bench_begin(bench, -1);
    client_bench_run_until(bench->clients, task_bench_is_begun, bench);
    assert_int_equal(bench->failed_count, 1);
    assert_non_null(strstr(bench->reason, "app-clock-0"));
    task_bench_free(bench);
}

/* As a record that fails, until another comes. */
static void a_decision_that_fails_is_undone_and_not_written_down(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&options);
    bench->close = "put open 501;emit closed 1;fail no";
    task_bench_append(bench, "left", 100, "put open 500");
    task_bench_start(bench);
    task_bench_run(bench);
    pause_for(bench, 6);
    pause_for(bench, 6);
    task_bench_expect(bench, "left@0:100 close@500");
    task_bench_expect_store(bench, "counts", "open", "500");
    task_bench_expect_topic(bench, "out", "");
    task_bench_expect_topic(bench, "app-clock", "");
    task_bench_expect_topic(bench, "app-dlq", "-=-");
    bench->close = NULL;
    task_bench_append(bench, "left", 100, "");
    task_bench_run(bench);
    pause_for(bench, 6);
    task_bench_expect(bench, "left@1:100 close@500");
    task_bench_free(bench);
}

/* Wherever it is given up: nothing is left, nothing is called. */
static void a_start_can_be_given_up_while_decisions_are_read(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        struct task_bench *bench = task_bench_new(&options);
        task_bench_begin(bench, -1);
        client_bench_run(bench->clients, i * CLIENT_BENCH_SECOND / 400);
        task_bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_open_closes_after_a_pause),
        cmocka_unit_test(a_task_without_a_pause_reads_and_writes_no_decisions),
        cmocka_unit_test(a_decision_that_was_committed_is_not_repeated),
        cmocka_unit_test(decisions_are_repeated_where_they_were_made),
        cmocka_unit_test(decisions_for_nobody_are_passed_over),
        cmocka_unit_test(an_input_that_ends_before_a_decision_has_reached_it),
        cmocka_unit_test(what_is_no_decision_ends_the_start),
        cmocka_unit_test(a_decision_that_fails_is_undone_and_not_written_down),
        cmocka_unit_test(a_start_can_be_given_up_while_decisions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
