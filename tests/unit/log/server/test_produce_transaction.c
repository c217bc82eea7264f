/* Shows that transactional batches are appended only as part of a transaction: added by the newest
 * Produce, asked for by older ones, in the order in which they came. */
#include "tests/unit/log/server/transaction_client.h"

enum {
    ABORTABLE = 120,
    NOT_ENOUGH_REPLICAS = 19,
    INVALID_STATE = 48,
    INVALID_EPOCH = 47,
    UNAUTHORIZED = 53,
    UNKNOWN_TOPIC_ID = 100
};

static void the_newest_version_adds_what_it_appends_to(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_produce(&client, 12, "t", 0, 0), 0);
    assert_int_equal(transaction_client_produce(&client, 12, "t", 0, 1), 0);
    assert_int_equal(transaction_client_produce(&client, 12, "t", 1, 0), 0);
    assert_true(transaction_client_is(&client, "Ongoing"));
    assert_int_equal(transaction_client_describe(&client)->topics.items[0].partitions.count, 2);
    int16_t epoch = client.epoch;
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    assert_int_equal(client.epoch, epoch + 1);
    node_run_ms(node, 100);
    assert_true(transaction_client_is(&client, "CompleteCommit"));
    assert_int_equal((int)node_metric(node, "tidemill_transactional_ids"), 1);
    assert_int_equal((int)node_metric(node, "tidemill_transactions_committed_total"), 1);
    assert_int_equal((int)node_metric(node, "tidemill_transactions_open"), 0);
}

static void older_versions_must_have_said_so(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 0), ABORTABLE);
    assert_int_equal(transaction_client_produce(&client, 10, "t", 0, 0), INVALID_STATE);
    assert_int_equal(transaction_client_add(&client, "t", 0), 0);
    assert_int_equal(transaction_client_produce(&client, 7, "t", 0, 0), 0);
    assert_int_equal(transaction_client_end(&client, 1, true), 0);
    node_run_ms(node, 100);
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 1), ABORTABLE);
    assert_int_equal(transaction_client_add(&client, "t", 0), 0);
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 1), 0);
}

/* transaction.partition.verification.enable=false trusts old clients; new ones are added anyway. */
static void verification_can_be_switched_off(void **state)
{
    struct node *node = node_new();
    (void)state;
    node_set(node, "transaction.partition.verification.enable", "false");
    node_start(node);
    node_make_topic(node, "t", 2, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 0), 0);
    assert_true(transaction_client_is(&client, "Empty"));
    assert_int_equal(transaction_client_produce(&client, 12, "t", 1, 0), 0);
    assert_true(transaction_client_is(&client, "Ongoing"));
    node_free(node);
}

static void zombies_are_refused(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    struct transaction_client zombie = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_produce(&zombie, 12, "t", 0, 0), 0);
    struct transaction_client client = transaction_client_make(node, "x");
    for (int16_t version = 10; version <= 12; version++) {
        assert_int_equal(transaction_client_produce(&zombie, version, "t", 0, 1), INVALID_EPOCH);
        assert_int_equal(transaction_client_produce(&zombie, version, "t", 1, 0), INVALID_EPOCH);
    }
    assert_int_equal(transaction_client_end(&zombie, 5, true), 90);
    assert_int_equal(transaction_client_end(&zombie, 1, true), INVALID_EPOCH);
    assert_int_equal(transaction_client_produce(&client, 12, "t", 0, 0), 0);
}

/* Sent in one go right behind the end: each waits for what stands before it. */
static void what_is_sent_early_waits_and_keeps_its_order(void **state)
{
    enum { COUNT = 6 };
    struct node *node = *state;
    struct node_call *calls[COUNT];
    node_make_topic(node, "t", 2, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            calls[i] = transaction_client_send(&client, 12, "t", i < 4 ? 0 : 1, i < 4 ? i : i - 4);
        }
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(transaction_client_heard(calls[i]), 0);
        }
        assert_int_equal(transaction_client_end(&client, 5, round != 1), 0);
    }
}

static void a_batch_without_an_id_is_not_authorized(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    struct bytes records = transaction_client_batch(&client, 0);
    assert_int_equal(node_produce(node, "t", 0, records).error_code, UNAUTHORIZED);
}

/* One request is of one producer at one epoch. */
static void two_producers_do_not_share_a_request(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    struct transaction_client other = client;
    other.epoch++;
    struct produce_request_partition partitions[] = {
        {.index = 0, .records = transaction_client_batch(&client, 0)},
        {.index = 1, .records = transaction_client_batch(&other, 0)}};
    struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                          .partitions = {partitions, 2}};
    struct produce_request request = {.transactional_id = BYTES_LITERAL("x"),
                                      .acks = -1,
                                      .timeout_ms = 1000,
                                      .topics = {&topic, 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 12, &request);
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(response->topics.items[0].partitions.items[i].error_code, 49);
    }
}

static void an_unknown_id_has_no_transaction(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    client.id = "y";
    assert_int_equal(transaction_client_produce(&client, 12, "t", 0, 0), 49);
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 0), 49);
}

static void a_topic_can_be_named_by_its_id(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct metadata_request all = {.topics = {.count = -1}};
    const struct metadata_response *metadata = node_ask(node, API_METADATA, 12, &all);
    struct produce_request_partition partition = {.index = 0,
                                                  .records = node_batch(node, 1, "v", 1)};
    struct produce_request_partition other = {.index = 0, .records = node_batch(node, 1, "v", 1)};
    struct produce_request_topic topics[] = {
        {.topic_id = metadata->topics.items[0].topic_id, .partitions = {&partition, 1}},
        {.topic_id = {.octets = {9}}, .partitions = {&other, 1}}};
    struct produce_request request = {.acks = -1, .timeout_ms = 1000, .topics = {topics, 2}};
    partition.records = node_batch(node, 1, "v", node_wall_ms(node));
    const struct produce_response *response = node_ask(node, API_PRODUCE, 13, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
    assert_memory_equal(&response->topics.items[0].topic_id, &topics[0].topic_id, 16);
    assert_int_equal(response->topics.items[1].partitions.items[0].error_code, 100);
}

static enum sim_verdict refuse_markers(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_refused = call->operation == SIM_FILE_WRITE && strstr(call->path, "/busy-0/") != NULL;
    return is_refused ? SIM_NO_SPACE : SIM_GO_ON;
}

/* It waits for the end of the transaction before it, and its topic is deleted meanwhile: what is
 * added is the topic that was asked for, by a name that is still there. */
static void a_topic_may_go_while_its_batch_waits(void **state)
{
    static const char name[] = "a-topic-that-goes-away-while-somebody-waits-to-write-into-it";
    (void)state;
    struct node *node = node_new();
    node_set(node, "add.partitions.to.txn.retry.backoff.max.ms", "60000");
    node_start(node);
    node_make_topic(node, "busy", 1, NULL);
    node_make_topic(node, name, 1, NULL);
    struct metadata_request_topic wanted = {.name = node_text(name)};
    struct metadata_request metadata = {.topics = {&wanted, 1}};
    const struct metadata_response *found = node_ask(node, API_METADATA, 12, &metadata);
    struct transaction_client client = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_produce(&client, 12, "busy", 0, 0), 0);
    sim_on_operation(node->sim, refuse_markers, NULL);
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    struct produce_request_partition partition = {.records = transaction_client_batch(&client, 0)};
    struct produce_request_topic topic = {.topic_id = found->topics.items[0].topic_id,
                                          .partitions = {&partition, 1}};
    struct produce_request request = {.transactional_id = node_text(client.id),
                                      .acks = -1,
                                      .timeout_ms = 60000,
                                      .topics = {&topic, 1}};
    struct node_call *call = node_send(node, NULL, API_PRODUCE, 13, &request);
    node_run_ms(node, 50);
    struct bytes names[] = {node_text(name)};
    struct delete_topics_request deletion = {.topic_names = {names, 1}, .timeout_ms = 1000};
    struct peer *other = node_connect(node);
    assert_non_null(node_wait(node_send(node, other, API_DELETE_TOPICS, 5, &deletion)));
    sim_on_operation(node->sim, NULL, NULL);
    const struct produce_response *response = node_wait(call);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, UNKNOWN_TOPIC_ID);
    const struct describe_transactions_response_transaction *described =
        transaction_client_describe(&client);
    assert_int_equal(described->topics.count, 1);
    assert_true(bytes_equal_string(described->topics.items[0].name, name));
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    node_free(node);
}

static enum sim_verdict refuse_first_marker(void *owner, const struct sim_call *call)
{
    int *left = owner;
    bool is_there = call->operation == SIM_FILE_WRITE && strstr(call->path, "/t-0/") != NULL;
    return is_there && (*left)-- > 0 ? SIM_NO_SPACE : SIM_GO_ON;
}

/* The end is answered when it is durable; its marker finds no room and comes a little later. With
 * transactions v1 what is written in between has the epoch of what ended. */
static void nothing_joins_a_transaction_that_ended(void **state)
{
    struct node *node = *state;
    int left = 1;
    node_make_topic(node, "t", 1, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_add(&client, "t", 0), 0);
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 0), 0);
    sim_on_operation(node->sim, refuse_first_marker, &left);
    assert_int_equal(transaction_client_end(&client, 1, true), 0);
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 1), NOT_ENOUGH_REPLICAS);
    node_run_ms(node, 1000);
    sim_on_operation(node->sim, NULL, NULL);
    assert_true(left <= 0);
    assert_true(transaction_client_is(&client, "CompleteCommit"));
    assert_int_equal(transaction_client_add(&client, "t", 0), 0);
    assert_int_equal(transaction_client_produce(&client, 11, "t", 0, 1), 0);
}

static void an_end_survives_a_restart_and_readers_see_it(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct transaction_client client = transaction_client_make(node, "x");
    assert_int_equal(transaction_client_produce(&client, 12, "t", 0, 0), 0);
    node_restart(node);
    assert_true(transaction_client_is(&client, "Ongoing"));
    assert_int_equal(transaction_client_produce(&client, 12, "t", 0, 1), 0);
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    node_restart(node);
    node_run_ms(node, 100);
    assert_true(transaction_client_is(&client, "CompleteCommit"));
    struct list_offsets_request_partition partitions[] = {
        {.index = 0, .current_leader_epoch = -1, .timestamp_ms = -1}};
    struct list_offsets_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partitions = {partitions, 1}}};
    struct list_offsets_request request = {
        .replica_id = -1, .isolation_level = 1, .topics = {topics, 1}};
    const struct list_offsets_response *response = node_ask(node, API_LIST_OFFSETS, 5, &request);
    /* Two records and their marker, which may stand there again after the restart. */
    assert_true(response->topics.items[0].partitions.items[0].offset >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(the_newest_version_adds_what_it_appends_to),
        NODE_TEST(older_versions_must_have_said_so),
        cmocka_unit_test(verification_can_be_switched_off),
        NODE_TEST(zombies_are_refused),
        NODE_TEST(what_is_sent_early_waits_and_keeps_its_order),
        NODE_TEST(a_batch_without_an_id_is_not_authorized),
        NODE_TEST(two_producers_do_not_share_a_request),
        NODE_TEST(an_unknown_id_has_no_transaction),
        NODE_TEST(a_topic_can_be_named_by_its_id),
        cmocka_unit_test(a_topic_may_go_while_its_batch_waits),
        NODE_TEST(nothing_joins_a_transaction_that_ended),
        NODE_TEST(an_end_survives_a_restart_and_readers_see_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
