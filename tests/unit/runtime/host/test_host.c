/* Shows that nothing runs when a script is wrong, that an application that failed comes back after
 * a growing pause, that one which says stop stays away without disturbing the others, and that the
 * host can be stopped at any moment; and that whatever a script tries, the one beside it goes on.
 */
#include "log/base/hash.h"
#include "runtime/host/deployment.h"
#include "tests/unit/runtime/attack.h"
#include "tests/unit/runtime/host/host_bench.h"

static void one_wrong_script_stops_all_before_they_run(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, 2);
    struct report report = {0};
    write_file(bench, "strict.lua", "return { input = 'in', process = function( end }\n");
    assert_int_not_equal(try_open(bench, &report), 0);
    assert_string_equal(report.place, "strict.lua:1");
    put(bench, "good");
    run(bench, 20000);
    assert_int_equal(count_of(bench, "out"), 0);
    for (int i = 0; i < FAKE_API_COUNT; i++) {
        assert_int_equal(bench->cluster->request_count[i], 0);
    }
    bench_free(bench);
}

static void applications_run_and_are_measured(void **state)
{
    (void)state;
    struct bench *bench = bench_new(2, 2);
    struct buffer text = {0};
    start(bench);
    run(bench, 10000);
    put(bench, "good");
    put(bench, "better");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 2);
    assert_int_equal(count_of(bench, "strict-out"), 2);
    host_write_metrics(bench->host, &text);
    assert_non_null(
        strstr(buffer_string(&text), "tidemill_app_records_in_total{app=\"copy\"} 2\n"));
    assert_non_null(
        strstr(buffer_string(&text), "tidemill_app_records_emitting_total{app=\"copy\"} 2\n"));
    assert_non_null(strstr(buffer_string(&text), "tidemill_app_records_pending{app=\"copy\"} 0\n"));
    assert_non_null(strstr(buffer_string(&text), "tidemill_app_tasks{app=\"strict\"} 1\n"));
    assert_false(host_is_over(bench->host));
    buffer_fini(&text);
    bench_free(bench);
}

static void a_failure_that_may_pass_is_followed_by_a_start_after_a_growing_pause(void **state)
{
    (void)state;
    struct bench *bench = bench_new(3, 1);
    start(bench);
    run(bench, 10000);
    fake_cluster_fail(bench->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 5, false);
    put(bench, "good");
    run(bench, 120000);
    assert_int_equal(bench->failure_count, 5);
    assert_int_equal(bench->final_count, 0);
    assert_string_equal(bench->application, "copy.lua");
    assert_non_null(strstr(bench->reason, "topic authorization failed"));
    for (int i = 1; i < 5; i++) {
        uint64_t pause_ns = bench->failed_ns[i] - bench->failed_ns[i - 1];
        assert_true(pause_ns >= SECOND << (i - 1));
    }
    assert_true(count_of(bench, "out") >= 1); /* nothing is lost */
    assert_false(host_is_over(bench->host));
    bench_free(bench);
}

static void one_that_says_stop_stays_away_and_the_others_run(void **state)
{
    (void)state;
    struct bench *bench = bench_new(4, 2);
    start(bench);
    run(bench, 10000);
    put(bench, "bad");
    put(bench, "good");
    run(bench, 60000);
    assert_int_equal(bench->failure_count, 1);
    assert_int_equal(bench->final_count, 1);
    assert_string_equal(bench->application, "strict.lua");
    assert_non_null(strstr(bench->reason, "strict.lua:3"));
    assert_int_equal(count_of(bench, "out"), 2);
    assert_int_equal(count_of(bench, "strict-out"), 0);
    assert_false(host_is_over(bench->host));
    bench_free(bench);
}

static void when_the_last_one_stopped_the_host_is_over(void **state)
{
    (void)state;
    struct bench *bench = bench_new(5, 2);
    bench->options.scripts[0] = "strict.lua";
    bench->options.script_count = 1;
    start(bench);
    run(bench, 10000);
    put(bench, "bad");
    run(bench, 10000);
    assert_true(host_is_over(bench->host));
    bench_free(bench);
}

static void a_script_that_went_wrong_meanwhile_is_final(void **state)
{
    (void)state;
    struct bench *bench = bench_new(6, 1);
    start(bench);
    run(bench, 10000);
    fake_cluster_fail(bench->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
    write_file(bench, "copy.lua", "return 7\n");
    put(bench, "good");
    run(bench, 30000);
    assert_int_equal(bench->failure_count, 2);
    assert_int_equal(bench->final_count, 1);
    assert_true(host_is_over(bench->host));
    bench_free(bench);
}

static const char GATHER[] = "local S = require 'tidemill'\n"
                             "local app = S.app 'gather'\n"
                             "app:stream(S.pattern 'in-.*'):to 'out'\n"
                             "return app\n";

/* As a new version would take its place, and no failure. */
static void topics_of_a_pattern_are_read_as_they_come(void **state)
{
    (void)state;
    struct bench *bench = bench_new(8, 1);
    write_file(bench, "copy.lua", GATHER);
    start(bench);
    run(bench, 20000);
    assert_int_equal(count_of(bench, "out"), 0);
    for (int64_t i = 1; i < 4; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "in-%d", (int)i);
        fake_cluster_add_topic(bench->cluster, topic, 1);
        put_to(bench, topic, 0, "good");
        run(bench, 20000);
        assert_int_equal(count_of(bench, "out"), i);
    }
    assert_int_equal(bench->failure_count, 0);
    bench_free(bench);
}

static void one_that_cannot_be_read_anew_goes_on_without_topics_that_came(void **state)
{
    (void)state;
    struct bench *bench = bench_new(9, 1);
    write_file(bench, "copy.lua", GATHER);
    fake_cluster_add_topic(bench->cluster, "in-1", 1);
    start(bench);
    run(bench, 20000);
    write_file(bench, "copy.lua", "return 7\n");
    fake_cluster_add_topic(bench->cluster, "in-2", 1);
    put_to(bench, "in-2", 0, "later");
    run(bench, 20000);
    put_to(bench, "in-1", 0, "good");
    run(bench, 20000);
    assert_int_equal(count_of(bench, "out"), 1);
    assert_int_equal(bench->failure_count, 0);
    write_file(bench, "copy.lua", GATHER);
    run(bench, 20000);
    assert_int_equal(count_of(bench, "out"), 2);
    bench_free(bench);
}

static void one_that_never_started_stops(void **state)
{
    (void)state;
    struct bench *bench = bench_new(7, 2);
    struct report report = {0};
    assert_int_equal(try_open(bench, &report), 0);
    bench_free(bench);
}

static void it_stops_at_any_event(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 900; event_count += 9) {
        struct bench *bench = bench_new((uint64_t)event_count + 1, 2);
        /* Failures and pauses among it. */
        fake_cluster_fail(bench->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 2, false);
        put(bench, "good");
        start(bench);
        for (int i = 0; i < event_count; i++) {
            sim_step(bench->sim);
        }
        stop(bench);
        bench_free(bench);
    }
}

static void a_visit_finds_what_runs_by_name(void **state)
{
    (void)state;
    struct bench *bench = bench_new(8, 2);
    start(bench);
    assert_int_equal(visit(bench, "copy", -1).state, HOST_APP_STARTING);
    run(bench, 10000);
    struct visitor seen = visit(bench, "strict", -1);
    assert_true(seen.has_app);
    assert_int_equal(seen.state, HOST_APP_RUNNING);
    assert_false(visit(bench, "nobody", -1).is_found);
    put(bench, "bad");
    run(bench, 10000);
    seen = visit(bench, "strict", -1);
    assert_false(seen.has_app);
    assert_int_equal(seen.state, HOST_APP_STOPPED);
    bench_free(bench);
}

static void a_pause_lasts_over_a_failure(void **state)
{
    (void)state;
    struct bench *bench = bench_new(9, 1);
    start(bench);
    run(bench, 10000);
    fake_cluster_fail(bench->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
    put(bench, "good");
    run(bench, 500);
    assert_int_equal(bench->failure_count, 1);
    assert_int_equal(visit(bench, "copy", 1).state, HOST_APP_WAITING);
    run(bench, 60000);
    int64_t count = count_of(bench, "out");
    put(bench, "better");
    run(bench, 60000);
    assert_int_equal(visit(bench, "copy", -1).state, HOST_APP_PAUSED);
    assert_int_equal(count_of(bench, "out"), count);
    assert_int_equal(visit(bench, "copy", 0).state, HOST_APP_RUNNING);
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 2);
    bench_free(bench);
}

static void what_users_should_know_is_told_once(void **state)
{
    (void)state;
    struct bench *bench = bench_new(10, 1);
    fake_cluster_add_topic(bench->cluster, "names", 2);
    write_file(bench, "copy.lua",
               "local S = require 'tidemill'\nlocal app = S.app 'copy'\n"
               "app:stream('in'):select_key(function(r) return r.key end)\n"
               "  :left_join(app:table('names', { name = 'names' }), { name = 'named' }):to 'out'\n"
               "return app\n");
    put_to(bench, "names", 1 - hash_partition(BYTES_LITERAL("key"), 2), "{}");
    start(bench);
    run(bench, 10000);
    assert_string_equal(bench->application, "copy.lua");
    assert_non_null(strstr(bench->notice, "key key of names is in partition"));
    assert_int_equal(bench->failure_count, 0);
    bench_free(bench);
}

static void a_new_version_goes_on_where_the_old_one_was(void **state)
{
    (void)state;
    struct bench *bench = bench_new(10, 1);
    start(bench);
    run(bench, 10000);
    put(bench, "one");
    run(bench, 5000);
    assert_string_equal(reload(bench, "copy", "copy.lua",
                               "return { name = 'copy', input = 'in', output = 'strict-out',\n"
                               "  process = function(r) return r end }\n"),
                        "");
    put(bench, "two");
    put(bench, "three");
    run(bench, 20000);
    assert_int_equal(visit(bench, "copy", -1).state, HOST_APP_RUNNING);
    assert_int_equal(count_of(bench, "out"), 1);
    assert_int_equal(count_of(bench, "strict-out"), 2);
    assert_int_equal(bench->failure_count, 0);
    bench_free(bench);
}

static void a_wrong_version_changes_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_new(11, 1);
    start(bench);
    run(bench, 10000);
    const char *said = reload(bench, "copy", "copy.lua", "return 7\n");
    assert_string_not_equal(said, "");
    said = reload(bench, "copy", "copy.lua",
                  "return { name = 'other', input = 'in', process = function(r) end }\n");
    assert_non_null(strstr(said, "'other' now, not 'copy'"));
    put(bench, "one");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 1);
    bench_free(bench);
}

static void a_new_version_brings_back_what_had_stopped(void **state)
{
    (void)state;
    struct bench *bench = bench_new(12, 2);
    start(bench);
    run(bench, 10000);
    put(bench, "bad");
    run(bench, 10000);
    assert_int_equal(visit(bench, "strict", -1).state, HOST_APP_STOPPED);
    assert_string_equal(reload(bench, "strict", "strict.lua",
                               "return { name = 'strict', input = 'in', output = 'strict-out',\n"
                               "  process = function(r) return r end }\n"),
                        "");
    run(bench, 10000);
    assert_int_equal(visit(bench, "strict", -1).state, HOST_APP_RUNNING);
    assert_int_equal(count_of(bench, "strict-out"), 1);
    assert_string_equal(
        reload(bench, "copy", "copy.lua",
               "return { name = 'copy', input = 'in', errors = { policy = 'stop' },\n"
               "  process = function(r) error 'no' end }\n"),
        "");
    put(bench, "any");
    run(bench, 10000);
    assert_int_equal(visit(bench, "copy", -1).state, HOST_APP_STOPPED);
    assert_false(host_is_over(bench->host)); /* one of the two runs */
    bench_free(bench);
}

static void it_stops_at_any_event_of_a_new_version(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 400; event_count += 7) {
        struct bench *bench = bench_new((uint64_t)event_count + 1, 2);
        struct reloader reloader;
        start(bench);
        for (int i = 0; i < event_count / 2; i++) {
            sim_step(bench->sim);
        }
        begin_reload(bench, &reloader, "copy");
        for (int i = 0; i < event_count % 50; i++) {
            sim_step(bench->sim);
        }
        stop(bench);
        assert_true(reloader.is_done);
        bench_free(bench);
    }
}

/* A record of what is deployed; `text` NULL: it was removed. */
static void deploy(struct bench *bench, const char *app, int64_t version, const char *text)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    struct buffer value = {0};
    if (text != NULL) {
        struct app_bundle bundle;
        app_bundle_init(&bundle);
        bundle.version = version;
        bundle.app = memory_string(app);
        bundle.script = memory_string("deployed.lua");
        app_bundle_add(&bundle, "deployed.lua", bytes_from_string(text));
        app_bundle_write(&bundle, &value);
        app_bundle_fini(&bundle);
    }
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1000, bytes_from_string(app),
                      text == NULL ? (struct bytes){0} : buffer_bytes(&value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, DEPLOYMENT_TOPIC, 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    buffer_fini(&value);
    batch_builder_fini(&builder);
}

static const char COPY_TO_STRICT[] =
    "return { name = 'copied', input = 'in', output = 'strict-out',\n"
    "  process = function(r) return r end }\n";
static const char COPY_TO_OUT[] = "return { name = 'copied', input = 'in', output = 'out',\n"
                                  "  process = function(r) return r end }\n";
static const char STOP[] = "return { name = 'copied', input = 'in', output = 'out',\n"
                           "  errors = { policy = 'stop' },\n"
                           "  process = function(r) error 'no' end }\n";

static struct bench *follower_new(uint64_t seed)
{
    struct bench *bench = bench_new(seed, 0);
    bench->options.is_following = true;
    fake_cluster_add_topic(bench->cluster, DEPLOYMENT_TOPIC, 1);
    return bench;
}

static void what_is_deployed_runs_as_long_as_it_is(void **state)
{
    (void)state;
    struct bench *bench = follower_new(13);
    deploy(bench, "copied", 1, STOP);
    deploy(bench, "copied", 2, COPY_TO_OUT); /* only the newest of each is looked at */
    start(bench);
    run(bench, 10000);
    put(bench, "one");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 1);
    deploy(bench, "copied", 3, COPY_TO_STRICT);
    run(bench, 10000);
    put(bench, "two");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 1);
    assert_int_equal(count_of(bench, "strict-out"), 1);
    deploy(bench, "copied", 0, NULL);
    run(bench, 10000);
    assert_false(visit(bench, "copied", -1).is_found);
    put(bench, "three");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "strict-out"), 1);
    deploy(bench, "copied", 4, COPY_TO_OUT);
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 2); /* what came meanwhile */
    assert_false(host_is_over(bench->host));
    bench_free(bench);
}

static void a_version_that_cannot_be_used_leaves_what_runs(void **state)
{
    (void)state;
    struct bench *bench = follower_new(14);
    deploy(bench, "copied", 1, COPY_TO_OUT);
    start(bench);
    run(bench, 10000);
    deploy(bench, "copied", 2, "this is no Lua");
    deploy(bench, "odd", 1, COPY_TO_OUT); /* its script has another name */
    run(bench, 10000);
    put(bench, "one");
    run(bench, 10000);
    assert_int_equal(count_of(bench, "out"), 1);
    assert_int_equal(visit(bench, "copied", -1).state, HOST_APP_RUNNING);
    assert_int_equal(visit(bench, "odd", -1).state, HOST_APP_STOPPED);
    bench_free(bench);
}

static void a_version_that_fails_makes_the_one_before_current(void **state)
{
    (void)state;
    struct bench *bench = follower_new(15);
    deploy(bench, "copied", 1, COPY_TO_STRICT);
    start(bench);
    run(bench, 10000);
    deploy(bench, "copied", 2, STOP);
    run(bench, 5000);
    int64_t told = count_of(bench, DEPLOYMENT_TOPIC);
    put(bench, "one");
    run(bench, 20000);
    assert_int_equal(count_of(bench, DEPLOYMENT_TOPIC), told + 1);
    assert_int_equal(count_of(bench, "strict-out"), 1);
    assert_int_equal(visit(bench, "copied", -1).state, HOST_APP_RUNNING);
    bench_free(bench);
}

static void a_version_that_was_good_does_not_go_back(void **state)
{
    (void)state;
    struct bench *bench = follower_new(16);
    deploy(bench, "copied", 1, COPY_TO_STRICT);
    start(bench);
    run(bench, 10000);
    deploy(bench, "copied", 2, STOP);
    run(bench, 70000); /* nothing came that it could fail on */
    int64_t told = count_of(bench, DEPLOYMENT_TOPIC);
    put(bench, "one");
    run(bench, 20000);
    assert_int_equal(count_of(bench, DEPLOYMENT_TOPIC), told);
    assert_int_equal(visit(bench, "copied", -1).state, HOST_APP_STOPPED);
    bench_free(bench);
}

/* Whatever the one before it has come to: not read yet, waiting for what runs to close, or running.
 */
static void the_newest_version_runs_however_fast_they_come(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 120; event_count++) {
        struct bench *bench = follower_new(17);
        deploy(bench, "copied", 1, COPY_TO_OUT);
        start(bench);
        run(bench, 10000);
        put(bench, "one");
        run(bench, 10000);
        assert_int_equal(count_of(bench, "out"), 1);
        deploy(bench, "copied", 2, STOP);
        for (int i = 0; i < event_count; i++) {
            sim_step(bench->sim);
        }
        deploy(bench, "copied", 3, COPY_TO_STRICT);
        run(bench, 10000);
        put(bench, "two");
        run(bench, 10000);
        assert_int_equal(count_of(bench, "out"), 1);
        assert_int_equal(count_of(bench, "strict-out"), 1);
        assert_int_equal(visit(bench, "copied", -1).state, HOST_APP_RUNNING);
        bench_free(bench);
    }
}

/* One that never ran is not gone back to. */
static void a_version_goes_back_to_the_one_that_ran(void **state)
{
    (void)state;
    int both_count = 0; /* runs in which the second had not begun when the third came */
    for (int event_count = 0; event_count < 120; event_count++) {
        struct bench *bench = follower_new(18);
        deploy(bench, "copied", 1, COPY_TO_STRICT);
        start(bench);
        run(bench, 10000);
        deploy(bench, "copied", 2, COPY_TO_OUT);
        for (int i = 0; i < event_count; i++) {
            sim_step(bench->sim);
        }
        deploy(bench, "copied", 3, STOP);
        run(bench, 5000);
        put(bench, "one");
        run(bench, 20000);
        int64_t first = count_of(bench, "strict-out"), second = count_of(bench, "out");
        assert_int_equal(first + second, 1);
        both_count += first == 1;
        bench_free(bench);
    }
    assert_in_range(both_count, 1, 119);
}

static void it_stops_at_any_event_of_a_deployment(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 300; event_count += 3) {
        struct bench *bench = follower_new((uint64_t)event_count + 1);
        deploy(bench, "copied", 1, COPY_TO_OUT);
        start(bench);
        for (int i = 0; i < event_count; i++) {
            sim_step(bench->sim);
        }
        deploy(bench, "copied", event_count % 3 == 0 ? 0 : 2,
               event_count % 3 == 0 ? NULL : COPY_TO_STRICT);
        for (int i = 0; i < event_count % 60; i++) {
            sim_step(bench->sim);
        }
        deploy(bench, "copied", 3, COPY_TO_OUT);
        for (int i = 0; i < event_count % 25; i++) {
            sim_step(bench->sim);
        }
        stop(bench);
        bench_free(bench);
    }
}

static void a_visit_is_over_before_the_host_is(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 200; event_count += 5) {
        struct bench *bench = bench_new((uint64_t)event_count + 1, 2);
        struct visitor visitor;
        start(bench);
        for (int i = 0; i < event_count; i++) {
            sim_step(bench->sim);
        }
        begin_visit(bench, &visitor, "copy", -1);
        stop(bench);
        assert_true(visitor.is_done);
        bench_free(bench);
    }
}

static double metric_of(struct bench *bench, const char *name)
{
    struct buffer text = {0};
    host_write_metrics(bench->host, &text);
    const char *row = strstr(buffer_string(&text), name);
    if (row == NULL) {
        fail_msg("no %s in %s", name, buffer_string(&text));
    }
    double value = strtod(row + strlen(name), NULL);
    buffer_fini(&text);
    return value;
}

/* Half of the records work for longer than a sample, the others for next to nothing. */
static void what_a_script_uses_is_measured(void **state)
{
    (void)state;
    struct bench *bench = bench_new(13, 2);
    write_file(bench, "strict.lua",
               "local kept = {} return { name = 'strict', input = 'in', output = 'strict-out',\n"
               "process = function(r) if r.bytes == 'long' then for i = 1, 5000000 do end\n"
               "kept = ('x'):rep(1 << 20) else kept = {} end return r, r end }\n");
    start(bench);
    run(bench, 10000);
    for (int i = 0; i < 10; i++) {
        put(bench, i % 2 == 0 ? "long" : "short");
    }
    run(bench, 10000);
    assert_int_equal(
        (int)metric_of(bench, "tidemill_node_calls_total{app=\"strict\",node=\"process\"}"), 10);
    assert_int_equal(
        (int)metric_of(bench, "tidemill_node_emits_total{app=\"strict\",node=\"process\"}"), 20);
    assert_int_equal(
        (int)metric_of(bench, "tidemill_node_calls_total{app=\"copy\",node=\"process\"}"), 10);
    double strict =
        metric_of(bench, "tidemill_node_seconds_total{app=\"strict\",node=\"process\"}");
    double copy = metric_of(bench, "tidemill_node_seconds_total{app=\"copy\",node=\"process\"}");
    assert_true(strict > copy);
    assert_true(strict >= 0.02 && strict < 20);
    double now = metric_of(bench, "tidemill_app_memory_bytes{app=\"strict\"}");
    double most = metric_of(bench, "tidemill_app_memory_max_bytes{app=\"strict\"}");
    assert_true(now > 0);
    assert_true(most >= now);
    assert_true(most > 1 << 20);
    bench_free(bench);
}

static bool has_metric(struct bench *bench, const char *name)
{
    struct buffer text = {0};
    host_write_metrics(bench->host, &text);
    bool is_there = strstr(buffer_string(&text), name) != NULL;
    buffer_fini(&text);
    return is_there;
}

static const char COUNTS[] =
    "local S = require 'tidemill' local app = S.app 'counts'\n"
    "app:stream('in', { value = 'text' }):group_by(function(r) return r.value end)\n"
    "  :count { name = 'n' }:to 'out' return app";

#define STORE "{app=\"counts\",part=\"n-repartition\",partition=\"0\",store=\"n\"}"
#define INPUT "{app=\"counts\",part=\"in\",partition=\"0\",topic=\"in\"}"

static void a_restore_and_the_lag_of_inputs_are_measured(void **state)
{
    (void)state;
    struct bench *bench = bench_new(19, 1);
    write_file(bench, "copy.lua", COUNTS);
    start(bench);
    run(bench, 10000);
    struct fake_partition *changelog = fake_cluster_get(bench->cluster, "counts-n-changelog", 0);
    put(bench, "one");
    put(bench, "two");
    run(bench, 10000);
    assert_int_equal((int)metric_of(bench, "tidemill_input_lag_records" INPUT), 0);
    assert_int_equal((int)metric_of(bench, "tidemill_store_restore_remaining_records" STORE), 0);
    assert_false(has_metric(bench, "tidemill_store_restore_done_records"));
    assert_int_equal((int)metric_of(bench, "tidemill_task_stream_time_seconds"
                                           "{app=\"counts\",part=\"in\",partition=\"0\"}"),
                     1);
    assert_true(metric_of(bench, "tidemill_app_commit_seconds_total{app=\"counts\"}") > 0);
    assert_true(has_metric(bench, "tidemill_app_process_seconds_total{app=\"counts\"}"));
    assert_int_equal((int)metric_of(bench, "tidemill_app_running{app=\"counts\"}"), 1);
    visit(bench, "counts", 1);
    put(bench, "one");
    put(bench, "two");
    run(bench, 3000);
    assert_int_equal((int)metric_of(bench, "tidemill_input_lag_records" INPUT), 2);
    assert_int_equal((int)metric_of(bench, "tidemill_app_running{app=\"counts\"}"), 0);
    visit(bench, "counts", 0);
    run(bench, 3000);
    assert_int_equal((int)metric_of(bench, "tidemill_input_lag_records" INPUT), 0);
    int64_t before = changelog->next_offset;
    fake_cluster_set_open(bench->cluster, changelog, true);
    put(bench, "three");
    run(bench, 10000);
    int64_t after = changelog->next_offset;
    assert_true(before >= 2 && after > before);
    stop(bench);

    /* Anew, from the changelog, which cannot be read further than to what is open. */
    start(bench);
    run(bench, 10000);
    put(bench, "four");
    run(bench, 3000);
    assert_int_equal((int)metric_of(bench, "tidemill_store_restore_done_records" STORE), before);
    assert_int_equal((int)metric_of(bench, "tidemill_store_restore_remaining_records" STORE),
                     after - before);
    assert_true(metric_of(bench, "tidemill_store_restore_seconds" STORE) > 5);
    fake_cluster_set_open(bench->cluster, changelog, false);
    run(bench, 10000);
    assert_int_equal((int)metric_of(bench, "tidemill_store_restore_remaining_records" STORE), 0);
    assert_false(has_metric(bench, "tidemill_store_restore_done_records"));
    bench_free(bench);
}

/* What has gone is not on the page any more; what stands still says so. */
static void an_application_that_is_gone_is_not_measured(void **state)
{
    (void)state;
    struct bench *bench = follower_new(20);
    deploy(bench, "copied", 7, COPY_TO_STRICT);
    start(bench);
    run(bench, 10000);
    assert_int_equal((int)metric_of(bench, "tidemill_app_version{app=\"copied\"}"), 7);
    assert_int_equal((int)metric_of(bench, "tidemill_app_tasks{app=\"copied\"}"), 1);
    deploy(bench, "copied", 8, STOP);
    run(bench, 70000);
    put(bench, "one");
    run(bench, 20000);
    assert_int_equal((int)metric_of(bench, "tidemill_app_running{app=\"copied\"}"), 0);
    assert_int_equal((int)metric_of(bench, "tidemill_app_stopped{app=\"copied\"}"), 1);
    assert_false(has_metric(bench, "tidemill_app_tasks{app=\"copied\"}"));
    deploy(bench, "copied", 0, NULL);
    run(bench, 10000);
    assert_false(has_metric(bench, "app=\"copied\""));
    bench_free(bench);
}

static void write_attack(struct bench *bench, const struct attack *attack)
{
    char text[4096];
    snprintf(text, sizeof text,
             "local S = require 'tidemill' %s\nreturn { name = 'strict', input = 'in',\n"
             "output = 'strict-out', stores = { s = S.kv {} }, process = function(r, ctx)\n"
             "if r.bytes == '1' then return r end %s end }",
             attack_prelude(attack), attack->body);
    write_file(bench, "strict.lua", text);
}

/* The attack refuses its record and nothing more; both applications then process the next one. */
static void expect_no_harm(struct bench *bench, const struct attack *attack)
{
    run(bench, 10000);
    put(bench, "{}");
    run(bench, 5000);
    int64_t commit_count = visit(bench, "copy", -1).commit_count;
    put(bench, "1");
    run(bench, 5000);
    struct visitor beside = visit(bench, "copy", -1);
    bool is_right = count_of(bench, "out") == 2 && count_of(bench, "strict-out") == 1 &&
                    beside.state == HOST_APP_RUNNING && commit_count > 0 &&
                    beside.commit_count > commit_count && bench->failure_count == 0;
    if (!is_right) {
        fail_msg("%s: %d records beside it, %d behind it, %d failures: %s", attack->about,
                 (int)count_of(bench, "out"), (int)count_of(bench, "strict-out"),
                 bench->failure_count, bench->reason);
    }
}

static void whatever_a_script_tries_the_one_beside_it_goes_on(void **state)
{
    (void)state;
    if (UNIT_HAS_LATE_SIGNALS) {
        skip();
    }
    for (size_t i = 0; i < ATTACK_COUNT; i++) {
        struct bench *bench = bench_new(i + 1, 2);
        bench->options.limits = (struct script_limits){.callback_ms = 50,
                                                       .load_ms = 60000,
                                                       .emit_count = 1000,
                                                       .emit_size = 8 << 20,
                                                       .store_size = 4 << 20};
        write_attack(bench, &attacks[i]);
        start(bench);
        expect_no_harm(bench, &attacks[i]);
        bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wrong_script_stops_all_before_they_run),
        cmocka_unit_test(applications_run_and_are_measured),
        cmocka_unit_test(a_failure_that_may_pass_is_followed_by_a_start_after_a_growing_pause),
        cmocka_unit_test(one_that_says_stop_stays_away_and_the_others_run),
        cmocka_unit_test(when_the_last_one_stopped_the_host_is_over),
        cmocka_unit_test(a_script_that_went_wrong_meanwhile_is_final),
        cmocka_unit_test(topics_of_a_pattern_are_read_as_they_come),
        cmocka_unit_test(one_that_cannot_be_read_anew_goes_on_without_topics_that_came),
        cmocka_unit_test(one_that_never_started_stops),
        cmocka_unit_test(it_stops_at_any_event),
        cmocka_unit_test(a_visit_finds_what_runs_by_name),
        cmocka_unit_test(a_pause_lasts_over_a_failure),
        cmocka_unit_test(what_users_should_know_is_told_once),
        cmocka_unit_test(a_visit_is_over_before_the_host_is),
        cmocka_unit_test(a_new_version_goes_on_where_the_old_one_was),
        cmocka_unit_test(a_wrong_version_changes_nothing),
        cmocka_unit_test(a_new_version_brings_back_what_had_stopped),
        cmocka_unit_test(it_stops_at_any_event_of_a_new_version),
        cmocka_unit_test(what_is_deployed_runs_as_long_as_it_is),
        cmocka_unit_test(a_version_that_cannot_be_used_leaves_what_runs),
        cmocka_unit_test(a_version_that_fails_makes_the_one_before_current),
        cmocka_unit_test(a_version_that_was_good_does_not_go_back),
        cmocka_unit_test(the_newest_version_runs_however_fast_they_come),
        cmocka_unit_test(a_version_goes_back_to_the_one_that_ran),
        cmocka_unit_test(it_stops_at_any_event_of_a_deployment),
        cmocka_unit_test(what_a_script_uses_is_measured),
        cmocka_unit_test(a_restore_and_the_lag_of_inputs_are_measured),
        cmocka_unit_test(an_application_that_is_gone_is_not_measured),
        cmocka_unit_test(whatever_a_script_tries_the_one_beside_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
