/* Shows that offsets of a transaction count when it commits, never before and never when it aborts;
 * and that who asks for stable offsets is told to wait. */
#include "tests/unit/log/server/transaction_client.h"

enum { UNSTABLE = 88 };

static int16_t commit(struct transaction_client *client, int16_t version, const char *group,
                      int64_t offset)
{
    struct txn_offset_commit_request_partition partitions[] = {
        {.index = 0, .committed_offset = offset, .committed_leader_epoch = -1}};
    struct txn_offset_commit_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partitions = {partitions, 1}}};
    struct txn_offset_commit_request request = {.transactional_id = node_text(client->id),
                                                .group_id = node_text(group),
                                                .producer_id = client->producer_id,
                                                .producer_epoch = client->epoch,
                                                .generation_id = -1,
                                                .member_id = BYTES_LITERAL(""),
                                                .topics = {topics, 1}};
    const struct txn_offset_commit_response *response =
        node_ask(client->node, API_TXN_OFFSET_COMMIT, version, &request);
    return response->topics.items[0].partitions.items[0].error_code;
}

static int16_t add_offsets(struct transaction_client *client, const char *group)
{
    struct add_offsets_to_txn_request request = {.transactional_id = node_text(client->id),
                                                 .producer_id = client->producer_id,
                                                 .producer_epoch = client->epoch,
                                                 .group_id = node_text(group)};
    const struct add_offsets_to_txn_response *response =
        node_ask(client->node, API_ADD_OFFSETS_TO_TXN, 3, &request);
    return response->error_code;
}

/* The committed offset, or -error. */
static int64_t committed(struct node *node, const char *group, bool is_stable_required)
{
    int32_t index = 0;
    struct offset_fetch_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partition_indexes = {&index, 1}}};
    struct offset_fetch_request request = {
        .group_id = node_text(group), .topics = {topics, 1}, .require_stable = is_stable_required};
    const struct offset_fetch_response *response = node_ask(node, API_OFFSET_FETCH, 7, &request);
    const struct offset_fetch_response_partition *row =
        &response->topics.items[0].partitions.items[0];
    return row->error_code != 0 ? -row->error_code : row->committed_offset;
}

static void plain_commit(struct node *node, const char *group, int64_t offset)
{
    struct offset_commit_request_partition partitions[] = {
        {.index = 0, .committed_offset = offset, .committed_leader_epoch = -1}};
    struct offset_commit_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partitions = {partitions, 1}}};
    struct offset_commit_request request = {.group_id = node_text(group),
                                            .generation_id_or_member_epoch = -1,
                                            .member_id = BYTES_LITERAL(""),
                                            .topics = {topics, 1}};
    const struct offset_commit_response *response = node_ask(node, API_OFFSET_COMMIT, 6, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
}

static struct transaction_client start(struct node *node)
{
    node_make_topic(node, "t", 1, NULL);
    node_find_coordinator(node);
    return transaction_client_make(node, "x");
}

static void offsets_count_when_the_transaction_commits(void **state)
{
    struct node *node = *state;
    struct transaction_client client = start(node);
    plain_commit(node, "g", 3);
    assert_int_equal(commit(&client, 5, "g", 10), 0);
    assert_int_equal(committed(node, "g", false), 3);
    assert_int_equal(committed(node, "g", true), -UNSTABLE);
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    node_run_ms(node, 100);
    assert_int_equal(committed(node, "g", true), 10);
    assert_int_equal(commit(&client, 5, "g", 20), 0);
    assert_int_equal(transaction_client_end(&client, 5, false), 0);
    node_run_ms(node, 100);
    assert_int_equal(committed(node, "g", true), 10);
}

static void they_wait_over_a_restart(void **state)
{
    struct node *node = *state;
    struct transaction_client client = start(node);
    assert_int_equal(commit(&client, 5, "g", 10), 0);
    node_restart(node);
    assert_int_equal(committed(node, "g", false), -1);
    assert_int_equal(committed(node, "g", true), -UNSTABLE);
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    node_restart(node);
    node_run_ms(node, 100);
    assert_int_equal(committed(node, "g", true), 10);
}

static void older_versions_must_have_added_the_group(void **state)
{
    struct node *node = *state;
    struct transaction_client client = start(node);
    assert_int_equal(commit(&client, 4, "g", 10), 120);
    assert_int_equal(commit(&client, 3, "g", 10), 48);
    assert_int_equal(add_offsets(&client, "g"), 0);
    assert_int_equal(commit(&client, 3, "g", 10), 0);
    assert_int_equal(transaction_client_end(&client, 1, true), 0);
    node_run_ms(node, 100);
    assert_int_equal(committed(node, "g", true), 10);
}

static void the_later_record_wins(void **state)
{
    struct node *node = *state;
    struct transaction_client client = start(node);
    assert_int_equal(commit(&client, 5, "g", 10), 0);
    plain_commit(node, "g", 5);
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    node_run_ms(node, 100);
    assert_int_equal(committed(node, "g", true), 5);
    node_restart(node);
    assert_int_equal(committed(node, "g", true), 5);
}

static void a_zombie_commits_nothing(void **state)
{
    struct node *node = *state;
    struct transaction_client zombie = start(node);
    assert_int_equal(commit(&zombie, 5, "g", 10), 0);
    struct transaction_client client = transaction_client_make(node, "x");
    node_run_ms(node, 100);
    assert_int_equal(commit(&zombie, 5, "g", 10), 47);
    assert_int_equal(commit(&zombie, 3, "g", 10), 47);
    assert_int_equal(committed(node, "g", true), -1);
    assert_int_equal(commit(&client, 5, "g", 11), 0);
}

static void deleting_the_group_takes_what_waits(void **state)
{
    struct node *node = *state;
    struct transaction_client client = start(node);
    struct bytes names[] = {BYTES_LITERAL("g")};
    struct delete_groups_request request = {.group_names = {names, 1}};
    assert_int_equal(commit(&client, 5, "g", 10), 0);
    const struct delete_groups_response *response = node_ask(node, API_DELETE_GROUPS, 1, &request);
    assert_int_equal(response->results.items[0].error_code, 0);
    assert_int_equal(transaction_client_end(&client, 5, true), 0);
    node_run_ms(node, 100);
    assert_int_equal(committed(node, "g", true), -1);
}

/* A node that stops at any moment of it says nothing of markers that failed: the next start writes
 * them. */
static void a_stop_fails_no_marker(void **state)
{
    struct node *node = *state;
    struct transaction_client client = start(node);
    trace_reset();
    for (int steps = 0; steps < 40; steps++) {
        assert_int_equal(commit(&client, 5, "g", steps), 0);
        struct end_txn_request request = {.transactional_id = node_text(client.id),
                                          .producer_id = client.producer_id,
                                          .producer_epoch = client.epoch,
                                          .is_committed = true};
        (void)node_send(node, NULL, API_END_TXN, 5, &request);
        for (int i = 0; i < steps && sim_step(node->sim); i++) {}
        node_restart(node);
        transaction_client_init(&client);
    }
    assert_int_equal(trace_count("transactor.marker_failed"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(offsets_count_when_the_transaction_commits),
        NODE_TEST(they_wait_over_a_restart),
        NODE_TEST(older_versions_must_have_added_the_group),
        NODE_TEST(the_later_record_wins),
        NODE_TEST(a_zombie_commits_nothing),
        NODE_TEST(deleting_the_group_takes_what_waits),
        NODE_TEST(a_stop_fails_no_marker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
