/* Consumer groups on a whole node: a member joins, is there after a restart, sees its topic grow,
 * commits by topic id; the protocol can be switched off; a group's own options hold. */
#include "tests/unit/log/server/node.h"

static const struct consumer_group_heartbeat_response *beat(struct node *node, int32_t epoch)
{
    struct bytes name = BYTES_LITERAL("t");
    struct consumer_group_heartbeat_request request = {.group_id = BYTES_LITERAL("g"),
                                                       .member_id = BYTES_LITERAL("m"),
                                                       .member_epoch = epoch,
                                                       .rebalance_timeout_ms = -1,
                                                       .subscribed_topic_names = {.count = -1},
                                                       .topics = {.count = -1}};
    if (epoch == 0) {
        request.rebalance_timeout_ms = 5000;
        request.subscribed_topic_names.items = &name;
        request.subscribed_topic_names.count = 1;
        request.topics.count = 0;
    }
    const struct consumer_group_heartbeat_response *response =
        node_ask(node, API_CONSUMER_GROUP_HEARTBEAT, 1, &request);
    assert_non_null(response);
    return response;
}

static const struct consumer_group_describe_response_group *describe(struct node *node)
{
    struct bytes name = BYTES_LITERAL("g");
    struct consumer_group_describe_request request = {.groups = {.items = &name, .count = 1}};
    const struct consumer_group_describe_response *response =
        node_ask(node, API_CONSUMER_GROUP_DESCRIBE, 1, &request);
    assert_non_null(response);
    return &response->groups.items[0];
}

static void make_things(struct node *node)
{
    node_make_topic(node, "t", 2, NULL);
    node_find_coordinator(node);
}

static void a_member_is_there_after_a_restart(void **state)
{
    struct node *node = *state;
    make_things(node);
    const struct consumer_group_heartbeat_response *joined = beat(node, 0);
    assert_int_equal(joined->error_code, 0);
    assert_int_equal(joined->member_epoch, 2);
    assert_int_equal(joined->assignment->topics.items[0].partitions.count, 2);
    node_restart(node);
    assert_int_equal(beat(node, 2)->error_code, 0);
    assert_true(bytes_equal_string(describe(node)->group_state, "Stable"));
    assert_int_equal(describe(node)->members.count, 1);
}

static void a_topic_that_grows_is_assigned_anew(void **state)
{
    struct node *node = *state;
    make_things(node);
    assert_int_equal(beat(node, 0)->member_epoch, 2);
    struct create_partitions_request_topic topic = {
        .name = BYTES_LITERAL("t"), .count = 5, .assignments = {.count = -1}};
    struct create_partitions_request request = {.topics = {.items = &topic, .count = 1},
                                                .timeout_ms = 1000};
    const struct create_partitions_response *response =
        node_ask(node, API_CREATE_PARTITIONS, 2, &request);
    assert_int_equal(response->results.items[0].error_code, 0);
    const struct consumer_group_heartbeat_response *next = beat(node, 2);
    assert_int_equal(next->member_epoch, 3);
    assert_int_equal(next->assignment->topics.items[0].partitions.count, 5);
}

static void a_silent_member_is_gone(void **state)
{
    struct node *node = *state;
    make_things(node);
    assert_int_equal(beat(node, 0)->error_code, 0);
    node_run_ms(node, 46000);
    assert_int_equal(beat(node, 2)->error_code, error_code(ERROR_UNKNOWN_MEMBER_ID));
    assert_true(bytes_equal_string(describe(node)->group_state, "Empty"));
}

static void offsets_are_committed_by_topic_id(void **state)
{
    struct node *node = *state;
    make_things(node);
    struct wire_uuid id = beat(node, 0)->assignment->topics.items[0].topic_id;
    struct offset_commit_request_partition part = {.index = 1, .committed_offset = 0};
    struct offset_commit_request_topic topics[] = {
        {.topic_id = {{1, 2, 3}}, .partitions = {.items = &part, .count = 1}},
        {.topic_id = id, .partitions = {.items = &part, .count = 1}}};
    struct offset_commit_request commit = {.group_id = BYTES_LITERAL("g"),
                                           .generation_id_or_member_epoch = 2,
                                           .member_id = BYTES_LITERAL("m"),
                                           .topics = {.items = topics, .count = 2}};
    const struct offset_commit_response *committed = node_ask(node, API_OFFSET_COMMIT, 10, &commit);
    assert_int_equal(committed->topics.items[0].partitions.items[0].error_code,
                     error_code(ERROR_UNKNOWN_TOPIC_ID));
    assert_int_equal(committed->topics.items[1].partitions.items[0].error_code, 0);
    struct offset_fetch_request_group group = {
        .group_id = BYTES_LITERAL("g"), .member_epoch = -1, .topics = {.count = -1}};
    struct offset_fetch_request fetch = {.groups = {.items = &group, .count = 1}};
    const struct offset_fetch_response *fetched = node_ask(node, API_OFFSET_FETCH, 10, &fetch);
    const struct offset_fetch_response_group_topic *topic =
        &fetched->groups.items[0].topics.items[0];
    assert_memory_equal(&topic->topic_id, &id, sizeof id);
    assert_int_equal(topic->partitions.items[0].index, 1);
    assert_int_equal(topic->partitions.items[0].committed_offset, 0);
    node_produce(node, "t", 1, node_batch(node, 3, "v", node_wall_ms(node)));
    assert_int_equal(
        node_metric(node,
                    "kafka_consumergroup_lag{consumergroup=\"g\",topic=\"t\",partition=\"1\"}"),
        3);
}

static void the_protocol_can_be_switched_off(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "group.coordinator.rebalance.protocols", "classic");
    node_start(node);
    make_things(node);
    const struct consumer_group_heartbeat_response *answer = beat(node, 0);
    assert_int_equal(answer->error_code, error_code(ERROR_UNSUPPORTED_VERSION));
    assert_true(answer->error_message.size > 0);
    assert_int_equal(describe(node)->error_code, error_code(ERROR_UNSUPPORTED_VERSION));
    node_free(node);
}

static void the_brokers_options_hold(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "group.consumer.heartbeat.interval.ms", "7000");
    node_set(node, "group.consumer.max.size", "1");
    node_set(node, "group.consumer.assignors", "range");
    node_start(node);
    make_things(node);
    assert_int_equal(beat(node, 0)->heartbeat_interval_ms, 7000);
    assert_true(bytes_equal_string(describe(node)->assignor_name, "range"));
    node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_member_is_there_after_a_restart),
        NODE_TEST(a_topic_that_grows_is_assigned_anew),
        NODE_TEST(a_silent_member_is_gone),
        NODE_TEST(offsets_are_committed_by_topic_id),
        cmocka_unit_test(the_protocol_can_be_switched_off),
        cmocka_unit_test(the_brokers_options_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
