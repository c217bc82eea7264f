/* Fetch (key 1): whole record batches from partitions, waiting for new ones if asked to.
 *
 * A fetch finds in its partitions, one after the other, the slice from the offset asked for up to
 * what its isolation level may see, until the request's byte limit is reached; the first batch is
 * taken whatever its size (KIP-74). When that gives fewer than min_bytes, it lets go of what it
 * found, watches all its partitions, and looks again when one of them moves or time is up. It is
 * answered when it has enough, when time is up, when a partition is in error, when its client is
 * gone, or when the server stops; the records are read while the answer leaves (fetch_answer.h).
 *
 * Keeps:  (1) a fetch is looking (one slice at a time), waiting (watches and timer set), parked
 * (for memory), or answered; (2) no byte at or above the partition's limit is returned; (3) a fetch
 * takes no memory while the server is over its ceiling: it is parked until memory was given back,
 * but not for long, because answers that wait for it in their connection hold memory too: then it
 * is answered with what is there. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/fetch_answer.h"
#include "log/server/server_state.h"

#include <stdlib.h>
#include <string.h>

enum { FETCH_SESSION_NEW = 0, FETCH_SESSION_NONE = -1 }; /* epochs */
enum { FETCH_SIZE_MAX = 512 << 20 };                     /* well below what a frame can hold */
enum { FETCH_PARK_MAX_MS = 1000 };
enum { FETCH_ABORTS_MIN = 8 };
/* The first versions with ids instead of names (KIP-516), and with the leader's address beside
 * errors about it (KIP-951). */
enum { FETCH_ID_VERSION = 13, FETCH_ENDPOINT_VERSION = 16 };

struct fetch_part {
    struct fetch *fetch;
    struct replica *replica; /* NULL in error */
    const struct fetch_request_partition *asked;
    struct fetch_response_partition *answer;
    struct bytes topic; /* its name; null for an id that is not known */
    struct log_slice slice;
    struct replica_watch watch;
};

struct fetch {
    struct request *request;
    struct fetch_response response;
    struct fetch_part *parts;
    size_t part_count;
    size_t looking; /* index of the part being looked at */
    size_t size;    /* bytes found so far */
    size_t size_min;
    size_t size_max;
    bool is_read_committed;
    bool is_waiting;
    bool has_moved; /* a partition has, while another was being looked at */
    bool has_error;
    bool has_next;   /* a partition has more, in another file: no need to wait for it */
    bool is_stopped; /* answer with what is there */
    struct io_timer timer;
    struct list_link link; /* the server's list of waiting or parked fetches */
    struct fetch_answer answer;
};

static void fetch_look(struct fetch *fetch);

static void fetch_forget_slice(struct fetch_part *part)
{
    part->fetch->size -= part->slice.size;
    log_slice_close(&part->slice);
}

/* Who asks with an old epoch is told the new one and where the leader is. */
static void fetch_point_to_leader(const struct fetch_part *part)
{
    struct request *request = part->fetch->request;
    struct fetch_response *response = &part->fetch->response;
    if (request->version < FETCH_ENDPOINT_VERSION) {
        return;
    }
    int32_t node_id = request->server->parts.node_id;
    part->answer->current_leader.leader_id = node_id;
    part->answer->current_leader.leader_epoch = replica_leader_epoch(part->replica);
    if (response->node_endpoints.count == 0) {
        struct fetch_response_node_endpoint *endpoint =
            arena_new(&request->arena, struct fetch_response_node_endpoint);
        endpoint->node_id = node_id;
        endpoint->rack =
            bytes_from_string(meta_broker_options(request->server->parts.meta)->broker_rack);
        request_advertised_address(request, &endpoint->host, &endpoint->port);
        response->node_endpoints.items = endpoint;
        response->node_endpoints.count = 1;
    }
}

static void fetch_fail(struct fetch_part *part, int error)
{
    if (error == ERROR_NOT_FOUND) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (error == ERROR_FENCED_LEADER_EPOCH) {
        fetch_point_to_leader(part);
    }
    part->answer->error_code = error_code(error);
    replica_watch_remove(&part->watch);
    fetch_forget_slice(part);
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

struct fetch_aborts {
    struct arena *arena;
    struct fetch_response_aborted_transaction *items;
    int32_t count;
    int32_t capacity;
};

static void fetch_on_aborted(void *owner, const struct log_aborted *aborted)
{
    struct fetch_aborts *aborts = owner;
    if (aborts->count == aborts->capacity) {
        struct fetch_response_aborted_transaction *old = aborts->items;
        aborts->capacity = aborts->capacity == 0 ? FETCH_ABORTS_MIN : aborts->capacity * 2;
        aborts->items = arena_array(aborts->arena, struct fetch_response_aborted_transaction,
                                    (size_t)aborts->capacity);
        if (old != NULL) {
            memcpy(aborts->items, old, (size_t)aborts->count * sizeof *old);
        }
    }
    aborts->items[aborts->count++] = (struct fetch_response_aborted_transaction){
        .producer_id = aborted->producer_id, .first_offset = aborted->first_offset};
}

static int fetch_compare_aborted(const void *left, const void *right)
{
    int64_t one = ((const struct fetch_response_aborted_transaction *)left)->first_offset;
    int64_t other = ((const struct fetch_response_aborted_transaction *)right)->first_offset;
    return one < other ? -1 : one > other; /* no two begin at the same offset */
}

/* Clients go through them in the order in which they begin. */
static int fetch_fill_aborts(struct fetch_part *part)
{
    struct fetch_aborts aborts = {.arena = &part->fetch->request->arena};
    if (!part->fetch->is_read_committed || part->replica == NULL || part->slice.size == 0) {
        return 0;
    }
    int error = log_each_aborted(replica_log(part->replica), part->asked->fetch_offset,
                                 part->slice.next_offset, fetch_on_aborted, &aborts);
    if (error == 0 && aborts.count > 0) {
        qsort(aborts.items, (size_t)aborts.count, sizeof *aborts.items, fetch_compare_aborted);
        part->answer->aborted_transactions.items = aborts.items;
        part->answer->aborted_transactions.count = aborts.count;
    }
    return error;
}

static void fetch_send(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct log_slice **slices = arena_array(&request->arena, struct log_slice *, fetch->part_count);
    size_t slice_count = 0;
    for (size_t i = 0; i < fetch->part_count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        replica_watch_remove(&part->watch);
        fetch_fill_offsets(part);
        int error = fetch_fill_aborts(part);
        if (error != 0) {
            fetch_fail(part, error);
        }
        part->answer->records = bytes_make("", part->slice.size);
        if (part->slice.size > 0) {
            slices[slice_count++] = &part->slice;
        }
    }
    if (slice_count == 0) {
        request_answer(request, &fetch->response);
        return;
    }
    metric_add(request->server->fetched_size, (double)fetch->size);
    fetch_answer_send(&fetch->answer, request, &fetch->response, slices, slice_count);
}

/* A fetch watches from its start to its answer, also while it looks, so that no replica goes away
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
        fetch_look(fetch);
    }
}

static void fetch_on_timer(struct io_timer *timer)
{
    struct fetch *fetch = timer->owner;
    fetch->is_stopped = true;
    fetch_stop_waiting(fetch);
    fetch_look(fetch);
}

/* One that is looking finds out by itself when that is over. */
static void fetch_on_lost(void *waiter)
{
    struct fetch *fetch = waiter;
    if (list_has(&fetch->link)) {
        fetch_stop_waiting(fetch);
        fetch_send(fetch);
    }
}

static uint64_t fetch_time_left(const struct fetch *fetch)
{
    struct request *request = fetch->request;
    int32_t wait_ms = request_message(request, fetch_request)->max_wait_ms;
    uint64_t limit_ns = wait_ms <= 0 ? 0 : (uint64_t)wait_ms * 1000000;
    uint64_t used_ns = io_now(request->server->parts.io) - request->started_ns;
    return used_ns >= limit_ns ? 0 : limit_ns - used_ns;
}

static void fetch_begin_again(struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->part_count; i++) {
        fetch_forget_slice(&fetch->parts[i]);
    }
    fetch->looking = 0;
    fetch->has_moved = false;
}

static void fetch_wait(struct fetch *fetch)
{
    struct server *server = fetch->request->server;
    fetch_begin_again(fetch);
    fetch->is_waiting = true;
    fetch->timer = (struct io_timer){.fired = fetch_on_timer, .owner = fetch};
    io_timer_start(server->parts.io, &fetch->timer, fetch_time_left(fetch));
    list_add(&server->fetches, &fetch->link);
}

static void fetch_finish_round(struct fetch *fetch)
{
    bool is_enough = fetch->size >= fetch->size_min || fetch->has_error || fetch->is_stopped ||
                     fetch->has_next || fetch->part_count == 0;
    if (is_enough || fetch_time_left(fetch) == 0 || fetch->request->server->is_stopping ||
        fetch->request->slot.connection == NULL) {
        fetch_send(fetch);
        return;
    }
    if (fetch->has_moved) {
        fetch_begin_again(fetch);
        fetch_look(fetch);
        return;
    }
    fetch_wait(fetch);
}

/* The partition may have gone while the disk was asked. */
static void fetch_end_part(struct fetch_part *part, int error)
{
    part->fetch->size += part->slice.size;
    part->fetch->looking++;
    part->fetch->has_next = part->fetch->has_next || (error == 0 && part->slice.has_next);
    if (part->replica == NULL) {
        fetch_forget_slice(part);
    } else if (error != 0) {
        fetch_fail(part, error);
    }
}

static void fetch_on_slice(struct log_slice *slice, int error)
{
    struct fetch_part *part = slice->owner;
    fetch_end_part(part, error);
    fetch_look(part->fetch);
}

static size_t fetch_size_left(const struct fetch *fetch, const struct fetch_part *part)
{
    size_t left = fetch->size >= fetch->size_max ? 0 : fetch->size_max - fetch->size;
    size_t part_max =
        part->asked->partition_max_bytes < 0 ? 0 : (size_t)part->asked->partition_max_bytes;
    return left < part_max ? left : part_max;
}

/* True when the part's slice will be called back later. */
static bool fetch_look_at(struct fetch_part *part)
{
    struct fetch *fetch = part->fetch;
    int64_t offset = part->asked->fetch_offset;
    int64_t limit_offset =
        part->replica == NULL ? 0 : replica_limit(part->replica, fetch->is_read_committed);
    size_t size_left = fetch_size_left(fetch, part);
    if (part->replica == NULL || offset >= limit_offset || (size_left == 0 && fetch->size > 0)) {
        fetch->looking++;
        return false;
    }
    part->slice = (struct log_slice){.offset = offset,
                                     .limit_offset = limit_offset,
                                     .size_max = size_left,
                                     .is_first_whole = fetch->size == 0,
                                     .done = fetch_on_slice,
                                     .owner = part};
    int error = 0;
    if (!log_slice_open(replica_log(part->replica), &part->slice, &error)) {
        return true;
    }
    fetch_end_part(part, error);
    return false;
}

static void fetch_on_parked_long(struct io_timer *timer)
{
    struct fetch *fetch = timer->owner;
    list_remove(&fetch->link);
    fetch_send(fetch);
}

static void fetch_park(struct fetch *fetch)
{
    struct server *server = fetch->request->server;
    list_add(&server->parked, &fetch->link);
    fetch->timer = (struct io_timer){.fired = fetch_on_parked_long, .owner = fetch};
    io_timer_start(server->parts.io, &fetch->timer, (uint64_t)FETCH_PARK_MAX_MS * 1000000);
}

/* The first of those that are parked, or NULL. */
static struct fetch *fetch_take_parked(struct server *server)
{
    struct list_link *link = list_take(&server->parked);
    if (link == NULL) {
        return NULL;
    }
    struct fetch *fetch = list_member(link, struct fetch, link);
    io_timer_stop(server->parts.io, &fetch->timer);
    return fetch;
}

static void fetch_look(struct fetch *fetch)
{
    struct server *server = fetch->request->server;
    if (server->held_size > server->options.memory_size_max && !server->is_stopping &&
        fetch->request->slot.connection != NULL) {
        fetch_park(fetch);
        return;
    }
    while (fetch->looking < fetch->part_count) {
        if (fetch_look_at(&fetch->parts[fetch->looking])) {
            return;
        }
    }
    fetch_finish_round(fetch);
}

void api_fetch_unpark(struct server *server)
{
    struct fetch *fetch;
    while (server->held_size <= server->options.memory_size_max &&
           (fetch = fetch_take_parked(server)) != NULL) {
        fetch_look(fetch);
    }
}

void api_fetch_stop(struct server *server)
{
    struct list_link *link;
    while ((link = list_take(&server->fetches)) != NULL) {
        struct fetch *fetch = list_member(link, struct fetch, link);
        fetch_stop_waiting(fetch);
        fetch_look(fetch);
    }
    struct fetch *parked;
    while ((parked = fetch_take_parked(server)) != NULL) {
        fetch_look(parked);
    }
}

static void fetch_open_part(struct fetch *fetch, struct fetch_part *part)
{
    struct server *server = fetch->request->server;
    part->replica = replica_set_find(server->parts.replicas, part->topic, part->asked->index);
    if (part->replica == NULL) {
        fetch_fail(part, bytes_is_null(part->topic) ? ERROR_UNKNOWN_TOPIC_ID
                                                    : ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    int error = replica_check_epoch(part->replica, part->asked->current_leader_epoch);
    struct log *log = replica_log(part->replica);
    if (error == 0) {
        error = log_status(log);
    }
    if (error == 0 && (part->asked->fetch_offset < log_start_offset(log) ||
                       part->asked->fetch_offset > log_end_offset(log))) {
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

static struct bytes fetch_find_name(const struct request *request,
                                    const struct fetch_request_topic *asked)
{
    if (request->version < FETCH_ID_VERSION) {
        return asked->name;
    }
    const struct meta_topic *topic =
        meta_find_topic_id(request->server->parts.meta, asked->topic_id);
    return topic == NULL ? (struct bytes){0} : bytes_from_string(topic->name);
}

static void fetch_open_topic(struct fetch *fetch, const struct fetch_request_topic *asked,
                             struct fetch_response_topic *answer)
{
    struct arena *arena = &fetch->request->arena;
    struct bytes name = fetch_find_name(fetch->request, asked);
    *answer = (struct fetch_response_topic){.name = asked->name, .topic_id = asked->topic_id};
    answer->partitions.count = asked->partitions.count;
    answer->partitions.items =
        arena_array(arena, struct fetch_response_partition, asked->partitions.count);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        struct fetch_part *part = &fetch->parts[fetch->part_count++];
        part->fetch = fetch;
        part->topic = name;
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

static size_t fetch_choose_size_max(const struct server *server, int32_t asked_size)
{
    size_t broker_max = (size_t)meta_broker_options(server->parts.meta)->fetch_max_bytes;
    broker_max = broker_max < FETCH_SIZE_MAX ? broker_max : FETCH_SIZE_MAX;
    size_t size_max = asked_size < 0 ? 0 : (size_t)asked_size;
    return size_max < broker_max ? size_max : broker_max;
}

/* There are no sessions (KIP-227): whoever goes on in one would take silence about a partition for
 * "nothing new". */
static bool fetch_is_in_session(const struct fetch_request *asked)
{
    return asked->session_epoch != FETCH_SESSION_NEW && asked->session_epoch != FETCH_SESSION_NONE;
}

void api_fetch(struct request *request)
{
    const struct fetch_request *asked = request_message(request, fetch_request);
    if (fetch_is_in_session(asked)) {
        struct fetch_response refusal = {.error_code =
                                             error_code(ERROR_FETCH_SESSION_ID_NOT_FOUND)};
        request_answer(request, &refusal);
        return;
    }
    struct fetch *fetch = arena_new(&request->arena, struct fetch);
    size_t part_count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        part_count += (size_t)asked->topics.items[i].partitions.count;
    }
    fetch->request = request;
    request->lost = fetch_on_lost;
    request->waiter = fetch;
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
    fetch_look(fetch);
}
