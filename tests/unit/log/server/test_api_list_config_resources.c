/* Shows that everything with configurations is listed, by kind. */
#include "tests/unit/log/server/node.h"

static const struct list_config_resources_response *ask(struct node *node, int16_t version,
                                                        int8_t kind)
{
    struct list_config_resources_request request = {
        .resource_types = {.items = &kind, .count = kind == 0 ? 0 : 1}};
    return node_ask(node, API_LIST_CONFIG_RESOURCES, version, &request);
}

static int32_t count(struct node *node, int8_t kind)
{
    const struct list_config_resources_response *response = ask(node, 1, kind);
    assert_int_equal(response->error_code, 0);
    for (int32_t i = 0; kind != 0 && i < response->config_resources.count; i++) {
        assert_int_equal(response->config_resources.items[i].resource_type, kind);
    }
    return response->config_resources.count;
}

static void resources_are_listed_by_kind(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "a", 1, NULL);
    node_make_topic(node, "b", 1, NULL);
    assert_int_equal(count(node, 2), 2);
    assert_int_equal(count(node, 4), 1);
    assert_int_equal(count(node, 16), 0);
    assert_int_equal(count(node, 32), 0);
    assert_int_equal(count(node, 0), 2 + 1 + count(node, 8));
}

static void many_topics_are_all_listed(void **state)
{
    struct node *node = *state;
    for (int i = 0; i < 150; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        node_make_topic(node, name, 1, NULL);
    }
    assert_int_equal(count(node, 2), 150);
}

static void version_0_knows_client_metrics_only(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "a", 1, NULL);
    assert_int_equal(ask(node, 0, 0)->config_resources.count, 0);
}

static void an_unknown_kind_is_refused(void **state)
{
    assert_int_equal(ask(*state, 1, 99)->error_code, 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(resources_are_listed_by_kind),
        NODE_TEST(many_topics_are_all_listed),
        NODE_TEST(version_0_knows_client_metrics_only),
        NODE_TEST(an_unknown_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
