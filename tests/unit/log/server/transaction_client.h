/* A transactional producer in the hand of a test. */
#pragma once

#include "tests/unit/log/server/node.h"

struct transaction_client {
    struct node *node;
    const char *id;
    int64_t producer_id;
    int16_t epoch;
    int16_t error; /* of the last answer */
};

static inline void transaction_client_init(struct transaction_client *client)
{
    struct find_coordinator_request find = {.key = node_text(client->id), .key_type = 1};
    struct init_producer_id_request request = {.transactional_id = node_text(client->id),
                                               .transaction_timeout_ms = 60000,
                                               .producer_id = -1,
                                               .producer_epoch = -1};
    node_ask(client->node, API_FIND_COORDINATOR, 2, &find);
    do {
        const struct init_producer_id_response *response =
            node_ask(client->node, API_INIT_PRODUCER_ID, 4, &request);
        client->error = response->error_code;
        client->producer_id = response->producer_id;
        client->epoch = response->producer_epoch;
        node_run_ms(client->node, 10);
    } while (client->error == 51);
    assert_int_equal(client->error, 0);
}

static inline struct transaction_client transaction_client_make(struct node *node, const char *id)
{
    struct transaction_client client = {.node = node, .id = id};
    transaction_client_init(&client);
    return client;
}

static inline int16_t transaction_client_add(struct transaction_client *client, const char *topic,
                                             int32_t partition)
{
    struct add_partitions_to_txn_request_own_topic topics[] = {
        {.name = node_text(topic), .partitions = {&partition, 1}}};
    struct add_partitions_to_txn_request request = {.transactional_id = node_text(client->id),
                                                    .producer_id = client->producer_id,
                                                    .producer_epoch = client->epoch,
                                                    .topics = {topics, 1}};
    const struct add_partitions_to_txn_response *response =
        node_ask(client->node, API_ADD_PARTITIONS_TO_TXN, 3, &request);
    return response->topics.items[0].partitions.items[0].error_code;
}

/* Ends the transaction with this version of EndTxn; from 5 on the epoch is the next one's. */
static inline int16_t transaction_client_end(struct transaction_client *client, int16_t version,
                                             bool is_commit)
{
    struct end_txn_request request = {.transactional_id = node_text(client->id),
                                      .producer_id = client->producer_id,
                                      .producer_epoch = client->epoch,
                                      .is_committed = is_commit};
    const struct end_txn_response *response =
        node_ask(client->node, API_END_TXN, version, &request);
    if (response->error_code == 0 && version >= 5) {
        client->producer_id = response->producer_id;
        client->epoch = response->producer_epoch;
    }
    return response->error_code;
}

static inline struct bytes transaction_client_batch(const struct transaction_client *client,
                                                    int32_t sequence)
{
    struct batch_builder builder;
    struct buffer bytes;
    buffer_init(&bytes);
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = client->producer_id;
    builder.producer_epoch = client->epoch;
    builder.base_sequence = sequence;
    builder.attributes = BATCH_TRANSACTIONAL;
    batch_builder_add(&builder, node_wall_ms(client->node), BYTES_LITERAL("k"), BYTES_LITERAL("v"),
                      NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &bytes), 0);
    batch_builder_fini(&builder);
    struct bytes kept = arena_copy(&client->node->arena, buffer_bytes(&bytes));
    buffer_fini(&bytes);
    return kept;
}

static inline struct node_call *transaction_client_send(const struct transaction_client *client,
                                                        int16_t version, const char *topic,
                                                        int32_t partition, int32_t sequence)
{
    struct produce_request_partition *partitions =
        arena_new(&client->node->arena, struct produce_request_partition);
    struct produce_request_topic *topics =
        arena_new(&client->node->arena, struct produce_request_topic);
    struct produce_request *request = arena_new(&client->node->arena, struct produce_request);
    *partitions = (struct produce_request_partition){
        .index = partition, .records = transaction_client_batch(client, sequence)};
    *topics =
        (struct produce_request_topic){.name = node_text(topic), .partitions = {partitions, 1}};
    *request = (struct produce_request){.transactional_id = node_text(client->id),
                                        .acks = -1,
                                        .timeout_ms = 30000,
                                        .topics = {topics, 1}};
    return node_send(client->node, NULL, API_PRODUCE, version, request);
}

static inline int16_t transaction_client_heard(struct node_call *call)
{
    const struct produce_response *response = node_wait(call);
    assert_non_null(response);
    return response->topics.items[0].partitions.items[0].error_code;
}

static inline int16_t transaction_client_produce(const struct transaction_client *client,
                                                 int16_t version, const char *topic,
                                                 int32_t partition, int32_t sequence)
{
    return transaction_client_heard(
        transaction_client_send(client, version, topic, partition, sequence));
}

/* The state of the id; it lives in the node's arena. */
static inline const struct describe_transactions_response_transaction *
transaction_client_describe(const struct transaction_client *client)
{
    struct bytes ids[] = {node_text(client->id)};
    struct describe_transactions_request request = {.transactional_ids = {ids, 1}};
    const struct describe_transactions_response *response =
        node_ask(client->node, API_DESCRIBE_TRANSACTIONS, 0, &request);
    return &response->transactions.items[0];
}

static inline bool transaction_client_is(const struct transaction_client *client, const char *state)
{
    return bytes_equal_string(transaction_client_describe(client)->state, state);
}
