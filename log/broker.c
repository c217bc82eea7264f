/* Starts and stops the parts of one node in order; see broker.h.
 *
 * Start:  (1) the store recovers every log;
 *         (2) the metadata log is replayed into the picture, which says whose directory it is;
 *         (3) logs and picture are brought together: a topic without its log gets one, a log
 *             without its topic is deleted or set aside;
 *         (4) from now on the picture's changes open and delete logs;
 *         (5) the controller registers this node;
 *         (6) coordinators read their partitions;
 *         (7) the server listens. */
#include "log/broker.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/metric.h"
#include "log/base/trace.h"
#include "log/broker_coordination.h"
#include "log/broker_metrics.h"
#include "log/broker_orphans.h"
#include "log/broker_settings.h"
#include "log/listener_set.h"
#include "log/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BROKER_RETRY_MS = 1000 };

struct broker {
    struct io *io;
    struct broker_settings settings;
    const struct broker_events *events;
    void *owner;
    struct broker_options options; /* the file's and the defaults: what start needs */
    char *path;
    struct listener_set listeners;
    struct metric_registry *metrics;
    struct store *store;
    struct meta *meta;
    struct meta_listener listener;
    struct quorum *quorum;
    struct controller *controller;
    struct controller_registration registration;
    struct arena registration_arena;
    struct broker_orphans *orphans;
    struct replica_set *replicas;
    struct broker_coordination *coordination;
    struct server *server;
    struct io_timer retry_timer; /* while logs could not be opened or deleted */
    int look_error;              /* of a command, while the directory is only looked at */
    bool is_started;             /* registered */
    bool is_stopping;
    void (*stopped)(void *owner);
    void *stopped_owner;
};

/* The owner tells it. */
static void broker_fail(struct broker *broker, const struct report *report)
{
    broker->events->failed(broker->owner, report);
}

/* --- Topics --- */

/* Leads the partition unless it does so already. Its log may not be that of an earlier topic of the
 * same name, which could not be deleted. */
static int broker_open_partition(struct broker *broker, const struct meta_topic *topic,
                                 const struct meta_partition *partition,
                                 const struct log_settings *settings)
{
    if (replica_set_find(broker->replicas, bytes_from_string(topic->name), partition->index) !=
        NULL) {
        return 0;
    }
    struct log *log = store_find_log(broker->store, topic->name, partition->index);
    int error = 0;
    if (log != NULL && !meta_uuid_equal(log_topic_id(log), topic->id)) {
        error = broker_orphans_clear(broker->orphans);
    }
    return error != 0 ? error
                      : replica_set_add(broker->replicas, topic->name, partition->index, topic->id,
                                        partition->leader_epoch, settings);
}

static void broker_retry_later(struct broker *broker)
{
    io_timer_start(broker->io, &broker->retry_timer, BROKER_RETRY_MS * UINT64_C(1000000));
}

/* A log that cannot be made (the disk is full, there are no descriptors) is no reason to stop for
 * all others: its clients are told to ask again, and it is tried again. */
static void broker_open_topic(struct broker *broker, const struct meta_topic *topic,
                              int32_t first_index)
{
    struct log_settings settings = broker_settings_of_topic(&topic->options);
    int first_error = 0;
    for (int32_t i = first_index; i < topic->partition_count; i++) {
        int error = broker_open_partition(broker, topic, &topic->partitions[i], &settings);
        if (error != 0 && first_error == 0) {
            first_error = error;
            trace(TRACE_ERROR, "broker.log_not_opened", TRACE_STRING("topic", topic->name),
                  TRACE_INT("partition", i), TRACE_STRING("error", error_name(error)),
                  TRACE_STRING("effect", "the partition is away until it can be opened"));
        }
    }
    if (first_error != 0) {
        broker_retry_later(broker);
    }
}

static void broker_on_topic_created(void *owner, const struct meta_topic *topic)
{
    struct broker *broker = owner;
    broker_open_topic(broker, topic, 0);
    broker_coordination_on_topic_created(broker->coordination, topic);
}

static void broker_on_topic_deleted(void *owner, const struct meta_topic *topic)
{
    struct broker *broker = owner;
    broker_coordination_on_topic_deleted(broker->coordination, topic);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        int error = replica_set_remove(broker->replicas, topic->name, i);
        if (error != 0 && error != ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
            trace(TRACE_ERROR, "broker.log_not_deleted", TRACE_STRING("topic", topic->name),
                  TRACE_INT("partition", i), TRACE_STRING("error", error_name(error)));
            broker_orphans_note(broker->orphans, topic);
            broker_retry_later(broker);
        }
    }
}

static void broker_on_partitions_added(void *owner, const struct meta_topic *topic,
                                       int32_t first_index)
{
    struct broker *broker = owner;
    broker_open_topic(broker, topic, first_index);
    broker_coordination_on_partitions_added(broker->coordination);
}

static void broker_apply_settings(struct broker *broker, const struct meta_topic *topic)
{
    struct log_settings settings = broker_settings_of_topic(&topic->options);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct log *log = store_find_log(broker->store, topic->name, i);
        if (log != NULL) {
            log_set_settings(log, &settings);
        }
    }
}

static void broker_on_topic_config(void *owner, const struct meta_topic *topic)
{
    broker_apply_settings(owner, topic);
}

static void broker_apply_store_options(struct broker *broker)
{
    struct store_cleaner_options options =
        broker_settings_of_cleaner(meta_broker_options(broker->meta));
    store_set_cleaner(broker->store, &options);
    store_set_retention_total(broker->store,
                              meta_broker_options(broker->meta)->retention_total_bytes);
}

/* A broker's value is the default of every topic that has none of its own. */
static void broker_on_broker_config(void *owner)
{
    struct broker *broker = owner;
    broker_apply_store_options(broker);
    broker_coordination_on_broker_config(broker->coordination);
    store_set_producer_expiration(broker->store,
                                  meta_broker_options(broker->meta)->producer_id_expiration_ms);
    for (size_t i = 0; i < meta_topic_count(broker->meta); i++) {
        broker_apply_settings(broker, meta_topic_at(broker->meta, i));
    }
}

static void broker_on_retry(struct io_timer *timer)
{
    struct broker *broker = timer->owner;
    if (broker->is_stopping || store_status(broker->store) != 0) {
        return;
    }
    if (broker_orphans_clear(broker->orphans) != 0) {
        broker_retry_later(broker);
    }
    for (size_t i = 0; i < meta_topic_count(broker->meta); i++) {
        broker_open_topic(broker, meta_topic_at(broker->meta, i), 0);
    }
}

/* --- Start --- */

static void broker_listen(struct broker *broker)
{
    struct report report = {0};
    int error = 0;
    for (size_t i = 0; i < broker->listeners.count && error == 0; i++) {
        error = server_listen(broker->server, broker->listeners.items[i].address,
                              broker->listeners.items[i].advertised, &report);
    }
    if (broker->settings.inner != NULL && error == 0) { /* the last one; see broker_inner_address */
        error = server_listen(broker->server, broker->settings.inner, NULL, &report);
    }
    if (error != 0) {
        broker_fail(broker, &report);
        return;
    }
    broker->events->ready(broker->owner);
}

static void broker_on_loaded(void *owner)
{
    broker_listen(owner);
}

static void broker_on_registered(struct controller_operation *operation)
{
    struct broker *broker = operation->owner;
    broker->is_started = true;
    if (broker->is_stopping) {
        return;
    }
    if (operation->error != 0) {
        struct report report = {0};
        report_add(&report, broker->path, "the metadata log in %s cannot be written: %s",
                   broker->path, error_text(operation->error));
        broker_fail(broker, &report);
        return;
    }
    broker_coordination_start(broker->coordination, broker_on_loaded, broker);
}

static void broker_apply_command(void *owner, int64_t offset, struct bytes command)
{
    struct broker *broker = owner;
    int error = meta_apply(broker->meta, command);
    if (error != 0) {
        /* Written by ourselves alone: going on with half a picture would do harm. */
        trace(TRACE_ERROR, "broker.metadata_unreadable", TRACE_INT("offset", offset),
              TRACE_STRING("error", error_name(error)));
        check(error == 0);
    }
}

static void broker_write_marker(void *owner, struct transactor_marker *marker)
{
    broker_coordination_write_marker(owner, marker);
}

static void broker_make_server(struct broker *broker)
{
    const struct broker_options *options = meta_broker_options(broker->meta);
    struct server_parts parts = {.io = broker->io,
                                 .path = broker->path,
                                 .store = broker->store,
                                 .quorum = broker->quorum,
                                 .meta = broker->meta,
                                 .controller = broker->controller,
                                 .coordinator = broker_coordination_groups(broker->coordination),
                                 .transactor =
                                     broker_coordination_transactions(broker->coordination),
                                 .write_marker = broker_write_marker,
                                 .marker_owner = broker->coordination,
                                 .replicas = broker->replicas,
                                 .metrics = broker->metrics,
                                 .node_id = meta_node_id(broker->meta)};
    struct server_options server_options = {
        .frame_size_max = (size_t)options->socket_request_max_bytes,
        .memory_size_max = (size_t)broker->settings.memory_size_max,
        .connection_idle_ms = options->connections_max_idle_ms};
    broker->server = server_new(&parts, &server_options);
}

enum { BROKER_OPEN_FILES_MIN = 8 };

/* Segment files get at most a quarter of the descriptors; the others are for clients, and a part
 * stays free for small files (io_uv_listen.c). */
static int64_t broker_open_files(struct broker *broker)
{
    struct io_process process;
    int64_t wanted = broker->options.open_file_max;
    if (io_process(broker->io, &process) != 0 || process.open_file_limit / 4 >= wanted) {
        return wanted;
    }
    int64_t quarter = process.open_file_limit / 4;
    return quarter < BROKER_OPEN_FILES_MIN ? BROKER_OPEN_FILES_MIN : quarter;
}

static int broker_open_store(struct broker *broker, bool is_read_only, struct report *report)
{
    struct store_options options = store_options_default(broker->path);
    options.is_read_only = is_read_only;
    options.durability = (enum store_durability)broker->options.durability;
    options.flush_interval_ms = broker->options.flush_interval_ms;
    options.checkpoint_interval_ms = broker->options.log_flush_offset_checkpoint_interval_ms;
    options.retention_check_interval_ms = broker->options.log_retention_check_interval_ms;
    options.producer_expiration_ms = broker->options.producer_id_expiration_ms;
    options.open_file_max = broker_open_files(broker);
    options.tail_size_max = broker->options.log_tail_cache_bytes;
    return store_open(broker->io, &options, &broker->store, report);
}

static void broker_free(struct broker *broker)
{
    io_timer_stop(broker->io, &broker->retry_timer);
    broker_coordination_free(broker->coordination);
    broker_orphans_free(broker->orphans);
    meta_free(broker->meta);
    metric_registry_free(broker->metrics);
    broker_options_fini(&broker->options);
    arena_fini(&broker->registration_arena);
    listener_set_fini(&broker->listeners);
    free(broker->path);
    free(broker);
}

/* The metadata log names its node and its cluster. Another node would lead none of the partitions
 * in it, and clients of another cluster would take this one's offsets for theirs. */
static int broker_judge_identity(const struct broker *broker, struct report *report)
{
    int32_t node = meta_registered_node(broker->meta);
    int32_t asked = meta_node_id(broker->meta);
    const char *cluster = meta_cluster_id(broker->meta);
    const char *asked_cluster = broker->options.cluster_id;
    if (node >= 0 && node != asked) {
        return report_add(report, NULL,
                          "the data directory %s belongs to node %d, and node.id asks for node %d; "
                          "start with node.id=%d, or give node %d a directory of its own",
                          broker->path, node, asked, node, asked);
    }
    if (*cluster != 0 && asked_cluster != NULL && *asked_cluster != 0 &&
        strcmp(cluster, asked_cluster) != 0) {
        return report_add(report, NULL,
                          "the data directory %s belongs to cluster %s, and cluster.id asks for "
                          "cluster %s; start with cluster.id=%s or without it, or give cluster %s "
                          "a directory of its own",
                          broker->path, cluster, asked_cluster, cluster, asked_cluster);
    }
    return 0;
}

static void broker_count_records(void *owner, struct log *log)
{
    *(int64_t *)owner += log_end_offset(log) > 0;
}

/* A directory with records and without the metadata log is not a new one: a start would take all
 * its partitions for leftovers. */
static int broker_judge_store(const struct broker *broker, struct report *report)
{
    int64_t count = 0;
    if (quorum_is_there(broker->store)) {
        return 0;
    }
    store_each_log(broker->store, broker_count_records, &count);
    if (count == 0) {
        return 0;
    }
    report_add(report, broker->path,
               "the metadata log (%s/" QUORUM_LOG ") is not there, but records of partitions are "
               "(%lld), and nothing else knows their topics; put it back from a copy, or name "
               "another data directory (`tidemill log dump` reads the segments of this one)",
               broker->path, (long long)count);
    return ERROR_CORRUPT;
}

static int broker_open(struct broker *broker, struct report *report)
{
    static const struct quorum_events quorum_events = {.apply = broker_apply_command};
    int error = broker_open_store(broker, false, report);
    if (error != 0) {
        return error;
    }
    error = broker_judge_store(broker, report);
    if (error != 0) {
        return error;
    }
    broker->meta = meta_new((int32_t)broker->options.node_id, broker->settings.file);
    broker->orphans = broker_orphans_new(broker->store, broker->meta);
    error = quorum_open(broker->io, broker->store, &quorum_events, broker, &broker->quorum, report);
    broker_orphans_end_replay(broker->orphans);
    if (error == 0) {
        error = broker_judge_identity(broker, report);
    }
    if (error == 0) {
        error = broker_orphans_clear(broker->orphans);
    }
    return error;
}

static int broker_read_settings(struct broker *broker, const struct broker_settings *settings,
                                struct report *report)
{
    struct config_layers layers = {.file = settings->file};
    size_t path_size = 0;
    config_read_broker(&layers, &broker->options);
    const char *path = broker_options_data_dir(&broker->options, &path_size);
    broker->settings = *settings;
    if (broker->settings.memory_size_max <= 0) {
        broker->settings.memory_size_max = broker->options.queued_max_request_bytes > 0
                                               ? broker->options.queued_max_request_bytes
                                               : BROKER_MEMORY_SIZE;
    }
    broker->path = settings->path != NULL ? memory_string(settings->path)
                                          : bytes_to_string(bytes_make(path, path_size));
    return listener_set_read(settings->listen, settings->advertised, &broker->options, NULL,
                             &broker->listeners, report);
}

int broker_judge(const struct broker_settings *settings, const struct broker_options_ears *ears,
                 struct report *report)
{
    struct config_layers layers = {.file = settings->file};
    struct broker_options options = {0};
    struct listener_set listeners;
    config_read_broker(&layers, &options);
    int error = listener_set_read(settings->listen, settings->advertised, &options, ears,
                                  &listeners, report);
    listener_set_fini(&listeners);
    broker_options_fini(&options);
    return error;
}

static void broker_look_at_command(void *owner, int64_t offset, struct bytes command)
{
    struct broker *broker = owner;
    (void)offset;
    broker->look_error =
        broker->look_error != 0 ? broker->look_error : meta_apply(broker->meta, command);
}

static int broker_look(struct broker *broker, struct report *report)
{
    static const struct quorum_events events = {.apply = broker_look_at_command};
    struct io_file_info info;
    if (io_path_info(broker->io, broker->path, &info) == ERROR_NOT_FOUND) {
        return 0;
    }
    int error = store_judge(broker->io, broker->path, report);
    if (error == 0) {
        error = broker_open_store(broker, true, report);
    }
    if (error == 0) {
        error = broker_judge_store(broker, report);
    }
    if (error != 0 || !quorum_is_there(broker->store)) {
        return error;
    }
    broker->meta = meta_new((int32_t)broker->options.node_id, broker->settings.file);
    error = quorum_open(broker->io, broker->store, &events, broker, &broker->quorum, report);
    if (error == 0 && broker->look_error != 0) {
        report_add(report, NULL, "the metadata log in %s cannot be read: %s", broker->path,
                   error_text(broker->look_error));
        error = broker->look_error;
    }
    return error == 0 ? broker_judge_identity(broker, report) : error;
}

static void broker_run(struct broker *broker)
{
    broker->controller = controller_new(broker->io, broker->quorum, broker->meta);
    broker->replicas = replica_set_new(broker->store);
    broker->coordination =
        broker_coordination_new(broker->io, broker->meta, broker->controller, broker->replicas);
    for (size_t i = 0; i < meta_topic_count(broker->meta); i++) {
        broker_open_topic(broker, meta_topic_at(broker->meta, i), 0);
    }
    broker->listener = (struct meta_listener){.owner = broker,
                                              .topic_created = broker_on_topic_created,
                                              .topic_deleted = broker_on_topic_deleted,
                                              .topic_config_changed = broker_on_topic_config,
                                              .partitions_added = broker_on_partitions_added,
                                              .broker_config_changed = broker_on_broker_config};
    meta_listen(broker->meta, &broker->listener);
    broker_apply_store_options(broker);
    broker_make_server(broker);
    broker->registration.operation = (struct controller_operation){
        .done = broker_on_registered, .owner = broker, .arena = &broker->registration_arena};
    broker->registration.cluster_id = bytes_from_string(broker->options.cluster_id);
    controller_register(broker->controller, &broker->registration);
}

static void broker_on_never_started(void *owner)
{
    (void)owner;
}

static struct broker *broker_new(struct io *io, const struct broker_events *events, void *owner)
{
    struct broker *broker = memory_new(struct broker);
    broker->io = io;
    broker->events = events;
    broker->owner = owner;
    broker->retry_timer = (struct io_timer){.fired = broker_on_retry, .owner = broker};
    broker->metrics = metric_registry_new();
    arena_init(&broker->registration_arena, 0);
    return broker;
}

/* Of one that did not start. */
static void broker_let_go(struct broker *broker)
{
    if (broker->quorum != NULL) {
        quorum_close(broker->quorum);
    }
    if (broker->store != NULL) {
        store_close(broker->store, broker_on_never_started, NULL);
    }
    broker_free(broker);
}

int broker_judge_directory(struct io *io, const struct broker_settings *settings,
                           struct report *report)
{
    struct broker *broker = broker_new(io, NULL, NULL);
    int error = broker_read_settings(broker, settings, report);
    if (error == 0) {
        error = broker_look(broker, report);
    }
    /* Nothing was written: there is nothing to close in order, and no turn of io to wait for. */
    quorum_abandon(broker->quorum);
    if (broker->store != NULL) {
        store_abandon(broker->store);
    }
    broker_free(broker);
    return error;
}

int broker_start(struct io *io, const struct broker_settings *settings,
                 const struct broker_events *events, void *owner, struct broker **out,
                 struct report *report)
{
    struct broker *broker = broker_new(io, events, owner);
    int error = broker_read_settings(broker, settings, report);
    if (error != 0) {
        broker_let_go(broker);
        return error;
    }
    error = broker_open(broker, report);
    if (error != 0) {
        report_add(report, broker->path, "the data directory %s cannot be opened: %s", broker->path,
                   error_text(error));
        broker_let_go(broker);
        return error;
    }
    broker_run(broker);
    *out = broker;
    return 0;
}

/* --- Stop --- */

static void broker_on_store_closed(void *owner)
{
    struct broker *broker = owner;
    void (*stopped)(void *stopped_owner) = broker->stopped;
    void *stopped_owner = broker->stopped_owner;
    broker_free(broker);
    stopped(stopped_owner);
}

static void broker_on_server_stopped(void *owner)
{
    struct broker *broker = owner;
    server_free(broker->server);
    meta_unlisten(&broker->listener);
    controller_free(broker->controller);
    quorum_close(broker->quorum);
    replica_set_free(broker->replicas);
    store_close(broker->store, broker_on_store_closed, broker);
}

void broker_stop(struct broker *broker, void (*stopped)(void *owner), void *owner)
{
    check(!broker->is_stopping);
    broker->is_stopping = true;
    broker->stopped = stopped;
    broker->stopped_owner = owner;
    broker_coordination_stop(
        broker->coordination); /* what waits in it is answered, so the server can end */
    server_stop(broker->server, broker_on_server_stopped, broker);
}

void broker_address(const struct broker *broker, char out[IO_ADDRESS_SIZE])
{
    server_address(broker->server, out);
}

size_t broker_listener_count(const struct broker *broker)
{
    return broker->listeners.count;
}

void broker_listener_address(const struct broker *broker, size_t index, char out[IO_ADDRESS_SIZE])
{
    check(index < broker->listeners.count); /* they were added before any other */
    server_listener_address(broker->server, index, out);
}

void broker_inner_address(const struct broker *broker, char out[IO_ADDRESS_SIZE])
{
    server_last_address(broker->server, out);
}

const char *broker_path(const struct broker *broker)
{
    return broker->path;
}

int broker_status(const struct broker *broker)
{
    return store_status(broker->store);
}

bool broker_has_room(const struct broker *broker)
{
    return store_has_room(broker->store);
}

static void broker_count_damage(void *owner, struct replica *replica)
{
    *(int64_t *)owner += log_is_damaged(replica_log(replica));
}

int64_t broker_damaged_count(const struct broker *broker)
{
    int64_t count = 0;
    replica_set_each(broker->replicas, broker_count_damage, &count);
    return count;
}

int broker_explain_group(struct broker *broker, struct bytes id, struct arena *arena,
                         struct coordinator_explanation *out)
{
    return coordinator_explain_group(broker_coordination_groups(broker->coordination), id, arena,
                                     out);
}

static void broker_set_gauge(struct broker *broker, enum metric_kind kind, const char *name,
                             const char *help, double value)
{
    metric_set(metric_get(broker->metrics, kind, name, NULL, help), value);
}

static void broker_set_cleaner_gauges(struct broker *broker,
                                      const struct store_cleaner_stats *cleaner)
{
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_compaction_runs_total",
                     "Compactions of logs.", (double)cleaner->run_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_compaction_read_bytes_total",
                     "Bytes read by compaction.", (double)cleaner->read_size);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_compaction_written_bytes_total",
                     "Bytes written by compaction.", (double)cleaner->written_size);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_compaction_dropped_records_total",
                     "Records that compaction dropped.", (double)cleaner->dropped_count);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_compaction_dirty_ratio_max",
                     "The largest share of new bytes in a compacted log, when last looked at.",
                     cleaner->dirty_ratio_max);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_compaction_damaged_logs",
                     "Logs that are not compacted any more because damage was found in them.",
                     (double)cleaner->uncleanable_count);
}

void broker_write_metrics(struct broker *broker, struct buffer *out)
{
    struct store_stats store;
    struct coordinator_stats groups;
    store_read_stats(broker->store, &store);
    coordinator_read_stats(broker_coordination_groups(broker->coordination), &groups);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_partitions", "Partitions on this broker.",
                     (double)store.log_count);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_topics", "Topics of the cluster.",
                     (double)meta_topic_count(broker->meta));
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_flushes_total", "Flushes of logs.",
                     (double)store.flush_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_flush_seconds_total",
                     "Time spent in flushes.", (double)store.flush_ns_total / 1e9);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_appended_bytes_total",
                     "Bytes appended to all logs.", (double)store.appended_size_total);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_open_files", "Segment files held open.",
                     (double)store.open_file_count);
    broker_set_cleaner_gauges(broker, &store.cleaner);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_groups", "Consumer groups.",
                     (double)groups.group_count);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_group_members", "Members of all groups.",
                     (double)groups.member_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_group_rebalances_total",
                     "Rebalances of all groups.", (double)groups.rebalance_count);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_group_offsets", "Committed offsets.",
                     (double)groups.offset_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_group_offsets_expired_total",
                     "Committed offsets that were forgotten after their retention.",
                     (double)groups.expired_offset_count);
    struct transactor_stats transactions;
    transactor_read_stats(broker_coordination_transactions(broker->coordination), &transactions);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_transactional_ids", "Transactional ids.",
                     (double)transactions.id_count);
    broker_set_gauge(broker, METRIC_GAUGE, "tidemill_transactions_open", "Transactions that go on.",
                     (double)transactions.ongoing_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_transactions_committed_total",
                     "Transactions that were committed.", (double)transactions.committed_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_transactions_aborted_total",
                     "Transactions that were aborted.", (double)transactions.aborted_count);
    broker_set_gauge(broker, METRIC_COUNTER, "tidemill_transactions_timed_out_total",
                     "Transactions that were aborted because their time was up.",
                     (double)transactions.timed_out_count);
    struct broker_metrics_parts parts = {.io = broker->io,
                                         .meta = broker->meta,
                                         .store = broker->store,
                                         .replicas = broker->replicas,
                                         .coordinator =
                                             broker_coordination_groups(broker->coordination),
                                         .path = broker->path};
    server_write_metrics(broker->server, out);
    broker_metrics_write(&parts, out);
}

void broker_check(struct broker *broker)
{
    store_check(broker->store);
    meta_check(broker->meta);
    quorum_check(broker->quorum);
    controller_check(broker->controller);
    replica_set_check(broker->replicas);
    broker_coordination_check(broker->coordination);
    server_check(broker->server);
}

int broker_check_replay(struct broker *broker)
{
    return broker_coordination_check_replay(broker->coordination);
}
