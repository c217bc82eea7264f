/* A task on a fake cluster, with one node that does what the values of its records say:
 *
 *     put KEY VALUE      writes to the store "counts" ("del KEY" removes)
 *     seen KEY VALUE     writes to the store "seen"
 *     add KEY            adds one to the number at KEY, in both stores
 *     emit KEY VALUE     emits to the topic "out"
 *     big SIZE           emits a value of that size to the topic "out"
 *     late               writes the record to the topic "late"
 *     fail TEXT          fails
 *
 * separated by "; ". With `idle_ms` the node has something open while the number at "open" in the
 * store "counts" is not 0: to close it, it emits that number and removes it. A timer does what
 * `tick` says. The node notes each call: "close@500" for that, "left@3:100" for offset 3 of the
 * topic left at stream time 100, "tick@200" for a timer. */
#pragma once

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/task/task.h"
#include "runtime/topology/inlet.h"
#include "runtime/topology/late.h"
#include "tests/unit/runtime/client_bench.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASK_BENCH_PRODUCE = 0, TASK_BENCH_FETCH = 1 };

struct task_bench_options {
    bool has_right;     /* a second input, "right" */
    bool has_time;      /* values are JSON that says only the time: {"t":100} */
    size_t store_count; /* "counts", "seen" */
    bool is_persistent;
    enum topology_policy policy;
    const struct topology_timer *timers;
    size_t timer_count;
    int64_t idle_ms;
    const char *start_text; /* what the node does when it starts */
    const char *stop_text;
    size_t buffer_size; /* of the producer; 0: its default */
    uint64_t seed;
    bool is_curious; /* the node has a use for what comes; times are offsets */
};

struct task_bench {
    struct client_bench *clients;
    struct task_bench_options options;
    struct topology *topology;
    struct task *task;
    char directory[64]; /* real, for persistent stores */
    const char *tick;
    const char *close; /* instead of what closing does */
    struct buffer notes;
    int64_t expected_offset; /* the last one that the node was told of; -1: none */
    int expected_count;
    int started_count;
    int failed_count;
    bool is_final;
    char reason[800];
    bool is_closed;
    int sent_count;
    int sent_error;
    int flush_count;
};

struct task_bench_node {
    struct node node;
    struct task_bench *bench;
};

static inline struct task_bench *task_bench_of(struct node *node)
{
    return ((struct task_bench_node *)(void *)node)->bench;
}

static inline struct bytes task_bench_keep(struct node_context *context, const char *text)
{
    return arena_copy(context->arena, bytes_from_string(text));
}

static inline int task_bench_write(struct node_context *context, const char *store, const char *key,
                                   const char *value)
{
    struct kv *kv = context->store(context, store);
    assert_non_null(kv);
    return kv_put(kv, bytes_from_string(key), bytes_from_string(value));
}

static inline int task_bench_number(struct kv *kv, const char *key)
{
    struct bytes value = {0};
    bool is_there = kv_get(kv, bytes_from_string(key), &value);
    char *text = bytes_to_string(value);
    int number = is_there ? atoi(text) : 0;
    free(text);
    return number;
}

static inline int task_bench_add(struct node_context *context, const char *store, const char *key)
{
    char text[16];
    snprintf(text, sizeof text, "%d", task_bench_number(context->store(context, store), key) + 1);
    return task_bench_write(context, store, key, text);
}

static inline int task_bench_emit(struct node_context *context, const char *key, struct bytes value)
{
    struct record record = {.partition = 0,
                            .timestamp_ms = context->stream_time_ms,
                            .key = task_bench_keep(context, key),
                            .value = value};
    return context->emit(context, "out", &record);
}

static inline int task_bench_do_one(struct node *node, struct node_context *context, char *command)
{
    char *rest = NULL;
    char *verb = strtok_r(command, " ", &rest);
    if (strcmp(verb, "fail") == 0) {
        node_fail(node, context, ERROR_INVALID, "process", "%s", rest);
        snprintf(context->error_place, sizeof context->error_place, "app.lua:12");
        return ERROR_INVALID;
    }
    if (strcmp(verb, "late") == 0) {
        struct late_window window = {.start_ms = 0, .end_ms = 10, .time_ms = 20};
        return late_emit(node, context, "late", context->source, &window);
    }
    char *first = strtok_r(NULL, " ", &rest);
    char *second = strtok_r(NULL, "", &rest);
    if (strcmp(verb, "put") == 0) {
        return task_bench_write(context, "counts", first, second);
    }
    if (strcmp(verb, "del") == 0) {
        return task_bench_write(context, "counts", first, NULL);
    }
    if (strcmp(verb, "seen") == 0) {
        return task_bench_write(context, "seen", first, second);
    }
    if (strcmp(verb, "add") == 0) {
        int error = task_bench_add(context, "counts", first);
        return error != 0 ? error : task_bench_add(context, "seen", first);
    }
    if (strcmp(verb, "emit") == 0) {
        return task_bench_emit(context, first, task_bench_keep(context, second));
    }
    assert_string_equal(verb, "big");
    size_t size = (size_t)atoi(first);
    uint8_t *value = arena_get(context->arena, size);
    memset(value, 'b', size);
    return task_bench_emit(context, "big", bytes_make(value, size));
}

static inline int task_bench_do(struct node *node, struct node_context *context, const char *text)
{
    char *copy = memory_string(text);
    char *rest = NULL;
    int error = 0;
    for (char *command = strtok_r(copy, ";", &rest); command != NULL && error == 0;
         command = strtok_r(NULL, ";", &rest)) {
        error = task_bench_do_one(node, context, command);
    }
    free(copy);
    return error;
}

static inline int task_bench_process(struct node *node, struct node_context *context,
                                     const struct record *record)
{
    struct task_bench *bench = task_bench_of(node);
    buffer_printf(&bench->notes, "%s%s@%lld:%lld", bench->notes.size == 0 ? "" : " ", record->topic,
                  (long long)record->offset, (long long)context->stream_time_ms);
    assert_true(!bench->options.is_curious || record->offset <= bench->expected_offset);
    char *text = bytes_to_string(record->value);
    bool is_order = text != NULL && !bench->options.has_time;
    int error = is_order ? task_bench_do(node, context, text) : 0;
    free(text);
    return error;
}

static inline bool task_bench_expect_record(struct node *node, const struct record *record)
{
    struct task_bench *bench = task_bench_of(node);
    if (bench->options.is_curious) {
        assert_true(record->offset > bench->expected_offset);
        assert_int_equal(record->timestamp_ms, bench->options.has_time ? -1 : record->offset);
        assert_string_equal(record->topic, "left");
    }
    bench->expected_offset = record->offset;
    bench->expected_count++;
    return bench->options.is_curious;
}

static inline int task_bench_tick(struct node *node, struct node_context *context, int timer,
                                  int64_t scheduled_ms)
{
    struct task_bench *bench = task_bench_of(node);
    assert_true(timer >= 0);
    assert_null(context->source);
    buffer_printf(&bench->notes, "%stick@%lld", bench->notes.size == 0 ? "" : " ",
                  (long long)scheduled_ms);
    return bench->tick == NULL ? 0 : task_bench_do(node, context, bench->tick);
}

static inline int64_t task_bench_horizon(struct node *node)
{
    int number = task_bench_number(task_store(task_bench_of(node)->task, "counts"), "open");
    return number == 0 ? INT64_MIN : number;
}

static inline int task_bench_advance(struct node *node, struct node_context *context,
                                     int64_t time_ms)
{
    struct task_bench *bench = task_bench_of(node);
    char text[100];
    assert_null(context->source);
    buffer_printf(&bench->notes, "%sclose@%lld", bench->notes.size == 0 ? "" : " ",
                  (long long)time_ms);
    snprintf(text, sizeof text, "del open;emit closed %lld", (long long)time_ms);
    return task_bench_do(node, context, bench->close == NULL ? text : bench->close);
}

static inline int task_bench_start_node(struct node *node, struct node_context *context)
{
    const char *text = task_bench_of(node)->options.start_text;
    return text == NULL ? 0 : task_bench_do(node, context, text);
}

static inline int task_bench_stop_node(struct node *node, struct node_context *context)
{
    const char *text = task_bench_of(node)->options.stop_text;
    return text == NULL ? 0 : task_bench_do(node, context, text);
}

static inline void task_bench_free_node(struct node *node)
{
    node_fini(node);
    free(node);
}

static inline struct node *task_bench_make(void *owner, const char *name)
{
    static const struct node_ops ops = {.process = task_bench_process,
                                        .expect = task_bench_expect_record,
                                        .tick = task_bench_tick,
                                        .free = task_bench_free_node,
                                        .start = task_bench_start_node,
                                        .stop = task_bench_stop_node,
                                        .horizon = task_bench_horizon,
                                        .advance = task_bench_advance};
    struct task_bench_node *made = memory_new(struct task_bench_node);
    node_init(&made->node, &ops, name);
    made->bench = owner;
    return &made->node;
}

static inline void task_bench_plan(struct task_bench *bench)
{
    static const char *const sources[] = {"left", "right"};
    static const char *const stores[] = {"counts", "seen"};
    struct report report = {{0}, {0}};
    int parents[2];
    size_t parent_count = bench->options.has_right ? 2 : 1;
    bench->topology = topology_new("app");
    for (size_t i = 0; i < parent_count; i++) {
        struct topology_source source = {.topics = &sources[i],
                                         .topic_count = 1,
                                         .value_format = VALUE_JSON,
                                         .time_path = bench->options.has_time ? "$.t" : NULL};
        parents[i] = topology_add_source(bench->topology, &source, &report);
        assert_true(parents[i] >= 0);
    }
    for (size_t i = 0; i < bench->options.store_count; i++) {
        struct topology_store store = {.name = stores[i],
                                       .kind = bench->options.is_persistent && i == 0
                                                   ? TOPOLOGY_STORE_PERSISTENT
                                                   : TOPOLOGY_STORE_MEMORY,
                                       .has_changelog = true};
        assert_int_equal(topology_add_store(bench->topology, &store, &report), 0);
    }
    struct topology_node node = {.name = "do",
                                 .kind = "process",
                                 .parents = parents,
                                 .parent_count = parent_count,
                                 .stores = stores,
                                 .store_count = bench->options.store_count,
                                 .timers = bench->options.timers,
                                 .timer_count = bench->options.timer_count,
                                 .idle_ms = bench->options.idle_ms,
                                 .make = task_bench_make,
                                 .owner = bench};
    assert_true(topology_add_node(bench->topology, &node, &report) >= 0);
    struct topology_errors errors = {.policy = bench->options.policy};
    topology_set_errors(bench->topology, &errors);
    assert_int_equal(topology_finish(bench->topology, &report), 0);
    assert_int_equal(topology_part_count(bench->topology), 1);
}

static inline void task_bench_check(void *owner)
{
    struct task_bench *bench = owner;
    if (bench->task != NULL) {
        task_check(bench->task);
    }
}

static inline struct task_bench *task_bench_new(const struct task_bench_options *options)
{
    struct task_bench *bench = memory_new(struct task_bench);
    bench->options = *options;
    bench->expected_offset = -1;
    bench->clients = client_bench_new(options->seed, options->buffer_size);
    bench->clients->judge = task_bench_check;
    bench->clients->owner = bench;
    task_bench_plan(bench);
    static const char *const topics[] = {"left",      "right",
                                         "out",       "late",
                                         "app-dlq",   "app-counts-changelog",
                                         "app-clock", "app-seen-changelog"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        fake_cluster_add_topic(bench->clients->cluster, topics[i], 1);
    }
    if (options->is_persistent) {
        snprintf(bench->directory, sizeof bench->directory, "/tmp/tidemill-task-XXXXXX");
        assert_non_null(mkdtemp(bench->directory));
    }
    return bench;
}

static inline void task_bench_on_started(void *owner, struct task *task)
{
    struct task_bench *bench = owner;
    assert_ptr_equal(task, bench->task);
    bench->started_count++;
}

static inline void task_bench_on_failed(void *owner, struct task *task, const char *reason,
                                        bool is_final)
{
    struct task_bench *bench = owner;
    assert_ptr_equal(task, bench->task);
    bench->failed_count++;
    bench->is_final = is_final;
    snprintf(bench->reason, sizeof bench->reason, "%s", reason);
}

/* Makes the task and begins its start. */
static inline void task_bench_begin(struct task_bench *bench, int64_t committed_offset)
{
    static const struct task_events events = {.started = task_bench_on_started,
                                              .failed = task_bench_on_failed};
    struct task_options options = {.topology = bench->topology,
                                   .part = topology_part_at(bench->topology, 0),
                                   .state_directory =
                                       bench->options.is_persistent ? bench->directory : NULL,
                                   .client = bench->clients->client,
                                   .fetch_client = bench->clients->fetch_client,
                                   .producer = bench->clients->producer,
                                   .fetcher = bench->clients->fetcher};
    bench->started_count = bench->failed_count = 0;
    buffer_clear(&bench->notes);
    bench->task = task_new(&options, &events, bench);
    task_add_input(bench->task, "left", committed_offset);
    if (bench->options.has_right) {
        task_add_input(bench->task, "right", -1);
    }
    task_start(bench->task);
}

static inline bool task_bench_is_begun(void *owner)
{
    const struct task_bench *bench = owner;
    return bench->started_count + bench->failed_count > 0;
}

static inline void task_bench_start(struct task_bench *bench)
{
    task_bench_begin(bench, -1);
    client_bench_run_until(bench->clients, task_bench_is_begun, bench);
    assert_string_equal(bench->reason, "");
    assert_int_equal(bench->started_count, 1);
}

static inline void task_bench_on_closed(void *owner)
{
    struct task_bench *bench = owner;
    bench->is_closed = true;
    bench->task = NULL;
}

static inline bool task_bench_is_closed(void *owner)
{
    return ((struct task_bench *)owner)->is_closed;
}

static inline void task_bench_stop(struct task_bench *bench)
{
    bench->is_closed = false;
    task_close(bench->task, task_bench_on_closed, bench);
    assert_false(bench->is_closed); /* never inside the call */
    client_bench_run_until(bench->clients, task_bench_is_closed, bench);
}

/* The process dies: nothing more of it is sent. */
static inline void task_bench_restart(struct task_bench *bench)
{
    task_bench_stop(bench);
    client_bench_restart(bench->clients);
    task_bench_start(bench);
}

static inline void task_bench_free(struct task_bench *bench)
{
    char path[100];
    if (bench->task != NULL) {
        task_bench_stop(bench);
    }
    client_bench_free(bench->clients);
    topology_free(bench->topology);
    buffer_fini(&bench->notes);
    if (bench->directory[0] != 0) {
        snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
        remove(path);
        snprintf(path, sizeof path, "%s/lock.mdb", bench->directory);
        remove(path);
        assert_int_equal(remove(bench->directory), 0);
    }
    free(bench);
}

/* One record for the topic left or right. */
static inline void task_bench_append(struct task_bench *bench, const char *topic,
                                     int64_t timestamp_ms, const char *text)
{
    client_bench_append(bench->clients, topic, 0, timestamp_ms, "k", text);
}

/* Processes for a while, without commits. */
static inline void task_bench_run(struct task_bench *bench)
{
    for (int i = 0; i < 30; i++) {
        client_bench_run(bench->clients, CLIENT_BENCH_SECOND / 50);
        task_process(bench->task, 100, INT64_MAX);
    }
}

static inline void task_bench_on_flushed(struct producer_flush *flush, int error)
{
    assert_int_equal(error, 0);
    ((struct task_bench *)flush->owner)->flush_count++;
}

static inline bool task_bench_is_flushed(void *owner)
{
    return ((struct task_bench *)owner)->flush_count > 0;
}

static inline void task_bench_flush(struct task_bench *bench)
{
    struct producer_flush flush = {.done = task_bench_on_flushed, .owner = bench};
    bench->flush_count = 0;
    producer_flush(bench->clients->producer, &flush);
    client_bench_run_until(bench->clients, task_bench_is_flushed, bench);
}

static inline void task_bench_on_sent(void *owner, int error)
{
    struct task_bench *bench = owner;
    bench->sent_count++;
    bench->sent_error = error;
}

static inline bool task_bench_is_sent(void *owner)
{
    return ((struct task_bench *)owner)->sent_count > 0;
}

/* A whole commit, as the application makes it. */
static inline void task_bench_commit(struct task_bench *bench)
{
    task_bench_flush(bench);
    bench->sent_count = 0;
    task_send_changelogs(bench->task, task_bench_on_sent, bench);
    assert_int_equal(bench->sent_count, 0);
    client_bench_run_until(bench->clients, task_bench_is_sent, bench);
    assert_int_equal(bench->sent_count, 1);
    assert_int_equal(bench->sent_error, 0);
    task_end_commit(bench->task);
}

static inline void task_bench_expect(struct task_bench *bench, const char *notes)
{
    assert_string_equal(buffer_string(&bench->notes), notes);
    buffer_clear(&bench->notes);
}

/* NULL: not there. */
static inline void task_bench_expect_store(struct task_bench *bench, const char *store,
                                           const char *key, const char *expected)
{
    struct bytes value = {0};
    bool is_there = kv_get(task_store(bench->task, store), bytes_from_string(key), &value);
    assert_int_equal(is_there, expected != NULL);
    assert_true(expected == NULL || bytes_equal_string(value, expected));
}

static inline void task_bench_expect_topic(struct task_bench *bench, const char *topic,
                                           const char *expected)
{
    task_bench_flush(bench);
    assert_string_equal(client_bench_text(bench->clients, topic, 0), expected);
}
