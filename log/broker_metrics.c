/* Families of lines, filled side by side and written one after the other; see broker_metrics.h. */
#include "log/broker_metrics.h"

#include "log/base/metric.h"

enum broker_metrics_family {
#define METRIC(id, name, type, help) BROKER_METRICS_##id,
#include "log/broker_metrics.def"
#undef METRIC
    BROKER_METRICS_FAMILIES
};

static const struct {
    const char *name;
    const char *type;
    const char *help;
} broker_metrics_rows[BROKER_METRICS_FAMILIES] = {
#define METRIC(id, name, type, help) {name, type, help},
#include "log/broker_metrics.def"
#undef METRIC
};

struct broker_metrics {
    const struct broker_metrics_parts *parts;
    struct buffer lines[BROKER_METRICS_FAMILIES];
    size_t counts[BROKER_METRICS_FAMILIES];
    size_t limit;
    size_t omitted_count;
    int64_t offline_count;
    int64_t damaged_count;
    struct buffer labels; /* of the line being made */
};

static void broker_metrics_add(struct broker_metrics *metrics, enum broker_metrics_family family,
                               double value)
{
    if (metrics->counts[family] >= metrics->limit) {
        metrics->omitted_count++;
        return;
    }
    metrics->counts[family]++;
    metric_write_sample(&metrics->lines[family], broker_metrics_rows[family].name,
                        buffer_string(&metrics->labels), value);
}

static void broker_metrics_set_labels(struct broker_metrics *metrics, struct bytes group,
                                      struct bytes topic, int32_t partition)
{
    buffer_clear(&metrics->labels);
    if (!bytes_is_null(group)) {
        metric_label(&metrics->labels, "consumergroup", group);
    }
    if (!bytes_is_null(topic)) {
        metric_label(&metrics->labels, "topic", topic);
    }
    if (partition >= 0) {
        buffer_printf(&metrics->labels, "%spartition=\"%d\"", metrics->labels.size == 0 ? "" : ",",
                      (int)partition);
    }
}

static void broker_metrics_add_partition(struct broker_metrics *metrics, struct replica *replica)
{
    const struct log *log = replica_log(replica);
    broker_metrics_add(metrics, BROKER_METRICS_CURRENT_OFFSET,
                       (double)replica_high_watermark(replica));
    broker_metrics_add(metrics, BROKER_METRICS_OLDEST_OFFSET, (double)log_start_offset(log));
    broker_metrics_add(metrics, BROKER_METRICS_PARTITION_SIZE, (double)log_size(log));
}

static void broker_metrics_add_topic(struct broker_metrics *metrics, const struct meta_topic *topic)
{
    struct bytes none = {NULL, 0};
    struct bytes name = bytes_from_string(topic->name);
    struct replica_traffic total = {0};
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct replica *replica = replica_set_find(metrics->parts->replicas, name, i);
        metrics->offline_count += replica == NULL || log_status(replica_log(replica)) != 0 ? 1 : 0;
        if (replica == NULL) {
            continue;
        }
        metrics->damaged_count += log_is_damaged(replica_log(replica)) ? 1 : 0;
        const struct replica_traffic *traffic = replica_traffic(replica);
        total.produced_size += traffic->produced_size;
        total.produced_count += traffic->produced_count;
        total.fetched_size += traffic->fetched_size;
        total.fetched_count += traffic->fetched_count;
        broker_metrics_set_labels(metrics, none, name, i);
        broker_metrics_add_partition(metrics, replica);
    }
    broker_metrics_set_labels(metrics, none, name, -1);
    broker_metrics_add(metrics, BROKER_METRICS_TOPIC_PARTITIONS, topic->partition_count);
    broker_metrics_add(metrics, BROKER_METRICS_BYTES_IN, (double)total.produced_size);
    broker_metrics_add(metrics, BROKER_METRICS_RECORDS_IN, (double)total.produced_count);
    broker_metrics_add(metrics, BROKER_METRICS_BYTES_OUT, (double)total.fetched_size);
    broker_metrics_add(metrics, BROKER_METRICS_RECORDS_OUT, (double)total.fetched_count);
}

/* A committed offset beyond the end has no lag; one of a partition that is gone has no number. */
static double broker_metrics_lag(struct broker_metrics *metrics, struct bytes topic, int32_t index,
                                 int64_t offset)
{
    struct replica *replica = replica_set_find(metrics->parts->replicas, topic, index);
    if (replica == NULL) {
        return -1;
    }
    int64_t lag = replica_high_watermark(replica) - offset;
    return lag < 0 ? 0 : (double)lag;
}

static void broker_metrics_add_group(struct broker_metrics *metrics, struct bytes id,
                                     struct arena *arena)
{
    struct offset_fetch_request_group asked = {
        .group_id = id, .member_epoch = -1, .topics = {.count = -1}};
    struct offset_fetch_response_group answer;
    coordinator_fetch_offsets(metrics->parts->coordinator, &asked, false, arena, &answer);
    for (int32_t i = 0; i < answer.topics.count; i++) {
        const struct offset_fetch_response_group_topic *topic = &answer.topics.items[i];
        double sum = 0;
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            int32_t index = topic->partitions.items[j].index;
            int64_t offset = topic->partitions.items[j].committed_offset;
            double lag = broker_metrics_lag(metrics, topic->name, index, offset);
            if (lag >= 0 && offset >= 0) {
                broker_metrics_set_labels(metrics, id, topic->name, index);
                broker_metrics_add(metrics, BROKER_METRICS_GROUP_OFFSET, (double)offset);
                broker_metrics_add(metrics, BROKER_METRICS_GROUP_LAG, lag);
                sum += lag;
            }
        }
        broker_metrics_set_labels(metrics, id, topic->name, -1);
        broker_metrics_add(metrics, BROKER_METRICS_GROUP_LAG_SUM, sum);
    }
}

static void broker_metrics_add_groups(struct broker_metrics *metrics)
{
    struct list_groups_request asked = {0};
    struct list_groups_response groups;
    struct arena names;
    arena_init(&names, 0);
    coordinator_list_groups(metrics->parts->coordinator, &asked, &names, &groups);
    for (int32_t i = 0; i < groups.groups.count; i++) {
        struct arena arena;
        arena_init(&arena, 0);
        if (metrics->counts[BROKER_METRICS_GROUP_LAG] < metrics->limit) {
            broker_metrics_add_group(metrics, groups.groups.items[i].group_id, &arena);
        } else {
            metrics->omitted_count++;
        }
        arena_fini(&arena);
    }
    arena_fini(&names);
}

static void broker_metrics_add_process(struct broker_metrics *metrics)
{
    struct io_process process;
    if (io_process(metrics->parts->io, &process) != 0) {
        return;
    }
    broker_metrics_add(metrics, BROKER_METRICS_PROCESS_MEMORY, (double)process.resident_size);
    broker_metrics_add(metrics, BROKER_METRICS_PROCESS_CPU, (double)process.cpu_ns / 1e9);
    broker_metrics_add(metrics, BROKER_METRICS_PROCESS_START, (double)process.started_ms / 1000);
    if (process.open_file_count >= 0) {
        broker_metrics_add(metrics, BROKER_METRICS_PROCESS_FILES, (double)process.open_file_count);
    }
}

static void broker_metrics_add_node(struct broker_metrics *metrics)
{
    struct io_space space;
    buffer_clear(&metrics->labels);
    metrics->limit++; /* these are lines of their own */
    broker_metrics_add_process(metrics);
    broker_metrics_add(metrics, BROKER_METRICS_BROKERS, 1);
    broker_metrics_add(metrics, BROKER_METRICS_FENCED, store_status(metrics->parts->store) != 0);
    broker_metrics_add(metrics, BROKER_METRICS_OFFLINE, (double)metrics->offline_count);
    broker_metrics_add(metrics, BROKER_METRICS_DAMAGED, (double)metrics->damaged_count);
    if (io_path_space(metrics->parts->io, metrics->parts->path, &space) == 0) {
        broker_metrics_add(metrics, BROKER_METRICS_DISK_SIZE, (double)space.total_size);
        broker_metrics_add(metrics, BROKER_METRICS_DISK_USABLE, (double)space.usable_size);
    }
    broker_metrics_add(metrics, BROKER_METRICS_OMITTED, (double)metrics->omitted_count);
    metric_label(&metrics->labels, "version", BYTES_LITERAL(TIDEMILL_VERSION));
    broker_metrics_add(metrics, BROKER_METRICS_BUILD, 1);
}

void broker_metrics_write(const struct broker_metrics_parts *parts, struct buffer *out)
{
    struct broker_metrics metrics = {
        .parts = parts, .limit = (size_t)meta_broker_options(parts->meta)->metrics_series_max};
    for (size_t i = 0; i < meta_topic_count(parts->meta); i++) {
        broker_metrics_add_topic(&metrics, meta_topic_at(parts->meta, i));
    }
    broker_metrics_add_groups(&metrics);
    broker_metrics_add_node(&metrics);
    for (int i = 0; i < BROKER_METRICS_FAMILIES; i++) {
        if (metrics.counts[i] > 0) {
            buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", broker_metrics_rows[i].name,
                          broker_metrics_rows[i].help, broker_metrics_rows[i].name,
                          broker_metrics_rows[i].type);
            buffer_add_bytes(out, buffer_bytes(&metrics.lines[i]));
        }
        buffer_fini(&metrics.lines[i]);
    }
    buffer_fini(&metrics.labels);
}
