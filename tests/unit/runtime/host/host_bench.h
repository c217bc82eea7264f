/* A host in a simulated process, beside a simulated cluster, and people who visit it. */
#pragma once

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/wire/batch.h"
#include "runtime/host/host.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_PRODUCE = 0, FAILURES_MAX = 16 };
static const uint64_t SECOND = 1000000000;

static const char COPY[] = "return { name = 'copy', input = 'in', output = 'out',\n"
                           "  process = function(r) return r end }\n";
static const char STRICT[] = "return { name = 'strict', input = 'in', output = 'strict-out',\n"
                             "  errors = { policy = 'stop' },\n"
                             "  process = function(r) if r.value == 'bad' then error 'no' end\n"
                             "  return r end }\n";

struct bench {
    struct sim *sim;
    struct io *io;
    struct fake_cluster *cluster;
    struct host_options options;
    struct host *host;
    int failure_count;
    int final_count;
    uint64_t failed_ns[FAILURES_MAX];
    char application[100];
    char reason[1600];
    char notice[600];
    bool is_stopped;
};

static inline void write_file(struct bench *bench, const char *path, const char *text)
{
    struct io_file *file;
    struct bytes part = bytes_from_string(text);
    assert_int_equal(io_file_open(bench->io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_truncate(bench->io, file, 0), 0);
    assert_int_equal(io_file_write(bench->io, file, &part, 1, 0), 0);
    io_file_close(bench->io, file);
}

static inline void on_failed(void *owner, const char *application, const char *reason,
                             bool is_final)
{
    struct bench *bench = owner;
    assert_true(bench->failure_count < FAILURES_MAX);
    bench->failed_ns[bench->failure_count++] = sim_now(bench->sim);
    bench->final_count += is_final;
    snprintf(bench->application, sizeof bench->application, "%s", application);
    snprintf(bench->reason, sizeof bench->reason, "%s", reason);
}

static inline void on_noticed(void *owner, const char *application, const char *text)
{
    struct bench *bench = owner;
    snprintf(bench->application, sizeof bench->application, "%s", application);
    snprintf(bench->notice, sizeof bench->notice, "%s", text);
}

/* Two scripts, copy.lua and strict.lua; `count` of them run. */
static inline struct bench *bench_new(uint64_t seed, size_t count)
{
    trace_set_stream(NULL);
    struct bench *bench = memory_new(struct bench);
    bench->sim = sim_new(seed, 2);
    bench->io = sim_io(bench->sim, 0);
    bench->cluster = fake_cluster_new(bench->sim, 1);
    bench->cluster->is_creating_topics = true;
    fake_cluster_add_topic(bench->cluster, "in", 1);
    fake_cluster_add_topic(bench->cluster, "out", 1);
    fake_cluster_add_topic(bench->cluster, "strict-out", 1);
    write_file(bench, "copy.lua", COPY);
    write_file(bench, "strict.lua", STRICT);
    bench->options = (struct host_options){.guarantee = APP_AT_LEAST_ONCE,

                                           .scripts = {"copy.lua", "strict.lua"},
                                           .script_count = count,
                                           .bootstrap = "node1:9092"};
    return bench;
}

static inline int try_open(struct bench *bench, struct report *report)
{
    static const struct host_events events = {.failed = on_failed, .noticed = on_noticed};
    return host_new(bench->io, &bench->options, &events, bench, &bench->host, report);
}

static inline void start(struct bench *bench)
{
    struct report report = {0};
    if (try_open(bench, &report) != 0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    host_start(bench->host, NULL);
}

static inline void on_stopped(void *owner)
{
    ((struct bench *)owner)->is_stopped = true;
}

static inline bool is_stopped(void *owner)
{
    return ((struct bench *)owner)->is_stopped;
}

static inline void stop(struct bench *bench)
{
    host_stop(bench->host, on_stopped, bench);
    bench->host = NULL;
    assert_true(sim_run_until(bench->sim, is_stopped, bench, 200 * SECOND));
    bench->is_stopped = false;
}

static inline void bench_free(struct bench *bench)
{
    if (bench->host != NULL) {
        stop(bench);
    }
    fake_cluster_free(bench->cluster);
    sim_free(bench->sim);
    free(bench);
}

static inline void run(struct bench *bench, uint64_t duration_ms)
{
    sim_run(bench->sim, sim_now(bench->sim) + duration_ms * 1000000);
}

static inline void put_to(struct bench *bench, const char *topic, int32_t partition,
                          const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1000, BYTES_LITERAL("key"), bytes_from_string(value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, topic, partition),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static inline void put(struct bench *bench, const char *value)
{
    put_to(bench, "in", 0, value);
}

static inline int64_t count_of(struct bench *bench, const char *topic)
{
    return fake_cluster_get(bench->cluster, topic, 0)->next_offset;
}

/* A person who looks, several turns long, and may pause an application. */
struct visitor {
    struct host_visit visit;
    const char *name;
    int turn_count;
    int is_pausing; /* 1, 0 to resume, -1 for neither */
    enum host_app_state state;
    bool is_found;
    bool has_app;
    int64_t commit_count;
    bool is_done;
};

static inline bool on_visit(struct host_visit *visit, struct host *host)
{
    struct visitor *visitor = visit->owner;
    struct host_app *app = host_app_find(host, visitor->name);
    visitor->is_found = app != NULL;
    if (app == NULL || --visitor->turn_count > 0) {
        return app == NULL;
    }
    if (visitor->is_pausing >= 0) {
        host_app_pause(app, visitor->is_pausing == 1);
    }
    visitor->state = host_app_state(app);
    visitor->has_app = host_app_running(app) != NULL;
    visitor->commit_count = visitor->has_app ? app_commit_count(host_app_running(app)) : 0;
    return true;
}

static inline void on_visited(struct host_visit *visit)
{
    ((struct visitor *)visit->owner)->is_done = true;
}

static inline void begin_visit(struct bench *bench, struct visitor *visitor, const char *name,
                               int is_pausing)
{
    *visitor = (struct visitor){.visit = {.visit = on_visit, .done = on_visited, .owner = visitor},
                                .name = name,
                                .turn_count = 5,
                                .is_pausing = is_pausing};
    host_visit(bench->host, &visitor->visit);
}

static inline struct visitor visit(struct bench *bench, const char *name, int is_pausing)
{
    static struct visitor visitor;
    begin_visit(bench, &visitor, name, is_pausing);
    run(bench, 100);
    assert_true(visitor.is_done);
    return visitor;
}

/* Reads the script anew; what was wrong with it, or "". */
struct reloader {
    struct host_visit visit;
    const char *name;
    struct report report;
    bool is_done;
};

static inline bool on_reload(struct host_visit *visit, struct host *host)
{
    struct reloader *reloader = visit->owner;
    struct host_app *app = host_app_find(host, reloader->name);
    struct app *next = host_app_read_next(app, &reloader->report);
    if (next != NULL) {
        host_app_use_next(app, next);
    }
    return true;
}

static inline void on_reloaded(struct host_visit *visit)
{
    ((struct reloader *)visit->owner)->is_done = true;
}

static inline void begin_reload(struct bench *bench, struct reloader *reloader, const char *name)
{
    *reloader = (struct reloader){
        .visit = {.visit = on_reload, .done = on_reloaded, .owner = reloader}, .name = name};
    host_visit(bench->host, &reloader->visit);
}

static inline const char *reload(struct bench *bench, const char *name, const char *path,
                                 const char *text)
{
    static struct reloader reloader;
    write_file(bench, path, text);
    begin_reload(bench, &reloader, name);
    run(bench, 100);
    assert_true(reloader.is_done);
    return reloader.report.text;
}
