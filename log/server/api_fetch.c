/* Fetch (key 1): whole record batches from partitions, waiting for new ones if asked to.
 *
 * A fetch looks at what is stirred in its session (fetch_session.h): in its partitions, one after
 * the other, it finds the slice from the offset asked for up to what its isolation level may see,
 * until the request's byte limit is reached; the first batch is taken whatever its size (KIP-74).
 * When that gives fewer than min_bytes, it lets go of what it found, waits, and looks again when a
 * partition of the session moves or time is up. It is answered when it has enough, when time is up,
 * when a partition is in error, when its client is gone, or when the server stops; the records are
 * read while the answer leaves (fetch_answer.h). A fetch that goes on in a session is answered only
 * what is news.
 *
 * A session has one fetch at work; others wait for their turn in its queue, as those of one
 * connection do in Kafka.
 *
 * Keeps:  (1) a fetch is queued, looking (one slice at a time), waiting (watches and timer set),
 *             parked (for memory), or answered;
 *         (2) no byte at or above the partition's limit is returned;
 *         (3) a fetch takes no memory while the server is over its ceiling: it is parked until
 *             memory was given back, but not for long, because answers that wait for it in their
 *             connection hold memory too: then it is answered with what is there;
 *         (4) at most FETCH_PARTITION_MAX partitions are named in one request. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/fetch_answer.h"
#include "log/server/fetch_part.h"
#include "log/server/server_state.h"

enum { FETCH_SESSION_NEW = 0, FETCH_SESSION_NONE = -1 }; /* epochs */
enum { FETCH_SIZE_MAX = 512 << 20 };                     /* well below what a frame can hold */
enum { FETCH_PARK_MAX_MS = 1000 };
enum { FETCH_PARTITION_MAX = 1 << 17 };
/* The first versions with ids instead of names (KIP-516), and with a follower's state. */
enum { FETCH_ID_VERSION = 13, FETCH_STATE_VERSION = 15 };

struct fetch {
    struct request *request;
    struct fetch_session *session;
    struct fetch_response response;
    struct fetch_part *parts; /* in the order in which they were stirred */
    struct fetch_part **parts_end;
    struct fetch_part *looking; /* being looked at, or next */
    size_t part_count;
    size_t size; /* bytes found so far */
    size_t size_min;
    size_t size_max;
    size_t counted_size; /* of the arena, in the server's memory */
    bool is_committed;
    bool is_full; /* all partitions are told of */
    bool is_new;  /* the session may last */
    bool is_queued;
    bool is_waiting;
    bool has_moved;  /* a partition has, while another was being looked at */
    bool has_error;  /* or something else that cannot wait */
    bool has_freed;  /* a partition failed whose records had left less room for others */
    bool has_next;   /* a partition has more, in another file: no need to wait for it */
    bool is_stopped; /* answer with what is there */
    struct io_timer timer;
    struct list_link link; /* waiting or parked in the server's list, or queued in the session's */
    struct fetch_answer answer;
};

static void fetch_look(struct fetch *fetch);
static void fetch_go_on(struct fetch *fetch);

static void fetch_forget_slice(struct fetch_part *part)
{
    struct fetch *fetch = part->owner;
    fetch->size -= fetch_part_size(part);
    fetch_part_close_slice(part);
}

static void fetch_fail(struct fetch_part *part, int error)
{
    struct fetch *fetch = part->owner;
    fetch->size -= fetch_part_size(part);
    fetch->has_freed = fetch->has_freed || fetch_part_size(part) > 0;
    fetch_part_fail(part, error);
    fetch->has_error = true;
}

static void fetch_stop_waiting(struct fetch *fetch)
{
    io_timer_stop(fetch->request->server->parts.io, &fetch->timer);
    list_remove(&fetch->link);
    fetch->is_waiting = false;
}

static void fetch_refuse(struct request *request, int error)
{
    struct fetch_response refusal = {.error_code = error_code(error)};
    request_answer(request, &refusal);
}

static void fetch_on_turn(struct io_timer *timer)
{
    struct fetch_session *session = timer->owner;
    struct fetch *fetch = list_member(list_take(&session->queue), struct fetch, link);
    fetch->is_queued = false;
    fetch_go_on(fetch);
}

/* The session is at rest: the next of its queue has its turn; nobody needs one that is gone. */
static void fetch_pass_turn(struct io *io, struct fetch_session *session)
{
    if (!list_is_empty(&session->queue)) {
        session->turn = (struct io_timer){.fired = fetch_on_turn, .owner = session};
        io_timer_start(io, &session->turn, 0);
    } else if (session->is_gone) {
        fetch_session_free(session);
    }
}

static void fetch_settle_part(struct fetch_part *part, bool is_full)
{
    struct fetch_session_partition *partition = part->partition;
    bool is_served = fetch_part_size(part) > 0;
    bool is_quiet = partition->topic->session->arena == NULL && partition->replica != NULL &&
                    !is_served && !part->is_diverged && fetch_part_is_at_end(part);
    fetch_session_settle(partition, is_quiet);
    if (is_served && !is_full) {
        fetch_session_put_last(partition);
    }
}

/* Rows of one topic that follow each other share it. */
static void fetch_add_row(struct fetch *fetch, const struct fetch_part *part,
                          struct fetch_response_partition *rows, size_t row_count)
{
    const struct fetch_session_topic *topic = part->partition->topic;
    struct fetch_response_topic *items = fetch->response.topics.items;
    struct fetch_response_topic *last =
        row_count == 0 ? NULL : &items[fetch->response.topics.count - 1];
    bool is_same =
        last != NULL && (topic->session->uses_ids ? meta_uuid_equal(last->topic_id, topic->id)
                                                  : bytes_equal(last->name, topic->name));
    if (!is_same) {
        last = &items[fetch->response.topics.count++];
        *last = (struct fetch_response_topic){.name = topic->name, .topic_id = topic->id};
        last->partitions.items = &rows[row_count];
    }
    rows[row_count] = part->answer;
    last->partitions.count++;
}

static void fetch_point_to_leader(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct fetch_response_node_endpoint *endpoint =
        arena_new(&request->arena, struct fetch_response_node_endpoint);
    endpoint->node_id = request->server->parts.node_id;
    endpoint->rack =
        bytes_from_string(meta_broker_options(request->server->parts.meta)->broker_rack);
    request_advertised_address(request, &endpoint->host, &endpoint->port);
    fetch->response.node_endpoints.items = endpoint;
    fetch->response.node_endpoints.count = 1;
}

/* Records by their offsets: nobody looked at the batches between the first one and the last. */
static void fetch_count(const struct fetch_part *part)
{
    if (fetch_part_size(part) > 0 && part->partition->replica != NULL) {
        struct replica_traffic *traffic = replica_traffic(part->partition->replica);
        traffic->fetched_size += (int64_t)fetch_part_size(part);
        traffic->fetched_count += part->slice->next_offset - part->partition->fetch_offset;
    }
}

/* Ends the work on the partitions; the number of slices that have records for the answer. */
static size_t fetch_finish_parts(struct fetch *fetch, struct log_slice **slices)
{
    struct arena *arena = &fetch->request->arena;
    struct fetch_response_partition *rows =
        arena_array(arena, struct fetch_response_partition, fetch->part_count);
    fetch->response.topics.items =
        arena_array(arena, struct fetch_response_topic, fetch->part_count);
    size_t row_count = 0;
    size_t slice_count = 0;
    for (struct fetch_part *part = fetch->parts; part != NULL; part = part->next) {
        fetch_part_finish(part);
        fetch_count(part);
        bool is_news = fetch_session_tell(part->partition, &part->answer);
        if (part->answer.current_leader.leader_id >= 0 && !fetch->session->is_of_follower &&
            fetch->response.node_endpoints.count == 0) {
            fetch_point_to_leader(fetch);
        }
        if (fetch->is_full || is_news) {
            fetch_add_row(fetch, part, rows, row_count++);
        }
        fetch_settle_part(part, fetch->is_full);
        if (fetch_part_size(part) > 0) {
            slices[slice_count++] = part->slice;
        }
    }
    return slice_count;
}

static void fetch_send(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct server *server = request->server;
    struct fetch_session *session = fetch->session;
    bool is_new = fetch->is_new;
    bool is_lasting = session->arena == NULL; /* a passing one goes with the request */
    struct log_slice **slices = arena_array(&request->arena, struct log_slice *, fetch->part_count);
    size_t slice_count = fetch_finish_parts(fetch, slices);
    fetch_session_end(session);
    bool has_lasted = is_new && request->slot.connection != NULL &&
                      fetch_session_cache_add(&server->sessions, session);
    fetch->response.session_id = session->id;
    if (slice_count == 0) {
        request_answer(request, &fetch->response);
    } else {
        metric_add(server->fetched_size, (double)fetch->size);
        request_record(request, QUOTA_CONSUMER_BYTE_RATE, (double)fetch->size);
        fetch_answer_send(&fetch->answer, request, &fetch->response, slices, slice_count);
    }
    if (is_new && !has_lasted) {
        fetch_session_free(session);
    } else if (is_lasting) {
        fetch_pass_turn(server->parts.io, session);
    }
}

static void fetch_gather(struct fetch *fetch);

/* Partitions are watched from the start of a fetch to its answer, also while it looks, so that no
 * replica goes away unseen. */
static void fetch_on_moved(void *owner, struct fetch_session_partition *partition, int error)
{
    struct fetch *fetch = owner;
    if (error != 0 && partition->part != NULL) {
        fetch_fail(partition->part, error);
    }
    fetch->has_moved = !fetch->is_waiting;
    if (fetch->is_waiting) {
        fetch_stop_waiting(fetch);
        fetch_gather(fetch);
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

/* One that is looking finds out by itself when that is over; so does one that is queued. */
static void fetch_on_lost(void *waiter)
{
    struct fetch *fetch = waiter;
    if (list_has(&fetch->link) && !fetch->is_queued) {
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
    for (struct fetch_part *part = fetch->parts; part != NULL; part = part->next) {
        fetch_forget_slice(part);
    }
    fetch->looking = fetch->parts;
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

/* Once for each partition that failed with records, at most. */
static bool fetch_must_look_again(struct fetch *fetch)
{
    bool must = fetch->size == 0 && fetch->has_freed;
    fetch->has_freed = false;
    return must;
}

static void fetch_finish_round(struct fetch *fetch)
{
    if (fetch_must_look_again(fetch)) {
        fetch_begin_again(fetch);
        fetch_look(fetch);
        return;
    }
    bool is_enough = fetch->size >= fetch->size_min || fetch->has_error || fetch->is_stopped ||
                     fetch->has_next || fetch->session->partition_count == 0;
    if (is_enough || fetch_time_left(fetch) == 0 || fetch->request->server->is_stopping ||
        fetch->request->slot.connection == NULL) {
        fetch_send(fetch);
        return;
    }
    if (fetch->has_moved) {
        fetch_begin_again(fetch);
        fetch_gather(fetch);
        fetch_look(fetch);
        return;
    }
    fetch_wait(fetch);
}

/* The partition may have gone while the disk was asked. */
static void fetch_end_part(struct fetch_part *part, int error)
{
    struct fetch *fetch = part->owner;
    fetch->size += fetch_part_size(part);
    fetch->looking = part->next;
    fetch->has_next = fetch->has_next || (error == 0 && part->slice->has_next);
    if (part->partition->replica == NULL) {
        fetch_forget_slice(part);
    } else if (error != 0) {
        fetch_fail(part, error);
    }
}

static void fetch_on_slice(struct log_slice *slice, int error)
{
    struct fetch_part *part = slice->owner;
    fetch_end_part(part, error);
    fetch_look(part->owner);
}

static size_t fetch_size_left(const struct fetch *fetch, const struct fetch_part *part)
{
    size_t left = fetch->size >= fetch->size_max ? 0 : fetch->size_max - fetch->size;
    int32_t size_max = part->partition->size_max;
    size_t part_max = size_max < 0 ? 0 : (size_t)size_max;
    return left < part_max ? left : part_max;
}

/* True when the part's slice will be called back later. */
static bool fetch_look_at(struct fetch *fetch, struct fetch_part *part)
{
    struct fetch_session_partition *partition = part->partition;
    size_t size_left = fetch_size_left(fetch, part);
    if (fetch_part_is_at_end(part) || (size_left == 0 && fetch->size > 0)) {
        fetch->looking = part->next;
        return false;
    }
    if (part->slice == NULL) {
        part->slice = arena_new(&fetch->request->arena, struct log_slice);
    }
    *part->slice =
        (struct log_slice){.offset = partition->fetch_offset,
                           .limit_offset = replica_limit(partition->replica, part->is_committed),
                           .size_max = size_left,
                           .is_first_whole = fetch->size == 0,
                           .done = fetch_on_slice,
                           .owner = part};
    int error = 0;
    if (!log_slice_open(replica_log(partition->replica), part->slice, &error)) {
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
    while (fetch->looking != NULL) {
        if (fetch_look_at(fetch, fetch->looking)) {
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

static void fetch_add_part(struct fetch *fetch, struct fetch_session_partition *partition)
{
    struct fetch_part *part = arena_new(&fetch->request->arena, struct fetch_part);
    fetch_part_init(part, fetch->request, partition, fetch->is_committed);
    part->owner = fetch;
    *fetch->parts_end = part;
    fetch->parts_end = &part->next;
    fetch->part_count++;
    int error = fetch_part_open(part);
    if (error != 0) {
        fetch_fail(part, error);
    }
    fetch->has_error |= part->is_diverged;
}

/* A part for each stirred partition that has none yet. */
static void fetch_gather(struct fetch *fetch)
{
    struct request *request = fetch->request;
    for (list_each (&fetch->session->stirred, link)) {
        struct fetch_session_partition *partition =
            list_member(link, struct fetch_session_partition, link);
        if (partition->part == NULL) {
            fetch_add_part(fetch, partition);
        }
    }
    fetch->looking = fetch->parts;
    request_grow(request, request->arena.used_size - fetch->counted_size);
    fetch->counted_size = request->arena.used_size;
}

static void fetch_start(struct fetch *fetch)
{
    struct fetch_session *session = fetch->session;
    fetch_session_begin(session, fetch_on_moved, fetch);
    bool is_other = session->is_committed != fetch->is_committed ||
                    store_status(fetch->request->server->parts.store) != 0;
    session->is_committed = fetch->is_committed;
    if (is_other && !fetch->is_full) {
        fetch_session_stir_all(session);
    }
    fetch_gather(fetch);
    fetch_look(fetch);
}

/* The session of a fetch that goes on in it is at rest. */
static void fetch_go_on(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct server *server = request->server;
    struct fetch_session *session = fetch->session;
    const struct fetch_request *asked = request_message(request, fetch_request);
    int error = 0;
    if (session->is_gone) {
        error = ERROR_FETCH_SESSION_ID_NOT_FOUND;
    } else if (session->epoch != asked->session_epoch) {
        error = ERROR_INVALID_FETCH_SESSION_EPOCH;
    } else if (session->uses_ids != (request->version >= FETCH_ID_VERSION)) {
        error = ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
    }
    if (error != 0) {
        fetch_pass_turn(server->parts.io, session);
        fetch_refuse(request, error);
        return;
    }
    bool is_queue = !list_is_empty(&session->queue);
    bool is_kept = fetch_session_cache_update(&server->sessions, session, asked);
    if (is_kept && session->partition_count > 0) {
        session->epoch = session->epoch == INT32_MAX ? 1 : session->epoch + 1;
        fetch_start(fetch);
        return;
    }
    if (is_kept) {
        fetch_session_cache_remove(&server->sessions, session);
    }
    if (is_queue) {
        fetch_pass_turn(server->parts.io, session);
    }
    fetch_refuse(request, is_kept ? 0 : ERROR_FETCH_SESSION_ID_NOT_FOUND);
}

static void fetch_resume(struct fetch *fetch)
{
    struct server *server = fetch->request->server;
    const struct fetch_request *asked = request_message(fetch->request, fetch_request);
    fetch->session = fetch_session_cache_find(&server->sessions, asked->session_id);
    if (fetch->session == NULL) {
        fetch_refuse(fetch->request, ERROR_FETCH_SESSION_ID_NOT_FOUND);
        return;
    }
    if (fetch->session->is_awake || !list_is_empty(&fetch->session->queue)) {
        fetch->is_queued = true;
        list_add(&fetch->session->queue, &fetch->link);
        return;
    }
    fetch_go_on(fetch);
}

static bool fetch_is_of_follower(const struct request *request)
{
    const struct fetch_request *asked = request_message(request, fetch_request);
    return (request->version >= FETCH_STATE_VERSION ? asked->replica_state.replica_id
                                                    : asked->replica_id) >= 0;
}

/* A session that exists already ends, and perhaps a new one begins. */
static void fetch_begin(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct server *server = request->server;
    const struct fetch_request *asked = request_message(request, fetch_request);
    struct fetch_session *previous = fetch_session_cache_find(&server->sessions, asked->session_id);
    if (previous != NULL) {
        fetch_session_cache_remove(&server->sessions, previous);
    }
    fetch->is_full = true;
    fetch->is_new = asked->session_epoch == FETCH_SESSION_NEW &&
                    fetch_session_growth(asked) <= server->sessions.size_max;
    fetch->session = fetch_session_new(fetch->is_new ? NULL : &request->arena,
                                       request->version >= FETCH_ID_VERSION);
    fetch->session->is_of_follower = fetch_is_of_follower(request);
    fetch_session_update(fetch->session, asked);
    fetch_start(fetch);
}

/* Never more than a quota grants in all its windows, or the client would wait for ever. */
static size_t fetch_choose_size_max(const struct request *request, int32_t asked_size)
{
    const struct server *server = request->server;
    struct throttle_client client = request_client(request);
    double room = throttle_room(server->throttle, QUOTA_CONSUMER_BYTE_RATE, &client);
    size_t broker_max = (size_t)meta_broker_options(server->parts.meta)->fetch_max_bytes;
    broker_max = broker_max < FETCH_SIZE_MAX ? broker_max : FETCH_SIZE_MAX;
    broker_max = room < (double)broker_max ? (size_t)room : broker_max;
    size_t size_max = asked_size < 0 ? 0 : (size_t)asked_size;
    return size_max < broker_max ? size_max : broker_max;
}

static size_t fetch_count_partitions(const struct fetch_request *asked)
{
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        count += (size_t)asked->topics.items[i].partitions.count;
    }
    return count;
}

void api_fetch(struct request *request)
{
    const struct fetch_request *asked = request_message(request, fetch_request);
    struct fetch *fetch = arena_new(&request->arena, struct fetch);
    if (fetch_count_partitions(asked) > FETCH_PARTITION_MAX) {
        request_refuse(request, "it fetches from more partitions than one request may name");
        return;
    }
    fetch->request = request;
    request->lost = fetch_on_lost;
    request->waiter = fetch;
    fetch->parts_end = &fetch->parts;
    fetch->counted_size = request->arena.used_size;
    fetch->is_committed = asked->isolation_level == 1;
    fetch->size_min = asked->min_bytes < 0 ? 0 : (size_t)asked->min_bytes;
    fetch->size_max = fetch_choose_size_max(request, asked->max_bytes);
    if (fetch->size_min > fetch->size_max) {
        fetch->size_min = fetch->size_max;
    }
    if (asked->session_epoch == FETCH_SESSION_NEW || asked->session_epoch == FETCH_SESSION_NONE) {
        fetch_begin(fetch);
    } else {
        fetch_resume(fetch);
    }
}
