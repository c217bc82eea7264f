/* Shows that sizes are told for what is there, once, and that a fenced directory says so. */
#include "tests/unit/log/server/node.h"

static const struct describe_log_dirs_response_result *
ask(struct node *node, const struct describe_log_dirs_request *request)
{
    const struct describe_log_dirs_response *response =
        node_ask(node, API_DESCRIBE_LOG_DIRS, 5, request);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->results.count, 1);
    return &response->results.items[0];
}

static void sizes_are_told(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    node_produce(node, "t", 1, node_batch(node, 1, "x", node_wall_ms(node)));
    struct describe_log_dirs_request request = {.topics = {.count = -1}};
    const struct describe_log_dirs_response_result *result = ask(node, &request);
    assert_int_equal(result->error_code, 0);
    assert_true(result->log_dir.size > 0);
    assert_int_equal(result->topics.count, 1);
    assert_int_equal(result->topics.items[0].partitions.count, 2);
    assert_int_equal(result->topics.items[0].partitions.items[0].partition_size, 0);
    assert_true(result->topics.items[0].partitions.items[1].partition_size > 61);
    assert_int_equal(result->topics.items[0].partitions.items[1].offset_lag, 0);
    assert_false(result->topics.items[0].partitions.items[1].is_future_key);
}

static void what_is_not_here_is_left_out(void **state)
{
    struct node *node = *state;
    int32_t indexes[] = {1, 0, 1, 9, -1};
    struct describe_log_dirs_request_topic topics[] = {
        {.name = BYTES_LITERAL("none"), .partitions = {.items = indexes, .count = 1}},
        {.name = BYTES_LITERAL("t"), .partitions = {.items = indexes, .count = 5}}};
    struct describe_log_dirs_request request = {.topics = {.items = topics, .count = 2}};
    node_make_topic(node, "t", 2, NULL);
    const struct describe_log_dirs_response_result *result = ask(node, &request);
    assert_int_equal(result->topics.count, 1);
    assert_int_equal(result->topics.items[0].partitions.count, 2);
    assert_int_equal(result->topics.items[0].partitions.items[0].index, 1);
    request.topics.count = 0;
    assert_int_equal(ask(node, &request)->topics.count, 0);
}

static void a_bounded_disk_tells_its_room(void **state)
{
    struct node *node = *state;
    struct describe_log_dirs_request request = {0};
    assert_int_equal(ask(node, &request)->total_bytes, -1);
    sim_plan(node->sim, 0)->disk_capacity = 1 << 30;
    const struct describe_log_dirs_response_result *result = ask(node, &request);
    assert_int_equal(result->total_bytes, 1 << 30);
    assert_in_range(result->usable_bytes, 1, 1 << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(sizes_are_told),
        NODE_TEST(what_is_not_here_is_left_out),
        NODE_TEST(a_bounded_disk_tells_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
