/* Wants to show: what a crash undoes and a commit keeps, with counts; that timers go by the clock
 * of the driver; that a failed record leaves a dead letter alone; that records of a real topic keep
 * their place, and that what was forgotten changes nothing. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/driver/driver.h"
#include "tests/unit/unit.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_goes_back_to_the_last_commit),
        cmocka_unit_test(a_failed_record_leaves_its_letter_alone),
        cmocka_unit_test(timers_go_by_the_clock_of_the_driver),
        cmocka_unit_test(what_was_forgotten_changes_nothing),
        cmocka_unit_test(a_trail_tells_what_became_of_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
