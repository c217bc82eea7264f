/* See offset_query.h. */
#include "runtime/cli/offset_query.h"

#include "log/base/error.h"

#include <string.h>

enum { NO_LEADER = -1 };

static int32_t find_leader(const struct metadata_response *metadata, const char *topic,
                           int32_t partition, int *error)
{
    *error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *row = &metadata->topics.items[i];
        if (!bytes_equal_string(row->name, topic)) {
            continue;
        }
        for (int32_t j = 0; j < row->partitions.count; j++) {
            const struct metadata_response_partition *place = &row->partitions.items[j];
            if (place->index == partition) {
                *error = place->leader_id < 0 ? ERROR_LEADER_NOT_AVAILABLE : 0;
                return place->leader_id;
            }
        }
        *error = row->error_code != 0 ? error_from_code(row->error_code) : *error;
    }
    return NO_LEADER;
}

/* The request for the rows of one leader. */
static void fill_request(struct errand *errand, const struct offset_query *rows,
                         const int32_t *leaders, size_t count, int32_t leader,
                         struct list_offsets_request *request)
{
    wire_set_defaults(&list_offsets_request_schema, request);
    request->replica_id = -1;
    request->isolation_level = rows[0].is_committed ? 1 : 0;
    request->topics.items = arena_array(&errand->arena, struct list_offsets_request_topic, count);
    struct list_offsets_request_topic *topic = NULL;
    const char *name = NULL;
    for (size_t i = 0; i < count; i++) {
        if (leaders[i] != leader) {
            continue;
        }
        if (name == NULL || strcmp(name, rows[i].topic) != 0) {
            name = rows[i].topic;
            topic = &request->topics.items[request->topics.count++];
            topic->name = bytes_from_string(name);
            topic->partitions.items =
                arena_array(&errand->arena, struct list_offsets_request_partition, count - i);
        }
        topic->partitions.items[topic->partitions.count++] =
            (struct list_offsets_request_partition){
                .index = rows[i].partition,
                .current_leader_epoch = -1,
                .timestamp_ms = rows[i].timestamp_ms,
            };
    }
}

static void take_answer(struct offset_query *rows, size_t count, struct bytes topic,
                        const struct list_offsets_response_partition *answer)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].partition == answer->index && bytes_equal_string(topic, rows[i].topic)) {
            rows[i].offset = answer->offset;
            rows[i].error = answer->error_code == 0 ? 0 : error_from_code(answer->error_code);
        }
    }
}

static int ask_leader(struct errand *errand, struct offset_query *rows, const int32_t *leaders,
                      size_t count, int32_t leader)
{
    struct list_offsets_request request;
    const void *found;
    fill_request(errand, rows, leaders, count, leader, &request);
    int error = errand_call(errand, leader, API_LIST_OFFSETS, -1, &request, &found);
    if (error != 0) {
        return error;
    }
    const struct list_offsets_response *response = found;
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct list_offsets_response_topic *topic = &response->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            take_answer(rows, count, topic->name, &topic->partitions.items[j]);
        }
    }
    return 0;
}

int offset_query_run(struct errand *errand, struct offset_query *rows, size_t count)
{
    const char **topics = arena_array(&errand->arena, const char *, count + 1);
    int32_t *leaders = arena_array(&errand->arena, int32_t, count + 1);
    size_t topic_count = 0;
    for (size_t i = 0; i < count; i++) {
        rows[i].offset = -1;
        if (i == 0 || strcmp(rows[i].topic, rows[i - 1].topic) != 0) {
            topics[topic_count++] = rows[i].topic;
        }
    }
    if (count == 0) {
        return 0;
    }
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, topics, topic_count, &metadata);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < count; i++) {
        leaders[i] = find_leader(metadata, rows[i].topic, rows[i].partition, &rows[i].error);
    }
    for (int32_t i = 0; i < metadata->brokers.count && error == 0; i++) {
        int32_t leader = metadata->brokers.items[i].node_id;
        bool is_asked = false;
        for (size_t j = 0; j < count; j++) {
            is_asked = is_asked || leaders[j] == leader;
        }
        error = is_asked ? ask_leader(errand, rows, leaders, count, leader) : 0;
    }
    return error;
}

static int run_with(struct errand *errand, struct offset_query *rows, size_t count,
                    int64_t timestamp_ms)
{
    for (size_t i = 0; i < count; i++) {
        rows[i].timestamp_ms = timestamp_ms;
    }
    return offset_query_run(errand, rows, count);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int resolve_number(struct errand *errand, const struct offset_spec *spec,
                          struct offset_query *rows, size_t count)
{
    struct offset_query *starts = arena_array(&errand->arena, struct offset_query, count + 1);
    memcpy(starts, rows, count * sizeof(*rows));
    int error = run_with(errand, starts, count, OFFSET_QUERY_EARLIEST);
    if (error == 0) {
        error = run_with(errand, rows, count, OFFSET_QUERY_LATEST);
    }
    for (size_t i = 0; i < count && error == 0; i++) {
        int64_t end = rows[i].offset;
        int64_t wanted = spec->kind == OFFSET_SPEC_FROM_END ? end - spec->value : spec->value;
        rows[i].offset = clamp(wanted, starts[i].offset, end);
    }
    return error;
}

static int resolve_time(struct errand *errand, int64_t timestamp_ms, struct offset_query *rows,
                        size_t count)
{
    struct offset_query *ends = arena_array(&errand->arena, struct offset_query, count + 1);
    memcpy(ends, rows, count * sizeof(*rows));
    int error = run_with(errand, rows, count, timestamp_ms);
    if (error == 0) {
        error = run_with(errand, ends, count, OFFSET_QUERY_LATEST);
    }
    for (size_t i = 0; i < count && error == 0; i++) {
        rows[i].offset = rows[i].offset < 0 ? ends[i].offset : rows[i].offset;
    }
    return error;
}

int offset_query_resolve(struct errand *errand, const struct offset_spec *spec,
                         struct offset_query *rows, size_t count)
{
    switch (spec->kind) {
    case OFFSET_SPEC_NONE:
    case OFFSET_SPEC_STORED:
    case OFFSET_SPEC_END:
        return run_with(errand, rows, count, OFFSET_QUERY_LATEST);
    case OFFSET_SPEC_BEGINNING:
        return run_with(errand, rows, count, OFFSET_QUERY_EARLIEST);
    case OFFSET_SPEC_ABSOLUTE:
    case OFFSET_SPEC_FROM_END:
        return resolve_number(errand, spec, rows, count);
    case OFFSET_SPEC_TIME:
        return resolve_time(errand, spec->value, rows, count);
    }
    return ERROR_INVALID;
}
