/* Adds, or asks for, the partitions of a Produce; see produce_transaction.h. */
#include "log/server/produce_transaction.h"

#include "log/base/error.h"
#include "log/server/produce_topic.h"
#include "log/server/server_state.h"
#include "log/wire/batch.h"

enum { PRODUCE_ABORTABLE_VERSION = 11, PRODUCE_ADDING_VERSION = 12 };

/* Walks the partitions of a request in its order. */
struct produce_transaction_walk {
    const struct produce_request *asked;
    int32_t topic;
    int32_t partition;
};

/* False at the end; the name is null for a topic id that nobody knows. */
static bool produce_transaction_next(struct produce_transaction *transaction,
                                     struct produce_transaction_walk *walk, struct bytes *name,
                                     const struct produce_request_partition **partition)
{
    while (walk->topic < walk->asked->topics.count) {
        const struct produce_request_topic *topic = &walk->asked->topics.items[walk->topic];
        if (walk->partition < topic->partitions.count) {
            *name = produce_topic_name(transaction->request, topic);
            *partition = &topic->partitions.items[walk->partition++];
            return true;
        }
        walk->topic++;
        walk->partition = 0;
    }
    return false;
}

static void produce_transaction_refuse(struct produce_transaction *transaction, int error)
{
    for (size_t i = 0; i < transaction->part_count; i++) {
        transaction->parts[i].error = error;
    }
}

/* Whether the batch of the claim needs an answer of the coordinator. What the log takes for part of
 * a transaction that goes on may come behind its end, and before the marker: with transactions v1,
 * whose epochs stay, it would end with a transaction that it is not of (KIP-890). */
static bool produce_transaction_is_doubtful(const struct produce_transaction *transaction,
                                            const struct log *log)
{
    const struct transactor_claim *claim = &transaction->add.claim;
    const struct request *request = transaction->request;
    return !log_has_transaction(log, claim->producer_id, claim->producer_epoch) ||
           (request->version < PRODUCE_ADDING_VERSION &&
            transactor_is_ending(request->server->parts.transactor, claim->transactional_id));
}

/* Finds the transactional batches, and those whose partition the log does not know to be part of
 * the transaction: whether there are any. */
static bool produce_transaction_look(struct produce_transaction *transaction)
{
    struct request *request = transaction->request;
    struct server *server = request->server;
    const struct produce_request *asked = request_message(request, produce_request);
    struct produce_transaction_walk walk = {.asked = asked};
    const struct produce_request_partition *partition;
    struct bytes name;
    struct transactor_claim *claim = &transaction->add.claim;
    bool has_asked = false;
    *claim = (struct transactor_claim){.producer_id = -1};
    for (size_t i = 0; produce_transaction_next(transaction, &walk, &name, &partition); i++) {
        struct batch batch;
        transaction->parts[i] = (struct produce_transaction_part){0};
        if (batch_read_header(partition->records, &batch, NULL) != 0 ||
            !batch_is_transactional(&batch)) {
            continue;
        }
        struct replica *replica = replica_set_find(server->parts.replicas, name, partition->index);
        if (replica == NULL) {
            continue;
        }
        if (bytes_is_null(asked->transactional_id)) {
            produce_transaction_refuse(transaction, ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
            return false;
        }
        bool is_same = claim->producer_id == batch.producer_id &&
                       claim->producer_epoch == batch.producer_epoch;
        if (claim->producer_id >= 0 && !is_same) {
            produce_transaction_refuse(transaction, ERROR_INVALID_PRODUCER_ID_MAPPING);
            return false;
        }
        *claim = (struct transactor_claim){.transactional_id = asked->transactional_id,
                                           .producer_id = batch.producer_id,
                                           .producer_epoch = batch.producer_epoch};
        transaction->parts[i].is_asked =
            produce_transaction_is_doubtful(transaction, replica_log(replica));
        has_asked = has_asked || transaction->parts[i].is_asked;
    }
    const struct broker_options *options = meta_broker_options(server->parts.meta);
    bool must_ask = request->version >= PRODUCE_ADDING_VERSION ||
                    options->transaction_partition_verification_enable;
    return has_asked && must_ask;
}

/* What a version is told. Clients that do not know an error that passes come again after
 * NOT_ENOUGH_REPLICAS, which makes them look up nothing. */
static int produce_transaction_translate(int16_t version, int error, const char **message)
{
    switch (error) {
    case ERROR_PRODUCER_FENCED:
        return ERROR_INVALID_PRODUCER_EPOCH;
    case ERROR_TRANSACTION_ABORTABLE:
        if (version >= PRODUCE_ABORTABLE_VERSION) {
            return error;
        }
        *message = "Partition was not added to the transaction";
        return ERROR_INVALID_TXN_STATE;
    case ERROR_CONCURRENT_TRANSACTIONS:
        if (version >= PRODUCE_ADDING_VERSION) {
            return error;
        }
        break;
    case ERROR_COORDINATOR_LOAD_IN_PROGRESS:
    case ERROR_COORDINATOR_NOT_AVAILABLE:
    case ERROR_NOT_COORDINATOR:
        break;
    default:
        return error;
    }
    *message = "Unable to verify the partition has been added to the transaction.";
    return ERROR_NOT_ENOUGH_REPLICAS;
}

static void produce_transaction_judge(struct produce_transaction *transaction, size_t index,
                                      int error)
{
    struct produce_transaction_part *part = &transaction->parts[index];
    part->error =
        produce_transaction_translate(transaction->request->version, error, &part->message);
}

static void produce_transaction_verify(struct produce_transaction *transaction)
{
    struct request *request = transaction->request;
    struct produce_transaction_walk walk = {.asked = request_message(request, produce_request)};
    const struct produce_request_partition *partition;
    struct bytes name;
    for (size_t i = 0; produce_transaction_next(transaction, &walk, &name, &partition); i++) {
        if (transaction->parts[i].is_asked) {
            produce_transaction_judge(transaction, i,
                                      transactor_verify(request->server->parts.transactor,
                                                        &transaction->add.claim, name,
                                                        partition->index));
        }
    }
}

/* Adding --------------------------------------------------------------------------------------- */

static void produce_transaction_end(struct produce_transaction *transaction);

static void produce_transaction_on_added(struct coordinator_request *done)
{
    struct produce_transaction *transaction = done->owner;
    for (size_t i = 0; i < transaction->part_count; i++) {
        if (transaction->parts[i].is_asked) {
            produce_transaction_judge(transaction, i, transaction->add.error);
        }
    }
    produce_transaction_end(transaction);
}

static void produce_transaction_add(struct produce_transaction *transaction)
{
    struct request *request = transaction->request;
    struct produce_transaction_walk walk = {.asked = request_message(request, produce_request)};
    const struct produce_request_partition *asked;
    struct bytes name;
    struct transactor_add *add = &transaction->add;
    struct transactor_partition *partitions =
        arena_array(&request->arena, struct transactor_partition, transaction->part_count);
    add->count = 0;
    for (size_t i = 0; produce_transaction_next(transaction, &walk, &name, &asked); i++) {
        if (transaction->parts[i].is_asked) {
            /* The name of an id is the topic's, which may be gone when a wait is over. */
            partitions[add->count++] = (struct transactor_partition){
                .topic = arena_copy(&request->arena, name), .index = asked->index};
        }
    }
    add->request = (struct coordinator_request){
        .done = produce_transaction_on_added, .owner = transaction, .arena = &request->arena};
    add->partitions = partitions;
    add->is_bumped = true;
    add->may_wait = true;
    transaction->is_under_way = true;
    transactor_add_partitions(request->server->parts.transactor, add);
}

/* The first one that waits for this id, or NULL. */
static struct produce_transaction *produce_transaction_first(struct server *server, struct bytes id)
{
    for (list_each (&server->joining, link)) {
        struct produce_transaction *waiting = list_member(link, struct produce_transaction, link);
        if (bytes_equal(waiting->add.claim.transactional_id, id)) {
            return waiting;
        }
    }
    return NULL;
}

/* Goes on with those of this id that stand behind: each looks again, since what was added before
 * may be all it needs. */
static void produce_transaction_end(struct produce_transaction *transaction)
{
    struct server *server = transaction->request->server;
    struct buffer id; /* the request is gone after `done` */
    buffer_init(&id);
    buffer_add_bytes(&id, transaction->add.claim.transactional_id);
    list_remove(&transaction->link);
    transaction->done(transaction);
    struct produce_transaction *next = produce_transaction_first(server, buffer_bytes(&id));
    while (next != NULL && !next->is_under_way) {
        if (produce_transaction_look(next)) {
            produce_transaction_add(next);
            break;
        }
        list_remove(&next->link);
        next->done(next);
        next = produce_transaction_first(server, buffer_bytes(&id));
    }
    buffer_fini(&id);
}

void produce_transaction_start(struct produce_transaction *transaction, struct request *request,
                               struct produce_transaction_part *parts, size_t part_count,
                               void (*done)(struct produce_transaction *transaction), void *owner)
{
    struct server *server = request->server;
    transaction->request = request;
    transaction->parts = parts;
    transaction->part_count = part_count;
    transaction->done = done;
    transaction->owner = owner;
    bool has_asked = produce_transaction_look(transaction);
    bool is_adding = request->version >= PRODUCE_ADDING_VERSION;
    struct produce_transaction *first =
        transaction->add.claim.producer_id < 0 || !is_adding
            ? NULL
            : produce_transaction_first(server, transaction->add.claim.transactional_id);
    if (first == NULL && (!has_asked || !is_adding)) {
        if (has_asked) {
            produce_transaction_verify(transaction);
        }
        done(transaction);
        return;
    }
    list_add(&server->joining, &transaction->link);
    if (first == NULL) {
        produce_transaction_add(transaction);
    }
}
