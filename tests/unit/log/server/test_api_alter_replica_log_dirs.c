/* Shows that partitions can be moved to the directory where they are, and nowhere else. */
#include "tests/unit/log/server/node.h"

static const struct alter_replica_log_dirs_response_topic *ask(struct node *node, struct bytes path)
{
    int32_t indexes[] = {0, 5};
    struct alter_replica_log_dirs_request_topic topic = {
        .name = BYTES_LITERAL("t"), .partitions = {.items = indexes, .count = 2}};
    struct alter_replica_log_dirs_request_dir dir = {.path = path,
                                                     .topics = {.items = &topic, .count = 1}};
    struct alter_replica_log_dirs_request request = {.dirs = {.items = &dir, .count = 1}};
    const struct alter_replica_log_dirs_response *response =
        node_ask(node, API_ALTER_REPLICA_LOG_DIRS, 2, &request);
    assert_int_equal(response->topics.count, 1);
    assert_int_equal(response->topics.items[0].partitions.count, 2);
    return &response->topics.items[0];
}

static void there_is_one_directory(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct bytes path = bytes_from_string(broker_path(node->broker));
    assert_int_equal(ask(node, path)->partitions.items[0].error_code, 0);
    assert_int_equal(ask(node, path)->partitions.items[1].error_code, 3);
    assert_int_equal(ask(node, BYTES_LITERAL("/other"))->partitions.items[0].error_code, 57);
}

int main(void)
{
    const struct CMUnitTest tests[] = {NODE_TEST(there_is_one_directory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
