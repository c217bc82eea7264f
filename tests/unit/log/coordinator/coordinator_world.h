/* A coordinator with logs that live in memory: appends are kept, committed after a random while in
 * any order, or refused. After each event the state is held against a replay. */
#pragma once

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/coordinator.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_PARTITION_COUNT = 3, WORLD_TOPIC_MAX = 8, WORLD_SECOND = 1000000000 };

/* A topic for consumer groups. */
struct world_topic {
    char name[16];
    uint8_t generation;      /* grows with each new topic of the name: part of the id */
    int32_t partition_count; /* 0: there is none now */
};

struct world_append {
    struct world *world;
    struct journal_append *append;
    int32_t partition;
    struct buffer batch;
    struct io_timer timer;
    int error;
    bool is_ready; /* its flush came back */
    struct list_link link;
};

struct world {
    struct sim *sim;
    struct io *io;
    struct coordinator *coordinator;
    struct coordinator_options options;
    struct buffer committed[WORLD_PARTITION_COUNT];
    struct list appends[WORLD_PARTITION_COUNT]; /* not committed yet, in order */
    int append_error;                           /* of appends made from now on */
    uint64_t commit_ns_max;
    int append_count;
    bool is_frozen; /* nothing is committed */
    const char *missing_topic;
    struct world_topic topics[WORLD_TOPIC_MAX];
    int32_t session_timeout_ms; /* of every group's own; 0: the broker's */
    struct arena arena;
};

/* Commits what is ready at the front: the log has one order. */
static inline void world_commit(struct world *world, int32_t partition)
{
    struct list *appends = &world->appends[partition];
    while (!list_is_empty(appends)) {
        struct world_append *first = list_member(appends->head.next, struct world_append, link);
        if (!first->is_ready) {
            return;
        }
        list_remove(&first->link);
        if (first->error == 0) {
            buffer_add_bytes(&world->committed[partition], buffer_bytes(&first->batch));
        }
        first->append->done(first->append, first->error);
        buffer_fini(&first->batch);
        free(first);
    }
}

static inline void world_on_flushed(struct io_timer *timer)
{
    struct world_append *append = (struct world_append *)timer->owner;
    append->is_ready = true;
    world_commit(append->world, append->partition);
}

static inline void world_append(void *owner, int32_t partition, struct journal_append *append,
                                uint8_t *data, size_t size)
{
    struct world *world = (struct world *)owner;
    struct world_append *kept = memory_new(struct world_append);
    kept->world = world;
    kept->append = append;
    kept->partition = partition;
    kept->error = world->append_error;
    kept->timer = (struct io_timer){.fired = world_on_flushed, .owner = kept};
    buffer_add(&kept->batch, data, size);
    list_add(&world->appends[partition], &kept->link);
    world->append_count++;
    if (!world->is_frozen) {
        io_timer_start(world->io, &kept->timer, sim_random(world->sim, world->commit_ns_max) + 1);
    }
}

static inline int world_validate(void *owner, struct bytes topic, int32_t partition)
{
    struct world *world = (struct world *)owner;
    bool is_missing =
        world->missing_topic != NULL && bytes_equal_string(topic, world->missing_topic);
    return is_missing || partition > 9 ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : 0;
}

static inline void world_fill_topic(const struct world *world, int index,
                                    struct coordinator_topic *out)
{
    const struct world_topic *topic = &world->topics[index];
    *out = (struct coordinator_topic){.name = bytes_from_string(topic->name),
                                      .partition_count = topic->partition_count,
                                      .is_internal = topic->name[0] == '_'};
    out->id.octets[0] = (uint8_t)(index + 1);
    out->id.octets[15] = topic->generation;
}

static inline bool world_find_topic(void *owner, struct bytes name, struct coordinator_topic *out)
{
    const struct world *world = (const struct world *)owner;
    for (int i = 0; i < WORLD_TOPIC_MAX; i++) {
        if (world->topics[i].partition_count > 0 &&
            bytes_equal_string(name, world->topics[i].name)) {
            world_fill_topic(world, i, out);
            return true;
        }
    }
    return false;
}

static inline bool world_find_topic_id(void *owner, struct wire_uuid id,
                                       struct coordinator_topic *out)
{
    const struct world *world = (const struct world *)owner;
    for (int i = 0; i < WORLD_TOPIC_MAX; i++) {
        world_fill_topic(world, i, out);
        if (out->partition_count > 0 && memcmp(&out->id, &id, sizeof id) == 0) {
            return true;
        }
    }
    return false;
}

static inline void
world_each_topic(void *owner, void (*each)(void *context, const struct coordinator_topic *topic),
                 void *context)
{
    const struct world *world = (const struct world *)owner;
    for (int i = 0; i < WORLD_TOPIC_MAX; i++) {
        struct coordinator_topic topic;
        world_fill_topic(world, i, &topic);
        if (topic.partition_count > 0) {
            each(context, &topic);
        }
    }
}

static inline struct coordinator_group_options world_group_options(void *owner,
                                                                   struct bytes group_id)
{
    (void)group_id;
    return (struct coordinator_group_options){
        .session_timeout_ms = ((const struct world *)owner)->session_timeout_ms};
}

/* Makes a topic, lets it grow, or deletes it with 0 partitions. */
static inline void world_set_topic(struct world *world, const char *name, int32_t partition_count)
{
    for (int i = 0; i < WORLD_TOPIC_MAX; i++) {
        struct world_topic *topic = &world->topics[i];
        if (topic->name[0] != '\0' && strcmp(topic->name, name) != 0) {
            continue;
        }
        if (topic->partition_count == 0) {
            topic->generation++;
        }
        snprintf(topic->name, sizeof topic->name, "%s", name);
        topic->partition_count = partition_count;
        coordinator_on_topics_changed(world->coordinator);
        return;
    }
    assert_true(false);
}

static const struct coordinator_events world_events = {
    .append = world_append,
    .validate_partition = world_validate,
    .find_topic = world_find_topic,
    .find_topic_id = world_find_topic_id,
    .each_topic = world_each_topic,
    .group_options = world_group_options,
};

static inline void world_check(void *owner)
{
    struct world *world = (struct world *)owner;
    if (world->coordinator == NULL) {
        return;
    }
    coordinator_check(world->coordinator);
    for (int32_t i = 0; i < WORLD_PARTITION_COUNT; i++) {
        coordinator_check_replay(world->coordinator, i, buffer_bytes(&world->committed[i]));
    }
}

/* Starts a coordinator on what was committed. */
static inline void world_start(struct world *world)
{
    world->coordinator = coordinator_new(world->io, &world->options, &world_events, world);
    journal_set_partition_count(coordinator_journal(world->coordinator), WORLD_PARTITION_COUNT);
    for (int32_t i = 0; i < WORLD_PARTITION_COUNT; i++) {
        journal_load_start(coordinator_journal(world->coordinator), i);
        assert_int_equal(journal_load_batch(coordinator_journal(world->coordinator), i,
                                            buffer_bytes(&world->committed[i])),
                         0);
        journal_load_end(coordinator_journal(world->coordinator), i);
    }
}

/* Appends under way are lost, as in a crash. */
static inline void world_drop_appends(struct world *world)
{
    for (int32_t i = 0; i < WORLD_PARTITION_COUNT; i++) {
        struct list_link *link;
        while ((link = list_take(&world->appends[i])) != NULL) {
            struct world_append *append = list_member(link, struct world_append, link);
            io_timer_stop(world->io, &append->timer);
            append->append->done(append->append, ERROR_SHUTDOWN);
            buffer_fini(&append->batch);
            free(append);
        }
    }
}

static inline void world_stop(struct world *world)
{
    coordinator_free(world->coordinator);
    world->coordinator = NULL;
    world_drop_appends(world);
}

static inline struct world *world_new(uint64_t seed)
{
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, 1);
    world->io = sim_io(world->sim, 0);
    world->options = coordinator_options_default();
    world->commit_ns_max = WORLD_SECOND / 100;
    arena_init(&world->arena, 0);
    for (int i = 0; i < WORLD_PARTITION_COUNT; i++) {
        list_init(&world->appends[i]);
    }
    world_start(world);
    sim_on_event(world->sim, world_check, world);
    return world;
}

static inline void world_free(struct world *world)
{
    world_stop(world);
    sim_run(world->sim, sim_now(world->sim) + WORLD_SECOND);
    sim_on_event(world->sim, NULL, NULL);
    for (int i = 0; i < WORLD_PARTITION_COUNT; i++) {
        buffer_fini(&world->committed[i]);
    }
    arena_fini(&world->arena);
    sim_free(world->sim);
    free(world);
}

static inline void world_run_ms(struct world *world, uint64_t ms)
{
    sim_run(world->sim, sim_now(world->sim) + ms * 1000000);
}
