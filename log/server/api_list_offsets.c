/* ListOffsets (key 2): offsets by time, and the special times.
 *
 * -1 latest (the last stable offset for read_committed), -2 earliest, -3 the record with the
 * largest timestamp (KIP-734), -4 earliest local (KIP-405: everything here is local), -5 latest
 * tiered and -6 earliest pending upload: there are none. A version is not asked for a time that is
 * younger than it. A time past the end is offset -1 without an error.
 *
 * What was appended before the question is part of the answer, also where its producer did not wait
 * for the disk: the answer waits for the flushes that make it visible. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

enum {
    LIST_OFFSETS_LATEST = -1,
    LIST_OFFSETS_EARLIEST = -2,
    LIST_OFFSETS_MAX_TIME = -3,
    LIST_OFFSETS_EARLIEST_LOCAL = -4,
    LIST_OFFSETS_LATEST_TIERED = -5,
    LIST_OFFSETS_EARLIEST_PENDING = -6,
};

/* The first version that knows a special time; a real time is known to all. */
static int16_t list_offsets_since(int64_t time_ms)
{
    switch (time_ms) {
    case LIST_OFFSETS_MAX_TIME:
        return 7;
    case LIST_OFFSETS_EARLIEST_LOCAL:
        return 8;
    case LIST_OFFSETS_LATEST_TIERED:
        return 9;
    case LIST_OFFSETS_EARLIEST_PENDING:
        return 11;
    default:
        return time_ms >= LIST_OFFSETS_EARLIEST ? 0 : INT16_MAX;
    }
}

static int list_offsets_find(struct replica *replica, int64_t time_ms, bool is_read_committed,
                             struct log_position *out)
{
    struct log *log = replica_log(replica);
    int64_t limit_offset = replica_limit(replica, is_read_committed);
    check(time_ms >= LIST_OFFSETS_EARLIEST_PENDING);
    *out = (struct log_position){
        .offset = -1, .timestamp_ms = -1, .leader_epoch = replica_leader_epoch(replica)};
    switch (time_ms) {
    case LIST_OFFSETS_LATEST:
        out->offset = limit_offset;
        return 0;
    case LIST_OFFSETS_EARLIEST:
    case LIST_OFFSETS_EARLIEST_LOCAL:
        out->offset = log_start_offset(log);
        return 0;
    case LIST_OFFSETS_LATEST_TIERED:
    case LIST_OFFSETS_EARLIEST_PENDING:
        out->leader_epoch = -1;
        return 0;
    case LIST_OFFSETS_MAX_TIME:
        return log_find_max_time(log, limit_offset, out);
    default:
        return log_find_time(log, time_ms, limit_offset, out);
    }
}

static void list_offsets_serve(struct request *request, struct bytes topic,
                               const struct list_offsets_request_partition *asked,
                               struct list_offsets_response_partition *answer)
{
    const struct list_offsets_request *message = request_message(request, list_offsets_request);
    struct log_position position = {.offset = -1, .timestamp_ms = -1, .leader_epoch = -1};
    struct replica *replica =
        replica_set_find(request->server->parts.replicas, topic, asked->index);
    int error = replica == NULL ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : 0;
    if (error == 0 && request->version < list_offsets_since(asked->timestamp_ms)) {
        error = ERROR_UNSUPPORTED_VERSION;
    }
    if (error == 0) {
        error = replica_check_epoch(replica, asked->current_leader_epoch);
    }
    if (error == 0) {
        error = log_status(replica_log(replica));
    }
    if (error == 0) {
        error = list_offsets_find(replica, asked->timestamp_ms, message->isolation_level == 1,
                                  &position);
    }
    answer->error_code = error_code(error);
    answer->timestamp_ms = position.timestamp_ms;
    answer->offset = position.offset;
    answer->leader_epoch = position.leader_epoch;
}

/* One that is named twice has one answer, an error: whose time would it be? */
static void list_offsets_serve_topic(struct request *request, struct map *named,
                                     const struct list_offsets_request_topic *asked,
                                     struct list_offsets_response_topic *answer)
{
    struct buffer key;
    buffer_init(&key);
    answer->name = asked->name;
    answer->partitions.items = arena_array(&request->arena, struct list_offsets_response_partition,
                                           asked->partitions.count);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        const struct list_offsets_request_partition *partition = &asked->partitions.items[i];
        struct bytes name = repetition_key(&key, asked->name, partition->index);
        struct list_offsets_response_partition *row = map_find(named, name);
        if (row != NULL) {
            row->error_code = error_code(ERROR_INVALID_REQUEST);
            row->timestamp_ms = row->offset = row->leader_epoch = -1;
            continue;
        }
        row = &answer->partitions.items[answer->partitions.count++];
        row->index = partition->index;
        map_put(named, name, row);
        list_offsets_serve(request, asked->name, partition, row);
    }
    buffer_fini(&key);
}

struct list_offsets {
    struct request *request;
    struct list_offsets_response response;
    struct log_flush_wait *waits; /* one per partition that is behind */
    size_t waiting_count;
};

static void list_offsets_answer(struct list_offsets *list)
{
    struct request *request = list->request;
    const struct list_offsets_request *message = request_message(request, list_offsets_request);
    struct map named; /* partitions to their answers */
    map_init(&named);
    for (int32_t i = 0; i < message->topics.count; i++) {
        list_offsets_serve_topic(request, &named, &message->topics.items[i],
                                 &list->response.topics.items[i]);
    }
    map_fini(&named, NULL);
    request_answer(request, &list->response);
}

/* A flush that failed, or a topic that went away, is told by what is found afterwards. */
static void list_offsets_on_flushed(struct log_flush_wait *wait, int error)
{
    (void)error;
    struct list_offsets *list = wait->owner;
    if (--list->waiting_count == 0) {
        list_offsets_answer(list);
    }
}

static void list_offsets_await(struct list_offsets *list, struct bytes topic,
                               const struct list_offsets_request_partition *asked)
{
    struct replica *replica =
        replica_set_find(list->request->server->parts.replicas, topic, asked->index);
    if (replica == NULL || log_status(replica_log(replica)) != 0 ||
        log_flushed_offset(replica_log(replica)) == log_end_offset(replica_log(replica))) {
        return;
    }
    struct log *log = replica_log(replica);
    struct log_flush_wait *wait = &list->waits[list->waiting_count++];
    *wait = (struct log_flush_wait){
        .done = list_offsets_on_flushed, .owner = list, .offset = log_end_offset(log)};
    log_wait_flushed(log, wait);
}

void api_list_offsets(struct request *request)
{
    const struct list_offsets_request *message = request_message(request, list_offsets_request);
    struct list_offsets *list = arena_new(&request->arena, struct list_offsets);
    size_t part_count = 0;
    for (int32_t i = 0; i < message->topics.count; i++) {
        part_count += (size_t)message->topics.items[i].partitions.count;
    }
    list->request = request;
    list->waits = arena_array(&request->arena, struct log_flush_wait, part_count);
    list->response.topics.count = message->topics.count;
    list->response.topics.items =
        arena_array(&request->arena, struct list_offsets_response_topic, message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct list_offsets_request_topic *asked = &message->topics.items[i];
        for (int32_t j = 0; j < asked->partitions.count; j++) {
            list_offsets_await(list, asked->name, &asked->partitions.items[j]);
        }
    }
    if (list->waiting_count == 0) {
        list_offsets_answer(list);
    }
}
