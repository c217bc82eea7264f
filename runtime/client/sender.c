/* Parcels to brokers and back; see sender.h. */
#include "runtime/client/sender.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdlib.h>

enum {
    SENDER_PRODUCE_KEY = 0,
    SENDER_PRODUCE_VERSION_MAX = 12, /* from 13 on topics have ids instead of names */
    SENDER_MARKED_VERSION_MAX = 11,  /* before transactions v2 */
    SENDER_INIT_PRODUCER_ID_KEY = 22,
    SENDER_REQUESTS_PER_BROKER = 5,
    SENDER_PARCELS_PER_PARTITION = 5,
};

struct sender_broker {
    struct list_link link;
    int32_t node_id;
    int in_flight_count;
    struct sender_request *building; /* while draining */
};

struct sender_request {
    struct list_link link;
    struct sender *sender;
    struct sender_broker *broker;
    struct client_call call;
    struct produce_request request;
    struct arena arena;
    struct parcel **parcels; /* in the order of the request */
    size_t parcel_count;
    size_t parcel_capacity;
    size_t size; /* of their batches */
};

void sender_init(struct sender *sender, struct client *client, struct accumulator *accumulator,
                 const struct producer_options *options)
{
    const struct client_options *client_options = client_get_options(client);
    struct backoff backoff = {.first_ms = client_options->retry_backoff_ms,
                              .max_ms = client_options->retry_backoff_max_ms};
    *sender = (struct sender){
        .client = client,
        .io = client_io(client),
        .accumulator = accumulator,
        .acks = options->acks,
        .is_idempotent = options->is_idempotent,
        .is_transactional = options->transactional_id != NULL,
        .transactional_id = bytes_from_string(options->transactional_id),
        .request_size_max = options->request_size_max,
        .producer_id = -1,
        .id_backoff = backoff,
        .refresh_backoff = backoff,
    };
    list_init(&sender->brokers);
    list_init(&sender->requests);
}

static struct sender_broker *sender_get_broker(struct sender *sender, int32_t node_id)
{
    for (list_each (&sender->brokers, link)) {
        struct sender_broker *broker = list_member(link, struct sender_broker, link);
        if (broker->node_id == node_id) {
            return broker;
        }
    }
    struct sender_broker *broker = memory_new(struct sender_broker);
    broker->node_id = node_id;
    list_add(&sender->brokers, &broker->link);
    return broker;
}

static void sender_free_request(struct sender_request *request)
{
    list_remove(&request->link);
    arena_fini(&request->arena);
    free(request->parcels);
    free(request);
}

static bool sender_is_front(const struct parcel *parcel)
{
    return parcel->partition->parcels.head.next == &parcel->link;
}

/* Whether another broker may know better. */
static bool sender_is_about_leader(int error)
{
    switch (error) {
    case ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case ERROR_LEADER_NOT_AVAILABLE:
    case ERROR_NOT_LEADER:
    case ERROR_REPLICA_NOT_AVAILABLE:
    case ERROR_KAFKA_STORAGE_ERROR:
    case ERROR_FENCED_LEADER_EPOCH:
    case ERROR_UNKNOWN_LEADER_EPOCH:
    case ERROR_CLOSED:
    case ERROR_REFUSED:
    case ERROR_TIMEOUT:
        return true;
    default:
        return false;
    }
}

static bool sender_is_about_sequence(int error)
{
    return error == ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER || error == ERROR_UNKNOWN_PRODUCER_ID ||
           error == ERROR_INVALID_PRODUCER_EPOCH;
}

/* A parcel that nobody will repeat. The transaction it was in cannot commit any more (5). */
static void sender_fail(struct sender *sender, struct parcel *parcel, int error)
{
    if (sender->is_transactional && sender->fatal == 0) {
        sender->fatal = error;
    }
    parcel->partition->needs_reset = sender->is_idempotent && !sender->is_transactional;
    accumulator_finish(sender->accumulator, parcel, error, -1);
}

static void sender_repeat(struct sender *sender, struct parcel *parcel, int error)
{
    struct accumulator_partition *partition = parcel->partition;
    struct backoff backoff = sender->refresh_backoff;
    backoff.count = partition->failure_count++;
    parcel_move(parcel, PARCEL_RETRY);
    partition->in_flight_count--;
    partition->retry_count++;
    partition->not_before = io_now(sender->io) + backoff_next(&backoff, sender->io);
    if (sender_is_about_leader(error)) {
        client_expire_topic(sender->client, partition->topic->name);
        partition->topic->needs_metadata = true;
    }
}

/* A batch larger than the topic allows is sent again in halves. */
static void sender_split(struct sender *sender, struct parcel *parcel)
{
    struct accumulator_partition *partition = parcel->partition;
    struct parcel *second = NULL;
    int error = parcel_split(parcel, (size_t)INT32_MAX, &second);
    if (error != 0) {
        sender_fail(sender, parcel, error);
        return;
    }
    parcel_move(parcel, PARCEL_RETRY);
    partition->in_flight_count--;
    partition->retry_count++;
    accumulator_insert_after(sender->accumulator, parcel, second);
}

static void sender_succeed(struct sender *sender, struct parcel *parcel, int64_t base_offset)
{
    struct accumulator_partition *partition = parcel->partition;
    partition->has_succeeded = true;
    partition->failure_count = 0;
    backoff_clear(&sender->refresh_backoff);
    accumulator_finish(sender->accumulator, parcel, 0, base_offset);
}

static void sender_settle(struct sender *sender, struct parcel *parcel, int error,
                          int64_t base_offset)
{
    struct accumulator_partition *partition = parcel->partition;
    if (error == 0 || error == ERROR_DUPLICATE_SEQUENCE_NUMBER) {
        sender_succeed(sender, parcel, error == 0 && sender->acks != 0 ? base_offset : -1);
        return;
    }
    trace(TRACE_INFO, "sender.refused", TRACE_STRING("topic", partition->topic->name),
          TRACE_INT("partition", partition->index), TRACE_STRING("error", error_name(error)));
    if (sender->is_idempotent && !sender->is_transactional && sender_is_about_sequence(error)) {
        /* Behind an older parcel that failed it only lacks its predecessor. At the front it is told
         * that neither it nor anything behind it was appended. */
        bool is_front = sender_is_front(parcel);
        partition->needs_reset = partition->needs_reset || is_front;
        partition->is_unresolved = partition->is_unresolved && !is_front;
        sender_repeat(sender, parcel, error);
    } else if (sender->is_transactional && error == ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER &&
               !sender_is_front(parcel)) {
        sender_repeat(sender, parcel, error); /* it was not appended, and lacks its predecessor */
    } else if (error == ERROR_MESSAGE_TOO_LARGE && parcel->record_count > 1) {
        sender_split(sender, parcel);
    } else if (error != ERROR_CANCELLED &&
               (error_is_retriable(error) || error == ERROR_MALFORMED)) {
        sender_repeat(sender, parcel, error);
    } else {
        sender_fail(sender, parcel, error);
    }
}

static const struct produce_response_partition *
sender_find_result(const struct produce_response *response,
                   const struct accumulator_partition *partition)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct produce_response_topic *topic = &response->topics.items[i];
        if (!bytes_equal_string(topic->name, partition->topic->name)) {
            continue;
        }
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (topic->partitions.items[j].index == partition->index) {
                return &topic->partitions.items[j];
            }
        }
    }
    return NULL;
}

static void sender_on_done(struct client_call *call, int error, int16_t version,
                           const void *response)
{
    (void)version;
    struct sender_request *request = call->owner;
    struct sender *sender = request->sender;
    request->broker->in_flight_count--;
    list_remove(&request->link);
    for (size_t i = 0; i < request->parcel_count; i++) {
        struct parcel *parcel = request->parcels[i];
        int64_t base_offset = -1;
        int result = error;
        if (error == 0 && response != NULL) {
            const struct produce_response_partition *row =
                sender_find_result(response, parcel->partition);
            result = row == NULL ? ERROR_MALFORMED : error_from_code(row->error_code);
            base_offset = row == NULL ? -1 : row->base_offset;
        }
        sender_settle(sender, parcel, result, base_offset);
    }
    sender_free_request(request);
    sender->changed(sender->owner);
}

static void sender_on_id(struct client_call *call, int error, int16_t version, const void *response)
{
    (void)version;
    struct sender *sender = call->owner;
    const struct init_producer_id_response *answer = response;
    sender->is_asking_id = false;
    if (error == 0) {
        error = error_from_code(answer->error_code);
    }
    if (error == 0) {
        sender->producer_id = answer->producer_id;
        sender->epoch = answer->producer_epoch;
        backoff_clear(&sender->id_backoff);
    } else if (error_is_retriable(error) || error == ERROR_CONCURRENT_TRANSACTIONS ||
               error == ERROR_MALFORMED) {
        sender->ask_id_not_before =
            io_now(sender->io) + backoff_next(&sender->id_backoff, sender->io);
    } else {
        trace(TRACE_ERROR, "sender.no_producer_id", TRACE_STRING("error", error_name(error)));
        sender->fatal = error;
    }
    sender->changed(sender->owner);
}

static void sender_ask_id(struct sender *sender)
{
    sender->is_asking_id = true;
    sender->id_request = (struct init_producer_id_request){
        .transaction_timeout_ms = INT32_MAX,
        .producer_id = -1,
        .producer_epoch = -1,
    };
    sender->id_call = (struct client_call){
        .target = CLIENT_ANY,
        .api_key = SENDER_INIT_PRODUCER_ID_KEY,
        .version_max = 4,
        .request = &sender->id_request,
        .done = sender_on_id,
        .owner = sender,
    };
    client_send(sender->client, &sender->id_call);
}

/* Takes over the sender's id and epoch, a fresh one if this partition needs to start anew. False
 * when an id must be asked for first. */
static bool sender_adopt_id(struct sender *sender, struct accumulator_partition *partition)
{
    if (sender->producer_id < 0) {
        return false;
    }
    bool is_same =
        partition->producer_id == sender->producer_id && partition->epoch == sender->epoch;
    if (is_same && sender->is_transactional) {
        return false; /* (5): only the end of the transaction helps */
    }
    if (is_same && sender->epoch == INT16_MAX) {
        sender->producer_id = -1;
        return false;
    }
    if (is_same) {
        sender->epoch++;
        trace(TRACE_WARN, "sender.epoch_bumped", TRACE_STRING("topic", partition->topic->name),
              TRACE_INT("partition", partition->index), TRACE_INT("epoch", sender->epoch));
    }
    /* The next epoch of an id that the broker knows begins with its first batch, or is refused;
     * elsewhere any sequence might be taken for the first. */
    bool is_next_transaction =
        sender->is_transactional && partition->producer_id == sender->producer_id;
    partition->has_succeeded = partition->has_succeeded && is_next_transaction;
    partition->producer_id = sender->producer_id;
    partition->epoch = sender->epoch;
    partition->next_sequence = 0;
    partition->needs_reset = false;
    partition->is_unresolved = false;
    return true;
}

/* The next parcel to be sent; NULL when all are out. */
static struct parcel *sender_next_parcel(const struct accumulator_partition *partition)
{
    for (list_each (&partition->parcels, link)) {
        struct parcel *parcel = list_member(link, struct parcel, link);
        if (parcel->state != PARCEL_IN_FLIGHT && parcel->state != PARCEL_DONE) {
            return parcel;
        }
    }
    return NULL;
}

static bool sender_has_room(const struct sender *sender,
                            const struct accumulator_partition *partition)
{
    bool is_steady = sender->is_idempotent && partition->has_succeeded && !partition->needs_reset &&
                     partition->retry_count == 0 && partition->failure_count == 0;
    int limit = is_steady ? SENDER_PARCELS_PER_PARTITION : 1;
    return partition->in_flight_count < limit;
}

/* Gives the parcel its bytes. False when it cannot be sent now. */
static bool sender_prepare(struct sender *sender, struct parcel *parcel)
{
    struct accumulator_partition *partition = parcel->partition;
    struct parcel_sequence sequence = {.producer_id = -1, .epoch = -1, .base = -1};
    if (sender->is_idempotent) {
        bool is_other =
            sender->is_transactional &&
            (partition->producer_id != sender->producer_id || partition->epoch != sender->epoch);
        bool is_new = partition->producer_id < 0 || partition->needs_reset || is_other;
        if (partition->is_unresolved && parcel->was_sent) {
            return true; /* again as it was: with a new sequence it might be there twice */
        }
        if (is_new && !sender_adopt_id(sender, partition)) {
            return false;
        }
        sequence = (struct parcel_sequence){.producer_id = partition->producer_id,
                                            .epoch = partition->epoch,
                                            .base = partition->next_sequence,
                                            .is_transactional = sender->is_transactional};
    }
    if (parcel->encoded.size == 0) {
        if (parcel->state == PARCEL_OPEN) {
            uint64_t wake = sender->accumulator->wake;
            accumulator_close_parcel(sender->accumulator, parcel);
            sender->accumulator->wake = wake;
        }
        int error = parcel_encode(parcel, &sequence);
        if (error != 0) {
            accumulator_finish(sender->accumulator, parcel, error, -1);
            return false;
        }
        accumulator_recycle(sender->accumulator, &parcel->builder.batch);
    } else if (parcel->sequence.producer_id != sequence.producer_id ||
               parcel->sequence.epoch != sequence.epoch) {
        parcel_set_sequence(parcel, &sequence);
    } else {
        return true; /* again as it was */
    }
    partition->next_sequence = parcel_next_sequence(sequence.base, parcel->record_count);
    return true;
}

static void sender_dispatch(struct sender *sender, struct sender_broker *broker)
{
    struct sender_request *request = broker->building;
    if (request == NULL) {
        return;
    }
    broker->building = NULL;
    struct produce_request *produce = &request->request;
    produce->acks = sender->acks;
    produce->transactional_id = sender->transactional_id;
    produce->timeout_ms = (int32_t)client_get_options(sender->client)->request_timeout_ms;
    produce->topics.items =
        arena_array(&request->arena, struct produce_request_topic, request->parcel_count);
    for (size_t i = 0; i < request->parcel_count; i++) {
        const struct parcel *parcel = request->parcels[i];
        struct bytes name = bytes_from_string(parcel->partition->topic->name);
        int32_t at = 0;
        while (at < produce->topics.count && !bytes_equal(produce->topics.items[at].name, name)) {
            at++;
        }
        struct produce_request_topic *topic = &produce->topics.items[at];
        if (at == produce->topics.count) {
            produce->topics.count++;
            topic->name = name;
            topic->partitions.items = arena_array(&request->arena, struct produce_request_partition,
                                                  request->parcel_count - i);
        }
        topic->partitions.items[topic->partitions.count++] = (struct produce_request_partition){
            .index = parcel->partition->index,
            .records = buffer_bytes(&parcel->encoded),
        };
    }
    request->call = (struct client_call){
        .target = broker->node_id,
        .api_key = SENDER_PRODUCE_KEY,
        .version_max = sender->is_transactional && !sender->is_bumped ? SENDER_MARKED_VERSION_MAX
                                                                      : SENDER_PRODUCE_VERSION_MAX,
        .request = produce,
        .done = sender_on_done,
        .owner = request,
    };
    broker->in_flight_count++;
    list_add(&sender->requests, &request->link);
    client_send(sender->client, &request->call);
}

static struct sender_request *sender_start_request(struct sender *sender,
                                                   struct sender_broker *broker)
{
    struct sender_request *request = memory_new(struct sender_request);
    request->sender = sender;
    request->broker = broker;
    arena_init(&request->arena, 0);
    broker->building = request;
    return request;
}

/* Adds the parcel to the broker's request under construction; false when the broker is busy. */
static bool sender_load(struct sender *sender, struct sender_broker *broker, struct parcel *parcel)
{
    struct sender_request *request = broker->building;
    if (request == NULL && broker->in_flight_count >= SENDER_REQUESTS_PER_BROKER) {
        return false;
    }
    if (!sender_prepare(sender, parcel)) {
        return false;
    }
    size_t size = parcel->encoded.size;
    if (request != NULL && request->size + size > sender->request_size_max) {
        sender_dispatch(sender, broker);
        request = NULL;
        if (broker->in_flight_count >= SENDER_REQUESTS_PER_BROKER) {
            return false; /* it has its sequence and goes first next time */
        }
    }
    if (request == NULL) {
        request = sender_start_request(sender, broker);
    }
    if (request->parcel_count == request->parcel_capacity) {
        request->parcel_capacity = request->parcel_capacity * 2 + 8;
        request->parcels =
            memory_resize(request->parcels, request->parcel_capacity * sizeof(struct parcel *));
    }
    request->parcels[request->parcel_count++] = parcel;
    request->size += size;
    struct accumulator_partition *partition = parcel->partition;
    partition->retry_count -= parcel->state == PARCEL_RETRY;
    partition->in_flight_count++;
    parcel->was_sent = true;
    parcel_move(parcel, PARCEL_IN_FLIGHT);
    return true;
}

static void sender_lower(uint64_t *wake, uint64_t when)
{
    if (when < *wake) {
        *wake = when;
    }
}

/* The leader's node id, or -1. Keeps the topic's partition count up to date on the way. */
static int32_t sender_find_leader(struct sender *sender, struct accumulator_partition *partition)
{
    const struct client_topic *topic = client_find_topic(sender->client, partition->topic->name);
    if (topic == NULL || partition->index >= topic->partition_count) {
        return -1;
    }
    if (topic->partition_count > partition->topic->partition_count) {
        accumulator_set_partition_count(sender->accumulator, partition->topic,
                                        topic->partition_count);
    }
    return topic->partitions[partition->index].leader_id;
}

/* Loads the partition's next parcel if its time has come. */
static bool sender_advance(struct sender *sender, struct accumulator_partition *partition,
                           uint64_t now, uint64_t *wake)
{
    struct parcel *parcel = sender_next_parcel(partition);
    if (parcel == NULL || !sender_has_room(sender, partition)) {
        return false;
    }
    uint64_t when = partition->not_before;
    if (parcel->state == PARCEL_OPEN && parcel->due > when) {
        when = parcel->due;
    }
    if (when > now) {
        sender_lower(wake, when);
        return false;
    }
    int32_t leader_id = sender_find_leader(sender, partition);
    if (leader_id < 0) {
        partition->topic->needs_metadata = true;
        return false;
    }
    if (sender->is_idempotent && sender->producer_id < 0 &&
        (partition->producer_id < 0 || partition->needs_reset || sender->is_transactional)) {
        return false;
    }
    if (sender->permit != NULL &&
        !sender->permit(sender->permit_owner, partition->topic->name, partition->index)) {
        return false;
    }
    return sender_load(sender, sender_get_broker(sender, leader_id), parcel);
}

/* Each pass sends at most one parcel per partition. */
static void sender_send_all(struct sender *sender, uint64_t now, uint64_t *wake)
{
    bool has_sent = true;
    while (has_sent) {
        has_sent = false;
        for (list_each (&sender->accumulator->busy, link)) {
            struct accumulator_partition *partition =
                list_member(link, struct accumulator_partition, busy);
            has_sent = sender_advance(sender, partition, now, wake) || has_sent;
        }
        for (list_each (&sender->brokers, broker_link)) {
            sender_dispatch(sender, list_member(broker_link, struct sender_broker, link));
        }
    }
}

/* Fails what is at the front of the line and not in flight, up to a deadline. */
static void sender_fail_front(struct sender *sender, struct accumulator_partition *partition,
                              uint64_t now, uint64_t end_serial, int error)
{
    while (!list_is_empty(&partition->parcels)) {
        struct parcel *parcel = list_member(partition->parcels.head.next, struct parcel, link);
        if (parcel->deadline > now || parcel->serial >= end_serial ||
            parcel->state == PARCEL_IN_FLIGHT) {
            return;
        }
        if (sender->is_transactional && sender->fatal == 0) {
            sender->fatal = error; /* (5) */
        }
        partition->needs_reset =
            partition->needs_reset || (sender->is_idempotent && parcel->encoded.size > 0);
        partition->is_unresolved =
            partition->is_unresolved || (sender->is_idempotent && parcel->was_sent);
        accumulator_finish(sender->accumulator, parcel, error, -1);
    }
}

static void sender_expire(struct sender *sender, uint64_t now, uint64_t *wake)
{
    uint64_t end_serial = sender->accumulator->next_serial;
    for (list_each (&sender->accumulator->busy, link)) {
        struct accumulator_partition *partition =
            list_member(link, struct accumulator_partition, busy);
        sender_fail_front(sender, partition, sender->fatal != 0 ? UINT64_MAX : now, end_serial,
                          sender->fatal != 0 ? sender->fatal : ERROR_TIMEOUT);
        if (!list_is_empty(&partition->parcels)) {
            const struct parcel *front =
                list_member(partition->parcels.head.next, struct parcel, link);
            if (front->state != PARCEL_IN_FLIGHT) {
                sender_lower(wake, front->deadline);
            }
        }
    }
}

static bool sender_is_hopeless(int error)
{
    return error == ERROR_INVALID_TOPIC || error == ERROR_TOPIC_AUTHORIZATION_FAILED;
}

/* Sorts the parked records of topics that are known by now. */
static void sender_unpark(struct sender *sender, uint64_t now)
{
    uint64_t end_serial = sender->accumulator->next_serial;
    for (list_each (&sender->accumulator->waiting, link)) {
        struct accumulator_topic *topic = list_member(link, struct accumulator_topic, waiting);
        const struct client_topic *known = client_find_topic(sender->client, topic->name);
        if (sender->fatal != 0) {
            accumulator_fail_parked(sender->accumulator, topic, UINT64_MAX, end_serial,
                                    sender->fatal);
        } else if (known != NULL && known->partition_count > 0) {
            accumulator_set_partition_count(sender->accumulator, topic, known->partition_count);
        } else if (known != NULL && sender_is_hopeless(known->error)) {
            accumulator_fail_parked(sender->accumulator, topic, UINT64_MAX, end_serial,
                                    known->error);
        } else {
            int error = known != NULL && known->error != 0 ? known->error : ERROR_TIMEOUT;
            topic->needs_metadata = true;
            accumulator_fail_parked(sender->accumulator, topic, now, end_serial, error);
        }
    }
}

static void sender_on_refreshed(struct client_refresh *refresh, int error)
{
    struct sender *sender = refresh->owner;
    free(sender->refresh_topics);
    sender->refresh_topics = NULL;
    sender->is_refreshing = false;
    sender->refresh_not_before =
        io_now(sender->io) + backoff_next(&sender->refresh_backoff, sender->io);
    if (error != 0) {
        trace(TRACE_WARN, "sender.no_metadata", TRACE_STRING("error", error_name(error)));
    }
    sender->changed(sender->owner);
}

static void sender_refresh(struct sender *sender, uint64_t now, uint64_t *wake)
{
    const char **names = memory_zero(sender->accumulator->topics.size, sizeof *names);
    size_t count = 0;
    for (map_each (&sender->accumulator->topics, entry)) {
        struct accumulator_topic *topic = entry->value;
        if (topic->needs_metadata) {
            names[count++] = topic->name;
        }
    }
    if (count == 0 || sender->is_refreshing || sender->refresh_not_before > now) {
        if (count > 0 && !sender->is_refreshing) {
            sender_lower(wake, sender->refresh_not_before);
        }
        free(names);
        return;
    }
    for (map_each (&sender->accumulator->topics, done)) {
        ((struct accumulator_topic *)done->value)->needs_metadata = false;
    }
    sender->is_refreshing = true;
    sender->refresh_topics = names;
    sender->refresh = (struct client_refresh){
        .topics = names,
        .topic_count = count,
        .may_create = true,
        .done = sender_on_refreshed,
        .owner = sender,
    };
    client_refresh_metadata(sender->client, &sender->refresh);
}

static void sender_seek_id(struct sender *sender, uint64_t now, uint64_t *wake)
{
    if (!sender->is_idempotent || sender->is_transactional || sender->producer_id >= 0 ||
        sender->is_asking_id || sender->fatal != 0) {
        return;
    }
    if (sender->ask_id_not_before > now) {
        sender_lower(wake, sender->ask_id_not_before);
        return;
    }
    sender_ask_id(sender);
}

uint64_t sender_drain(struct sender *sender)
{
    struct accumulator *accumulator = sender->accumulator;
    uint64_t now = io_now(sender->io);
    uint64_t wake = UINT64_MAX;
    accumulator->wake = UINT64_MAX;
    if (list_is_empty(&accumulator->busy) && list_is_empty(&accumulator->waiting)) {
        return wake;
    }
    sender_unpark(sender, now);
    sender_expire(sender, now, &wake);
    sender_seek_id(sender, now, &wake);
    sender_send_all(sender, now, &wake);
    sender_refresh(sender, now, &wake);
    return wake;
}

void sender_cancel(struct sender *sender)
{
    struct list_link *link;
    while ((link = list_take(&sender->requests)) != NULL) {
        struct sender_request *request = list_member(link, struct sender_request, link);
        client_cancel(sender->client, &request->call);
        for (size_t i = 0; i < request->parcel_count; i++) {
            accumulator_finish(sender->accumulator, request->parcels[i], ERROR_CANCELLED, -1);
        }
        sender_free_request(request);
    }
    for (list_each (&sender->accumulator->busy, busy)) {
        sender_fail_front(sender, list_member(busy, struct accumulator_partition, busy), UINT64_MAX,
                          UINT64_MAX, ERROR_CANCELLED);
    }
    for (list_each (&sender->accumulator->waiting, waiting)) {
        accumulator_fail_parked(sender->accumulator,
                                list_member(waiting, struct accumulator_topic, waiting), UINT64_MAX,
                                UINT64_MAX, ERROR_CANCELLED);
    }
}

void sender_fini(struct sender *sender)
{
    check(list_is_empty(&sender->requests));
    if (sender->is_asking_id) {
        client_cancel(sender->client, &sender->id_call);
    }
    if (sender->is_refreshing) {
        client_refresh_cancel(&sender->refresh);
    }
    free(sender->refresh_topics);
    struct list_link *link;
    while ((link = list_take(&sender->brokers)) != NULL) {
        free(list_member(link, struct sender_broker, link));
    }
}

void sender_check(const struct sender *sender)
{
    size_t in_flight = 0;
    for (list_each (&sender->requests, link)) {
        const struct sender_request *request = list_member(link, struct sender_request, link);
        for (size_t i = 0; i < request->parcel_count; i++) {
            check(request->parcels[i]->state == PARCEL_IN_FLIGHT);
            in_flight++;
            for (size_t j = 0; j < i; j++) {
                check(request->parcels[i]->partition != request->parcels[j]->partition);
            }
        }
    }
    for (list_each (&sender->brokers, broker_link)) {
        const struct sender_broker *broker = list_member(broker_link, struct sender_broker, link);
        check(broker->in_flight_count <= SENDER_REQUESTS_PER_BROKER);
        check(broker->building == NULL);
    }
    size_t counted = 0;
    for (list_each (&sender->accumulator->busy, busy)) {
        const struct accumulator_partition *partition =
            list_member(busy, struct accumulator_partition, busy);
        int limit = sender->is_idempotent ? SENDER_PARCELS_PER_PARTITION : 1;
        check(partition->in_flight_count <= limit);
        counted += (size_t)partition->in_flight_count;
    }
    check(counted == in_flight);
}
