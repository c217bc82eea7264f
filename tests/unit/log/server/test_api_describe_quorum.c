/* Shows the metadata log with its only voter, and that nothing else is a quorum. */
#include "tests/unit/log/server/node.h"

static const struct describe_quorum_response *ask(struct node *node, const char *topic,
                                                  int32_t index, int32_t count)
{
    struct describe_quorum_request_partition partitions[] = {{index}, {index}};
    struct describe_quorum_request_topic asked = {
        .name = node_text(topic), .partitions = {.items = partitions, .count = count}};
    struct describe_quorum_request request = {.topics = {.items = &asked, .count = 1}};
    return node_ask(node, API_DESCRIBE_QUORUM, 2, &request);
}

static void the_log_has_one_voter(void **state)
{
    struct node *node = *state;
    const struct describe_quorum_response *response = ask(node, "__cluster_metadata", 0, 1);
    const struct describe_quorum_response_partition *partition =
        &response->topics.items[0].partitions.items[0];
    int64_t before = partition->high_watermark;
    assert_int_equal(partition->error_code, 0);
    assert_int_equal(partition->leader_id, 1);
    assert_int_equal(partition->current_voters.count, 1);
    assert_int_equal(partition->current_voters.items[0].log_end_offset, before);
    assert_int_equal(response->nodes.count, 1);
    assert_int_equal(response->nodes.items[0].listeners.items[0].port, 9092);
    node_make_topic(node, "t", 1, NULL);
    response = ask(node, "__cluster_metadata", 0, 1);
    assert_true(response->topics.items[0].partitions.items[0].high_watermark > before);
}

static void nothing_else_is_a_quorum(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(ask(node, "t", 0, 1)->topics.items[0].partitions.items[0].error_code, 3);
    const struct describe_quorum_response *response = ask(node, "__cluster_metadata", 1, 1);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 3);
    assert_int_equal(response->nodes.count, 0);
    response = ask(node, "__cluster_metadata", 0, 2);
    assert_int_equal(response->topics.items[0].partitions.items[1].error_code, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(the_log_has_one_voter),
        NODE_TEST(nothing_else_is_a_quorum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
