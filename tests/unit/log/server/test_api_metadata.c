/* Shows what each form of the question is answered: all topics, none, some, unknown ones, wrong
 * names, ids, and that topics come into being only when both sides allow it. */
#include "tests/unit/log/server/node.h"

static const struct metadata_response *ask(struct node *node, int16_t version,
                                           struct metadata_request_topic *topics, int32_t count,
                                           bool is_creating)
{
    struct metadata_request request = {.topics = {.items = topics, .count = count},
                                       .allow_auto_topic_creation = is_creating};
    const struct metadata_response *response = node_ask(node, API_METADATA, version, &request);
    assert_non_null(response);
    return response;
}

static const struct metadata_response_topic *ask_one(struct node *node, int16_t version,
                                                     const char *name, bool is_creating)
{
    struct metadata_request_topic topic = {.name = node_text(name)};
    const struct metadata_response *response = ask(node, version, &topic, 1, is_creating);
    assert_int_equal(response->topics.count, 1);
    assert_true(bytes_equal_string(response->topics.items[0].name, name));
    return &response->topics.items[0];
}

static void an_empty_list_is_everything_in_version_0_only(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "a", 2, NULL);
    node_make_topic(node, "b", 1, NULL);
    assert_int_equal(ask(node, 0, NULL, 0, false)->topics.count, 2);
    for (int16_t version = 1; version <= 13; version++) {
        assert_int_equal(ask(node, version, NULL, 0, false)->topics.count, 0);
        assert_int_equal(ask(node, version, NULL, -1, false)->topics.count, 2);
    }
}

static void brokers_and_leaders_are_those_of_this_node(void **state)
{
    struct node *node = *state;
    struct metadata_request_topic topic = {.name = BYTES_LITERAL("a")};
    node_make_topic(node, "a", 2, NULL);
    const struct metadata_response *response = ask(node, 9, &topic, 1, false);
    assert_int_equal(response->brokers.count, 1);
    assert_int_equal(response->brokers.items[0].node_id, 1);
    assert_true(bytes_equal_string(response->brokers.items[0].host, "node0"));
    assert_int_equal(response->brokers.items[0].port, 9092);
    assert_int_equal(response->controller_id, 1);
    assert_true(response->cluster_id.size > 0);
    assert_int_equal(response->topics.items[0].partitions.count, 2);
    for (int32_t i = 0; i < 2; i++) {
        const struct metadata_response_partition *partition =
            &response->topics.items[0].partitions.items[i];
        assert_int_equal(partition->index, i);
        assert_int_equal(partition->leader_id, 1);
        assert_int_equal(partition->leader_epoch, 0);
        assert_int_equal(partition->isr_nodes.count, 1);
    }
}

static void an_unknown_topic_is_made_when_both_sides_allow_it(void **state)
{
    struct node *node = *state;
    assert_int_equal(ask_one(node, 4, "new", false)->error_code, 3);
    assert_int_equal(ask_one(node, 4, "new", true)->error_code, 0);
    assert_int_equal(ask_one(node, 4, "new", false)->partitions.count, 1);
    assert_int_equal(ask_one(node, 3, "older", false)->error_code, 0); /* cannot say no */
}

static void a_broker_that_makes_no_topics_says_unknown(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "auto.create.topics.enable", "false");
    node_start(node);
    assert_int_equal(ask_one(node, 4, "new", true)->error_code, 3);
    node_free(node);
}

static void a_name_that_cannot_be_is_refused(void **state)
{
    struct node *node = *state;
    assert_int_equal(ask_one(node, 5, "a b", true)->error_code, 17);
    assert_int_equal(ask_one(node, 5, "", true)->error_code, 17);
    assert_int_equal(ask_one(node, 5, "..", true)->error_code, 17);
}

static void a_topic_asked_twice_is_answered_once(void **state)
{
    struct node *node = *state;
    struct metadata_request_topic topics[] = {{.name = BYTES_LITERAL("a")},
                                              {.name = BYTES_LITERAL("new")},
                                              {.name = BYTES_LITERAL("a")},
                                              {.name = BYTES_LITERAL("new")}};
    node_make_topic(node, "a", 1, NULL);
    const struct metadata_response *response = ask(node, 9, topics, 4, true);
    assert_int_equal(response->topics.count, 2);
    assert_int_equal(response->topics.items[0].error_code, 0);
    assert_int_equal(response->topics.items[1].error_code, 0);
}

static void ids_name_topics_from_version_12_on(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "a", 1, NULL);
    struct wire_uuid id = ask_one(node, 12, "a", false)->topic_id;
    struct metadata_request_topic topic = {.topic_id = id};
    const struct metadata_response_topic *found = &ask(node, 12, &topic, 1, false)->topics.items[0];
    assert_int_equal(found->error_code, 0);
    assert_true(bytes_equal_string(found->name, "a"));
    for (int16_t version = 10; version <= 11; version++) {
        assert_int_equal(ask(node, version, &topic, 1, false)->topics.items[0].error_code, 42);
    }
    topic.topic_id.octets[0] ^= 1;
    found = &ask(node, 12, &topic, 1, false)->topics.items[0];
    assert_int_equal(found->error_code, 100);
    assert_true(bytes_is_null(found->name));
    topic.name = BYTES_LITERAL("a"); /* the id counts */
    assert_int_equal(ask(node, 12, &topic, 1, false)->topics.items[0].error_code, 100);
}

static void operations_are_told_when_they_are_asked_for(void **state)
{
    struct node *node = *state;
    struct metadata_request_topic topic = {.name = BYTES_LITERAL("a")};
    struct metadata_request request = {.topics = {.items = &topic, .count = 1}};
    node_make_topic(node, "a", 1, NULL);
    const struct metadata_response *response = node_ask(node, API_METADATA, 8, &request);
    assert_int_equal(response->cluster_authorized_operations, INT32_MIN);
    assert_int_equal(response->topics.items[0].authorized_operations, INT32_MIN);
    request.include_cluster_authorized_operations = true;
    request.include_topic_authorized_operations = true;
    response = node_ask(node, API_METADATA, 8, &request);
    assert_int_equal(response->cluster_authorized_operations, 8096); /* as Kafka without ACLs */
    assert_int_equal(response->topics.items[0].authorized_operations, 3576);
}

static void the_rack_is_told(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "broker.rack", "r1");
    node_start(node);
    struct describe_cluster_request request = {.endpoint_type = 1};
    const struct describe_cluster_response *cluster =
        node_ask(node, API_DESCRIBE_CLUSTER, 1, &request);
    assert_true(bytes_equal_string(ask(node, 5, NULL, 0, false)->brokers.items[0].rack, "r1"));
    assert_true(bytes_equal_string(cluster->brokers.items[0].rack, "r1"));
    node_free(node);
}

static void the_offsets_topic_is_internal(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    const struct metadata_response_topic *topic = ask_one(node, 5, "__consumer_offsets", false);
    assert_true(topic->is_internal);
    assert_int_equal(topic->partitions.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(an_empty_list_is_everything_in_version_0_only),
        NODE_TEST(brokers_and_leaders_are_those_of_this_node),
        NODE_TEST(an_unknown_topic_is_made_when_both_sides_allow_it),
        cmocka_unit_test(a_broker_that_makes_no_topics_says_unknown),
        NODE_TEST(a_name_that_cannot_be_is_refused),
        NODE_TEST(a_topic_asked_twice_is_answered_once),
        NODE_TEST(ids_name_topics_from_version_12_on),
        NODE_TEST(operations_are_told_when_they_are_asked_for),
        cmocka_unit_test(the_rack_is_told),
        NODE_TEST(the_offsets_topic_is_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
