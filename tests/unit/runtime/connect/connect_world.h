/* What a connector's task needs, on a simulated cluster of one broker. The plugin under the task is
 * the test's own; it runs on a worker of the simulated world. */
#pragma once

#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/wire/batch.h"
#include "runtime/client/producer.h"
#include "runtime/plugin/tidemill.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t CONNECT_WORLD_SECOND = 1000000000;

struct connect_world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    struct client *fetch_client;
    struct producer *producer;
    int failure_count; /* of the task */
    char reason[640];
    int64_t delivered_count; /* records */
    bool is_closed;
};

static inline struct connect_world *connect_world_new(uint64_t seed)
{
    trace_set_stream(NULL);
    struct connect_world *world = memory_new(struct connect_world);
    struct client_options client_options = client_options_default();
    struct producer_options producer_options = producer_options_default();
    client_options.bootstrap = "node1:9092";
    world->sim = sim_new(seed, 2);
    world->cluster = fake_cluster_new(world->sim, 1);
    world->client = client_new(sim_io(world->sim, 0), &client_options);
    world->fetch_client = client_new(sim_io(world->sim, 0), &client_options);
    world->producer = producer_new(world->client, &producer_options);
    return world;
}

static inline void connect_world_on_failed(void *owner, const char *reason)
{
    struct connect_world *world = owner;
    world->failure_count++;
    snprintf(world->reason, sizeof world->reason, "%s", reason);
}

static inline void connect_world_on_delivered(void *owner, int64_t count)
{
    ((struct connect_world *)owner)->delivered_count += count;
}

static inline void connect_world_on_closed(void *owner)
{
    ((struct connect_world *)owner)->is_closed = true;
}

static inline bool connect_world_is_closed(void *owner)
{
    return ((struct connect_world *)owner)->is_closed;
}

static inline bool connect_world_has_failed(void *owner)
{
    return ((struct connect_world *)owner)->failure_count > 0;
}

static inline void connect_world_await_closed(struct connect_world *world)
{
    assert_true(
        sim_run_until(world->sim, connect_world_is_closed, world, 200 * CONNECT_WORLD_SECOND));
    world->is_closed = false;
}

static inline void connect_world_await_failure(struct connect_world *world)
{
    assert_true(
        sim_run_until(world->sim, connect_world_has_failed, world, 200 * CONNECT_WORLD_SECOND));
}

static inline void connect_world_free(struct connect_world *world)
{
    producer_close(world->producer, connect_world_on_closed, world);
    connect_world_await_closed(world);
    client_close(world->client, connect_world_on_closed, world);
    connect_world_await_closed(world);
    client_close(world->fetch_client, connect_world_on_closed, world);
    connect_world_await_closed(world);
    fake_cluster_free(world->cluster);
    sim_free(world->sim);
    free(world);
}

static inline void connect_world_run(struct connect_world *world, uint64_t duration_ms)
{
    sim_run(world->sim, sim_now(world->sim) + duration_ms * 1000000);
}

static inline int64_t connect_world_count(struct connect_world *world, const char *topic)
{
    return fake_cluster_get(world->cluster, topic, 0)->next_offset;
}

/* Visits the records of partition 0. */
static inline void connect_world_each(struct connect_world *world, const char *topic,
                                      void (*each)(void *owner, const struct batch_record *record,
                                                   bool is_last_of_batch),
                                      void *owner)
{
    const struct fake_partition *from = fake_cluster_get(world->cluster, topic, 0);
    for (size_t i = 0; i < from->batch_count; i++) {
        struct batch batch;
        struct batch_iterator iterator;
        struct batch_record record;
        assert_int_equal(batch_read_header(buffer_bytes(&from->batches[i].data), &batch, NULL), 0);
        assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 24), 0);
        while (batch_iterator_next(&iterator, &record) == 1) {
            each(owner, &record, record.offset + 1 == batch_next_offset(&batch));
        }
        batch_iterator_close(&iterator);
    }
}

/* The value of a header as text, or "" when there is none; in a static place. */
static inline const char *connect_world_header(const struct batch_record *record, const char *name)
{
    static char text[600];
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct batch_header header;
    text[0] = 0;
    while (batch_header_next(&at, end, &header) == 1) {
        if (bytes_equal_string(header.key, name)) {
            snprintf(text, sizeof text, "%.*s", BYTES_FORMAT(header.value));
        }
    }
    return text;
}

static inline void connect_world_put(struct connect_world *world, const char *topic,
                                     const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1000, BYTES_LITERAL("key"), bytes_from_string(value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(world->cluster, fake_cluster_get(world->cluster, topic, 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}
