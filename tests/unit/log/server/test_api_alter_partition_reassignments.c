/* Shows that copies stay where they are, that other brokers are refused by name, and that no move
 * is ever under way. */
#include "tests/unit/log/server/node.h"

static int16_t ask(struct node *node, const char *topic, int32_t index, const int32_t *brokers,
                   int32_t count)
{
    struct alter_partition_reassignments_request_partition partition = {
        .index = index, .replicas = {.items = (int32_t *)(uintptr_t)brokers, .count = count}};
    struct alter_partition_reassignments_request_topic asked = {
        .name = node_text(topic), .partitions = {.items = &partition, .count = 1}};
    struct alter_partition_reassignments_request request = {
        .topics = {.items = &asked, .count = 1}};
    const struct alter_partition_reassignments_response *response =
        node_ask(node, API_ALTER_PARTITION_REASSIGNMENTS, 1, &request);
    assert_int_equal(response->error_code, 0);
    return response->topics.items[0].partitions.items[0].error_code;
}

static void copies_can_only_stay(void **state)
{
    struct node *node = *state;
    static const int32_t brokers[] = {1, 1, 2};
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(ask(node, "t", 0, brokers, 1), 0);
    assert_int_equal(ask(node, "t", 0, brokers, 2), 39);
    assert_int_equal(ask(node, "t", 0, brokers + 1, 2), 39);
    assert_int_equal(ask(node, "t", 0, brokers, 0), 39);
    assert_int_equal(ask(node, "t", 0, NULL, -1), 85);
    assert_int_equal(ask(node, "t", 1, brokers, 1), 3);
    assert_int_equal(ask(node, "none", 0, brokers, 1), 3);
}

static void none_is_under_way(void **state)
{
    struct list_partition_reassignments_request request = {.topics = {.count = -1}};
    const struct list_partition_reassignments_response *response =
        node_ask(*state, API_LIST_PARTITION_REASSIGNMENTS, 0, &request);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->topics.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(copies_can_only_stay),
        NODE_TEST(none_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
