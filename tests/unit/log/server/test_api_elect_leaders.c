/* Shows that the only broker leads already, and that what is not there cannot be led. */
#include "tests/unit/log/server/node.h"

static const struct elect_leaders_response *ask(struct node *node, int8_t kind, int32_t topic_count)
{
    int32_t indexes[] = {0, 7};
    struct elect_leaders_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partitions = {.items = indexes, .count = 2}},
        {.name = BYTES_LITERAL("none"), .partitions = {.items = indexes, .count = 1}}};
    struct elect_leaders_request request = {.election_type = kind,
                                            .topics = {.items = topics, .count = topic_count}};
    return node_ask(node, API_ELECT_LEADERS, 2, &request);
}

static void an_election_is_not_needed(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (int8_t kind = 0; kind <= 1; kind++) {
        const struct elect_leaders_response *response = ask(node, kind, 2);
        assert_int_equal(response->error_code, 0);
        assert_int_equal(response->results.items[0].partitions.items[0].error_code, 84);
        assert_int_equal(response->results.items[0].partitions.items[1].error_code, 3);
        assert_int_equal(response->results.items[1].partitions.items[0].error_code, 3);
    }
}

static void of_all_partitions_only_failures_are_told(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    const struct elect_leaders_response *response = ask(node, 0, -1);
    assert_int_equal(response->results.count, 1);
    assert_int_equal(response->results.items[0].partitions.count, 0);
    assert_int_equal(ask(node, 0, 0)->results.count, 0);
}

static void an_unknown_kind_of_election_is_refused(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    const struct elect_leaders_response *response = ask(node, 5, 1);
    assert_int_equal(response->error_code, 42);
    assert_int_equal(response->results.items[0].partitions.items[0].error_code, 42);
    assert_int_equal(ask(node, 5, -1)->error_code, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(an_election_is_not_needed),
        NODE_TEST(of_all_partitions_only_failures_are_told),
        NODE_TEST(an_unknown_kind_of_election_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
