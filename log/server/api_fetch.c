/* Fetch (key 1): whole record batches from partitions, waiting for new ones if asked to.
 *
 * A fetch reads its partitions one after the other, each from the offset asked for up to what its
 * isolation level may see, until the request's byte limit is reached; the first batch is returned
 * whatever its size (KIP-74). When that gives fewer than min_bytes, it watches all its partitions,
 * and when one of them moves it goes on where it stopped; what it read is kept. It is answered when
 * it has enough, when time is up, when a partition is in error, or when the server stops.
 *
 * Keeps:  (1) a fetch is reading (one read at a time), waiting (watches and timer set), parked (for
 * memory), or answered; (2) no byte at or above the partition's limit is returned; (3) a fetch
 * takes at most a share of the memory that is free, and none of it while the server is over its
 * ceiling: it is parked until memory was given back. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

#include <stdlib.h>

enum { FETCH_MEMORY_SHARE = 16, FETCH_SIZE_MIN = 64 * 1024 };

struct fetch_part {
    struct fetch *fetch;
    struct replica *replica; /* NULL in error */
    const struct fetch_request_partition *asked;
    struct fetch_response_partition *answer;
    struct bytes topic;
    int64_t next_offset;
    struct buffer records;
    struct log_read read;
    struct replica_watch watch;
};

struct fetch {
    struct request *request;
    struct fetch_response response;
    struct fetch_part *parts;
    size_t part_count;
    size_t reading; /* index of the part being read */
    size_t size;    /* bytes read so far */
    size_t size_min;
    size_t size_max;
    bool is_read_committed;
    bool is_waiting;
    bool has_moved; /* a partition has, while another was being read */
    bool has_error;
    bool is_stopped; /* answer with what is there */
    struct io_timer timer;
    struct list_link link; /* the server's list of waiting or parked fetches */
};

static void fetch_read_next(struct fetch *fetch);

static void fetch_fail(struct fetch_part *part, int error)
{
    if (error == ERROR_NOT_FOUND) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    part->answer->error_code = error_code(error);
    replica_watch_remove(&part->watch);
    part->replica = NULL;
    part->fetch->has_error = true;
}

static void fetch_stop_waiting(struct fetch *fetch)
{
    io_timer_stop(fetch->request->server->parts.io, &fetch->timer);
    list_remove(&fetch->link);
    fetch->is_waiting = false;
}

static void fetch_fill_offsets(struct fetch_part *part)
{
    if (part->replica == NULL) {
        return;
    }
    struct log *log = replica_log(part->replica);
    part->answer->high_watermark = replica_high_watermark(part->replica);
    part->answer->last_stable_offset = log_stable_offset(log);
    part->answer->log_start_offset = log_start_offset(log);
}

static void fetch_answer(struct fetch *fetch)
{
    struct request *request = fetch->request;
    for (size_t i = 0; i < fetch->part_count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        replica_watch_remove(&part->watch);
        fetch_fill_offsets(part);
        part->answer->records = buffer_bytes(&part->records);
    }
    size_t part_count = fetch->part_count;
    struct fetch_part *parts = fetch->parts;
    struct buffer *held = memory_zero(part_count, sizeof *held);
    for (size_t i = 0; i < part_count; i++) {
        held[i] = parts[i].records;
    }
    request_answer(request, &fetch->response); /* the arena, and the fetch in it, may be gone */
    for (size_t i = 0; i < part_count; i++) {
        buffer_fini(&held[i]);
    }
    free(held);
}

/* A fetch watches from its start to its answer, also while it reads, so that no replica goes away
 * unseen. */
static void fetch_on_moved(struct replica_watch *watch, int error)
{
    struct fetch_part *part = watch->owner;
    struct fetch *fetch = part->fetch;
    if (error != 0) {
        fetch_fail(part, error);
    } else {
        replica_watch_add(part->replica, watch);
    }
    fetch->has_moved = !fetch->is_waiting;
    if (fetch->is_waiting) {
        fetch_stop_waiting(fetch);
        fetch_read_next(fetch);
    }
}

static void fetch_on_timer(struct io_timer *timer)
{
    struct fetch *fetch = timer->owner;
    fetch->is_stopped = true;
    fetch_stop_waiting(fetch);
    fetch_answer(fetch);
}

static uint64_t fetch_time_left(const struct fetch *fetch)
{
    struct request *request = fetch->request;
    int32_t wait_ms = request_message(request, fetch_request)->max_wait_ms;
    uint64_t limit_ns = wait_ms <= 0 ? 0 : (uint64_t)wait_ms * 1000000;
    uint64_t used_ns = io_now(request->server->parts.io) - request->started_ns;
    return used_ns >= limit_ns ? 0 : limit_ns - used_ns;
}

static void fetch_wait(struct fetch *fetch)
{
    struct server *server = fetch->request->server;
    fetch->is_waiting = true;
    fetch->timer = (struct io_timer){.fired = fetch_on_timer, .owner = fetch};
    io_timer_start(server->parts.io, &fetch->timer, fetch_time_left(fetch));
    list_add(&server->fetches, &fetch->link);
}

static void fetch_finish_round(struct fetch *fetch)
{
    bool is_enough = fetch->size >= fetch->size_min || fetch->has_error || fetch->is_stopped ||
                     fetch->part_count == 0;
    if (is_enough || fetch_time_left(fetch) == 0 || fetch->request->server->is_stopping ||
        fetch->request->slot.connection == NULL) {
        fetch_answer(fetch);
        return;
    }
    if (fetch->has_moved) {
        fetch->has_moved = false;
        fetch_read_next(fetch);
        return;
    }
    fetch_wait(fetch);
}

/* Where the batches that were just read end. */
static int fetch_take(struct fetch_part *part)
{
    struct bytes rest = buffer_bytes(&part->read.bytes);
    while (rest.size > 0) {
        struct batch batch;
        int error = batch_read_header(rest, &batch, NULL);
        if (error != 0) {
            return error;
        }
        part->next_offset = batch_next_offset(&batch);
        rest = bytes_make(rest.data + batch.bytes.size, rest.size - batch.bytes.size);
    }
    part->fetch->size += part->read.bytes.size;
    metric_add(part->fetch->request->server->fetched_size, (double)part->read.bytes.size);
    request_grow(part->fetch->request, part->read.bytes.size);
    if (part->records.size == 0) {
        struct buffer empty = part->records;
        part->records = part->read.bytes;
        part->read.bytes = empty;
    } else {
        buffer_add_bytes(&part->records, buffer_bytes(&part->read.bytes));
    }
    return 0;
}

static void fetch_end_read(struct fetch_part *part, int error)
{
    if (error == 0) {
        error = fetch_take(part);
    }
    buffer_fini(&part->read.bytes);
    if (error != 0) {
        fetch_fail(part, error);
    }
    part->fetch->reading++;
}

static void fetch_on_read(struct log_read *read, int error)
{
    struct fetch_part *part = read->owner;
    fetch_end_read(part, error);
    fetch_read_next(part->fetch);
}

static size_t fetch_size_left(const struct fetch *fetch, const struct fetch_part *part)
{
    size_t left = fetch->size >= fetch->size_max ? 0 : fetch->size_max - fetch->size;
    size_t part_max =
        part->asked->partition_max_bytes < 0 ? 0 : (size_t)part->asked->partition_max_bytes;
    part_max = part->records.size >= part_max ? 0 : part_max - part->records.size;
    return left < part_max ? left : part_max;
}

/* True when the part's read will be called back later. */
static bool fetch_read_part(struct fetch_part *part)
{
    struct fetch *fetch = part->fetch;
    int64_t limit_offset =
        part->replica == NULL ? 0 : replica_limit(part->replica, fetch->is_read_committed);
    size_t size_left = fetch_size_left(fetch, part);
    if (part->replica == NULL || part->next_offset >= limit_offset ||
        (size_left == 0 && fetch->size > 0)) {
        fetch->reading++;
        return false;
    }
    part->read = (struct log_read){.offset = part->next_offset,
                                   .limit_offset = limit_offset,
                                   .size_max = size_left,
                                   .is_first_whole = fetch->size == 0,
                                   .done = fetch_on_read,
                                   .owner = part};
    int error = 0;
    if (!log_read(replica_log(part->replica), &part->read, &error)) {
        return true;
    }
    fetch_end_read(part, error);
    return false;
}

static void fetch_park(struct fetch *fetch)
{
    list_add(&fetch->request->server->parked, &fetch->link);
}

static void fetch_read_next(struct fetch *fetch)
{
    struct server *server = fetch->request->server;
    if (server->held_size > server->options.memory_size_max && !server->is_stopping &&
        fetch->request->slot.connection != NULL) {
        fetch_park(fetch);
        return;
    }
    if (!fetch->is_waiting && fetch->reading >= fetch->part_count) {
        fetch->reading = 0;
    }
    while (fetch->reading < fetch->part_count) {
        if (fetch_read_part(&fetch->parts[fetch->reading])) {
            return;
        }
    }
    fetch_finish_round(fetch);
}

void api_fetch_unpark(struct server *server)
{
    while (server->held_size <= server->options.memory_size_max) {
        struct list_link *link = list_take(&server->parked);
        if (link == NULL) {
            return;
        }
        fetch_read_next(list_member(link, struct fetch, link));
    }
}

void api_fetch_stop(struct server *server)
{
    struct list_link *link;
    while ((link = list_take(&server->fetches)) != NULL) {
        struct fetch *fetch = list_member(link, struct fetch, link);
        fetch_stop_waiting(fetch);
        fetch_answer(fetch);
    }
    while ((link = list_take(&server->parked)) != NULL) {
        fetch_answer(list_member(link, struct fetch, link));
    }
}

static void fetch_open_part(struct fetch *fetch, struct fetch_part *part)
{
    struct server *server = fetch->request->server;
    part->next_offset = part->asked->fetch_offset;
    part->replica = replica_set_find(server->parts.replicas, part->topic, part->asked->index);
    if (part->replica == NULL) {
        fetch_fail(part, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    int error = replica_check_epoch(part->replica, part->asked->current_leader_epoch);
    struct log *log = replica_log(part->replica);
    if (error == 0) {
        error = log_status(log);
    }
    if (error == 0 &&
        (part->next_offset < log_start_offset(log) || part->next_offset > log_end_offset(log))) {
        fetch_fill_offsets(part);
        error = ERROR_OFFSET_OUT_OF_RANGE;
    }
    if (error != 0) {
        fetch_fail(part, error);
        return;
    }
    part->watch = (struct replica_watch){.moved = fetch_on_moved, .owner = part};
    replica_watch_add(part->replica, &part->watch);
}

static void fetch_open_topic(struct fetch *fetch, const struct fetch_request_topic *asked,
                             struct fetch_response_topic *answer)
{
    struct arena *arena = &fetch->request->arena;
    *answer = (struct fetch_response_topic){.name = asked->name, .topic_id = asked->topic_id};
    answer->partitions.count = asked->partitions.count;
    answer->partitions.items =
        arena_array(arena, struct fetch_response_partition, asked->partitions.count);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        struct fetch_part *part = &fetch->parts[fetch->part_count++];
        part->fetch = fetch;
        part->topic = asked->name;
        part->asked = &asked->partitions.items[i];
        part->answer = &answer->partitions.items[i];
        *part->answer = (struct fetch_response_partition){
            .index = part->asked->index,
            .high_watermark = -1,
            .last_stable_offset = -1,
            .log_start_offset = -1,
            .diverging_epoch = {.epoch = -1, .end_offset = -1},
            .current_leader = {.leader_id = -1, .leader_epoch = -1},
            .snapshot_id = {.end_offset = -1, .epoch = -1},
            .aborted_transactions = {.count = fetch->is_read_committed ? 0 : -1},
            .preferred_read_replica = -1,
        };
        fetch_open_part(fetch, part);
    }
}

/* A share of what is free, so that many fetches at once cannot take it all; one batch fits always.
 */
static size_t fetch_choose_size_max(const struct server *server, int32_t asked_size)
{
    size_t held_size = server->held_size;
    size_t ceiling = server->options.memory_size_max;
    size_t share = held_size >= ceiling ? 0 : (ceiling - held_size) / FETCH_MEMORY_SHARE;
    if (share < FETCH_SIZE_MIN) {
        share = FETCH_SIZE_MIN;
    }
    size_t size_max = asked_size < 0 ? 0 : (size_t)asked_size;
    return size_max < share ? size_max : share;
}

void api_fetch(struct request *request)
{
    const struct fetch_request *asked = request_message(request, fetch_request);
    struct fetch *fetch = arena_new(&request->arena, struct fetch);
    size_t part_count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        part_count += (size_t)asked->topics.items[i].partitions.count;
    }
    fetch->request = request;
    fetch->parts = arena_array(&request->arena, struct fetch_part, part_count);
    fetch->is_read_committed = asked->isolation_level == 1;
    fetch->size_min = asked->min_bytes < 0 ? 0 : (size_t)asked->min_bytes;
    fetch->size_max = fetch_choose_size_max(request->server, asked->max_bytes);
    fetch->response.topics.count = asked->topics.count;
    fetch->response.topics.items =
        arena_array(&request->arena, struct fetch_response_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        fetch_open_topic(fetch, &asked->topics.items[i], &fetch->response.topics.items[i]);
    }
    if (fetch->size_min > fetch->size_max) {
        fetch->size_min = fetch->size_max;
    }
    fetch_read_next(fetch);
}
