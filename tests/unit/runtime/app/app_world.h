/* Applications on a simulated cluster, each in a process of its own.
 *
 * A seat is a place for one application; seats 1.. stand on nodes behind the brokers'. Stores live
 * in memory and in their changelogs: LMDB goes past the seam. The script is the same for all. */
#pragma once

#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/wire/batch.h"
#include "runtime/app/app.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APP_WORLD_BROKERS = 2, APP_WORLD_SEATS = 3, APP_WORLD_SECOND_MS = 1000 };

static const uint64_t APP_WORLD_SECOND = 1000000000;

struct app_seat {
    struct app_world *world;
    struct io *io;
    struct app *app;
    bool is_closed;
    int failure_count;
    int outdated_count;
    bool is_final;
    char reason[1600];
};

struct app_world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct app_seat seats[APP_WORLD_SEATS];
    const char *connectors;     /* a folder of real plugins, or NULL */
    int32_t standby_count;      /* copies of each store that other seats keep */
    int64_t recovery_lag;       /* as in struct app_options */
    int64_t session_timeout_ms; /* of members; 0: the default */
    int64_t task_idle_ms;
    struct app_log *log; /* of all seats, or NULL */
    enum app_guarantee guarantee;
};

static void app_world_check(void *owner)
{
    struct app_world *world = owner;
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        if (world->seats[i].app != NULL) {
            app_check(world->seats[i].app);
        }
    }
}

static void app_world_write(struct io *io, const char *path, const char *text)
{
    struct io_file *file;
    struct bytes part = bytes_from_string(text);
    assert_int_equal(io_file_open(io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_truncate(io, file, 0), 0);
    assert_int_equal(io_file_write(io, file, &part, 1, 0), 0);
    io_file_close(io, file);
}

static inline struct app_world *app_world_new(uint64_t seed, const char *script)
{
    if (getenv("TRACE") == NULL) {
        trace_set_stream(NULL);
    }
    struct app_world *world = memory_new(struct app_world);
    world->guarantee = APP_AT_LEAST_ONCE; /* the cluster has no transactions */
    world->sim = sim_new(seed, APP_WORLD_BROKERS + APP_WORLD_SEATS);
    world->cluster = fake_cluster_new(world->sim, APP_WORLD_BROKERS);
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        struct app_seat *seat = &world->seats[i];
        seat->world = world;
        seat->io = sim_io(world->sim, i == 0 ? 0 : APP_WORLD_BROKERS + i);
        app_world_write(seat->io, "app.lua", script);
    }
    sim_on_event(world->sim, app_world_check, world);
    return world;
}

static void app_world_on_failed(void *owner, const char *reason, bool is_final)
{
    struct app_seat *seat = owner;
    seat->failure_count++;
    seat->is_final = is_final;
    snprintf(seat->reason, sizeof seat->reason, "%s", reason);
}

static void app_world_on_outdated(void *owner)
{
    ((struct app_seat *)owner)->outdated_count++;
}

/* As app_new answers. */
static inline int app_world_open(struct app_world *world, int number, struct report *report)
{
    static const struct app_events events = {.failed = app_world_on_failed,
                                             .outdated = app_world_on_outdated};
    struct app_seat *seat = &world->seats[number];
    static const char *const homes[APP_WORLD_SEATS] = {"zero", "one", "two"};
    struct app_options options = {.path = "app.lua",
                                  .home = homes[number],
                                  .standby_count = world->standby_count,
                                  .recovery_lag = world->recovery_lag,
                                  .session_timeout_ms = world->session_timeout_ms,
                                  .task_idle_ms = world->task_idle_ms,
                                  .client = client_options_default(),
                                  .log = world->log,
                                  .guarantee = world->guarantee,
                                  .plugin_directories = &world->connectors,
                                  .plugin_directory_count = world->connectors != NULL};
    options.client.bootstrap = "node1:9092,node2:9092";
    options.client.request_timeout_ms = 3000;
    options.client.metadata_max_age_ms = 5000;
    seat->failure_count = 0;
    seat->outdated_count = 0;
    seat->is_final = false;
    seat->reason[0] = 0;
    return app_new(seat->io, &options, &events, seat, &seat->app, report);
}

static inline struct app_seat *app_world_start(struct app_world *world, int number)
{
    struct report report = {0};
    if (app_world_open(world, number, &report) != 0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    app_start(world->seats[number].app, NULL);
    return &world->seats[number];
}

static void app_world_on_closed(void *owner)
{
    struct app_seat *seat = owner;
    seat->is_closed = true;
}

static bool app_world_is_closed(void *owner)
{
    return ((struct app_seat *)owner)->is_closed;
}

static inline void app_world_begin_stop(struct app_seat *seat)
{
    struct app *app = seat->app;
    seat->is_closed = false;
    seat->app = NULL;
    app_close(app, app_world_on_closed, seat);
}

static inline void app_world_stop(struct app_seat *seat)
{
    app_world_begin_stop(seat);
    assert_true(sim_run_until(seat->world->sim, app_world_is_closed, seat, 60 * APP_WORLD_SECOND));
}

static inline void app_world_free(struct app_world *world)
{
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        if (world->seats[i].app != NULL) {
            app_world_stop(&world->seats[i]);
        }
    }
    fake_cluster_free(world->cluster);
    sim_free(world->sim);
    free(world);
}

static inline void app_world_run(struct app_world *world, int64_t duration_ms)
{
    sim_run(world->sim, sim_now(world->sim) + (uint64_t)duration_ms * 1000000);
}

static inline void app_world_put(struct app_world *world, const char *topic, int32_t partition,
                                 const char *key, const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1000, bytes_from_string(key), bytes_from_string(value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(world->cluster, fake_cluster_get(world->cluster, topic, partition),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static inline void app_world_print_record(struct buffer *out, const struct batch_record *record)
{
    buffer_printf(out, "%s%.*s=%.*s", out->size == 0 ? "" : " ", BYTES_FORMAT(record->key),
                  BYTES_FORMAT(record->value));
}

/* "key=value key=value" of one partition, in a buffer of the caller's. */
static inline const char *app_world_read(struct app_world *world, const char *topic,
                                         int32_t partition, struct buffer *out)
{
    const struct fake_partition *from = fake_cluster_get(world->cluster, topic, partition);
    buffer_clear(out);
    for (size_t i = 0; i < from->batch_count; i++) {
        struct batch batch;
        struct batch_iterator iterator;
        struct batch_record record;
        assert_int_equal(batch_read_header(buffer_bytes(&from->batches[i].data), &batch, NULL), 0);
        assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 20), 0);
        while (batch_iterator_next(&iterator, &record) == 1) {
            app_world_print_record(out, &record);
        }
        batch_iterator_close(&iterator);
    }
    return buffer_string(out);
}

static inline int64_t app_world_count(struct app_world *world, const char *topic)
{
    const struct fake_topic *found = map_find(&world->cluster->topics, bytes_from_string(topic));
    int64_t count = 0;
    for (int32_t i = 0; found != NULL && i < found->partition_count; i++) {
        count += found->partitions[i].next_offset;
    }
    return count;
}

/* Whether `topic` holds `count` records, for sim_run_until. */
struct app_wish {
    struct app_world *world;
    const char *topic;
    int64_t count;
};

static bool app_world_has(void *owner)
{
    const struct app_wish *wish = owner;
    return app_world_count(wish->world, wish->topic) >= wish->count;
}

static inline void app_world_await(struct app_world *world, const char *topic, int64_t count)
{
    struct app_wish wish = {.world = world, .topic = topic, .count = count};
    bool is_there = sim_run_until(world->sim, app_world_has, &wish, 60 * APP_WORLD_SECOND);
    if (!is_there) {
        fail_msg("%s has %d records instead of %d; %s", topic, (int)app_world_count(world, topic),
                 (int)count, world->seats[0].reason);
    }
}
