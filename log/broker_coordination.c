/* Appends for coordinators, loads them, and tells them of topics; see broker_coordination.h. */
#include "log/broker_coordination.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/broker_loader.h"
#include "log/store/log_read.h"

#include <stdlib.h>
#include <string.h>

static const char BROKER_COORDINATION_OFFSETS[] = "__consumer_offsets";
static const char BROKER_COORDINATION_TRANSACTIONS[] = "__transaction_state";

struct broker_coordination {
    struct io *io;
    struct meta *meta;
    struct controller *controller;
    struct replica_set *replicas;
    struct coordinator *coordinator;
    struct transactor *transactor;
    struct broker_loader *loader;
    bool is_stopping;
    void (*loaded)(void *owner);
    void *owner;
};

/* Appends ------------------------------------------------------------------------------------ */

struct broker_coordination_append {
    void (*done)(void *owner, int error);
    void *owner;
    struct log_flush_wait wait;
    struct io_timer timer;
    int error;
};

static void broker_coordination_end_append(struct broker_coordination_append *pending, int error)
{
    void (*done)(void *owner, int error) = pending->done;
    void *owner = pending->owner;
    free(pending);
    done(owner, error);
}

static void broker_coordination_on_flushed(struct log_flush_wait *wait, int error)
{
    broker_coordination_end_append(wait->owner, error);
}

static void broker_coordination_on_failed(struct io_timer *timer)
{
    struct broker_coordination_append *pending = timer->owner;
    broker_coordination_end_append(pending, pending->error);
}

/* An error is told on a later turn. */
static void broker_coordination_fail(struct broker_coordination *coordination,
                                     struct broker_coordination_append *pending, int error)
{
    pending->error = error;
    pending->timer = (struct io_timer){.fired = broker_coordination_on_failed, .owner = pending};
    io_timer_start(coordination->io, &pending->timer, 0);
}

static void broker_coordination_append(struct broker_coordination *coordination, struct bytes topic,
                                       int32_t partition, uint8_t *data, size_t size,
                                       void (*done)(void *owner, int error), void *owner)
{
    struct broker_coordination_append *pending = memory_new(struct broker_coordination_append);
    struct replica *replica = replica_set_find(coordination->replicas, topic, partition);
    struct log_append result = {0};
    pending->done = done;
    pending->owner = owner;
    int error = replica == NULL
                    ? ERROR_UNKNOWN_TOPIC_OR_PARTITION
                    : replica_append(replica, data, size, LOG_ORIGIN_COORDINATOR, &result);
    if (error != 0) {
        broker_coordination_fail(coordination, pending, error);
        return;
    }
    pending->wait = (struct log_flush_wait){
        .done = broker_coordination_on_flushed, .owner = pending, .offset = result.last_offset + 1};
    log_wait_flushed(replica_log(replica), &pending->wait);
}

static void broker_coordination_on_journaled(void *owner, int error)
{
    struct journal_append *append = owner;
    append->done(append, error);
}

static void broker_coordination_append_offsets(void *owner, int32_t partition,
                                               struct journal_append *append, uint8_t *data,
                                               size_t size)
{
    broker_coordination_append(owner, bytes_from_string(BROKER_COORDINATION_OFFSETS), partition,
                               data, size, broker_coordination_on_journaled, append);
}

static void broker_coordination_append_transactions(void *owner, int32_t partition,
                                                    struct journal_append *append, uint8_t *data,
                                                    size_t size)
{
    broker_coordination_append(owner, bytes_from_string(BROKER_COORDINATION_TRANSACTIONS),
                               partition, data, size, broker_coordination_on_journaled, append);
}

/* Markers ------------------------------------------------------------------------------------ */

static void broker_coordination_on_marked(void *owner, int error)
{
    struct transactor_marker *marker = owner;
    marker->done(marker, error);
}

/* Group offsets change with their marker, so it goes through their coordinator. */
static void broker_coordination_mark_offsets(struct broker_coordination *coordination,
                                             struct transactor_marker *marker)
{
    struct coordinator_marker end = {.producer_id = marker->producer_id,
                                     .producer_epoch = marker->producer_epoch,
                                     .coordinator_epoch = marker->coordinator_epoch,
                                     .is_commit = marker->is_commit};
    int error = coordinator_write_marker(coordination->coordinator, marker->partition, &end,
                                         broker_coordination_on_marked, marker);
    if (error != 0) {
        struct broker_coordination_append *pending = memory_new(struct broker_coordination_append);
        pending->done = broker_coordination_on_marked;
        pending->owner = marker;
        broker_coordination_fail(coordination, pending, error);
    }
}

void broker_coordination_write_marker(struct broker_coordination *coordination,
                                      struct transactor_marker *marker)
{
    if (bytes_equal_string(marker->topic, BROKER_COORDINATION_OFFSETS)) {
        broker_coordination_mark_offsets(coordination, marker);
        return;
    }
    struct batch_builder builder;
    struct buffer batch;
    buffer_init(&batch);
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = marker->producer_id;
    builder.producer_epoch = marker->producer_epoch;
    batch_builder_add_marker(&builder, io_wall_clock(coordination->io), marker->is_commit,
                             marker->coordinator_epoch);
    int error = batch_builder_finish(&builder, &batch);
    check(error == 0);
    broker_coordination_append(coordination, marker->topic, marker->partition, batch.data,
                               batch.size, broker_coordination_on_marked, marker);
    batch_builder_fini(&builder);
    buffer_fini(&batch);
}

static void broker_coordination_mark(void *owner, int32_t state_partition,
                                     struct transactor_marker *marker)
{
    struct broker_coordination *coordination = owner;
    const struct replica *replica =
        replica_set_find(coordination->replicas,
                         bytes_from_string(BROKER_COORDINATION_TRANSACTIONS), state_partition);
    marker->coordinator_epoch = replica == NULL ? 0 : replica_leader_epoch(replica);
    broker_coordination_write_marker(coordination, marker);
}

/* Producer ids ------------------------------------------------------------------------------- */

struct broker_coordination_identity {
    struct controller_producer_id operation;
    struct transactor_identity *identity;
    struct arena arena;
};

static void broker_coordination_on_identity(struct controller_operation *operation)
{
    struct broker_coordination_identity *taken = operation->owner;
    struct transactor_identity *identity = taken->identity;
    int error = operation->error;
    int64_t producer_id = taken->operation.producer_id;
    arena_fini(&taken->arena);
    free(taken);
    identity->done(identity, error, producer_id);
}

static void broker_coordination_take_identity(void *owner, struct transactor_identity *identity)
{
    struct broker_coordination *coordination = owner;
    struct broker_coordination_identity *taken = memory_new(struct broker_coordination_identity);
    arena_init(&taken->arena, 0);
    taken->identity = identity;
    taken->operation.operation = (struct controller_operation){
        .done = broker_coordination_on_identity, .owner = taken, .arena = &taken->arena};
    controller_take_producer_id(coordination->controller, &taken->operation);
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
    if (coordination->is_stopping) {
        return NULL;
    }
    if (strcmp(topic->name, BROKER_COORDINATION_OFFSETS) == 0) {
        return coordinator_journal(coordination->coordinator);
    }
    if (strcmp(topic->name, BROKER_COORDINATION_TRANSACTIONS) == 0) {
        return transactor_journal(coordination->transactor);
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

static void broker_coordination_load(struct broker_coordination *coordination,
                                     struct journal *journal, const char *topic,
                                     void (*done)(void *owner, int error))
{
    const struct meta_topic *found = meta_find_topic(coordination->meta, bytes_from_string(topic));
    journal_set_partition_count(journal, found == NULL ? 0 : found->partition_count);
    coordination->loader = broker_loader_start(coordination->io, coordination->replicas, journal,
                                               topic, done, coordination);
}

/* False when the node stops. The names of a damaged partition stay unavailable; everything else
 * works. */
static bool broker_coordination_end_load(struct broker_coordination *coordination,
                                         const char *topic, int error)
{
    broker_loader_free(coordination->loader);
    coordination->loader = NULL;
    if (error != 0 && !coordination->is_stopping) {
        trace(TRACE_ERROR, "broker.coordinator_not_loaded", TRACE_STRING("topic", topic),
              TRACE_STRING("error", error_name(error)));
    }
    return !coordination->is_stopping;
}

static void broker_coordination_on_transactions_loaded(void *owner, int error)
{
    struct broker_coordination *coordination = owner;
    if (broker_coordination_end_load(coordination, BROKER_COORDINATION_TRANSACTIONS, error)) {
        coordination->loaded(coordination->owner);
    }
}

static void broker_coordination_on_groups_loaded(void *owner, int error)
{
    struct broker_coordination *coordination = owner;
    if (broker_coordination_end_load(coordination, BROKER_COORDINATION_OFFSETS, error)) {
        broker_coordination_load(coordination, transactor_journal(coordination->transactor),
                                 BROKER_COORDINATION_TRANSACTIONS,
                                 broker_coordination_on_transactions_loaded);
    }
}

void broker_coordination_start(struct broker_coordination *coordination,
                               void (*loaded)(void *owner), void *owner)
{
    coordination->loaded = loaded;
    coordination->owner = owner;
    broker_coordination_load(coordination, coordinator_journal(coordination->coordinator),
                             BROKER_COORDINATION_OFFSETS, broker_coordination_on_groups_loaded);
}

void broker_coordination_stop(struct broker_coordination *coordination)
{
    coordination->is_stopping = true;
    if (coordination->loader != NULL) {
        broker_loader_cancel(coordination->loader);
        coordination->loader = NULL;
    }
    /* First: the coordinator would tell it of markers that failed. */
    transactor_stop(coordination->transactor);
    coordinator_stop(coordination->coordinator);
}

/* What was set on the group as a resource; nothing is the usual case. */
static struct coordinator_group_options broker_coordination_group_options(void *owner,
                                                                          struct bytes group_id)
{
    const struct broker_coordination *coordination = owner;
    struct coordinator_group_options own = {0};
    if (meta_find_resource(coordination->meta, META_RESOURCE_GROUP, group_id) != NULL) {
        struct group_options options = {0};
        meta_read_group_options(coordination->meta, group_id, &options);
        own.session_timeout_ms = (int32_t)options.consumer_session_timeout_ms;
        own.heartbeat_interval_ms = (int32_t)options.consumer_heartbeat_interval_ms;
        option_fini(group_options_rows, group_options_row_count, &options);
    }
    return own;
}

static struct coordinator *broker_coordination_make_groups(struct broker_coordination *coordination)
{
    static const struct coordinator_events events = {
        .append = broker_coordination_append_offsets,
        .validate_partition = broker_coordination_validate_offset,
        .find_topic = broker_coordination_find_topic,
        .find_topic_id = broker_coordination_find_topic_id,
        .each_topic = broker_coordination_each_topic,
        .group_options = broker_coordination_group_options,
    };
    const struct broker_options *options = meta_broker_options(coordination->meta);
    enum broker_options_migration policy =
        (enum broker_options_migration)options->group_consumer_migration_policy;
    struct coordinator_options group_options = {
        .session_timeout_min_ms = (int32_t)options->group_min_session_timeout_ms,
        .session_timeout_max_ms = (int32_t)options->group_max_session_timeout_ms,
        .initial_rebalance_delay_ms = (int32_t)options->group_initial_rebalance_delay_ms,
        .group_size_max = (int32_t)options->group_max_size,
        .metadata_size_max = (int32_t)options->offset_metadata_max_bytes,
        .offsets_retention_ms = (int64_t)options->offsets_retention_minutes * 60000,
        .retention_check_ms = options->offsets_retention_check_interval_ms,
        .history_size = (int32_t)options->group_history_size,
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
    return coordinator_new(coordination->io, &group_options, &events, coordination);
}

static struct transactor *
broker_coordination_make_transactions(struct broker_coordination *coordination)
{
    static const struct transactor_events events = {
        .append = broker_coordination_append_transactions,
        .write_marker = broker_coordination_mark,
        .take_identity = broker_coordination_take_identity,
    };
    const struct broker_options *options = meta_broker_options(coordination->meta);
    struct transactor_options transactor_options = {
        .timeout_max_ms = (int32_t)options->transaction_max_timeout_ms,
        .abort_check_ms = options->transaction_abort_check_ms,
        .expiration_ms = options->transactional_id_expiration_ms,
        .expiry_check_ms = options->transaction_expiry_check_ms,
        .wait_max_ms = options->add_partitions_retry_max_ms,
    };
    return transactor_new(coordination->io, &transactor_options, &events, coordination);
}

struct broker_coordination *broker_coordination_new(struct io *io, struct meta *meta,
                                                    struct controller *controller,
                                                    struct replica_set *replicas)
{
    struct broker_coordination *coordination = memory_new(struct broker_coordination);
    coordination->io = io;
    coordination->meta = meta;
    coordination->controller = controller;
    coordination->replicas = replicas;
    coordination->coordinator = broker_coordination_make_groups(coordination);
    coordination->transactor = broker_coordination_make_transactions(coordination);
    return coordination;
}

void broker_coordination_free(struct broker_coordination *coordination)
{
    if (coordination != NULL) {
        transactor_free(coordination->transactor);
        coordinator_free(coordination->coordinator);
        free(coordination);
    }
}

struct coordinator *broker_coordination_groups(struct broker_coordination *coordination)
{
    return coordination->coordinator;
}

struct transactor *broker_coordination_transactions(struct broker_coordination *coordination)
{
    return coordination->transactor;
}

void broker_coordination_check(struct broker_coordination *coordination)
{
    coordinator_check(coordination->coordinator);
    transactor_check(coordination->transactor);
}

/* Appends all batches of a log; false when the disk does not give them. */
static bool broker_coordination_read(struct log *log, struct buffer *out)
{
    int64_t offset = log_start_offset(log);
    int64_t end_offset = log_end_offset(log);
    int error = 0;
    while (error == 0 && offset < end_offset) {
        struct log_read read = {.offset = offset,
                                .limit_offset = end_offset,
                                .size_max = 1 << 20,
                                .is_first_whole = true,
                                .may_wait = true};
        buffer_init(&read.bytes);
        check(log_read(log, &read, &error));
        struct bytes rest = buffer_bytes(&read.bytes);
        error = error == 0 && rest.size == 0 ? ERROR_CORRUPT : error;
        while (error == 0 && rest.size > 0) {
            struct batch batch;
            error = batch_read_header(rest, &batch, NULL);
            if (error == 0) {
                offset = batch_next_offset(&batch);
                rest = bytes_make(rest.data + batch.bytes.size, rest.size - batch.bytes.size);
            }
        }
        buffer_add_bytes(out, buffer_bytes(&read.bytes));
        buffer_fini(&read.bytes);
    }
    return error == 0;
}

/* What is appended and not flushed is not remembered yet: such a partition is left out. */
static bool broker_coordination_read_settled(struct broker_coordination *coordination,
                                             const struct journal *journal, const char *topic,
                                             int32_t partition, struct buffer *out)
{
    struct replica *replica =
        replica_set_find(coordination->replicas, bytes_from_string(topic), partition);
    struct log *log = replica == NULL ? NULL : replica_log(replica);
    buffer_clear(out);
    return log != NULL && journal_status(journal, partition) == JOURNAL_ACTIVE &&
           log_status(log) == 0 && log_flushed_offset(log) == log_end_offset(log) &&
           broker_coordination_read(log, out);
}

int broker_coordination_check_replay(struct broker_coordination *coordination)
{
    const struct journal *groups = coordinator_journal(coordination->coordinator);
    const struct journal *transactions = transactor_journal(coordination->transactor);
    struct buffer batches;
    int count = 0;
    buffer_init(&batches);
    for (int32_t i = 0; i < journal_partition_count(groups); i++) {
        if (broker_coordination_read_settled(coordination, groups, BROKER_COORDINATION_OFFSETS, i,
                                             &batches)) {
            coordinator_check_replay(coordination->coordinator, i, buffer_bytes(&batches));
            count++;
        }
    }
    for (int32_t i = 0; i < journal_partition_count(transactions); i++) {
        if (broker_coordination_read_settled(coordination, transactions,
                                             BROKER_COORDINATION_TRANSACTIONS, i, &batches)) {
            transactor_check_replay(coordination->transactor, i, buffer_bytes(&batches));
            count++;
        }
    }
    buffer_fini(&batches);
    return count;
}
