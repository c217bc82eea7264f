/* Shows in which order a task takes the records of its inputs; that what a record causes happens
 * whole or not at all; that a producer without room is waited for; that every record is counted
 * once; and that a task can be closed in every state. */
#include "tests/unit/runtime/task/task_bench.h"

static void the_smallest_timestamp_of_all_inputs_is_next(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.has_right = true});
    task_bench_append(bench, "left", 100, "");
    task_bench_append(bench, "left", 400, "");
    task_bench_append(bench, "left", 200, ""); /* late: it waits behind 400 */
    task_bench_append(bench, "right", 100, "");
    task_bench_append(bench, "right", 300, "");
    task_bench_append(bench, "right", 500, "");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench,
                      "left@0:100 right@0:100 right@1:300 left@1:400 left@2:400 right@2:500");
    /* Both inputs are at their ends: what comes next does not wait for the other. */
    task_bench_append(bench, "right", 600, "");
    task_bench_run(bench);
    task_bench_expect(bench, "right@3:600");
    task_bench_free(bench);
}

/* What the plan says about time holds for the order and for stream time, not only behind the
 * source. A record that does not say it is refused in its own time. */
static void time_may_be_in_the_value(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.has_right = true, .has_time = true});
    task_bench_append(bench, "left", 9, "{\"t\":100}");
    task_bench_append(bench, "left", 8, "{\"t\":400}");
    task_bench_append(bench, "left", 500, "{}");
    task_bench_append(bench, "right", 1, "{\"t\":300.7}");
    task_bench_append(bench, "right", 1, "{\"t\":450}");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench, "left@0:100 right@0:300 left@1:400 right@1:450");
    assert_int_equal(task_counts(bench->task)->dead_letter_count, 1);
    task_bench_free(bench);
}

static void an_input_that_may_have_older_records_is_waited_for(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.has_right = true});
    task_bench_append(bench, "left", 100, "");
    task_bench_append(bench, "right", 50, "");
    fake_cluster_get(bench->clients->cluster, "right", 0)->leader_id = 7; /* nobody leads it */
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench, "");
    fake_cluster_get(bench->clients->cluster, "right", 0)->leader_id = 1;
    client_bench_run(bench->clients, 5ull * CLIENT_BENCH_SECOND);
    task_bench_run(bench);
    task_bench_expect(bench, "right@0:50 left@0:100");
    task_bench_free(bench);
}

static void a_record_that_fails_leaves_nothing_and_its_neighbours_do_not_notice(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    task_bench_append(bench, "left", 1, "put a 1;seen a 1;emit a 1");
    task_bench_append(bench, "left", 2, "put a 2;put b 2;seen a 2;emit a 2;fail no");
    task_bench_append(bench, "left", 3, "put c 3;emit c 3");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect_store(bench, "counts", "a", "1");
    task_bench_expect_store(bench, "counts", "b", NULL);
    task_bench_expect_store(bench, "counts", "c", "3");
    task_bench_expect_store(bench, "seen", "a", "1");
    task_bench_expect_topic(bench, "out", "a=1 c=3");
    task_bench_expect_topic(bench, "app-dlq", "k=put a 2;put b 2;seen a 2;emit a 2;fail no");
    task_bench_commit(bench);
    task_bench_expect_topic(bench, "app-counts-changelog", "a=1 c=3");
    task_bench_free(bench);
}

static void every_record_is_counted_once(void **state)
{
    (void)state;
    static const enum topology_policy policies[] = {TOPOLOGY_DEAD_LETTER, TOPOLOGY_SKIP};
    static const char *const texts[] = {
        "emit a 1",      "emit a 1;put a 1;late",   "put a 1", "put a 2;late", "late;late", "",
        "seen a 1;late", "emit a 1;put a 3;fail no"};
    for (size_t i = 0; i < 2; i++) {
        struct task_bench *bench =
            task_bench_new(&(struct task_bench_options){.store_count = 2, .policy = policies[i]});
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
            task_bench_append(bench, "left", (int64_t)j, texts[j]);
        }
        task_bench_start(bench);
        task_bench_run(bench);
        const struct task_counts *counts = task_counts(bench->task);
        assert_int_equal(counts->in_count, 8);
        assert_int_equal(counts->emitting_count, 2);
        assert_int_equal(counts->kept_count, 3);
        assert_int_equal(counts->late_count, 1);
        assert_int_equal(counts->filtered_count, 1);
        assert_int_equal(counts->dead_letter_count, i == 0 ? 1 : 0);
        assert_int_equal(counts->skipped_count, i == 0 ? 0 : 1);
        assert_int_equal(counts->out_count, 2);
        assert_int_equal(counts->out_late_count, 5);
        assert_int_equal(task_pending_count(bench->task), 0);
        task_bench_free(bench);
    }
}

static void the_policy_stop_ends_the_task_at_the_record(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.store_count = 2, .policy = TOPOLOGY_STOP});
    task_bench_append(bench, "left", 1, "emit a 1;put a 1");
    task_bench_append(bench, "left", 2, "emit a 2;put a 2;fail broken");
    task_bench_append(bench, "left", 3, "emit a 3");
    task_bench_start(bench);
    task_bench_run(bench);
    assert_int_equal(bench->failed_count, 1);
    assert_true(bench->is_final);
    assert_string_equal(bench->reason, "app.lua:12: broken");
    assert_int_equal(task_counts(bench->task)->in_count, 1);
    assert_false(task_is_running(bench->task));
    assert_int_equal(task_process(bench->task, 10, INT64_MAX), 0);
    task_bench_expect_topic(bench, "out", "a=1");
    task_bench_expect_store(bench, "counts", "a", "1");
    task_bench_free(bench);
}

/* A record is not sent in part: the emits before the one that is too large are not sent either. */
static void an_emit_that_can_never_be_sent_fails_its_record(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    task_bench_append(bench, "left", 1, "emit a 1;put a 1;big 1100000");
    task_bench_append(bench, "left", 2, "emit b 2");
    task_bench_start(bench);
    task_bench_run(bench);
    assert_int_equal(bench->failed_count, 0);
    task_bench_expect_topic(bench, "out", "b=2");
    task_bench_expect_topic(bench, "app-dlq", "k=emit a 1;put a 1;big 1100000");
    task_bench_expect_store(bench, "counts", "a", NULL);
    assert_int_equal(task_counts(bench->task)->dead_letter_count, 1);
    task_bench_free(bench);
}

static void a_producer_without_room_is_waited_for(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.store_count = 2, .buffer_size = 3000});
    task_bench_append(bench, "left", 1, "big 1000;big 1000;big 1000;big 1000;put a 1");
    task_bench_append(bench, "left", 2, "emit b 2;put a 2");
    bench->clients->cluster->produce_delay_ns = 300000000;
    task_bench_start(bench);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    assert_int_equal(task_process(bench->task, 10, INT64_MAX), 1);
    assert_true(task_is_blocked(bench->task));
    assert_int_equal(task_counts(bench->task)->in_count, 0); /* not finished */
    assert_int_equal(task_counts(bench->task)->emitting_count, 0);
    assert_int_equal(task_pending_count(bench->task), 2);
    assert_int_equal(task_process(bench->task, 10, INT64_MAX), 0);
    task_bench_expect(bench, "left@0:1");
    /* Before a last commit what waits is sent, and nothing new is begun. */
    for (int i = 0; i < 4; i++) {
        client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
        assert_int_equal(task_process(bench->task, 0, INT64_MAX), 0);
    }
    assert_false(task_is_blocked(bench->task));
    task_bench_expect(bench, "");
    task_bench_run(bench);
    task_bench_expect(bench, "left@1:2"); /* the first was not processed twice */
    task_bench_flush(bench);
    assert_int_equal(fake_cluster_get(bench->clients->cluster, "out", 0)->next_offset, 5);
    assert_int_equal(task_counts(bench->task)->in_count, 2);
    assert_int_equal(task_counts(bench->task)->emitting_count, 2);
    assert_int_equal(task_counts(bench->task)->out_count, 5);
    assert_int_equal(task_pending_count(bench->task), 0);
    task_bench_free(bench);
}

static void nodes_may_emit_and_write_when_they_start(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.store_count = 2, .start_text = "emit s 1;put s 1"});
    task_bench_start(bench);
    assert_true(task_is_dirty(bench->task));
    task_bench_expect_topic(bench, "out", "s=1");
    task_bench_expect_store(bench, "counts", "s", "1");
    task_bench_free(bench);
    bench = task_bench_new(&(struct task_bench_options){.start_text = "emit s 1;fail early"});
    task_bench_begin(bench, -1);
    assert_int_equal(bench->failed_count, 1);
    assert_true(bench->is_final);
    assert_string_equal(bench->reason, "app.lua:12: early");
    task_bench_expect_topic(bench, "out", "");
    task_bench_free(bench);
}

static void inputs_begin_where_the_group_is(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){0});
    for (int i = 0; i < 4; i++) {
        task_bench_append(bench, "left", i, "");
    }
    task_bench_begin(bench, 2);
    task_bench_run(bench);
    task_bench_expect(bench, "left@2:2 left@3:3");
    task_bench_free(bench);
}

static void a_damaged_batch_fails_the_task_with_its_place(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){0});
    task_bench_append(bench, "left", 1, "");
    struct fake_partition *left = fake_cluster_get(bench->clients->cluster, "left", 0);
    left->batches[0].data.data[left->batches[0].data.size - 1] ^= 0xff;
    task_bench_start(bench);
    task_bench_run(bench);
    assert_int_equal(bench->failed_count, 1);
    assert_false(bench->is_final);
    assert_non_null(strstr(bench->reason, "reading left-0 at offset"));
    task_bench_free(bench);
}

static void a_task_may_be_closed_in_every_state(void **state)
{
    (void)state;
    /* Before the start, and while it restores from a cluster that does not answer. */
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    sim_cut(bench->clients->sim, 0, 1);
    task_bench_begin(bench, -1);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    assert_int_equal(bench->started_count + bench->failed_count, 0);
    task_bench_stop(bench);
    assert_int_equal(bench->started_count + bench->failed_count, 0);
    sim_mend(bench->clients->sim, 0, 1);
    client_bench_restart(bench->clients);
    /* While it reads a changelog that nobody leads. */
    fake_cluster_fail(bench->clients->cluster, TASK_BENCH_FETCH, ERROR_NOT_LEADER, 1000000, false);
    task_bench_begin(bench, -1);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    task_bench_stop(bench);
    assert_int_equal(bench->started_count + bench->failed_count, 0);
    fake_cluster_fail(bench->clients->cluster, TASK_BENCH_FETCH, 0, 0, false);
    /* Right after its start. */
    task_bench_start(bench);
    task_bench_stop(bench);
    /* While a commit is on its way; then its fate is told, and the task is gone. */
    task_bench_start(bench);
    task_bench_append(bench, "left", 1, "put a 1");
    task_bench_run(bench);
    bench->clients->cluster->produce_delay_ns = 100000000;
    bench->sent_count = 0;
    task_send_changelogs(bench->task, task_bench_on_sent, bench);
    client_bench_run(bench->clients, 10000000);
    assert_int_equal(bench->sent_count, 0);
    task_bench_stop(bench);
    assert_int_equal(bench->sent_count, 1);
    assert_int_equal(bench->sent_error, 0);
    /* Before anything of it was handed over: it is cut short. */
    task_bench_start(bench);
    bench->sent_count = 0;
    task_send_changelogs(bench->task, task_bench_on_sent, bench);
    task_bench_stop(bench);
    assert_int_equal(bench->sent_count, 1);
    assert_int_equal(bench->sent_error, ERROR_CANCELLED);
    task_bench_free(bench);
}

static void a_blocked_task_may_be_closed(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.store_count = 2, .buffer_size = 3000});
    task_bench_append(bench, "left", 1, "big 2000;big 2000");
    bench->clients->cluster->produce_delay_ns = 300000000;
    task_bench_start(bench);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    assert_int_equal(task_process(bench->task, 10, INT64_MAX), 1);
    assert_true(task_is_blocked(bench->task));
    task_bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_timestamp_of_all_inputs_is_next),
        cmocka_unit_test(time_may_be_in_the_value),
        cmocka_unit_test(an_input_that_may_have_older_records_is_waited_for),
        cmocka_unit_test(a_record_that_fails_leaves_nothing_and_its_neighbours_do_not_notice),
        cmocka_unit_test(every_record_is_counted_once),
        cmocka_unit_test(the_policy_stop_ends_the_task_at_the_record),
        cmocka_unit_test(an_emit_that_can_never_be_sent_fails_its_record),
        cmocka_unit_test(a_producer_without_room_is_waited_for),
        cmocka_unit_test(nodes_may_emit_and_write_when_they_start),
        cmocka_unit_test(inputs_begin_where_the_group_is),
        cmocka_unit_test(a_damaged_batch_fails_the_task_with_its_place),
        cmocka_unit_test(a_task_may_be_closed_in_every_state),
        cmocka_unit_test(a_blocked_task_may_be_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
