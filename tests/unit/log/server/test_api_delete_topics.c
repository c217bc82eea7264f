/* Shows that topics go by name or by id, that a doubtful request deletes nothing, and that their
 * committed offsets go with them. */
#include "tests/unit/log/server/node.h"

static const struct delete_topics_response *
ask(struct node *node, struct delete_topics_request_topic *topics, int32_t count)
{
    struct delete_topics_request request = {.topics = {.items = topics, .count = count},
                                            .timeout_ms = 1000};
    const struct delete_topics_response *response = node_ask(node, API_DELETE_TOPICS, 6, &request);
    assert_non_null(response);
    return response;
}

static struct delete_topics_response_topic ask_one(struct node *node, const char *name,
                                                   struct wire_uuid id)
{
    struct delete_topics_request_topic topic = {
        .name = name == NULL ? (struct bytes){0} : node_text(name), .topic_id = id};
    const struct delete_topics_response *response = ask(node, &topic, 1);
    assert_int_equal(response->topics.count, 1);
    return response->topics.items[0];
}

static const struct wire_uuid nothing = {{0}};

/* Zero when there is no such topic. */
static struct wire_uuid find_id(struct node *node, const char *name)
{
    struct metadata_request_topic topic = {.name = node_text(name)};
    struct metadata_request request = {.topics = {.items = &topic, .count = 1}};
    const struct metadata_response *response = node_ask(node, API_METADATA, 10, &request);
    return response->topics.items[0].topic_id;
}

static bool exists(struct node *node, const char *name)
{
    struct wire_uuid id = find_id(node, name);
    return memcmp(&id, &nothing, sizeof id) != 0;
}

static void a_topic_goes_by_name_in_every_version(void **state)
{
    struct node *node = *state;
    for (int16_t version = 1; version <= 5; version++) {
        struct bytes names[] = {BYTES_LITERAL("t"), BYTES_LITERAL("unknown")};
        struct delete_topics_request request = {.topic_names = {.items = names, .count = 2},
                                                .timeout_ms = 1000};
        node_make_topic(node, "t", 2, NULL);
        const struct delete_topics_response *response =
            node_ask(node, API_DELETE_TOPICS, version, &request);
        assert_int_equal(response->topics.items[0].error_code, 0);
        assert_int_equal(response->topics.items[1].error_code, 3);
        assert_false(exists(node, "t"));
    }
    node_make_topic(node, "t", 2, NULL);
    assert_int_equal(ask_one(node, "t", nothing).error_code, 0);
    assert_false(exists(node, "t"));
}

static void a_topic_goes_by_id(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct wire_uuid id = find_id(node, "t");
    struct delete_topics_response_topic answer = ask_one(node, NULL, id);
    assert_int_equal(answer.error_code, 0);
    assert_true(bytes_equal_string(answer.name, "t"));
    assert_int_equal(ask_one(node, NULL, id).error_code, 100);
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(ask_one(node, NULL, id).error_code, 100); /* another topic */
    assert_true(exists(node, "t"));
}

static void name_and_id_exclude_each_other(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(ask_one(node, "t", find_id(node, "t")).error_code, 42);
    assert_int_equal(ask_one(node, NULL, nothing).error_code, 42);
    assert_true(exists(node, "t"));
}

static void what_is_named_twice_stays(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    node_make_topic(node, "u", 1, NULL);
    struct wire_uuid id = find_id(node, "t");
    struct delete_topics_request_topic twice[][2] = {
        {{.name = BYTES_LITERAL("t")}, {.name = BYTES_LITERAL("t")}},
        {{.topic_id = id}, {.topic_id = id}},
        {{.name = BYTES_LITERAL("t")}, {.topic_id = id}},
        {{.topic_id = id}, {.name = BYTES_LITERAL("t")}}};
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        const struct delete_topics_response *response = ask(node, twice[i], 2);
        assert_int_equal(response->topics.count, 1);
        assert_int_equal(response->topics.items[0].error_code, 42);
        assert_true(exists(node, "t"));
    }
    struct delete_topics_request_topic mixed[] = {
        {.name = BYTES_LITERAL("t")}, {.name = BYTES_LITERAL("u")}, {.name = BYTES_LITERAL("t")}};
    const struct delete_topics_response *response = ask(node, mixed, 3);
    assert_int_equal(response->topics.count, 2);
    assert_true(exists(node, "t"));
    assert_false(exists(node, "u"));
}

static void deletion_can_be_forbidden(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "delete.topic.enable", "false");
    node_start(node);
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(ask_one(node, "t", nothing).error_code, 73);
    assert_true(exists(node, "t"));
    node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_topic_goes_by_name_in_every_version), NODE_TEST(a_topic_goes_by_id),
        NODE_TEST(name_and_id_exclude_each_other),        NODE_TEST(what_is_named_twice_stays),
        cmocka_unit_test(deletion_can_be_forbidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
