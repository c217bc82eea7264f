/* Shows that with several threads an application is still one: its partitions are dealt to all of
 * them, a pause, a failure and a new version are those of all its workers, whichever they come
 * from, visits see all of them, and the host can be stopped at any moment. The simulation runs the
 * shards in turn; tests/cli/threads has real ones. */
#include "runtime/app/app_view.h"
#include "tests/unit/runtime/host/host_bench.h"

/* Two scripts on three threads, whose input has more partitions. */
enum { THREADS = 3, PARTITIONS = 8 };

static struct bench *threads_new(uint64_t seed)
{
    struct bench *bench = bench_new(seed, 2);
    bench->options.thread_count = THREADS;
    fake_cluster_add_topic(bench->cluster, "wide", PARTITIONS);
    write_file(bench, "copy.lua",
               "return { name = 'copy', input = 'wide', output = 'out',\n"
               "  process = function(r) print(r.value) return r end }\n");
    write_file(bench, "strict.lua",
               "return { name = 'strict', input = 'wide', output = 'strict-out',\n"
               "  errors = { policy = 'stop' },\n"
               "  process = function(r) if r.value == 'bad' then error 'no' end return r end }\n");
    return bench;
}

/* One record for each partition. */
static void put_wide(struct bench *bench, const char *value)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        put_to(bench, "wide", i, value);
    }
}

/* Which partitions each thread has of an application, and what was found at the end. */
struct surveyor {
    struct host_visit visit;
    const char *name;
    int turn_count; /* on each thread */
    int visited[THREADS];
    struct buffer parts[THREADS];
    int64_t task_count;
    int64_t in_count;
    struct buffer log;
    enum host_app_state state;
    int64_t restart_count;
    bool is_done;
};

static void survey_app(struct surveyor *surveyor, const struct app *app, size_t thread)
{
    struct app_totals totals = {0};
    app_totals_add(&totals, app);
    surveyor->task_count += totals.task_count;
    surveyor->in_count += totals.counts.in_count;
    app_view_add_parts(app, thread, &surveyor->parts[thread]);
    app_totals_fini(&totals);
}

static bool on_survey_thread(struct host_visit *visit, struct host *host, size_t thread)
{
    struct surveyor *surveyor = visit->owner;
    if (++surveyor->visited[thread] < surveyor->turn_count) {
        return false;
    }
    size_t place = host_thread_find(host, thread, surveyor->name);
    if (place < HOST_SCRIPT_MAX) {
        assert_int_equal(place, host_app_index(host_app_find(host, surveyor->name)));
        survey_app(surveyor, host_thread_app_at(host, thread, place), thread);
    }
    return true;
}

static bool on_survey(struct host_visit *visit, struct host *host)
{
    struct surveyor *surveyor = visit->owner;
    struct host_app *app = host_app_find(host, surveyor->name);
    for (size_t i = 1; i < host_thread_count(host); i++) {
        assert_int_equal(surveyor->visited[i], surveyor->turn_count);
    }
    if (++surveyor->visited[0] < surveyor->turn_count) {
        return false;
    }
    surveyor->state = host_app_state(app);
    surveyor->restart_count = host_app_restart_count(app);
    app_log_write(host_app_log(app), 0, 500, &surveyor->log);
    if (host_app_running(app) != NULL) {
        survey_app(surveyor, host_app_running(app), 0);
    }
    return true;
}

static void on_surveyed(struct host_visit *visit)
{
    ((struct surveyor *)visit->owner)->is_done = true;
}

static bool is_surveyed(void *owner)
{
    return ((struct surveyor *)owner)->is_done;
}

static void surveyor_fini(struct surveyor *surveyor)
{
    for (size_t i = 0; i < THREADS; i++) {
        buffer_fini(&surveyor->parts[i]);
    }
    buffer_fini(&surveyor->log);
}

/* To be emptied afterwards. */
static void survey(struct bench *bench, struct surveyor *surveyor, const char *name)
{
    *surveyor = (struct surveyor){.visit = {.visit_thread = on_survey_thread,
                                            .visit = on_survey,
                                            .done = on_surveyed,
                                            .owner = surveyor},
                                  .name = name,
                                  .turn_count = 3};
    host_visit(bench->host, &surveyor->visit);
    assert_true(sim_run_until(bench->sim, is_surveyed, surveyor, SECOND));
}

static int count_parts(const struct surveyor *surveyor, size_t thread, int32_t partition)
{
    char text[40];
    int count = 0;
    struct buffer parts = {0};
    buffer_add_bytes(&parts, buffer_bytes(&surveyor->parts[thread]));
    snprintf(text, sizeof text, "\"partition\":%d,\"thread\":%zu,", (int)partition, thread);
    for (const char *at = buffer_string(&parts); (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    buffer_fini(&parts);
    return count;
}

/* All partitions are there once, and every thread has its share. */
static void expect_dealt(struct bench *bench, const char *name)
{
    struct surveyor surveyor;
    survey(bench, &surveyor, name);
    assert_int_equal(surveyor.state, HOST_APP_RUNNING);
    assert_int_equal(surveyor.task_count, PARTITIONS);
    for (size_t thread = 0; thread < THREADS; thread++) {
        int share = 0;
        for (int32_t i = 0; i < PARTITIONS; i++) {
            share += count_parts(&surveyor, thread, i);
        }
        assert_true(share >= PARTITIONS / THREADS);
    }
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int count = 0;
        for (size_t thread = 0; thread < THREADS; thread++) {
            count += count_parts(&surveyor, thread, i);
        }
        assert_int_equal(count, 1);
    }
    surveyor_fini(&surveyor);
}

static void partitions_are_dealt_to_threads(void **state)
{
    (void)state;
    struct bench *bench = threads_new(31);
    struct surveyor surveyor;
    start(bench);
    run(bench, 20000);
    expect_dealt(bench, "copy");
    expect_dealt(bench, "strict");
    put_wide(bench, "one");
    put_wide(bench, "two");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 2 * PARTITIONS);
    assert_int_equal(count_of(bench, "strict-out"), 2 * PARTITIONS);
    survey(bench, &surveyor, "copy");
    assert_int_equal(surveyor.in_count, 2 * PARTITIONS);
    int lines = 0;
    for (const char *at = buffer_string(&surveyor.log); (at = strstr(at, "\"print\"")) != NULL;
         at++) {
        lines++;
    }
    assert_int_equal(lines, 2 * PARTITIONS);
    surveyor_fini(&surveyor);
    bench_free(bench);
}

/* A script that prints more than a log holds. */
static void what_workers_print_is_bounded(void **state)
{
    (void)state;
    struct bench *bench = threads_new(32);
    struct surveyor surveyor;
    write_file(bench, "copy.lua",
               "return { name = 'copy', input = 'wide', output = 'out',\n"
               "  process = function(r) for i = 1, 600 do print(i) end return r end }\n");
    start(bench);
    run(bench, 20000);
    put_wide(bench, "one");
    run(bench, 10000);
    survey(bench, &surveyor, "copy");
    assert_non_null(strstr(buffer_string(&surveyor.log), "\"text\":\"600\""));
    surveyor_fini(&surveyor);
    bench_free(bench);
}

static void a_pause_holds_every_thread(void **state)
{
    (void)state;
    struct bench *bench = threads_new(33);
    start(bench);
    run(bench, 20000);
    assert_int_equal(visit(bench, "copy", 1).state, HOST_APP_PAUSED);
    put_wide(bench, "one");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 0);
    assert_int_equal(count_of(bench, "strict-out"), PARTITIONS);
    assert_int_equal(visit(bench, "copy", 0).state, HOST_APP_RUNNING);
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), PARTITIONS);
    bench_free(bench);
}

/* Whichever thread has the record. */
static void what_one_worker_cannot_do_stops_the_application(void **state)
{
    (void)state;
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        struct bench *bench = threads_new(34 + (uint64_t)partition);
        start(bench);
        run(bench, 20000);
        put_to(bench, "wide", partition, "bad");
        run(bench, 20000);
        assert_int_equal(bench->failure_count, 1);
        assert_int_equal(bench->final_count, 1);
        assert_string_equal(bench->application, "strict.lua");
        assert_int_equal(visit(bench, "strict", -1).state, HOST_APP_STOPPED);
        put_wide(bench, "good");
        run(bench, 20000);
        assert_int_equal(count_of(bench, "strict-out"), 0);
        assert_int_equal(count_of(bench, "out"), PARTITIONS + 1);
        expect_dealt(bench, "copy");
        bench_free(bench);
    }
}

/* Every worker meets it, some at the same moment, and it is one failure with one pause. */
static void what_all_workers_fail_of_is_one_failure(void **state)
{
    (void)state;
    struct bench *bench = threads_new(43);
    struct surveyor surveyor;
    bench->options.script_count = 1;
    for (int node = 0; node < 2; node++) {
        struct sim_plan *plan = sim_plan(bench->sim, node);
        plan->is_fragmenting = false;
        plan->network = (struct sim_range){1000000, 1000000};
        plan->post = (struct sim_range){1000, 1000};
    }
    start(bench);
    run(bench, 20000);
    fake_cluster_fail(bench->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1000, false);
    put_wide(bench, "one");
    run(bench, 900);
    assert_int_equal(bench->failure_count, 1);
    fake_cluster_fail(bench->cluster, KEY_PRODUCE, 0, 0, false);
    run(bench, 60000);
    assert_int_equal(bench->failure_count, 1);
    assert_int_equal(bench->final_count, 0);
    assert_true(count_of(bench, "out") >= PARTITIONS);
    survey(bench, &surveyor, "copy");
    assert_int_equal(surveyor.restart_count, 1);
    surveyor_fini(&surveyor);
    expect_dealt(bench, "copy");
    bench_free(bench);
}

/* Also when the file has changed once more before they begin. */
static void a_new_version_takes_the_place_of_all_workers(void **state)
{
    (void)state;
    struct bench *bench = threads_new(44);
    struct reloader reloader;
    start(bench);
    run(bench, 20000);
    write_file(bench, "copy.lua",
               "return { name = 'copy', input = 'wide', output = 'in',\n"
               "  process = function(r) return r end }\n");
    begin_reload(bench, &reloader, "copy");
    while (!reloader.is_done) {
        sim_step(bench->sim);
    }
    write_file(bench, "copy.lua", "return 7\n");
    put_wide(bench, "one");
    run(bench, 30000);
    assert_int_equal(count_of(bench, "out"), 0);
    assert_int_equal(count_of(bench, "in"), PARTITIONS);
    assert_int_equal(bench->failure_count, 0);
    expect_dealt(bench, "copy");
    bench_free(bench);
}

/* On its start, with failures, in a visit, with a new version on its way. */
static void several_threads_stop_at_any_event(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 2000; event_count += 13) {
        struct bench *bench = threads_new((uint64_t)event_count + 1);
        struct surveyor surveyor = {.visit = {.visit_thread = on_survey_thread,
                                              .visit = on_survey,
                                              .done = on_surveyed,
                                              .owner = &surveyor},
                                    .name = "copy",
                                    .turn_count = 2};
        struct reloader reloader = {.is_done = true};
        fake_cluster_fail(bench->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 2, false);
        put_wide(bench, "good");
        start(bench);
        for (int i = 0; i < event_count; i++) {
            sim_step(bench->sim);
        }
        if (event_count % 2 == 0) {
            begin_reload(bench, &reloader, "copy");
        }
        for (int i = 0; i < event_count % 37; i++) {
            sim_step(bench->sim);
        }
        host_visit(bench->host, &surveyor.visit);
        for (int i = 0; i < event_count % 11; i++) {
            sim_step(bench->sim);
        }
        stop(bench);
        assert_true(surveyor.is_done);
        assert_true(reloader.is_done);
        surveyor_fini(&surveyor);
        bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_dealt_to_threads),
        cmocka_unit_test(what_workers_print_is_bounded),
        cmocka_unit_test(a_pause_holds_every_thread),
        cmocka_unit_test(what_one_worker_cannot_do_stops_the_application),
        cmocka_unit_test(what_all_workers_fail_of_is_one_failure),
        cmocka_unit_test(a_new_version_takes_the_place_of_all_workers),
        cmocka_unit_test(several_threads_stop_at_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
