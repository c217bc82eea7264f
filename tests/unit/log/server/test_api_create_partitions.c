/* Shows that topics grow as asked, never shrink, and that a doubtful request changes nothing. */
#include "tests/unit/log/server/node.h"

static const struct create_partitions_response *ask(struct node *node, int16_t version,
                                                    struct create_partitions_request_topic *topics,
                                                    int32_t count, bool is_validate_only)
{
    struct create_partitions_request request = {.topics = {.items = topics, .count = count},
                                                .timeout_ms = 1000,
                                                .validate_only = is_validate_only};
    const struct create_partitions_response *response =
        node_ask(node, API_CREATE_PARTITIONS, version, &request);
    assert_non_null(response);
    return response;
}

static int16_t grow(struct node *node, int16_t version, const char *name, int32_t count,
                    bool is_validate_only)
{
    struct create_partitions_request_topic topic = {
        .name = node_text(name), .count = count, .assignments = {.count = -1}};
    return ask(node, version, &topic, 1, is_validate_only)->results.items[0].error_code;
}

static int32_t partition_count(struct node *node)
{
    struct metadata_request_topic topic = {.name = BYTES_LITERAL("t")};
    struct metadata_request request = {.topics = {.items = &topic, .count = 1}};
    const struct metadata_response *response = node_ask(node, API_METADATA, 4, &request);
    return response->topics.items[0].partitions.count;
}

static void a_topic_grows_in_every_version(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (int16_t version = 0; version <= 3; version++) {
        assert_int_equal(grow(node, version, "t", 2 + version, true), 0);
        assert_int_equal(partition_count(node), 1 + version);
        assert_int_equal(grow(node, version, "t", 2 + version, false), 0);
        assert_int_equal(partition_count(node), 2 + version);
    }
    struct produce_response_partition answer =
        node_produce(node, "t", 4, node_batch(node, 1, "v", node_wall_ms(node)));
    assert_int_equal(answer.error_code, 0);
}

static void a_count_that_is_no_growth_is_refused(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 3, NULL);
    assert_int_equal(grow(node, 3, "t", 3, false), 37);
    assert_int_equal(grow(node, 3, "t", 2, false), 37);
    assert_int_equal(grow(node, 3, "t", 0, false), 37);
    assert_int_equal(grow(node, 3, "t", -1, false), 37);
    assert_int_equal(grow(node, 3, "t", 20000, false), 44);
    assert_int_equal(grow(node, 3, "unknown", 5, false), 3);
    assert_int_equal(partition_count(node), 3);
}

static void assignments_are_as_many_as_new_partitions(void **state)
{
    static int32_t here[] = {1, 1};
    static int32_t nowhere[] = {9};
    struct node *node = *state;
    struct create_partitions_request_assignment good = {.broker_ids = {here, 1}};
    struct create_partitions_request_assignment bad = {.broker_ids = {nowhere, 1}};
    struct create_partitions_request_assignment twice = {.broker_ids = {here, 2}};
    struct create_partitions_request_assignment none = {.broker_ids = {here, 0}};
    struct {
        struct create_partitions_request_assignment first;
        int32_t count;
        int16_t error;
    } wishes[] = {{good, 2, 39}, {bad, 1, 39}, {twice, 1, 39}, {none, 1, 39}, {good, 1, 0}};
    node_make_topic(node, "t", 1, NULL);
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct create_partitions_request_assignment rows[] = {wishes[i].first, good};
        struct create_partitions_request_topic topic = {
            .name = BYTES_LITERAL("t"),
            .count = 2,
            .assignments = {.items = rows, .count = wishes[i].count}};
        assert_int_equal(ask(node, 3, &topic, 1, false)->results.items[0].error_code,
                         wishes[i].error);
    }
    assert_int_equal(partition_count(node), 2);
}

static void a_topic_named_twice_does_not_grow(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct create_partitions_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .count = 2, .assignments = {.count = -1}},
        {.name = BYTES_LITERAL("t"), .count = 3, .assignments = {.count = -1}}};
    const struct create_partitions_response *response = ask(node, 3, topics, 2, false);
    assert_int_equal(response->results.count, 1);
    assert_int_equal(response->results.items[0].error_code, 42);
    assert_int_equal(partition_count(node), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_topic_grows_in_every_version),
        NODE_TEST(a_count_that_is_no_growth_is_refused),
        NODE_TEST(assignments_are_as_many_as_new_partitions),
        NODE_TEST(a_topic_named_twice_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
