/* Wants to show: what a crash undoes and a commit keeps, with counts; that timers go by the clock
 * of the driver; that a failed record leaves a dead letter alone; that records of a real topic keep
 * their place, and that what was forgotten changes nothing; that decisions of others are repeated
 * where they were made. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/driver/driver.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts the keys in the store "n", writes the count to "out"; refuses the value "bad". */
struct counter {
    struct node node;
    struct kv *kv;
};

static int counter_start(struct node *node, struct node_context *context)
{
    ((struct counter *)node)->kv = context->store(context, "n");
    return 0;
}

static int counter_process(struct node *node, struct node_context *context,
                           const struct record *record)
{
    struct kv *kv = ((struct counter *)node)->kv;
    struct bytes old = {0};
    bool has_old = kv_get(kv, record->key, &old);
    struct record out = *record;
    out.partition = -1;
    out.value = bytes_from_string(
        arena_printf(context->arena, "%d", has_old ? atoi((const char *)old.data) + 1 : 1));
    char text[16] = {0};
    memcpy(text, out.value.data, out.value.size);
    int error = kv_put(kv, record->key, bytes_make(text, out.value.size + 1));
    error = error == 0 ? context->emit(context, "out", &out) : error;
    return bytes_equal(record->value, BYTES_LITERAL("bad")) ? ERROR_INVALID : error;
}

static int counter_tick(struct node *node, struct node_context *context, int timer,
                        int64_t scheduled_ms)
{
    (void)node;
    (void)timer;
    struct record out = {.partition = -1, .timestamp_ms = scheduled_ms};
    return context->emit(context, "ticks", &out);
}

static void counter_free(struct node *node)
{
    node_fini(node);
    free(node);
}

static struct node *counter_make(void *owner, const char *name)
{
    static const struct node_ops ops = {.process = counter_process,
                                        .tick = counter_tick,
                                        .free = counter_free,
                                        .start = counter_start};
    (void)owner;
    struct counter *counter = memory_new(struct counter);
    node_init(&counter->node, &ops, name);
    return &counter->node;
}

static struct topology *make_plan(void)
{
    static const char *const topics[] = {"in"}, *const stores[] = {"n"};
    static const int parents[] = {0};
    static const struct topology_timer timers[] = {{TOPOLOGY_WALL_CLOCK, 1000}};
    struct report report = {0};
    struct topology *topology = topology_new("app");
    assert_int_equal(topology_add_source(topology,
                                         &(struct topology_source){.topics = topics,
                                                                   .topic_count = 1,
                                                                   .value_format = VALUE_BYTES},
                                         &report),
                     0);
    assert_int_equal(
        topology_add_store(
            topology, &(struct topology_store){.name = "n", .value_format = VALUE_BYTES}, &report),
        0);
    assert_true(topology_add_node(topology,
                                  &(struct topology_node){.name = "count",
                                                          .kind = "process",
                                                          .parents = parents,
                                                          .parent_count = 1,
                                                          .stores = stores,
                                                          .store_count = 1,
                                                          .timers = timers,
                                                          .timer_count = 1,
                                                          .make = counter_make},
                                  &report) > 0);
    topology_set_errors(topology,
                        &(struct topology_errors){.policy = TOPOLOGY_DEAD_LETTER, .topic = "dead"});
    assert_int_equal(topology_finish(topology, &report), 0);
    return topology;
}

static void send(struct driver *driver, const char *key, const char *value)
{
    struct report report = {0};
    struct record record = {.topic = "in",
                            .partition = -1,
                            .key = bytes_from_string(key),
                            .value = bytes_from_string(value)};
    assert_int_equal(driver_send(driver, &record, &report), 0);
}

static void assert_next(struct driver *driver, const char *topic, const char *value)
{
    const struct record *record = driver_take(driver, topic);
    if (value == NULL) {
        assert_null(record);
        return;
    }
    assert_non_null(record);
    assert_true(bytes_equal(record->value, bytes_from_string(value)));
}

static void a_crash_goes_back_to_the_last_commit(void **state)
{
    (void)state;
    struct report report = {0};
    struct topology *topology = make_plan();
    struct driver *driver =
        driver_new(&(struct driver_options){.partitions = 2, .is_commit_explicit = true});
    assert_int_equal(driver_start(driver, topology, &report), 0);
    send(driver, "a", "");
    assert_next(driver, "out", NULL);
    assert_int_equal(driver_commit(driver, &report), 0);
    assert_next(driver, "out", "1");
    send(driver, "a", "");
    driver_crash(driver);
    assert_int_equal(driver_start(driver, topology, &report), 0);
    assert_int_equal(driver_stop(driver, &report), 0);
    assert_next(driver, "out", "2");
    assert_next(driver, "out", NULL);
    driver_free(driver);
    topology_free(topology);
}

static void a_failed_record_leaves_its_letter_alone(void **state)
{
    (void)state;
    struct report report = {0};
    struct task_counts counts;
    struct topology *topology = make_plan();
    struct driver *driver = driver_new(&(struct driver_options){.partitions = 1});
    assert_int_equal(driver_start(driver, topology, &report), 0);
    send(driver, "a", "bad");
    assert_next(driver, "out", NULL);
    assert_next(driver, "dead", "bad");
    assert_int_equal(kv_count(driver_store(driver, "n", 0)), 0);
    assert_null(driver_store(driver, "n", 1));
    send(driver, "a", "good");
    assert_next(driver, "out", "1");
    driver_read_counts(driver, &counts);
    assert_int_equal(counts.in_count, 2);
    assert_int_equal(counts.dead_letter_count, 1);
    assert_int_equal(counts.out_count, 1);
    driver_crash(driver);
    driver_free(driver);
    topology_free(topology);
}

static void timers_go_by_the_clock_of_the_driver(void **state)
{
    (void)state;
    struct report report = {0};
    struct topology *topology = make_plan();
    struct driver *driver = driver_new(&(struct driver_options){.partitions = 1});
    assert_int_equal(driver_start(driver, topology, &report), 0);
    assert_int_equal(driver_advance(driver, 999, &report), 0);
    assert_null(driver_take(driver, "ticks"));
    assert_int_equal(driver_advance(driver, 1001, &report), 0);
    assert_int_equal(driver_take(driver, "ticks")->timestamp_ms, 1000);
    assert_int_equal(driver_take(driver, "ticks")->timestamp_ms, 2000);
    assert_null(driver_take(driver, "ticks"));
    driver_crash(driver);
    driver_free(driver);
    topology_free(topology);
}

static int feed(struct driver *driver, int32_t partition, int64_t offset, const char *value)
{
    struct report report = {0};
    struct record record = {.topic = "in",
                            .partition = partition,
                            .offset = offset,
                            .key = BYTES_LITERAL("a"),
                            .value = bytes_from_string(value)};
    return driver_feed(driver, &record, &report);
}

static void what_was_forgotten_changes_nothing(void **state)
{
    (void)state;
    struct report report = {0};
    struct topology *topology = make_plan();
    struct driver *driver = driver_new(&(struct driver_options){.partitions = 1});
    driver_set_partitions(driver, "in", 3);
    assert_int_equal(driver_start(driver, topology, &report), 0);
    assert_int_equal(feed(driver, 2, 700, "x"), 0);
    assert_non_null(driver_store(driver, "n", 2));
    assert_int_equal(kv_count(driver_store(driver, "n", 2)), 1);
    assert_int_equal(kv_count(driver_store(driver, "n", 0)), 0);
    driver_forget(driver);
    assert_next(driver, "out", NULL); /* forgotten, too */
    assert_int_equal(feed(driver, 2, 900, "x"), 0);
    assert_next(driver, "out", "2");
    assert_int_equal(feed(driver, 2, 901, "bad"), 0);
    const struct record *dead = driver_take(driver, "dead");
    assert_non_null(dead);
    const char *headers = bytes_to_string(dead->headers_encoded);
    assert_non_null(memmem(headers, dead->headers_encoded.size, "901", 3));
    free((char *)headers);
    driver_crash(driver); /* of what was committed and forgotten nothing comes again */
    assert_int_equal(driver_start(driver, topology, &report), 0);
    assert_next(driver, "out", NULL);
    assert_int_equal(feed(driver, 2, 902, "x"), 0);
    assert_next(driver, "out", "3");
    driver_crash(driver);
    driver_free(driver);
    topology_free(topology);
}

/* The rows under one, as text: each with what is under it in brackets. */
static void write_rows(const struct driver_trail_row *parent, struct buffer *out)
{
    for (const struct driver_trail_row *row = parent->first; row != NULL; row = row->next) {
        buffer_printf(out, "%d %s %.*s", (int)row->kind, row->name,
                      BYTES_FORMAT(row->record.value));
        if (row->kind == DRIVER_TRAIL_WRITE) {
            buffer_printf(out, " after %.*s", BYTES_FORMAT(row->before));
        }
        buffer_printf(out, "%s", row->text == NULL ? "" : row->text);
        buffer_add_string(out, row->first == NULL ? ";" : "[");
        write_rows(row, out);
        buffer_add_string(out, row->first == NULL ? "" : "]");
    }
}

static void assert_trail(struct driver *driver, const struct topology *topology, int64_t offset,
                         const char *value, const char *text)
{
    struct driver_trail trail;
    struct buffer out;
    struct report report = {0};
    struct record record = {.topic = "in",
                            .offset = offset,
                            .key = BYTES_LITERAL("a"),
                            .value = bytes_from_string(value)};
    driver_trail_init(&trail, topology);
    buffer_init(&out);
    assert_int_equal(driver_watch(driver, &record, &trail, &report), 0);
    write_rows(&trail.root, &out);
    assert_string_equal(buffer_string(&out), text);
    buffer_fini(&out);
    driver_trail_fini(&trail);
}

static void a_trail_tells_what_became_of_a_record(void **state)
{
    (void)state;
    struct report report = {0};
    struct topology *topology = make_plan();
    struct driver *driver = driver_new(&(struct driver_options){.partitions = 1});
    assert_int_equal(driver_start(driver, topology, &report), 0);
    assert_int_equal(feed(driver, 0, 0, "first"), 0);
    driver_forget(driver);
    assert_trail(driver, topology, 1, "x", "0 in x[1 in x[1 count x[4 out 2;3 n 2 after 1;]]]");
    assert_trail(driver, topology, 2, "bad",
                 "0 in bad[1 in bad[1 count bad[4 out 3;]]6  not valid;4 dead bad;]");
    assert_int_equal(feed(driver, 0, 3, "x"), 0); /* what was watched is as before */
    assert_next(driver, "out", "2");
    assert_next(driver, "out", "3");
    driver_crash(driver);
    driver_free(driver);
    topology_free(topology);
}

/* --- Decisions of others --- */

/* Writes what it sees to "out", and each record of "left" and "right" on to "mid". */
static int noter_emit(struct node *node, struct node_context *context, const char *text)
{
    struct record out = {.partition = -1};
    out.value = bytes_from_string(arena_printf(context->arena, "%s %s", node->name, text));
    return context->emit(context, "out", &out);
}

static int noter_process(struct node *node, struct node_context *context,
                         const struct record *record)
{
    int error = noter_emit(node, context,
                           arena_printf(context->arena, "%.*s", BYTES_FORMAT(record->value)));
    struct record passed = *record;
    return error != 0 || strcmp(node->name, "far") == 0 ? error
                                                        : context->emit(context, "mid", &passed);
}

static int64_t noter_horizon(struct node *node)
{
    (void)node;
    return INT64_MIN;
}

static int noter_advance(struct node *node, struct node_context *context, int64_t time_ms)
{
    return noter_emit(node, context, arena_printf(context->arena, "closed %d", (int)time_ms));
}

static struct node *noter_make(void *owner, const char *name)
{
    static const struct node_ops ops = {.process = noter_process,
                                        .free = counter_free,
                                        .horizon = noter_horizon,
                                        .advance = noter_advance};
    (void)owner;
    struct counter *noter = memory_new(struct counter);
    node_init(&noter->node, &ops, name);
    return &noter->node;
}

static void add_noter(struct topology *topology, const char *const *topics, size_t topic_count,
                      const char *name)
{
    struct report report = {0};
    const struct topology_source source = {
        .topics = topics, .topic_count = topic_count, .value_format = VALUE_BYTES};
    int parents[] = {topology_add_source(topology, &source, &report)};
    assert_true(parents[0] >= 0);
    assert_true(topology_add_node(topology,
                                  &(struct topology_node){.name = name,
                                                          .kind = "process",
                                                          .parents = parents,
                                                          .parent_count = 1,
                                                          .idle_ms = 1000,
                                                          .make = noter_make},
                                  &report) > 0);
}

struct clock_bench {
    struct topology *topology;
    struct driver *driver;
};

static int clock_setup(void **state)
{
    static struct clock_bench bench;
    static const char *const near[] = {"left", "right"}, *const far[] = {"mid"};
    struct report report = {0};
    bench.topology = topology_new("app");
    add_noter(bench.topology, near, 2, "near");
    add_noter(bench.topology, far, 1, "far");
    assert_int_equal(topology_finish(bench.topology, &report), 0);
    bench.driver = driver_new(&(struct driver_options){.partitions = 1});
    assert_int_equal(driver_start(bench.driver, bench.topology, &report), 0);
    *state = &bench;
    return 0;
}

static int clock_teardown(void **state)
{
    struct clock_bench *bench = *state;
    driver_crash(bench->driver);
    driver_free(bench->driver);
    topology_free(bench->topology);
    return 0;
}

/* `places` as state_position.h prints them. */
static bool decide(struct clock_bench *bench, const char *node, int64_t made_ms, int64_t number,
                   const char *places)
{
    struct driver_decision decision = {.node = node, .made_ms = made_ms};
    char text[200];
    snprintf(text, sizeof text, "commit %d\nfollows 0\nstream_time %d\n%s", (int)number,
             (int)number * 100, places);
    state_position_init(&decision.at);
    assert_int_equal(state_position_parse(&decision.at, bytes_from_string(text)), 0);
    bool is_taken = driver_decide(bench->driver, &decision);
    state_position_fini(&decision.at);
    return is_taken;
}

static void clock_feed(struct clock_bench *bench, const char *topic, int64_t offset,
                       const char *value)
{
    struct report report = {0};
    const struct record record = {
        .topic = topic, .offset = offset, .value = bytes_from_string(value)};
    assert_int_equal(driver_feed(bench->driver, &record, &report), 0);
}

static void clock_repeat(struct clock_bench *bench, int64_t until_ms)
{
    struct report report = {0};
    assert_int_equal(driver_repeat(bench->driver, until_ms, &report), 0);
}

/* All that came to "out" since the last time, with commas between. */
static void assert_outputs(struct clock_bench *bench, const char *text)
{
    struct buffer out;
    const struct record *record;
    buffer_init(&out);
    while ((record = driver_take(bench->driver, "out")) != NULL) {
        buffer_printf(&out, "%s%.*s", out.size == 0 ? "" : ", ", BYTES_FORMAT(record->value));
    }
    driver_forget(bench->driver);
    assert_string_equal(buffer_string(&out), text);
    buffer_fini(&out);
}

static void a_decision_waits_for_all_places_and_is_not_passed(void **state)
{
    struct clock_bench *bench = *state;
    assert_true(decide(bench, "near", 50, 1, "input left 0 12\ninput right 0 7\n"));
    clock_feed(bench, "left", 10, "a");
    clock_repeat(bench, 100);
    assert_outputs(bench, "near a, far a");
    clock_feed(bench, "left", 13, "c"); /* beyond; 11 and 12 are no records */
    clock_repeat(bench, 100);
    assert_outputs(bench, "");
    clock_feed(bench, "right", 6, "b");
    assert_outputs(bench, "near b, near closed 100, near c, far b, far c");
    clock_feed(bench, "right", 7, "d");
    clock_repeat(bench, INT64_MAX);
    assert_outputs(bench, "near d, far d");
}

static void what_is_reached_waits_until_it_was_made(void **state)
{
    struct clock_bench *bench = *state;
    assert_true(decide(bench, "near", 50, 1, "input left 0 1\n"));
    assert_true(decide(bench, "near", 60, 2, "input left 0 1\n"));
    assert_true(decide(bench, "far", 55, 1, "input mid 0 1\n"));
    clock_feed(bench, "left", 0, "a");
    clock_repeat(bench, 49);
    assert_outputs(bench, "near a, far a");
    clock_repeat(bench, 50);
    assert_outputs(bench, "near closed 100");
    clock_repeat(bench, 60);
    assert_outputs(bench, "far closed 100, near closed 200");
}

/* Whatever offsets they have here or had there. */
static void places_in_what_was_written_here_are_counts(void **state)
{
    struct clock_bench *bench = *state;
    assert_true(decide(bench, "far", 50, 1, "input mid 0 0\n"));
    assert_true(decide(bench, "far", 60, 2, "input mid 0 2\n"));
    clock_feed(bench, "left", 100, "a");
    assert_outputs(bench, "near a, far closed 100, far a");
    clock_feed(bench, "left", 200, "b");
    clock_feed(bench, "left", 300, "c");
    assert_outputs(bench, "near b, far b, near c, far closed 200, far c");
}

static void what_is_never_reached_comes_at_the_end(void **state)
{
    struct clock_bench *bench = *state;
    struct report report = {0};
    assert_true(decide(bench, "near", 60, 1, "input left 0 5\ninput right 0 5\n"));
    assert_true(decide(bench, "far", 50, 1, "input mid 0 9\n"));
    clock_feed(bench, "left", 0, "a");
    clock_feed(bench, "left", 7, "b");
    clock_repeat(bench, INT64_MAX);
    assert_outputs(bench, "near a, far a");
    assert_int_equal(driver_repeat_rest(bench->driver, &report), 0);
    assert_outputs(bench, "far closed 100, near closed 100, near b, far b");
}

/* Its trail comes with the step that lets it pass. */
static void a_watched_record_may_wait_for_a_decision(void **state)
{
    struct clock_bench *bench = *state;
    struct report report = {0};
    struct driver_trail trail;
    struct buffer out;
    const struct record record = {.topic = "left", .offset = 1, .value = BYTES_LITERAL("b")};
    assert_true(decide(bench, "near", 50, 1, "input left 0 1\ninput right 0 1\n"));
    driver_trail_init(&trail, bench->topology);
    buffer_init(&out);
    assert_int_equal(driver_watch(bench->driver, &record, &trail, &report), 0);
    assert_null(trail.root.first);
    assert_true(driver_is_holding(bench->driver));
    clock_feed(bench, "right", 0, "a");
    assert_false(driver_is_holding(bench->driver));
    write_rows(&trail.root, &out);
    assert_string_equal(buffer_string(&out),
                        "0 left b[1 left b[1 near b[4 out near b;4 mid b[0 mid b[1 mid b["
                        "1 far b[4 out far b;]]]]]]]");
    clock_feed(bench, "left", 2, "c"); /* nobody watches any more */
    size_t size = out.size;
    buffer_clear(&out);
    write_rows(&trail.root, &out);
    assert_int_equal(out.size, size);
    buffer_fini(&out);
    driver_trail_fini(&trail);
}

static void decisions_for_nobody_are_refused(void **state)
{
    struct clock_bench *bench = *state;
    assert_false(decide(bench, "gone", 50, 1, "input left 0 0\n"));
    assert_true(decide(bench, "near", 50, 3, "input left 0 0\n"));
    assert_false(decide(bench, "near", 50, 3, "input left 0 0\n")); /* the first counts */
    assert_false(decide(bench, "near", 50, 2, "input left 0 0\n"));
    clock_repeat(bench, INT64_MAX);
    assert_outputs(bench, "near closed 300");
}

static void a_crash_repeats_what_was_not_committed(void **state)
{
    struct clock_bench *bench = *state;
    struct report report = {0};
    driver_crash(bench->driver);
    driver_free(bench->driver);
    bench->driver =
        driver_new(&(struct driver_options){.partitions = 1, .is_commit_explicit = true});
    assert_int_equal(driver_start(bench->driver, bench->topology, &report), 0);
    assert_true(decide(bench, "near", 50, 1, "input left 0 1\n"));
    assert_true(decide(bench, "near", 60, 2, "input left 0 2\n"));
    clock_feed(bench, "left", 0, "a");
    clock_repeat(bench, INT64_MAX);
    assert_int_equal(driver_commit(bench->driver, &report), 0);
    clock_feed(bench, "left", 1, "b");
    clock_repeat(bench, INT64_MAX);
    driver_crash(bench->driver);
    assert_int_equal(driver_start(bench->driver, bench->topology, &report), 0);
    clock_repeat(bench, INT64_MAX);
    assert_int_equal(driver_commit(bench->driver, &report), 0);
    assert_outputs(bench, "near a, near closed 100, near b, far a, near closed 200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_goes_back_to_the_last_commit),
        cmocka_unit_test(a_failed_record_leaves_its_letter_alone),
        cmocka_unit_test(timers_go_by_the_clock_of_the_driver),
        cmocka_unit_test(what_was_forgotten_changes_nothing),
        cmocka_unit_test(a_trail_tells_what_became_of_a_record),
#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, clock_setup, clock_teardown)
        CLOCK_TEST(a_decision_waits_for_all_places_and_is_not_passed),
        CLOCK_TEST(what_is_reached_waits_until_it_was_made),
        CLOCK_TEST(places_in_what_was_written_here_are_counts),
        CLOCK_TEST(what_is_never_reached_comes_at_the_end),
        CLOCK_TEST(a_watched_record_may_wait_for_a_decision),
        CLOCK_TEST(decisions_for_nobody_are_refused),
        CLOCK_TEST(a_crash_repeats_what_was_not_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
