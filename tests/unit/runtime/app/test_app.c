/* Shows what an application promises: what is wrong is refused before anything runs, a commit goes
 * in its order, failures are told, and it can be closed at any moment without losing a count. */
#include "log/base/error.h"
#include "log/base/hash.h"
#include "runtime/app/app_view.h"
#include "tests/unit/runtime/app/app_world.h"

static const char COUNTER[] = "local S = require 'tidemill'\n"
                              "local app = S.app 'counter'\n"
                              "app:topic('counts', { partitions = 1 })\n"
                              "app:stream('in', { value = 'text' })\n"
                              "  :group_by_key()\n"
                              "  :count { name = 'seen' }\n"
                              "  :to 'counts'\n"
                              "return app\n";

static struct app_world *counter_new(uint64_t seed)
{
    struct app_world *world = app_world_new(seed, COUNTER);
    fake_cluster_add_topic(world->cluster, "in", 1);
    return world;
}

/* --- What is wrong --- */

static void expect_refusal(const char *script, const char *place, const char *sentence)
{
    struct app_world *world = app_world_new(1, script);
    struct report report = {0};
    world->connectors = CONNECTORS_FOLDER;
    assert_int_not_equal(app_world_open(world, 0, &report), 0);
    assert_string_equal(report.place, place);
    if (strstr(report.text, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", report.text, sentence);
    }
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    for (int i = 0; i < FAKE_API_COUNT; i++) {
        assert_int_equal(world->cluster->request_count[i], 0);
    }
    app_world_free(world);
}

static void expect_connector_refusal(const char *definition, const char *sentence)
{
    char script[1000];
    snprintf(script, sizeof script,
             "local S = require 'tidemill'\nlocal app = S.app 'a'\n%s\n"
             "app:stream('in'):to 'out'\nreturn app\n",
             definition);
    expect_refusal(script, "app.lua:3", sentence);
}

static void a_wrong_connector_is_refused_before_anything_runs(void **state)
{
    (void)state;
    expect_connector_refusal("app:source('notes', { type = 'fiel', path = 'x', topic = 'in' })",
                             "connector notes: type 'fiel' is no known source, did you mean "
                             "'file'?");
    expect_connector_refusal("app:source('notes', { type = 'file', topic = 'in' })",
                             "connector notes: option 'path' must be given");
    expect_connector_refusal("app:source('notes', { type = 'file', path = 'x' })",
                             "connector notes: option 'topic' must be given");
    expect_connector_refusal("app:source('notes', { type = 'file', paht = 'x', topic = 'in' })",
                             "option 'paht' is unknown to the source file; did you mean 'path'?");
    expect_connector_refusal("app:sink('db', { type = 'sqlite', path = 'x', topcs = 'out', "
                             "topics = 'out', })",
                             "option 'topcs' is unknown to the sink sqlite; did you mean "
                             "'topics'?");
    expect_connector_refusal("app:source('notes', { type = 'sqlite', path = 'x', topic = 'in' })",
                             "the plugin 'sqlite' has no source");
    expect_connector_refusal("app:sink('db', { type = 'sqlite', path = 'x', topics = 'out', "
                             "from = 'now' })",
                             "option 'from' is earliest or latest, not \"now\"");
}

static void patterns_of_topics_are_refused(void **state)
{
    (void)state;
    expect_refusal("local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                   "app:stream('logs.*'):to 'out'\nreturn app\n",
                   "app.lua:3", "'logs.*' is a pattern");
    expect_connector_refusal("app:sink('db', { type = 'sqlite', path = 'x', topics = 'logs.*' })",
                             "connector db: 'logs.*' is a pattern");
    expect_connector_refusal("app:sink('db', { type = 'sqlite', path = 'x', "
                             "topics = S.pattern '*.logs' })",
                             "connector db: '*.logs' is no pattern of topics");
    expect_connector_refusal("app:sink('db', { type = 'sqlite', path = 'x', topics = 'logs', "
                             "['topics.regex'] = 'logs.*' })",
                             "connector db: a sink reads topics or a pattern");
    expect_connector_refusal("app:source('notes', { type = 'file', path = 'x', "
                             "topic = S.pattern 'logs' })",
                             "the source 'notes' writes to one topic, not to all that match");
    expect_refusal("local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                   "app:stream(S.pattern '*.logs'):to 'out'\nreturn app\n",
                   "app.lua:3", "'*.logs' is no pattern of topics");
    expect_refusal("local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                   "app:stream(S.pattern { 'logs' }):to 'out'\nreturn app\n",
                   "app.lua:3", "the pattern of S.pattern must be a string, not a table");
    expect_refusal("local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                   "app:table(S.pattern 'l.*', { name = 'l' }):to 'out'\nreturn app\n",
                   "app.lua:3", "a table is of one topic");
}

static void a_script_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct app_world *world = counter_new(1);
    struct report report = {0};
    assert_int_equal(io_path_remove(world->seats[0].io, "app.lua"), 0);
    assert_int_not_equal(app_world_open(world, 0, &report), 0);
    assert_non_null(strstr(report.text, "app.lua"));
    app_world_free(world);
}

/* --- Commits --- */

static const struct batch_header *find_header(const struct batch_record *record, const char *name,
                                              struct batch_header *out)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    while (batch_header_next(&at, end, out) == 1) {
        if (bytes_equal_string(out->key, name)) {
            return out;
        }
    }
    return NULL;
}

static int64_t committed(struct app_world *world)
{
    return fake_group_committed(world->cluster, "counter", "in", 0);
}

/* Positions go to the group after the changelog has them, and that after the outputs. */
static void check_order(void *owner)
{
    struct app_world *world = owner;
    int64_t out_count = app_world_count(world, "counts");
    int64_t log_count = app_world_count(world, "counter-seen-changelog");
    app_world_check(world);
    assert_true(committed(world) <= out_count);
    assert_true(committed(world) <= 0 || log_count > 0);
}

static void positions_are_committed_after_outputs_and_changelogs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct app_world *world = counter_new(seed);
        world->cluster->produce_delay_ns = 40000000;
        sim_on_event(world->sim, check_order, world);
        app_world_start(world, 0);
        for (int i = 0; i < 20; i++) {
            app_world_put(world, "in", 0, "k", "v");
            app_world_run(world, (int64_t)sim_random(world->sim, 300));
        }
        app_world_await(world, "counts", 20);
        app_world_run(world, 2 * APP_WORLD_SECOND_MS);
        assert_int_equal(committed(world), 20);
        assert_true(app_commit_count(world->seats[0].app) > 0);
        app_world_free(world);
    }
}

static void an_idle_application_commits_nothing(void **state)
{
    (void)state;
    struct app_world *world = counter_new(1);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "k", "v");
    app_world_await(world, "counts", 1);
    app_world_run(world, 2 * APP_WORLD_SECOND_MS);
    int64_t count = app_commit_count(world->seats[0].app);
    int64_t produced = world->cluster->request_count[0];
    app_world_run(world, 60 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_commit_count(world->seats[0].app), count);
    assert_int_equal(world->cluster->request_count[0], produced);
    app_world_free(world);
}

/* --- Restores --- */

static void expect_view(struct app_world *world, const char *expected)
{
    struct buffer text = {0};
    app_view_add_parts(world->seats[0].app, 0, &text);
    if (strstr(buffer_string(&text), expected) == NULL) {
        fail_msg("%s is not in %s", expected, buffer_string(&text));
    }
    buffer_fini(&text);
}

static bool has_line(struct app_world *world, const char *line)
{
    struct buffer text = {0};
    app_log_write(world->log, 0, 10, &text);
    bool has = strstr(buffer_string(&text), line) != NULL;
    buffer_fini(&text);
    return has;
}

static void tasks_run_while_others_restore(void **state)
{
    (void)state;
    struct app_world *world =
        app_world_new(1, "local S = require 'tidemill'\n"
                         "local app = S.app 'two'\n"
                         "app:stream('in'):group_by_key():count { name = 'n' }\n"
                         "app:stream('other'):to 'copied'\n"
                         "return app\n");
    struct app_log *log = world->log = app_log_new(world->seats[0].io);
    fake_cluster_add_topic(world->cluster, "in", 1);
    fake_cluster_add_topic(world->cluster, "other", 1);
    fake_cluster_add_topic(world->cluster, "copied", 1);
    fake_cluster_add_topic(world->cluster, "two-n-changelog", 1);
    app_world_put(world, "two-n-changelog", 0, "k", "1");
    struct fake_partition *changelog = fake_cluster_get(world->cluster, "two-n-changelog", 0);
    fake_cluster_set_open(world->cluster, changelog, true);
    app_world_put(world, "two-n-changelog", 0, "k", "2");
    app_world_put(world, "two-n-changelog", 0, "k", "3");
    app_world_start(world, 0);
    app_world_put(world, "other", 0, "k", "v");
    app_world_await(world, "copied", 1);
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_restoring_count(world->seats[0].app), 2);
    expect_view(world, "\"restoring\":[{\"store\":\"n\",\"done\":1,\"total\":3,");
    expect_view(world, "\"from_start\":\"there are no local contents\"");
    assert_true(has_line(world, "store n-0: 3 records to read, from the start: there are no"));
    assert_false(has_line(world, "records read in"));
    fake_cluster_set_open(world->cluster, changelog, false);
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_restoring_count(world->seats[0].app), 0);
    assert_true(has_line(world, "store n-0: 3 records read in 1"));
    app_world_put(world, "in", 0, "k", "v");
    app_world_await(world, "two-n-changelog", 5);
    app_world_free(world);
    app_log_free(log);
}

/* --- Keys that do not meet --- */

static void expect_warning(struct app_world *world, const char *sentence)
{
    struct buffer text = {0};
    app_log_write(world->log, 0, 10, &text);
    if ((sentence == NULL) != (strstr(buffer_string(&text), "warning") == NULL) ||
        (sentence != NULL && strstr(buffer_string(&text), sentence) == NULL)) {
        fail_msg("the log has %s", buffer_string(&text));
    }
    buffer_fini(&text);
}

/* Two partitions: Kafka's partitioner puts a into the first and d into the second. */
static void keys_that_lie_elsewhere_are_told_of(void **state)
{
    (void)state;
    for (int32_t wrong = 0; wrong < 2; wrong++) {
        struct app_world *world = app_world_new(
            1, "local S = require 'tidemill'\n"
               "local app = S.app 'names'\n"
               "app:topic('out', { partitions = 1 })\n"
               "local names = app:table('names', { name = 'names', value = 'text' })\n"
               "app:stream('in', { value = 'text' }):select_key(function(r) return r.value end)\n"
               "  :left_join(names, { name = 'named' }):to 'out'\n"
               "return app\n");
        world->log = app_log_new(world->seats[0].io);
        fake_cluster_add_topic(world->cluster, "in", 2);
        fake_cluster_add_topic(world->cluster, "names", 2);
        assert_int_equal(hash_partition(BYTES_LITERAL("a"), 2), 0);
        assert_int_equal(hash_partition(BYTES_LITERAL("d"), 2), 1);
        app_world_put(world, "names", wrong, "a", "Ann");
        app_world_put(world, "names", 1 - wrong, "d", "Dan");
        app_world_start(world, 0);
        app_world_put(world, "in", 0, NULL, "a");
        app_world_put(world, "in", 0, NULL, "d");
        app_world_await(world, "out", 2);
        expect_warning(world, wrong == 0 ? NULL : "of names is in partition");
        struct app_log *log = world->log;
        app_world_free(world);
        app_log_free(log);
    }
}

/* --- Order --- */

static const char *const ordered_script = "local S = require 'tidemill'\n"
                                          "local app = S.app 'ordered'\n"
                                          "app:topic('out', { partitions = 1 })\n"
                                          "app:stream('in', { value = 'json', time = '$.t' })\n"
                                          "  :group_by '$.k'\n"
                                          "  :window(S.tumbling '10ms')\n"
                                          "  :count { name = 'n' }\n"
                                          "  :to 'out'\n"
                                          "return app\n";

static void put_time(struct app_world *world, int32_t partition, int time_ms)
{
    char value[40];
    snprintf(value, sizeof value, "{\"t\":%d,\"k\":\"a\"}", time_ms);
    app_world_put(world, "in", partition, NULL, value);
}

/* Three partitions hold every third record; what goes through the repartition topic is in the order
 * of time nevertheless, so nothing is late for its window. */
static void records_of_all_tasks_are_taken_in_the_order_of_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct app_world *world = app_world_new(seed, ordered_script);
        fake_cluster_add_topic(world->cluster, "in", 3);
        fake_cluster_add_topic(world->cluster, "ordered-late", 1);
        for (int i = 0; i < 300; i++) {
            put_time(world, i % 3, 1000 + i);
        }
        app_world_start(world, 0);
        app_world_await(world, "out", 300);
        assert_int_equal(app_world_count(world, "ordered-late"), 0);
        app_world_free(world);
    }
}

/* The older record of each pair comes 200 ms after the younger one; the third partition never has
 * any, and is given up after five seconds. */
static void an_older_record_is_waited_for_when_somebody_wants_that(void **state)
{
    static const int64_t idle_ms[] = {0, 500};
    (void)state;
    for (size_t i = 0; i < sizeof idle_ms / sizeof *idle_ms; i++) {
        struct app_world *world = app_world_new(1, ordered_script);
        world->task_idle_ms = idle_ms[i];
        fake_cluster_add_topic(world->cluster, "in", 3);
        fake_cluster_add_topic(world->cluster, "ordered-late", 1);
        app_world_start(world, 0);
        put_time(world, 0, 900);
        put_time(world, 1, 901);
        app_world_await(world, "out", 2);
        for (int pair = 0; pair < 10; pair++) {
            put_time(world, 0, 1015 + pair * 20);
            app_world_run(world, 200);
            put_time(world, 1, 1000 + pair * 20);
            app_world_run(world, 1000);
        }
        assert_int_equal(app_world_count(world, "ordered-late"), idle_ms[i] == 0 ? 10 : 0);
        /* Nobody waits for longer than that, nor for ever for the others. */
        int64_t count = app_world_count(world, "out");
        put_time(world, 0, 2000);
        app_world_run(world, idle_ms[i] + 150);
        assert_int_equal(app_world_count(world, "out"), count + 1);
        app_world_run(world, 10 * idle_ms[i]);
        put_time(world, 0, 3000);
        app_world_run(world, 150);
        assert_int_equal(app_world_count(world, "out"), count + 2);
        app_world_free(world);
    }
}

/* Each look at the clock of this io takes 20 ms. */
static const struct io_ops *real_ops;

static uint64_t slow_now(struct io *io)
{
    static uint64_t late_ns;
    late_ns += 20000000;
    return real_ops->now(io) + late_ns;
}

struct turns {
    struct app_world *world;
    int64_t count;
    int64_t longest;
};

static void measure_turn(void *owner)
{
    struct turns *turns = owner;
    struct task_counts counts;
    app_read_counts(turns->world->seats[0].app, &counts);
    int64_t length = counts.in_count - turns->count;
    turns->longest = length > turns->longest ? length : turns->longest;
    turns->count = counts.in_count;
}

/* Or its commit would come too late for its transaction. */
static void a_slow_script_has_short_turns(void **state)
{
    (void)state;
    struct app_world *world = counter_new(1);
    struct turns turns = {.world = world};
    struct io *io = world->seats[0].io;
    struct io_ops ops = *io->ops;
    for (int i = 0; i < 500; i++) {
        app_world_put(world, "in", 0, "k", "v");
    }
    real_ops = io->ops;
    ops.now = slow_now;
    io->ops = &ops;
    app_world_start(world, 0);
    sim_on_event(world->sim, measure_turn, &turns);
    app_world_await(world, "counts", 500);
    sim_on_event(world->sim, NULL, NULL);
    io->ops = real_ops;
    assert_true(turns.longest > 0);
    assert_true(turns.longest < 100);
    app_world_free(world);
}

/* --- Failures --- */

static bool has_failed(void *owner)
{
    return ((struct app_seat *)owner)->failure_count > 0;
}

static void a_commit_that_fails_is_told_and_a_new_start_counts_on(void **state)
{
    (void)state;
    enum { PRODUCE = 0 };
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct app_world *world = counter_new(seed);
        struct buffer text = {0};
        struct app_seat *seat = app_world_start(world, 0);
        app_world_put(world, "in", 0, "k", "v");
        app_world_await(world, "counts", 1);
        app_world_run(world, APP_WORLD_SECOND_MS); /* committed */
        if (seed % 2 == 0) {                       /* the changelog fails, not the output */
            app_world_put(world, "in", 0, "k", "v");
            app_world_await(world, "counts", 2);
        }
        fake_cluster_fail(world->cluster, PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
        if (seed % 2 == 1) {
            app_world_put(world, "in", 0, "k", "v");
        }
        assert_true(sim_run_until(world->sim, has_failed, seat, 30 * APP_WORLD_SECOND));
        assert_int_equal(seat->failure_count, 1);
        assert_false(seat->is_final);
        app_world_stop(seat);
        app_world_start(world, 0);
        app_world_put(world, "in", 0, "k", "v");
        app_world_await(world, "counts", 3);
        app_world_run(world, 5 * APP_WORLD_SECOND_MS);
        const char *counts = app_world_read(world, "counts", 0, &text);
        assert_non_null(strstr(counts, "k=3"));
        assert_null(strstr(counts, "k=4"));
        buffer_fini(&text);
        app_world_free(world);
    }
}

/* Told before anything is processed, with the way out. */
static void a_cluster_without_transactions_is_told_of_the_other_guarantee(void **state)
{
    (void)state;
    enum { INIT_PRODUCER_ID = 22 };
    for (int is_old = 0; is_old < 2; is_old++) {
        struct app_world *world = counter_new(1);
        world->guarantee = APP_AS_THE_SCRIPT_SAYS;
        if (is_old) { /* before 0.11; else somebody's half-made one */
            world->cluster->version_max[INIT_PRODUCER_ID] = FAKE_API_MISSING;
        }
        struct app_seat *seat = app_world_start(world, 0);
        app_world_put(world, "in", 0, "k", "v");
        assert_true(sim_run_until(world->sim, has_failed, seat, 120 * APP_WORLD_SECOND));
        assert_true(seat->is_final);
        assert_non_null(strstr(seat->reason, "the cluster has no transactions"));
        assert_non_null(strstr(seat->reason, "--guarantee at_least_once"));
        app_world_stop(seat);
        assert_true(!is_old || app_world_count(world, "counts") == 0);
        app_world_free(world);
    }
}

static const char STRICT[] = "local S = require 'tidemill'\n"
                             "local app = S.app 'strict'\n"
                             "app:errors { policy = '%s' }\n"
                             "app:topic('strict-dlq', { partitions = 1 })\n"
                             "app:topic('out', { partitions = 1 })\n"
                             "app:stream('in', { value = 'text' }):map_values(function(r)\n"
                             "  if r.value == 'bad' then error 'no' end\n"
                             "  return r.value\n"
                             "end):to 'out'\n"
                             "return app\n";

static struct app_world *strict_new(const char *policy)
{
    char script[1000];
    snprintf(script, sizeof script, STRICT, policy);
    struct app_world *world = app_world_new(7, script);
    fake_cluster_add_topic(world->cluster, "in", 1);
    app_world_start(world, 0);
    app_world_put(world, "in", 0, "k", "good");
    app_world_put(world, "in", 0, "k", "bad");
    app_world_put(world, "in", 0, "k", "better");
    return world;
}

static void the_policy_stop_is_final_and_names_the_line(void **state)
{
    (void)state;
    struct app_world *world = strict_new("stop");
    struct app_seat *seat = &world->seats[0];
    assert_true(sim_run_until(world->sim, has_failed, seat, 30 * APP_WORLD_SECOND));
    assert_true(seat->is_final);
    assert_non_null(strstr(seat->reason, "app.lua:7"));
    app_world_stop(seat);
    assert_int_equal(app_world_count(world, "strict-dlq"), 0);
    app_world_free(world);
}

static void a_failing_record_goes_to_the_dead_letters_with_its_place(void **state)
{
    (void)state;
    struct app_world *world = strict_new("dlq");
    struct buffer text = {0};
    app_world_await(world, "out", 2);
    app_world_await(world, "strict-dlq", 1);
    assert_string_equal(app_world_read(world, "out", 0, &text), "k=good k=better");
    assert_string_equal(app_world_read(world, "strict-dlq", 0, &text), "k=bad");
    struct task_counts counts;
    app_read_counts(world->seats[0].app, &counts);
    assert_int_equal(counts.in_count, 3);
    assert_int_equal(counts.emitting_count, 2);
    assert_int_equal(counts.dead_letter_count, 1);
    assert_int_equal(app_pending_count(world->seats[0].app), 0);
    const struct fake_batch *stored = fake_cluster_get(world->cluster, "strict-dlq", 0)->batches;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    struct batch_header header;
    assert_int_equal(batch_read_header(buffer_bytes(&stored->data), &batch, NULL), 0);
    assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 20), 0);
    assert_int_equal(batch_iterator_next(&iterator, &record), 1);
    assert_non_null(find_header(&record, "__streams.errors.topic", &header));
    assert_true(bytes_equal_string(header.value, "in"));
    batch_iterator_close(&iterator);
    buffer_fini(&text);
    app_world_free(world);
}

static void skipped_records_are_counted_and_passed_over(void **state)
{
    (void)state;
    struct app_world *world = strict_new("skip");
    struct buffer text = {0};
    app_world_await(world, "out", 2);
    assert_string_equal(app_world_read(world, "out", 0, &text), "k=good k=better");
    struct task_counts counts;
    app_read_counts(world->seats[0].app, &counts);
    assert_int_equal(counts.skipped_count, 1);
    buffer_fini(&text);
    app_world_free(world);
}

/* --- Time --- */

static const char WINDOWS[] = "local S = require 'tidemill'\n"
                              "local app = S.app 'windows'\n"
                              "app:topic('counts', { partitions = 1 })\n"
                              "app:stream('in', { value = 'text' })\n"
                              "  :group_by_key():window(S.tumbling('1m', { idle = '2s' }))\n"
                              "  :count { name = 'seen' }:emit 'final'\n"
                              "  :to 'counts'\n"
                              "return app\n";

static void windows_close_where_nothing_comes_in_any_more(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(31, WINDOWS);
    fake_cluster_add_topic(world->cluster, "in", 2);
    app_world_start(world, 0);
    app_world_put(world, "in", 1, "k", "tide");
    app_world_await(world, "counts", 1);
    app_world_await(world, "windows-clock", 1);
    assert_true(fake_cluster_get(world->cluster, "windows-clock", 1)->batch_count > 0);
    app_world_stop(&world->seats[0]);
    app_world_start(world, 0);
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_world_count(world, "counts"), 1);
    assert_int_equal(app_world_count(world, "windows-clock"), 1);
    app_world_free(world);
}

/* --- The end --- */

static void it_can_be_closed_at_any_event_and_goes_on_where_it_was(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 1200; event_count += 7) {
        struct app_world *world = counter_new((uint64_t)event_count + 1);
        struct buffer text = {0};
        app_world_put(world, "in", 0, "k", "v");
        app_world_put(world, "in", 0, "k", "v");
        struct app_seat *seat = app_world_start(world, 0);
        for (int i = 0; i < event_count; i++) {
            sim_step(world->sim);
        }
        app_world_stop(seat);
        app_world_start(world, 0);
        app_world_put(world, "in", 0, "k", "v");
        app_world_await(world, "counts", 3);
        app_world_run(world, 2 * APP_WORLD_SECOND_MS);
        /* A clean end repeats nothing. */
        assert_string_equal(app_world_read(world, "counts", 0, &text), "k=1 k=2 k=3");
        buffer_fini(&text);
        app_world_free(world);
    }
}

static void one_that_never_started_closes_at_once(void **state)
{
    (void)state;
    struct app_world *world = counter_new(1);
    struct report report = {0};
    assert_int_equal(app_world_open(world, 0, &report), 0);
    app_world_begin_stop(&world->seats[0]);
    assert_true(world->seats[0].is_closed);
    app_world_free(world);
}

static void it_closes_while_no_broker_answers(void **state)
{
    (void)state;
    struct app_world *world = counter_new(1);
    for (int i = 1; i <= APP_WORLD_BROKERS; i++) {
        sim_cut(world->sim, 0, i);
    }
    struct app_seat *seat = app_world_start(world, 0);
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    app_world_begin_stop(seat);
    bool is_closed = sim_run_until(world->sim, app_world_is_closed, seat, 120 * APP_WORLD_SECOND);
    for (int i = 1; i <= APP_WORLD_BROKERS; i++) {
        sim_mend(world->sim, 0, i);
    }
    assert_true(is_closed);
    app_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_connector_is_refused_before_anything_runs),
        cmocka_unit_test(patterns_of_topics_are_refused),
        cmocka_unit_test(a_script_that_is_not_there_is_named),
        cmocka_unit_test(positions_are_committed_after_outputs_and_changelogs),
        cmocka_unit_test(an_idle_application_commits_nothing),
        cmocka_unit_test(tasks_run_while_others_restore),
        cmocka_unit_test(keys_that_lie_elsewhere_are_told_of),
        cmocka_unit_test(records_of_all_tasks_are_taken_in_the_order_of_time),
        cmocka_unit_test(an_older_record_is_waited_for_when_somebody_wants_that),
        cmocka_unit_test(a_slow_script_has_short_turns),
        cmocka_unit_test(a_commit_that_fails_is_told_and_a_new_start_counts_on),
        cmocka_unit_test(a_cluster_without_transactions_is_told_of_the_other_guarantee),
        cmocka_unit_test(the_policy_stop_is_final_and_names_the_line),
        cmocka_unit_test(a_failing_record_goes_to_the_dead_letters_with_its_place),
        cmocka_unit_test(skipped_records_are_counted_and_passed_over),
        cmocka_unit_test(windows_close_where_nothing_comes_in_any_more),
        cmocka_unit_test(it_can_be_closed_at_any_event_and_goes_on_where_it_was),
        cmocka_unit_test(one_that_never_started_closes_at_once),
        cmocka_unit_test(it_closes_while_no_broker_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
