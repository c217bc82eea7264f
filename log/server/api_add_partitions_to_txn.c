/* AddPartitionsToTxn (key 24): partitions become part of a transaction before anything is appended
 * to them.
 *
 * Up to version 3 a producer asks for its own; from 4 on brokers ask for several, or only whether
 * they are part of it. An unknown partition refuses all of its transaction. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum {
    ADD_PARTITIONS_FENCED_VERSION = 2,
    ADD_PARTITIONS_LIST_VERSION = 4,
};

struct add_partitions {
    struct request *request;
    struct add_partitions_to_txn_response response;
    int32_t underway_count;
};

/* One transaction of the request. */
struct add_partitions_part {
    struct add_partitions *all;
    struct transactor_add add;
    int *errors; /* of each partition */
    struct add_partitions_to_txn_response_topic *topics;
    int32_t topic_count;
};

static int add_partitions_translate(const struct request *request, int error)
{
    if (error == ERROR_PRODUCER_FENCED && request->version < ADD_PARTITIONS_FENCED_VERSION) {
        return ERROR_INVALID_PRODUCER_EPOCH;
    }
    return error;
}

static void add_partitions_answer_old(struct add_partitions *all,
                                      const struct add_partitions_to_txn_response_transaction *own)
{
    struct arena *arena = &all->request->arena;
    struct add_partitions_to_txn_response *response = &all->response;
    response->topics.count = own->topics.count;
    response->topics.items =
        arena_array(arena, struct add_partitions_to_txn_response_own_topic, own->topics.count);
    for (int32_t i = 0; i < own->topics.count; i++) {
        const struct add_partitions_to_txn_response_topic *from = &own->topics.items[i];
        struct add_partitions_to_txn_response_own_topic *to = &response->topics.items[i];
        to->name = from->name;
        to->partitions.count = from->partitions.count;
        to->partitions.items = arena_array(
            arena, struct add_partitions_to_txn_response_own_partition, from->partitions.count);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            to->partitions.items[j].index = from->partitions.items[j].index;
            to->partitions.items[j].error_code = from->partitions.items[j].error_code;
        }
    }
}

static void add_partitions_finish(struct add_partitions *all)
{
    if (--all->underway_count > 0) {
        return;
    }
    if (all->request->version < ADD_PARTITIONS_LIST_VERSION) {
        add_partitions_answer_old(all, &all->response.transactions.items[0]);
    }
    request_answer(all->request, &all->response);
}

/* Tells each partition its error, or what befell all. */
static void add_partitions_tell(struct add_partitions_part *part, int error)
{
    int32_t next = 0;
    for (int32_t i = 0; i < part->topic_count; i++) {
        for (int32_t j = 0; j < part->topics[i].partitions.count; j++) {
            int own = error != 0 ? error : part->errors[next];
            part->topics[i].partitions.items[j].error_code =
                error_code(add_partitions_translate(part->all->request, own));
            next++;
        }
    }
    add_partitions_finish(part->all);
}

static void add_partitions_on_added(struct coordinator_request *done)
{
    struct add_partitions_part *part = done->owner;
    add_partitions_tell(part, part->add.error);
}

/* What is asked, flat, and the shape of the answer. */
static void add_partitions_read(struct add_partitions_part *part,
                                const struct add_partitions_to_txn_request_topic *topics,
                                int32_t topic_count,
                                struct add_partitions_to_txn_response_transaction *answer)
{
    struct arena *arena = &part->all->request->arena;
    int32_t count = 0;
    for (int32_t i = 0; i < topic_count; i++) {
        count += topics[i].partitions.count;
    }
    struct transactor_partition *partitions =
        arena_array(arena, struct transactor_partition, count + 1);
    part->errors = arena_array(arena, int, count + 1);
    part->topic_count = topic_count;
    part->topics = arena_array(arena, struct add_partitions_to_txn_response_topic, topic_count + 1);
    answer->topics.items = part->topics;
    answer->topics.count = topic_count;
    for (int32_t i = 0; i < topic_count; i++) {
        struct add_partitions_to_txn_response_topic *to = &part->topics[i];
        to->name = topics[i].name;
        to->partitions.items = arena_array(arena, struct add_partitions_to_txn_response_partition,
                                           topics[i].partitions.count + 1);
        for (int32_t j = 0; j < topics[i].partitions.count; j++) {
            int32_t index = topics[i].partitions.items[j];
            to->partitions.items[to->partitions.count++].index = index;
            partitions[part->add.count++] =
                (struct transactor_partition){.topic = topics[i].name, .index = index};
        }
    }
    part->add.partitions = partitions;
}

/* One unknown partition refuses all: UNKNOWN for it, OPERATION_NOT_ATTEMPTED for the others. */
static bool add_partitions_refuse_unknown(struct add_partitions_part *part)
{
    struct replica_set *replicas = part->all->request->server->parts.replicas;
    bool has_unknown = false;
    for (int32_t i = 0; i < part->add.count; i++) {
        const struct transactor_partition *partition = &part->add.partitions[i];
        bool is_known = replica_set_find(replicas, partition->topic, partition->index) != NULL;
        part->errors[i] =
            is_known ? ERROR_OPERATION_NOT_ATTEMPTED : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        has_unknown = has_unknown || !is_known;
    }
    for (int32_t i = 0; i < part->add.count && !has_unknown; i++) {
        part->errors[i] = 0;
    }
    return has_unknown;
}

static void add_partitions_verify(struct add_partitions_part *part)
{
    const struct transactor *transactor = part->all->request->server->parts.transactor;
    for (int32_t i = 0; i < part->add.count; i++) {
        part->errors[i] =
            transactor_verify(transactor, &part->add.claim, part->add.partitions[i].topic,
                              part->add.partitions[i].index);
    }
    add_partitions_tell(part, 0);
}

static void add_partitions_serve(struct add_partitions *all,
                                 const struct add_partitions_to_txn_request_transaction *asked)
{
    struct request *request = all->request;
    struct add_partitions_part *part = arena_new(&request->arena, struct add_partitions_part);
    struct add_partitions_to_txn_response_transaction *answer =
        &all->response.transactions.items[all->response.transactions.count++];
    answer->transactional_id = asked->transactional_id;
    part->all = all;
    part->add = (struct transactor_add){
        .request = {.done = add_partitions_on_added, .owner = part, .arena = &request->arena},
        .claim = {.transactional_id = asked->transactional_id,
                  .producer_id = asked->producer_id,
                  .producer_epoch = asked->producer_epoch},
        .is_bumped = request->version >= ADD_PARTITIONS_LIST_VERSION,
    };
    add_partitions_read(part, asked->topics.items, asked->topics.count, answer);
    all->underway_count++;
    if (add_partitions_refuse_unknown(part)) {
        add_partitions_tell(part, 0);
    } else if (asked->is_verify_only) {
        add_partitions_verify(part);
    } else {
        transactor_add_partitions(request->server->parts.transactor, &part->add);
    }
}

/* Up to version 3 the request is one transaction. */
static void add_partitions_serve_old(struct add_partitions *all,
                                     const struct add_partitions_to_txn_request *asked)
{
    struct add_partitions_to_txn_request_transaction own = {
        .transactional_id = asked->transactional_id,
        .producer_id = asked->producer_id,
        .producer_epoch = asked->producer_epoch,
        .topics = {.count = asked->topics.count},
    };
    own.topics.items = arena_array(&all->request->arena, struct add_partitions_to_txn_request_topic,
                                   asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        own.topics.items[i].name = asked->topics.items[i].name;
        own.topics.items[i].partitions.items = asked->topics.items[i].partitions.items;
        own.topics.items[i].partitions.count = asked->topics.items[i].partitions.count;
    }
    add_partitions_serve(all, &own);
}

void api_add_partitions_to_txn(struct request *request)
{
    const struct add_partitions_to_txn_request *asked =
        request_message(request, add_partitions_to_txn_request);
    struct add_partitions *all = arena_new(&request->arena, struct add_partitions);
    all->request = request;
    all->underway_count = 1; /* this call */
    all->response.transactions.items =
        arena_array(&request->arena, struct add_partitions_to_txn_response_transaction,
                    asked->transactions.count + 1);
    if (request->version < ADD_PARTITIONS_LIST_VERSION) {
        add_partitions_serve_old(all, asked);
    }
    for (int32_t i = 0; i < asked->transactions.count; i++) {
        add_partitions_serve(all, &asked->transactions.items[i]);
    }
    add_partitions_finish(all);
}
