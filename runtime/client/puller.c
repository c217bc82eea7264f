/* Fetch and ListOffsets requests; see puller.h.
 *
 * A fetch waits at the broker for data of any of its partitions. While a partition that has data is
 * left out because nobody takes what it brought already, such a wait would keep it out for too long
 * after it was taken; so the others are then asked without waiting, every PULLER_PROBE_NS. */
#include "runtime/client/puller.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdlib.h>

enum {
    PULLER_FETCH_KEY = 1,
    PULLER_FETCH_VERSION_MAX = 12, /* from 13 on topics have ids instead of names */
    PULLER_LIST_OFFSETS_KEY = 2,
    PULLER_PROBE_NS = 100000000,
    PULLER_UNKNOWN_COUNT_MAX = 8, /* failures before an unknown topic is told */
};

enum puller_kind { PULLER_FETCH, PULLER_LIST };

struct puller_broker {
    struct list_link link;
    int32_t node_id;
    struct puller_request *out[2]; /* by kind */
    struct puller_request *building[2];
    bool has_full; /* a partition was left out for its chunks */
    uint64_t not_before;
};

struct puller_request {
    struct list_link link;
    struct puller *puller;
    struct puller_broker *broker;
    enum puller_kind kind;
    struct client_call call;
    struct arena arena;
    size_t reserved_size;
    bool is_probe;
    union {
        struct fetch_request fetch;
        struct list_offsets_request list;
    };
    struct puller_partition **partitions; /* only to build with */
    size_t partition_count;
    size_t partition_capacity;
};

static struct bytes puller_key(struct puller *puller, struct bytes topic, int32_t index)
{
    uint8_t suffix[4];
    endian_write_i32(suffix, index);
    buffer_clear(&puller->key);
    buffer_add_bytes(&puller->key, topic);
    buffer_add(&puller->key, suffix, sizeof suffix);
    return buffer_bytes(&puller->key);
}

static struct puller_partition *puller_find_bytes(struct puller *puller, struct bytes topic,
                                                  int32_t index)
{
    return map_find(&puller->index, puller_key(puller, topic, index));
}

struct puller_partition *puller_find(struct puller *puller, const char *topic, int32_t index)
{
    return puller_find_bytes(puller, bytes_from_string(topic), index);
}

static void puller_drop_chunks(struct puller_partition *partition)
{
    struct list_link *link;
    while ((link = list_take(&partition->chunks)) != NULL) {
        chunk_free(list_member(link, struct chunk, link));
    }
    partition->chunk_count = 0;
    list_remove(&partition->loaded);
}

static void puller_set_position(struct puller_partition *partition, int64_t offset)
{
    partition->is_resolved = offset >= 0;
    partition->wanted = offset;
    partition->position = offset >= 0 ? offset : -1;
    partition->fetch_position = partition->position;
}

static const char *puller_intern(struct puller *puller, const char *topic)
{
    char *name = map_find_string(&puller->names, topic);
    if (name == NULL) {
        name = memory_string(topic);
        map_put(&puller->names, bytes_from_string(topic), name);
    }
    return name;
}

struct puller_partition *puller_add(struct puller *puller, const char *topic, int32_t index)
{
    struct puller_partition *partition = memory_new(struct puller_partition);
    partition->topic = puller_intern(puller, topic);
    partition->index = index;
    partition->high_watermark = -1;
    partition->stable_offset = -1;
    partition->heard_ms = -1;
    partition->silence_ms = 0;
    list_init(&partition->chunks);
    list_add(&puller->partitions, &partition->link);
    struct bytes key = puller_key(puller, bytes_from_string(topic), index);
    check(map_put(&puller->index, key, partition) == NULL);
    return partition;
}

static void puller_free_partition(struct puller_partition *partition)
{
    puller_drop_chunks(partition);
    list_remove(&partition->link);
    free(partition);
}

void puller_remove(struct puller *puller, struct puller_partition *partition)
{
    map_remove(&puller->index,
               puller_key(puller, bytes_from_string(partition->topic), partition->index));
    puller_free_partition(partition);
    puller_poke_room(puller);
}

void puller_seek(struct puller *puller, struct puller_partition *partition, int64_t offset)
{
    puller_drop_chunks(partition);
    partition->out = NULL;
    partition->error = 0;
    partition->not_before = 0;
    puller_set_position(partition, offset);
    puller_poke_room(puller);
}

static void puller_load(struct puller *puller, struct puller_partition *partition)
{
    if (!list_has(&partition->loaded)) {
        list_add(&puller->loaded, &partition->loaded);
    }
}

static void puller_tell(struct puller *puller, struct puller_partition *partition, int error)
{
    partition->error = error;
    puller_load(puller, partition);
}

static void puller_wake_at(struct puller *puller, uint64_t when)
{
    if (when == UINT64_MAX ||
        (puller->timer.private_state != NULL && puller->timer_deadline <= when)) {
        return;
    }
    uint64_t now = io_now(puller->io);
    puller->timer_deadline = when;
    io_timer_start(puller->io, &puller->timer, when > now ? when - now : 0);
}

void puller_poke(struct puller *puller)
{
    puller_wake_at(puller, 0);
}

void puller_poke_room(struct puller *puller)
{
    for (list_each (&puller->brokers, link)) {
        list_member(link, struct puller_broker, link)->not_before = 0;
    }
    puller_poke(puller);
}

static void puller_postpone(struct puller *puller, struct puller_partition *partition)
{
    struct backoff backoff = puller->backoff;
    backoff.count = partition->failure_count++;
    partition->not_before = io_now(puller->io) + backoff_next(&backoff, puller->io);
    partition->needs_metadata = true;
}

/* Tries again later, with fresh metadata. */
static void puller_repeat(struct puller *puller, struct puller_partition *partition)
{
    puller_postpone(puller, partition);
    client_expire_topic(puller->client, partition->topic);
}

/* The position is outside the log. What was fetched before is taken first. */
static void puller_reset(struct puller *puller, struct puller_partition *partition)
{
    if (partition->chunk_count > 0) {
        puller_repeat(puller, partition);
        return;
    }
    trace(TRACE_WARN, "puller.offset_out_of_range", TRACE_STRING("topic", partition->topic),
          TRACE_INT("partition", partition->index), TRACE_INT("offset", partition->position));
    switch (puller->options.reset) {
    case FETCHER_RESET_EARLIEST:
        puller_set_position(partition, FETCHER_OFFSET_EARLIEST);
        break;
    case FETCHER_RESET_LATEST:
        puller_set_position(partition, FETCHER_OFFSET_LATEST);
        break;
    case FETCHER_RESET_ERROR:
        puller_repeat(puller, partition);
        puller_tell(puller, partition, ERROR_OFFSET_OUT_OF_RANGE);
        break;
    }
}

static void puller_tell_if_lasting(struct puller *puller, struct puller_partition *partition,
                                   int error)
{
    bool is_lost = error == ERROR_UNKNOWN_TOPIC_OR_PARTITION &&
                   partition->failure_count % PULLER_UNKNOWN_COUNT_MAX == 0;
    bool is_told = error == ERROR_CORRUPT_MESSAGE || is_lost ||
                   (!error_is_retriable(error) && error != ERROR_MALFORMED);
    if (is_told) {
        puller_tell(puller, partition, error);
    }
}

static void puller_fail(struct puller *puller, struct puller_partition *partition, int error)
{
    if (error == ERROR_OFFSET_OUT_OF_RANGE) {
        puller_reset(puller, partition);
        return;
    }
    puller_repeat(puller, partition);
    puller_tell_if_lasting(puller, partition, error);
}

int64_t puller_silence_ms(const struct puller *puller, const struct puller_partition *partition)
{
    int64_t silence_ms =
        partition->heard_ms < 0 ? 0 : io_wall_clock(puller->io) - partition->heard_ms;
    return silence_ms > partition->silence_ms ? silence_ms : partition->silence_ms;
}

static void puller_hear(struct puller *puller, struct puller_partition *partition)
{
    partition->silence_ms = puller_silence_ms(puller, partition);
    partition->heard_ms = io_wall_clock(puller->io);
}

static void puller_apply_fetch(struct puller *puller, struct puller_partition *partition,
                               const struct fetch_response_partition *answer,
                               struct chunk_frame *frame)
{
    if (answer->error_code != 0) {
        puller_fail(puller, partition, error_from_code(answer->error_code));
        return;
    }
    partition->failure_count = 0;
    puller_hear(puller, partition);
    partition->high_watermark = answer->high_watermark;
    partition->stable_offset =
        answer->last_stable_offset >= 0 ? answer->last_stable_offset : answer->high_watermark;
    int error = 0;
    struct chunk *chunk = chunk_new(frame, answer, puller->options.is_read_committed,
                                    &partition->fetch_position, &error);
    if (error != 0) {
        puller_fail(puller, partition, error);
    }
    if (chunk == NULL) {
        bool is_end = error == 0 && partition->chunk_count == 0;
        puller->is_end_reached = puller->is_end_reached || (is_end && !partition->is_end_told);
        partition->is_end_told = is_end;
        return;
    }
    partition->is_end_told = false;
    list_add(&partition->chunks, &chunk->link);
    partition->chunk_count++;
    puller_load(puller, partition);
    list_remove(&partition->link);
    list_add(&puller->partitions, &partition->link);
}

static void puller_apply_list(struct puller *puller, struct puller_partition *partition,
                              const struct list_offsets_response_partition *answer)
{
    if (answer->error_code != 0) {
        puller_fail(puller, partition, error_from_code(answer->error_code));
        return;
    }
    partition->failure_count = 0;
    puller_set_position(partition, answer->offset < 0 ? 0 : answer->offset);
}

/* The partition, if it still waits for this request; it does not any more. */
static struct puller_partition *puller_match(struct puller_request *request, struct bytes topic,
                                             int32_t index)
{
    struct puller_partition *partition = puller_find_bytes(request->puller, topic, index);
    if (partition == NULL || partition->out != request) {
        return NULL;
    }
    partition->out = NULL;
    return partition;
}

static void puller_apply_fetches(struct puller_request *request,
                                 const struct fetch_response *response)
{
    struct puller *puller = request->puller;
    struct chunk_frame *frame =
        chunk_frame_new(&request->call.frame, &puller->frames, &puller->held_size);
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct fetch_response_topic *topic = &response->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct fetch_response_partition *answer = &topic->partitions.items[j];
            struct puller_partition *partition = puller_match(request, topic->name, answer->index);
            if (partition != NULL) {
                puller_apply_fetch(puller, partition, answer, frame);
            }
        }
    }
    bool is_empty = frame->share_count == 1;
    chunk_frame_release(frame);
    if (is_empty && request->is_probe) {
        request->broker->not_before = io_now(puller->io) + PULLER_PROBE_NS;
    }
}

static void puller_apply_lists(struct puller_request *request,
                               const struct list_offsets_response *response)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct list_offsets_response_topic *topic = &response->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct list_offsets_response_partition *answer = &topic->partitions.items[j];
            struct puller_partition *partition = puller_match(request, topic->name, answer->index);
            if (partition != NULL) {
                puller_apply_list(request->puller, partition, answer);
            }
        }
    }
}

static void puller_free_request(struct puller_request *request)
{
    list_remove(&request->link);
    request->puller->reserved_size -= request->reserved_size;
    if (request->broker->out[request->kind] == request) {
        request->broker->out[request->kind] = NULL;
    }
    buffer_fini(&request->call.frame);
    arena_fini(&request->arena);
    free(request->partitions);
    free(request);
}

static void puller_on_done(struct client_call *call, int error, int16_t version,
                           const void *response)
{
    (void)version;
    struct puller_request *request = call->owner;
    struct puller *puller = request->puller;
    if (error == 0 && request->kind == PULLER_FETCH) {
        error = error_from_code(((const struct fetch_response *)response)->error_code);
    }
    if (error == 0) {
        switch (request->kind) {
        case PULLER_FETCH:
            puller_apply_fetches(request, response);
            break;
        case PULLER_LIST:
            puller_apply_lists(request, response);
            break;
        }
    }
    /* Whatever was not answered. */
    for (list_each (&puller->partitions, link)) {
        struct puller_partition *partition = list_member(link, struct puller_partition, link);
        if (partition->out == request) {
            partition->out = NULL;
            puller_fail(puller, partition, error == 0 ? ERROR_MALFORMED : error);
        }
    }
    puller_free_request(request);
    puller_poke(puller);
    if (!list_is_empty(&puller->loaded) || puller->is_end_reached) {
        puller->is_end_reached = false;
        puller->ready(puller->owner);
    }
}

static struct puller_broker *puller_get_broker(struct puller *puller, int32_t node_id)
{
    for (list_each (&puller->brokers, link)) {
        struct puller_broker *broker = list_member(link, struct puller_broker, link);
        if (broker->node_id == node_id) {
            return broker;
        }
    }
    struct puller_broker *broker = memory_new(struct puller_broker);
    broker->node_id = node_id;
    puller->broker_count++;
    list_add(&puller->brokers, &broker->link);
    return broker;
}

static void puller_put(struct puller *puller, struct puller_broker *broker, enum puller_kind kind,
                       struct puller_partition *partition)
{
    struct puller_request *request = broker->building[kind];
    if (request == NULL) {
        request = memory_new(struct puller_request);
        request->puller = puller;
        request->broker = broker;
        request->kind = kind;
        arena_init(&request->arena, 0);
        broker->building[kind] = request;
    }
    if (request->partition_count == request->partition_capacity) {
        request->partition_capacity = request->partition_capacity * 2 + 8;
        request->partitions = memory_resize(request->partitions, request->partition_capacity *
                                                                     sizeof *request->partitions);
    }
    request->partitions[request->partition_count++] = partition;
}

/* Bytes a fetch may ask for now; 0: too few to bother. */
static size_t puller_room(const struct puller *puller)
{
    const struct fetcher_options *options = &puller->options;
    size_t used = puller->held_size + puller->reserved_size;
    size_t room = used >= options->buffer_size ? 0 : options->buffer_size - used;
    size_t wanted = (size_t)options->partition_size_max;
    if (used > 0 && room < wanted && room < options->buffer_size / 2) {
        return 0;
    }
    /* Each broker gets its part, or the first one would take all. */
    size_t part = options->buffer_size / (puller->broker_count == 0 ? 1 : puller->broker_count);
    room = room < part ? room : part;
    return room < (size_t)options->size_max ? room : (size_t)options->size_max;
}

static int32_t puller_leader_epoch(struct puller *puller, const struct puller_partition *partition)
{
    const struct client_topic *topic = client_find_topic(puller->client, partition->topic);
    return topic->partitions[partition->index].leader_epoch;
}

/* The topic's place in the request, made when it is new: partitions of a topic come together. */
#define PULLER_FIND_TOPIC(request, list, type, name)                                               \
    ({                                                                                             \
        int32_t at_ = 0;                                                                           \
        while (at_ < (list).count && !bytes_equal((list).items[at_].name, (name))) {               \
            at_++;                                                                                 \
        }                                                                                          \
        if (at_ == (list).count) {                                                                 \
            (list).count++;                                                                        \
            (list).items[at_].name = (name);                                                       \
            (list).items[at_].partitions.items =                                                   \
                arena_array(&(request)->arena, type, (request)->partition_count);                  \
        }                                                                                          \
        &(list).items[at_];                                                                        \
    })

static void puller_fill_fetch(struct puller_request *request, size_t room)
{
    struct puller *puller = request->puller;
    const struct fetcher_options *options = &puller->options;
    struct fetch_request *fetch = &request->fetch;
    request->is_probe = request->broker->has_full;
    *fetch = (struct fetch_request){
        .replica_id = -1,
        .replica_state = {.replica_id = -1, .replica_epoch = -1},
        .max_wait_ms = request->is_probe ? 0 : (int32_t)options->wait_max_ms,
        .min_bytes = options->size_min,
        .max_bytes = (int32_t)room,
        .isolation_level = options->is_read_committed,
        .session_epoch = -1,
        .rack_id = BYTES_LITERAL(""),
    };
    fetch->topics.items =
        arena_array(&request->arena, struct fetch_request_topic, request->partition_count);
    for (size_t i = 0; i < request->partition_count; i++) {
        const struct puller_partition *partition = request->partitions[i];
        struct bytes name = arena_copy(&request->arena, bytes_from_string(partition->topic));
        struct fetch_request_topic *topic =
            PULLER_FIND_TOPIC(request, fetch->topics, struct fetch_request_partition, name);
        topic->partitions.items[topic->partitions.count++] = (struct fetch_request_partition){
            .index = partition->index,
            .current_leader_epoch = puller_leader_epoch(puller, partition),
            .fetch_offset = partition->fetch_position,
            .last_fetched_epoch = -1,
            .log_start_offset = -1,
            .partition_max_bytes = options->partition_size_max,
            .high_watermark = INT64_MAX,
        };
    }
    request->reserved_size = room;
    puller->reserved_size += room;
}

static void puller_fill_list(struct puller_request *request)
{
    struct puller *puller = request->puller;
    struct list_offsets_request *list = &request->list;
    *list = (struct list_offsets_request){
        .replica_id = -1,
        .isolation_level = puller->options.is_read_committed,
    };
    list->topics.items =
        arena_array(&request->arena, struct list_offsets_request_topic, request->partition_count);
    for (size_t i = 0; i < request->partition_count; i++) {
        const struct puller_partition *partition = request->partitions[i];
        struct bytes name = arena_copy(&request->arena, bytes_from_string(partition->topic));
        struct list_offsets_request_topic *topic =
            PULLER_FIND_TOPIC(request, list->topics, struct list_offsets_request_partition, name);
        topic->partitions.items[topic->partitions.count++] =
            (struct list_offsets_request_partition){
                .index = partition->index,
                .current_leader_epoch = puller_leader_epoch(puller, partition),
                .timestamp_ms = partition->wanted,
            };
    }
}

static void puller_dispatch(struct puller *puller, struct puller_broker *broker,
                            enum puller_kind kind)
{
    struct puller_request *request = broker->building[kind];
    broker->building[kind] = NULL;
    if (request == NULL) {
        return;
    }
    list_add(&puller->requests, &request->link);
    size_t room = puller_room(puller);
    if (kind == PULLER_FETCH && room == 0) {
        puller_free_request(request);
        return;
    }
    request->call = (struct client_call){
        .target = broker->node_id,
        .lane = kind == PULLER_FETCH ? puller->lane : CLIENT_LANE_COMMON,
        .api_key = kind == PULLER_FETCH ? PULLER_FETCH_KEY : PULLER_LIST_OFFSETS_KEY,
        .version_max = kind == PULLER_FETCH ? PULLER_FETCH_VERSION_MAX : -1,
        .is_frame_kept = kind == PULLER_FETCH,
        .done = puller_on_done,
        .owner = request,
    };
    switch (kind) {
    case PULLER_FETCH:
        puller_fill_fetch(request, room);
        request->call.request = &request->fetch;
        break;
    case PULLER_LIST:
        puller_fill_list(request);
        request->call.request = &request->list;
        break;
    }
    for (size_t i = 0; i < request->partition_count; i++) {
        request->partitions[i]->out = request;
    }
    broker->out[kind] = request;
    client_send(puller->client, &request->call);
}

static int32_t puller_find_leader(struct puller *puller, const struct puller_partition *partition)
{
    const struct client_topic *topic = client_find_topic(puller->client, partition->topic);
    if (topic == NULL || partition->index >= topic->partition_count) {
        return -1;
    }
    return topic->partitions[partition->index].leader_id;
}

static void puller_lower(uint64_t *wake, uint64_t when)
{
    if (when < *wake) {
        *wake = when;
    }
}

/* Puts the partition into the request it is due for. */
static void puller_advance(struct puller *puller, struct puller_partition *partition, uint64_t now,
                           uint64_t *wake)
{
    if (partition->is_paused || partition->error != 0 || partition->out != NULL) {
        return;
    }
    if (partition->not_before > now) {
        puller_lower(wake, partition->not_before);
        return;
    }
    int32_t leader_id = puller_find_leader(puller, partition);
    if (leader_id < 0) {
        partition->needs_metadata = true;
        return;
    }
    partition->needs_metadata = false;
    struct puller_broker *broker = puller_get_broker(puller, leader_id);
    enum puller_kind kind = partition->is_resolved ? PULLER_FETCH : PULLER_LIST;
    if (partition->chunk_count >= PULLER_CHUNK_COUNT_MAX) {
        broker->has_full = true;
    } else if (broker->out[kind] == NULL) {
        if (kind == PULLER_FETCH && broker->not_before > now) {
            puller_lower(wake, broker->not_before);
            return;
        }
        puller_put(puller, broker, kind, partition);
    }
}

static void puller_on_refreshed(struct client_refresh *refresh, int error)
{
    struct puller *puller = refresh->owner;
    free(puller->refresh_topics);
    puller->refresh_topics = NULL;
    puller->is_refreshing = false;
    puller->refresh_not_before = io_now(puller->io) + backoff_next(&puller->backoff, puller->io);
    bool is_told = false;
    for (list_each (&puller->partitions, link)) {
        struct puller_partition *partition = list_member(link, struct puller_partition, link);
        if (!partition->needs_metadata || error != 0) {
            continue;
        }
        const struct client_topic *topic = client_find_topic(puller->client, partition->topic);
        if (puller_find_leader(puller, partition) >= 0) {
            partition->needs_metadata = false;
            backoff_clear(&puller->backoff);
        } else if (topic != NULL && partition->error == 0) {
            bool is_missing = topic->error == 0 && partition->index >= topic->partition_count;
            /* What is known is fresh: to forget the leaders of the others would hold them up. */
            puller_postpone(puller, partition);
            puller_tell_if_lasting(puller, partition,
                                   is_missing          ? ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                   : topic->error == 0 ? ERROR_LEADER_NOT_AVAILABLE
                                                       : topic->error);
            is_told = is_told || partition->error != 0;
        }
    }
    puller_poke(puller);
    if (is_told) {
        puller->ready(puller->owner);
    }
}

/* Asks for the leaders that are not known. */
static void puller_refresh(struct puller *puller, uint64_t now, uint64_t *wake)
{
    struct map names;
    map_init(&names);
    for (list_each (&puller->partitions, link)) {
        const struct puller_partition *partition = list_member(link, struct puller_partition, link);
        if (partition->needs_metadata && partition->not_before <= now) {
            map_put(&names, bytes_from_string(partition->topic), puller);
        }
    }
    if (names.size > 0 && !puller->is_refreshing && puller->refresh_not_before > now) {
        puller_lower(wake, puller->refresh_not_before);
    } else if (names.size > 0 && !puller->is_refreshing) {
        /* One block: the pointers, then the names. */
        size_t size = names.size * sizeof(char *);
        for (map_each (&names, entry)) {
            size += entry->key.size + 1;
        }
        puller->refresh_topics = memory_zero(1, size);
        char *at = (char *)(puller->refresh_topics + names.size);
        size_t count = 0;
        for (map_each (&names, named)) {
            puller->refresh_topics[count++] = at;
            for (size_t i = 0; i < named->key.size; i++) {
                *at++ = (char)named->key.data[i];
            }
            *at++ = 0;
        }
        puller->is_refreshing = true;
        puller->refresh = (struct client_refresh){
            .topics = puller->refresh_topics,
            .topic_count = count,
            .done = puller_on_refreshed,
            .owner = puller,
        };
        client_refresh_metadata(puller->client, &puller->refresh);
    }
    map_fini(&names, NULL);
}

static void puller_on_timer(struct io_timer *timer)
{
    struct puller *puller = timer->owner;
    uint64_t now = io_now(puller->io);
    uint64_t wake = UINT64_MAX;
    for (list_each (&puller->brokers, before)) {
        list_member(before, struct puller_broker, link)->has_full = false;
    }
    for (list_each (&puller->partitions, link)) {
        puller_advance(puller, list_member(link, struct puller_partition, link), now, &wake);
    }
    for (list_each (&puller->brokers, after)) {
        struct puller_broker *broker = list_member(after, struct puller_broker, link);
        puller_dispatch(puller, broker, PULLER_LIST);
        puller_dispatch(puller, broker, PULLER_FETCH);
    }
    puller_refresh(puller, now, &wake);
    puller_wake_at(puller, wake);
}

void puller_init(struct puller *puller, struct client *client,
                 const struct fetcher_options *options)
{
    const struct client_options *client_options = client_get_options(client);
    *puller = (struct puller){
        .client = client,
        .io = client_io(client),
        .lane = client_lane_open(client),
        .options = *options,
        .backoff = {.first_ms = client_options->retry_backoff_ms,
                    .max_ms = client_options->retry_backoff_max_ms},
    };
    puller->timer = (struct io_timer){.fired = puller_on_timer, .owner = puller};
    map_init(&puller->index);
    map_init(&puller->names);
    list_init(&puller->partitions);
    list_init(&puller->loaded);
    list_init(&puller->brokers);
    list_init(&puller->requests);
    list_init(&puller->frames);
}

void puller_fini(struct puller *puller)
{
    struct list_link *link;
    while (!list_is_empty(&puller->requests)) {
        struct puller_request *request =
            list_member(puller->requests.head.next, struct puller_request, link);
        client_cancel(puller->client, &request->call);
        puller_free_request(request);
    }
    if (puller->is_refreshing) {
        client_refresh_cancel(&puller->refresh);
    }
    free(puller->refresh_topics);
    while (!list_is_empty(&puller->partitions)) {
        puller_free_partition(
            list_member(puller->partitions.head.next, struct puller_partition, link));
    }
    while ((link = list_take(&puller->frames)) != NULL) {
        list_member(link, struct chunk_frame, link)->held_size = NULL;
    }
    while ((link = list_take(&puller->brokers)) != NULL) {
        free(list_member(link, struct puller_broker, link));
    }
    map_fini(&puller->index, NULL);
    map_fini(&puller->names, free);
    buffer_fini(&puller->key);
    io_timer_stop(puller->io, &puller->timer);
    client_lane_close(puller->client, puller->lane);
}

void puller_check(const struct puller *puller)
{
    size_t held = 0;
    for (list_each (&puller->frames, frame_link)) {
        held += list_member(frame_link, struct chunk_frame, link)->buffer.size;
    }
    check(held == puller->held_size);
    size_t reserved = 0;
    for (list_each (&puller->requests, request_link)) {
        const struct puller_request *request =
            list_member(request_link, struct puller_request, link);
        check(request->broker->out[request->kind] == request);
        reserved += request->reserved_size;
    }
    check(reserved == puller->reserved_size);
    for (list_each (&puller->partitions, link)) {
        const struct puller_partition *partition = list_member(link, struct puller_partition, link);
        check(partition->chunk_count <= PULLER_CHUNK_COUNT_MAX);
        check(partition->is_resolved == (partition->position >= 0));
        check(partition->position <= partition->fetch_position || partition->chunk_count == 0);
        check(partition->is_resolved || partition->chunk_count == 0);
        bool is_loaded = partition->chunk_count > 0 || partition->error != 0;
        check(!is_loaded || list_has(&partition->loaded));
    }
}
