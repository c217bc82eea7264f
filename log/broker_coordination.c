/* Appends for coordinators, loads them, and tells them of topics; see broker_coordination.h. */
#include "log/broker_coordination.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/broker_loader.h"

#include <stdlib.h>
#include <string.h>

static const char BROKER_COORDINATION_OFFSETS[] = "__consumer_offsets";

struct broker_coordination {
    struct io *io;
    struct meta *meta;
    struct replica_set *replicas;
    struct coordinator *coordinator;
    struct broker_loader *loader;
    bool is_stopping;
    void (*loaded)(void *owner);
    void *owner;
};

/* Appends ------------------------------------------------------------------------------------ */

struct broker_coordination_append {
    struct journal_append *append;
    struct log_flush_wait wait;
    struct io_timer timer;
    int error;
};

static void broker_coordination_on_flushed(struct log_flush_wait *wait, int error)
{
    struct broker_coordination_append *pending = wait->owner;
    struct journal_append *append = pending->append;
    free(pending);
    append->done(append, error);
}

static void broker_coordination_on_failed(struct io_timer *timer)
{
    struct broker_coordination_append *pending = timer->owner;
    struct journal_append *append = pending->append;
    int error = pending->error;
    free(pending);
    append->done(append, error);
}

static void broker_coordination_append(struct broker_coordination *coordination, const char *topic,
                                       int32_t partition, struct journal_append *append,
                                       uint8_t *data, size_t size)
{
    struct broker_coordination_append *pending = memory_new(struct broker_coordination_append);
    struct replica *replica =
        replica_set_find(coordination->replicas, bytes_from_string(topic), partition);
    struct log_append result = {0};
    pending->append = append;
    pending->error = replica == NULL
                         ? ERROR_COORDINATOR_NOT_AVAILABLE
                         : replica_append(replica, data, size, LOG_ORIGIN_COORDINATOR, &result);
    if (pending->error != 0) {
        pending->timer =
            (struct io_timer){.fired = broker_coordination_on_failed, .owner = pending};
        io_timer_start(coordination->io, &pending->timer, 0);
        return;
    }
    pending->wait = (struct log_flush_wait){
        .done = broker_coordination_on_flushed, .owner = pending, .offset = result.last_offset + 1};
    log_wait_flushed(replica_log(replica), &pending->wait);
}

static void broker_coordination_append_offsets(void *owner, int32_t partition,
                                               struct journal_append *append, uint8_t *data,
                                               size_t size)
{
    broker_coordination_append(owner, BROKER_COORDINATION_OFFSETS, partition, append, data, size);
}

static int broker_coordination_validate_offset(void *owner, struct bytes topic, int32_t partition)
{
    const struct broker_coordination *coordination = owner;
    const struct meta_topic *found = meta_find_topic(coordination->meta, topic);
    bool is_known = found != NULL && meta_find_partition(found, partition) != NULL;
    return is_known ? 0 : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void broker_coordination_fill_topic(const struct meta_topic *topic,
                                           struct coordinator_topic *out)
{
    *out = (struct coordinator_topic){.name = bytes_from_string(topic->name),
                                      .id = topic->id,
                                      .partition_count = topic->partition_count,
                                      .is_internal = topic->is_internal};
}

static bool broker_coordination_find_topic(void *owner, struct bytes name,
                                           struct coordinator_topic *out)
{
    const struct broker_coordination *coordination = owner;
    const struct meta_topic *topic = meta_find_topic(coordination->meta, name);
    if (topic != NULL) {
        broker_coordination_fill_topic(topic, out);
    }
    return topic != NULL;
}

static bool broker_coordination_find_topic_id(void *owner, struct wire_uuid id,
                                              struct coordinator_topic *out)
{
    const struct broker_coordination *coordination = owner;
    const struct meta_topic *topic = meta_find_topic_id(coordination->meta, id);
    if (topic != NULL) {
        broker_coordination_fill_topic(topic, out);
    }
    return topic != NULL;
}

static void broker_coordination_each_topic(
    void *owner, void (*each)(void *context, const struct coordinator_topic *topic), void *context)
{
    const struct broker_coordination *coordination = owner;
    for (size_t i = 0; i < meta_topic_count(coordination->meta); i++) {
        struct coordinator_topic topic;
        broker_coordination_fill_topic(meta_topic_at(coordination->meta, i), &topic);
        each(context, &topic);
    }
}

/* Topics ------------------------------------------------------------------------------------- */

/* The journal that a topic belongs to; NULL for all others, or when the node stops. */
static struct journal *broker_coordination_find(struct broker_coordination *coordination,
                                                const struct meta_topic *topic)
{
    if (!coordination->is_stopping && strcmp(topic->name, BROKER_COORDINATION_OFFSETS) == 0) {
        return coordinator_journal(coordination->coordinator);
    }
    return NULL;
}

void broker_coordination_on_topic_created(struct broker_coordination *coordination,
                                          const struct meta_topic *topic)
{
    struct journal *journal = broker_coordination_find(coordination, topic);
    coordinator_on_topics_changed(coordination->coordinator);
    if (journal == NULL) {
        return;
    }
    journal_set_partition_count(journal, topic->partition_count);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        journal_load_start(journal, i);
        journal_load_end(journal, i);
    }
}

void broker_coordination_on_topic_deleted(struct broker_coordination *coordination,
                                          const struct meta_topic *topic)
{
    struct journal *journal = broker_coordination_find(coordination, topic);
    if (journal != NULL) {
        /* All names and what they had are gone with the topic. */
        check(coordination->loader == NULL); /* nobody is listened to while it loads */
        for (int32_t i = 0; i < journal_partition_count(journal); i++) {
            journal_unload(journal, i);
        }
        journal_set_partition_count(journal, 0);
    }
    coordinator_on_topic_deleted(coordination->coordinator, bytes_from_string(topic->name));
    coordinator_on_topics_changed(coordination->coordinator);
}

void broker_coordination_on_partitions_added(struct broker_coordination *coordination)
{
    coordinator_on_topics_changed(coordination->coordinator);
}

void broker_coordination_on_broker_config(struct broker_coordination *coordination)
{
    const struct broker_options *options = meta_broker_options(coordination->meta);
    coordinator_set_assignment_interval(coordination->coordinator,
                                        (int32_t)options->group_consumer_assignment_interval_ms);
}

/* Start and stop ----------------------------------------------------------------------------- */

static void broker_coordination_on_loaded(void *owner, int error)
{
    struct broker_coordination *coordination = owner;
    broker_loader_free(coordination->loader);
    coordination->loader = NULL;
    if (coordination->is_stopping) {
        return;
    }
    if (error != 0) {
        /* The names of the damaged partition stay unavailable; everything else works. */
        trace(TRACE_ERROR, "broker.offsets_not_loaded", TRACE_STRING("error", error_name(error)));
    }
    coordination->loaded(coordination->owner);
}

void broker_coordination_start(struct broker_coordination *coordination,
                               void (*loaded)(void *owner), void *owner)
{
    const struct meta_topic *topic =
        meta_find_topic(coordination->meta, bytes_from_string(BROKER_COORDINATION_OFFSETS));
    struct journal *journal = coordinator_journal(coordination->coordinator);
    journal_set_partition_count(journal, topic == NULL ? 0 : topic->partition_count);
    coordination->loaded = loaded;
    coordination->owner = owner;
    coordination->loader = broker_loader_start(coordination->io, coordination->replicas, journal,
                                               BROKER_COORDINATION_OFFSETS,
                                               broker_coordination_on_loaded, coordination);
}

void broker_coordination_stop(struct broker_coordination *coordination)
{
    coordination->is_stopping = true;
    if (coordination->loader != NULL) {
        broker_loader_cancel(coordination->loader);
        coordination->loader = NULL;
    }
    coordinator_stop(coordination->coordinator);
}

struct broker_coordination *broker_coordination_new(struct io *io, struct meta *meta,
                                                    struct replica_set *replicas)
{
    static const struct coordinator_events events = {
        .append = broker_coordination_append_offsets,
        .validate_partition = broker_coordination_validate_offset,
        .find_topic = broker_coordination_find_topic,
        .find_topic_id = broker_coordination_find_topic_id,
        .each_topic = broker_coordination_each_topic,
    };
    const struct broker_options *options = meta_broker_options(meta);
    enum broker_options_migration policy =
        (enum broker_options_migration)options->group_consumer_migration_policy;
    struct coordinator_options coordinator_options = {
        .session_timeout_min_ms = (int32_t)options->group_min_session_timeout_ms,
        .session_timeout_max_ms = (int32_t)options->group_max_session_timeout_ms,
        .initial_rebalance_delay_ms = (int32_t)options->group_initial_rebalance_delay_ms,
        .group_size_max = (int32_t)options->group_max_size,
        .metadata_size_max = (int32_t)options->offset_metadata_max_bytes,
        .offsets_retention_ms = (int64_t)options->offsets_retention_minutes * 60000,
        .retention_check_ms = options->offsets_retention_check_interval_ms,
        .consumer_session_timeout_ms = (int32_t)options->group_consumer_session_timeout_ms,
        .consumer_heartbeat_interval_ms = (int32_t)options->group_consumer_heartbeat_interval_ms,
        .consumer_assignment_interval_ms = (int32_t)options->group_consumer_assignment_interval_ms,
        .consumer_group_size_max = (int32_t)options->group_consumer_max_size,
        .consumer_assignors = options->group_consumer_assignors,
        .can_upgrade =
            policy == BROKER_OPTIONS_MIGRATION_BOTH || policy == BROKER_OPTIONS_MIGRATION_UPGRADE,
        .can_downgrade =
            policy == BROKER_OPTIONS_MIGRATION_BOTH || policy == BROKER_OPTIONS_MIGRATION_DOWNGRADE,
    };
    struct broker_coordination *coordination = memory_new(struct broker_coordination);
    coordination->io = io;
    coordination->meta = meta;
    coordination->replicas = replicas;
    coordination->coordinator = coordinator_new(io, &coordinator_options, &events, coordination);
    return coordination;
}

void broker_coordination_free(struct broker_coordination *coordination)
{
    if (coordination != NULL) {
        coordinator_free(coordination->coordinator);
        free(coordination);
    }
}

struct coordinator *broker_coordination_groups(struct broker_coordination *coordination)
{
    return coordination->coordinator;
}

void broker_coordination_check(struct broker_coordination *coordination)
{
    coordinator_check(coordination->coordinator);
}
