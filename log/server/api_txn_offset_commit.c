/* TxnOffsetCommit (key 28): offsets of a group that count when the transaction commits.
 *
 * From version 5 on the offsets become part of the transaction here (KIP-890); before, the producer
 * has told so with AddOffsetsToTxn, and is asked for it. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { TXN_OFFSET_COMMIT_ABORTABLE_VERSION = 4, TXN_OFFSET_COMMIT_ADDING_VERSION = 5 };

struct txn_offset_commit {
    struct request *request;
    struct offset_commit_request in;
    struct coordinator_commit commit;
    struct transactor_add add;
    struct transactor_partition partition;
};

/* In the shape of OffsetCommit. */
static void txn_offset_commit_read(struct txn_offset_commit *transaction)
{
    const struct txn_offset_commit_request *asked =
        request_message(transaction->request, txn_offset_commit_request);
    struct arena *arena = &transaction->request->arena;
    transaction->in = (struct offset_commit_request){
        .group_id = asked->group_id,
        .generation_id_or_member_epoch = asked->generation_id,
        .member_id = asked->member_id,
        .group_instance_id = asked->group_instance_id,
        .retention_time_ms = -1,
        .topics = {.count = asked->topics.count},
    };
    transaction->in.topics.items =
        arena_array(arena, struct offset_commit_request_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct txn_offset_commit_request_topic *from = &asked->topics.items[i];
        struct offset_commit_request_topic *to = &transaction->in.topics.items[i];
        to->name = from->name;
        to->partitions.count = from->partitions.count;
        to->partitions.items =
            arena_array(arena, struct offset_commit_request_partition, from->partitions.count);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            to->partitions.items[j] = (struct offset_commit_request_partition){
                .index = from->partitions.items[j].index,
                .committed_offset = from->partitions.items[j].committed_offset,
                .committed_leader_epoch = from->partitions.items[j].committed_leader_epoch,
                .committed_metadata = from->partitions.items[j].committed_metadata,
            };
        }
    }
}

/* The answer of OffsetCommit, or one error for all. */
static void txn_offset_commit_answer(struct txn_offset_commit *transaction, int error)
{
    const struct offset_commit_response *from = &transaction->commit.out;
    struct arena *arena = &transaction->request->arena;
    int32_t count = transaction->in.topics.count;
    struct txn_offset_commit_response response = {.topics = {.count = count}};
    response.topics.items = arena_array(arena, struct txn_offset_commit_response_topic, count);
    for (int32_t i = 0; i < count; i++) {
        const struct offset_commit_request_topic *topic = &transaction->in.topics.items[i];
        struct txn_offset_commit_response_topic *to = &response.topics.items[i];
        to->name = topic->name;
        to->partitions.count = topic->partitions.count;
        to->partitions.items = arena_array(arena, struct txn_offset_commit_response_partition,
                                           topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            to->partitions.items[j] = (struct txn_offset_commit_response_partition){
                .index = topic->partitions.items[j].index,
                .error_code = error != 0 ? error_code(error)
                                         : from->topics.items[i].partitions.items[j].error_code};
        }
    }
    request_answer(transaction->request, &response);
}

static void txn_offset_commit_on_committed(struct coordinator_request *done)
{
    txn_offset_commit_answer(done->owner, 0);
}

/* What a version is told when the partition is not part of the transaction. */
static int txn_offset_commit_translate(const struct request *request, int error)
{
    switch (error) {
    case ERROR_PRODUCER_FENCED:
        return ERROR_INVALID_PRODUCER_EPOCH;
    case ERROR_TRANSACTION_ABORTABLE:
        return request->version < TXN_OFFSET_COMMIT_ABORTABLE_VERSION ? ERROR_INVALID_TXN_STATE
                                                                      : error;
    }
    return error;
}

static void txn_offset_commit_go_on(struct txn_offset_commit *transaction, int error)
{
    if (error != 0) {
        txn_offset_commit_answer(transaction,
                                 txn_offset_commit_translate(transaction->request, error));
        return;
    }
    coordinator_commit_offsets(transaction->request->server->parts.coordinator,
                               &transaction->commit);
}

/* The log knows the producer's open transaction: nothing is left to ask. */
static bool txn_offset_commit_is_open(const struct txn_offset_commit *transaction)
{
    struct replica *replica =
        replica_set_find(transaction->request->server->parts.replicas, transaction->partition.topic,
                         transaction->partition.index);
    return replica != NULL &&
           log_has_transaction(replica_log(replica), transaction->commit.producer_id,
                               transaction->commit.producer_epoch);
}

static void txn_offset_commit_on_added(struct coordinator_request *done)
{
    struct txn_offset_commit *transaction = done->owner;
    txn_offset_commit_go_on(transaction, transaction->add.error);
}

void api_txn_offset_commit(struct request *request)
{
    const struct txn_offset_commit_request *asked =
        request_message(request, txn_offset_commit_request);
    struct server_parts *parts = &request->server->parts;
    struct txn_offset_commit *transaction = arena_new(&request->arena, struct txn_offset_commit);
    bool is_adding = request->version >= TXN_OFFSET_COMMIT_ADDING_VERSION;
    transaction->request = request;
    txn_offset_commit_read(transaction);
    transaction->commit = (struct coordinator_commit){
        .request = {.done = txn_offset_commit_on_committed,
                    .owner = transaction,
                    .arena = &request->arena},
        .version = 8, /* whose errors a producer knows */
        .is_transactional = true,
        .producer_id = asked->producer_id,
        .producer_epoch = asked->producer_epoch,
        .in = &transaction->in,
    };
    transaction->partition = (struct transactor_partition){
        .topic = BYTES_LITERAL("__consumer_offsets"),
        .index = journal_partition_of(coordinator_journal(parts->coordinator), asked->group_id),
    };
    transaction->add = (struct transactor_add){
        .request = {.done = txn_offset_commit_on_added,
                    .owner = transaction,
                    .arena = &request->arena},
        .claim = {.transactional_id = asked->transactional_id,
                  .producer_id = asked->producer_id,
                  .producer_epoch = asked->producer_epoch},
        .partitions = &transaction->partition,
        .count = 1,
        .is_bumped = is_adding,
        .may_wait = true,
    };
    if (transaction->partition.index < 0) {
        txn_offset_commit_go_on(transaction, ERROR_COORDINATOR_NOT_AVAILABLE);
    } else if (asked->group_id.size == 0) {
        txn_offset_commit_go_on(transaction, ERROR_INVALID_GROUP_ID);
    } else if (txn_offset_commit_is_open(transaction)) {
        txn_offset_commit_go_on(transaction, 0);
    } else if (!is_adding &&
               !meta_broker_options(parts->meta)->transaction_partition_verification_enable) {
        txn_offset_commit_go_on(transaction, 0);
    } else if (is_adding) {
        transactor_add_partitions(parts->transactor, &transaction->add);
    } else {
        txn_offset_commit_go_on(transaction,
                                transactor_verify(parts->transactor, &transaction->add.claim,
                                                  transaction->partition.topic,
                                                  transaction->partition.index));
    }
}
