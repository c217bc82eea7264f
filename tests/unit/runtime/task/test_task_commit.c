/* Shows that a task goes on from its last commit, with stores, positions and stream time of that
 * commit, wherever the one after it was cut; that a store may be added; and, over random crashes,
 * that every record is counted exactly once in every store. */
#include "runtime/state/state.h"
#include "tests/unit/runtime/task/task_bench.h"

/* What was sent last to a partition never arrived. */
static void lose_last_batch(struct task_bench *bench, const char *topic)
{
    struct fake_partition *partition = fake_cluster_get(bench->clients->cluster, topic, 0);
    assert_true(partition->batch_count > 0);
    struct fake_batch *last = &partition->batches[--partition->batch_count];
    partition->next_offset = last->base_offset;
    buffer_fini(&last->data);
}

static void a_task_goes_on_from_its_last_commit(void **state)
{
    (void)state;
    static const struct topology_timer timer = {TOPOLOGY_STREAM_TIME, 1000};
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.store_count = 2, .timers = &timer, .timer_count = 1});
    task_bench_append(bench, "left", 500, "put a 1;seen a 1");
    task_bench_append(bench, "left", 700, "put b 1;del a");
    task_bench_start(bench);
    assert_false(task_is_dirty(bench->task));
    task_bench_run(bench);
    assert_true(task_is_dirty(bench->task));
    task_bench_commit(bench);
    assert_false(task_is_dirty(bench->task));
    const struct state_position *position = task_commit_position(bench->task);
    assert_int_equal(state_position_input(position, "left", 0), 2);
    assert_int_equal(position->stream_time_ms, 700);
    task_bench_append(bench, "left", 800, "put b 2;put c 2;seen a 2");
    task_bench_run(bench);
    task_bench_restart(bench);
    assert_int_equal(task_counts(bench->task)->restored_count, 3);
    task_bench_expect_store(bench, "counts", "a", NULL);
    task_bench_expect_store(bench, "counts", "b", "1");
    task_bench_expect_store(bench, "counts", "c", NULL);
    task_bench_expect_store(bench, "seen", "a", "1");
    task_bench_append(bench, "left", 300, "");
    task_bench_run(bench);
    task_bench_expect(bench, "left@2:800 left@3:800");
    task_bench_free(bench);
}

/* What they do then belongs to the last commit. */
static void nodes_end_before_the_last_commit(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(
        &(struct task_bench_options){.store_count = 1, .stop_text = "emit end 1;put end 1"});
    task_bench_append(bench, "left", 1, "put a 1");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_commit(bench);
    assert_true(task_stop(bench->task));
    assert_false(task_stop(bench->task)); /* once */
    assert_true(task_is_dirty(bench->task));
    task_bench_append(bench, "left", 2, "put b 1");
    buffer_clear(&bench->notes);
    task_bench_run(bench);
    task_bench_expect(bench, ""); /* nothing is processed any more */
    assert_int_equal(task_tick(bench->task), UINT64_MAX);
    task_bench_commit(bench);
    task_bench_restart(bench);
    task_bench_expect_store(bench, "counts", "end", "1");
    task_bench_expect_topic(bench, "out", "end=1");
    task_bench_free(bench);
}

static void nodes_that_do_nothing_at_their_end_need_no_commit(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 1});
    task_bench_start(bench);
    assert_false(task_stop(bench->task));
    assert_false(task_is_dirty(bench->task));
    task_bench_free(bench);
}

static void stream_time_comes_back(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 1});
    task_bench_append(bench, "left", 700, "");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_commit(bench);
    task_bench_restart(bench);
    task_bench_append(bench, "left", 300, "");
    task_bench_run(bench);
    task_bench_expect(bench, "left@1:700");
    task_bench_free(bench);
}

/* The second commit is whole in one changelog alone, the third, made after a restart, in the other:
 * neither was decided. */
static void commits_that_were_not_decided_are_not_gone_on_from(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    task_bench_append(bench, "left", 1, "add k");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_commit(bench);
    for (int i = 0; i < 2; i++) {
        task_bench_append(bench, "left", 2, "add k;put x 1");
        task_bench_run(bench);
        task_bench_commit(bench);
        lose_last_batch(bench, i == 0 ? "app-seen-changelog" : "app-counts-changelog");
        task_bench_restart(bench);
        task_bench_expect_store(bench, "counts", "k", "1");
        task_bench_expect_store(bench, "seen", "k", "1");
        task_bench_expect_store(bench, "counts", "x", NULL);
        assert_int_equal(state_position_input(task_commit_position(bench->task), "left", 0), 1);
    }
    /* The changelogs are put right without a record. */
    assert_true(task_is_dirty(bench->task));
    task_bench_commit(bench);
    task_bench_expect_topic(bench, "app-counts-changelog", "k=1 k=2 x=1 k=1 x=-");
    task_bench_expect_topic(bench, "app-seen-changelog", "k=1 k=3 k=1");
    task_bench_free(bench);
}

static void plan_again(struct task_bench *bench, size_t store_count)
{
    topology_free(bench->topology);
    bench->options.store_count = store_count;
    task_bench_plan(bench);
}

static void a_store_that_is_added_begins_empty_and_reads_nothing_again(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 1});
    task_bench_append(bench, "left", 1, "put k 1");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_commit(bench);
    task_bench_stop(bench);
    plan_again(bench, 2);
    task_bench_append(bench, "left", 2, "add k");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_expect(bench, "left@1:2");
    task_bench_expect_store(bench, "counts", "k", "2");
    task_bench_expect_store(bench, "seen", "k", "1");
    task_bench_commit(bench);
    task_bench_restart(bench);
    task_bench_expect_store(bench, "counts", "k", "2");
    task_bench_expect_store(bench, "seen", "k", "1");
    task_bench_run(bench);
    task_bench_expect(bench, "");
    task_bench_free(bench);
}

static void a_changelog_that_lost_records_is_told_with_what_to_do(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    task_bench_append(bench, "left", 1, "add k");
    task_bench_start(bench);
    task_bench_run(bench);
    for (int i = 0; i < 3; i++) {
        task_bench_commit(bench);
    }
    task_bench_stop(bench);
    for (int i = 0; i < 3; i++) {
        lose_last_batch(bench, "app-seen-changelog");
    }
    task_bench_begin(bench, -1);
    client_bench_run_until(bench->clients, task_bench_is_begun, bench);
    assert_int_equal(bench->failed_count, 1);
    assert_true(bench->is_final);
    assert_non_null(strstr(bench->reason, "no commit in common"));
    assert_non_null(strstr(bench->reason, "seen is at 0"));
    assert_non_null(strstr(bench->reason, "app-*-changelog"));
    task_bench_free(bench);
}

static void a_changelog_topic_made_anew_empties_its_store_alone(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.store_count = 2});
    task_bench_append(bench, "left", 1, "add k");
    task_bench_start(bench);
    task_bench_run(bench);
    task_bench_commit(bench);
    task_bench_stop(bench);
    client_bench_make_anew(bench->clients, "app-seen-changelog");
    client_bench_restart(bench->clients);
    task_bench_start(bench);
    task_bench_expect_store(bench, "counts", "k", "1");
    task_bench_expect_store(bench, "seen", "k", NULL);
    task_bench_run(bench);
    task_bench_expect(bench, "");
    task_bench_free(bench);
}

/* "counts" is in LMDB, in a real directory; "seen" in memory. */
static void a_checkpoint_spares_reading_what_it_has(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.store_count = 2, .is_persistent = true});
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "put k%d 1", i);
        task_bench_append(bench, "left", 1, text);
    }
    task_bench_append(bench, "left", 1, "seen a 1");
    task_bench_start(bench);
    task_bench_run(bench);
    client_bench_run(bench->clients, 2ull * CLIENT_BENCH_SECOND);
    task_bench_commit(bench); /* with a checkpoint */
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND / 10);
    task_bench_append(bench, "left", 2, "put k7 2");
    task_bench_run(bench);
    task_bench_commit(bench);
    task_bench_append(bench, "left", 2, "put k8 2");
    task_bench_run(bench);
    task_bench_restart(bench);
    assert_int_equal(task_counts(bench->task)->restored_count, 2); /* k7, and a of the memory's */
    task_bench_expect_store(bench, "counts", "k1", "1");
    task_bench_expect_store(bench, "counts", "k7", "2");
    task_bench_expect_store(bench, "counts", "k8", "1");
    task_bench_expect_store(bench, "seen", "a", "1");
    assert_int_equal(kv_count(task_store(bench->task, "counts")), 100);
    task_bench_run(bench);
    task_bench_expect_store(bench, "counts", "k8", "2");
    task_bench_expect(bench, "left@102:2");
    task_bench_free(bench);
}

/* A member that was expelled and does not know. */
static void stores_that_are_open_elsewhere_are_waited_for(void **state)
{
    (void)state;
    static const struct state_store_options STORES[] = {{.name = "counts", .has_changelog = true},
                                                        {.name = "seen", .has_changelog = true}};
    for (int is_given_up = 0; is_given_up < 2; is_given_up++) {
        struct report report = {0};
        struct state *before = NULL;
        struct task_bench *bench =
            task_bench_new(&(struct task_bench_options){.store_count = 2, .is_persistent = true});
        assert_int_equal(state_open(client_io(bench->clients->client), bench->directory, STORES, 2,
                                    &before, &report),
                         0);
        task_bench_append(bench, "left", 1, "put a 1");
        task_bench_begin(bench, -1);
        client_bench_run(bench->clients, 30ull * CLIENT_BENCH_SECOND);
        assert_int_equal(bench->started_count + bench->failed_count, 0);
        task_check(bench->task);
        if (is_given_up) {
            task_bench_stop(bench);
        }
        state_close(before);
        client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
        assert_int_equal(bench->started_count, !is_given_up);
        assert_int_equal(bench->failed_count, 0);
        task_bench_free(bench);
    }
}

static void zero_pages(const char *path)
{
    static const uint8_t zeros[4096];
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_int_equal(fseek(file, 2 * (long)sizeof zeros, SEEK_SET), 0); /* behind the heads */
    for (long i = 2 * (long)sizeof zeros; i < size; i += (long)sizeof zeros) {
        assert_int_equal(fwrite(zeros, sizeof zeros, 1, file), 1);
    }
    fclose(file);
}

/* What was read from it may be wrong, so nothing of it leaves; the changelog brings it back. */
static void a_damaged_state_file_ends_the_task_and_is_read_anew(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.store_count = 2, .is_persistent = true});
    char path[100];
    snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
    task_bench_append(bench, "left", 1, "add k");
    task_bench_start(bench);
    task_bench_run(bench);
    client_bench_run(bench->clients, 2ull * CLIENT_BENCH_SECOND);
    task_bench_commit(bench);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    zero_pages(path);
    task_bench_append(bench, "left", 2, "add k;emit a 1");
    task_bench_run(bench);
    assert_int_equal(bench->failed_count, 1);
    assert_false(bench->is_final);
    assert_non_null(strstr(bench->reason, path));
    assert_non_null(strstr(bench->reason, "damaged"));
    task_bench_expect_topic(bench, "out", "");
    task_bench_expect_topic(bench, "app-dlq", "");
    task_bench_stop(bench);
    assert_int_equal(remove(path), 0); /* the simulated io does not reach the real file */
    bench->reason[0] = 0;
    task_bench_start(bench);
    task_bench_expect_store(bench, "counts", "k", "1");
    task_bench_run(bench);
    task_bench_expect_store(bench, "counts", "k", "2");
    task_bench_expect_topic(bench, "out", "a=1");
    task_bench_free(bench);
}

/* --- Random crashes --- */

enum { RECORDS = 120, KEYS = 5 };

static void append_numbers(struct task_bench *bench, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[32];
        snprintf(text, sizeof text, i % 7 == 0 ? "add k%d;fail it" : "add k%d", i % KEYS);
        task_bench_append(bench, "left", i, text);
    }
}

/* Both stores hold the fold of the input up to the position. */
static void expect_fold(struct task_bench *bench, int64_t position)
{
    for (int key = 0; key < KEYS; key++) {
        char name[8];
        int count = 0;
        snprintf(name, sizeof name, "k%d", key);
        for (int i = 0; i < position; i++) {
            count += i % KEYS == key && i % 7 != 0;
        }
        assert_int_equal(task_bench_number(task_store(bench->task, "counts"), name), count);
        assert_int_equal(task_bench_number(task_store(bench->task, "seen"), name), count);
    }
}

static int64_t committed_input(struct task_bench *bench)
{
    int64_t input = state_position_input(task_commit_position(bench->task), "left", 0);
    return input < 0 ? 0 : input;
}

static void run_randomly(struct task_bench *bench, int64_t *acknowledged)
{
    struct sim *sim = bench->clients->sim;
    for (uint64_t turns = sim_random(sim, 6); turns > 0; turns--) {
        for (uint64_t i = sim_random(sim, 8); i > 0; i--) {
            client_bench_run(bench->clients, 40000000);
            task_process(bench->task, 1 + sim_random(sim, 4), INT64_MAX);
        }
        if (sim_random(sim, 3) > 0 && task_is_dirty(bench->task)) {
            task_bench_commit(bench);
            *acknowledged = committed_input(bench);
            expect_fold(bench, *acknowledged);
        }
    }
}

/* The process dies while a commit is on its way. */
static void die_in_a_commit(struct task_bench *bench)
{
    struct sim *sim = bench->clients->sim;
    if (task_is_dirty(bench->task) && sim_random(sim, 4) > 0) {
        bench->sent_count = 0;
        task_send_changelogs(bench->task, task_bench_on_sent, bench);
        client_bench_run(bench->clients, sim_random(sim, 4000000));
        sim_break_streams(sim, 0);
        if (sim_random(sim, 2) == 0 && bench->sent_count == 0) {
            /* One changelog's batch was in the streams that broke. */
            fake_cluster_fail(bench->clients->cluster, TASK_BENCH_PRODUCE, ERROR_INVALID_RECORD, 1,
                              false);
        }
    }
}

static void every_record_is_counted_once_over_random_crashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        struct task_bench *bench = task_bench_new(&(struct task_bench_options){
            .store_count = 2, .is_persistent = seed % 2 == 0, .seed = seed});
        int64_t acknowledged = 0;
        int appended = 0;
        bench->clients->cluster->produce_delay_ns = 1000000;
        task_bench_start(bench);
        for (int life = 0; life < 15; life++) {
            int more = (int)sim_random(bench->clients->sim, RECORDS / 10);
            more = more < RECORDS - appended ? more : RECORDS - appended;
            append_numbers(bench, appended, appended + more);
            appended += more;
            run_randomly(bench, &acknowledged);
            die_in_a_commit(bench);
            task_bench_restart(bench);
            fake_cluster_fail(bench->clients->cluster, TASK_BENCH_PRODUCE, 0, 0, false);
            assert_true(committed_input(bench) >= acknowledged);
            expect_fold(bench, committed_input(bench));
            acknowledged = committed_input(bench);
        }
        append_numbers(bench, appended, RECORDS);
        task_bench_run(bench);
        task_bench_run(bench);
        task_bench_commit(bench);
        assert_int_equal(committed_input(bench), RECORDS);
        expect_fold(bench, RECORDS);
        task_bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_goes_on_from_its_last_commit),
        cmocka_unit_test(nodes_end_before_the_last_commit),
        cmocka_unit_test(nodes_that_do_nothing_at_their_end_need_no_commit),
        cmocka_unit_test(stream_time_comes_back),
        cmocka_unit_test(commits_that_were_not_decided_are_not_gone_on_from),
        cmocka_unit_test(a_store_that_is_added_begins_empty_and_reads_nothing_again),
        cmocka_unit_test(a_changelog_that_lost_records_is_told_with_what_to_do),
        cmocka_unit_test(a_changelog_topic_made_anew_empties_its_store_alone),
        cmocka_unit_test(a_checkpoint_spares_reading_what_it_has),
        cmocka_unit_test(stores_that_are_open_elsewhere_are_waited_for),
        cmocka_unit_test(a_damaged_state_file_ends_the_task_and_is_read_anew),
        cmocka_unit_test(every_record_is_counted_once_over_random_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
