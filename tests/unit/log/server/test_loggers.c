/* Shows that the level of diagnostics can be asked for and changed through the protocol. */
#include "tests/unit/log/server/node.h"

static int16_t change(struct node *node, const char *broker, const char *logger, int8_t kind,
                      const char *level, bool is_validate_only)
{
    struct incremental_alter_configs_request_config config = {
        .name = node_text(logger), .config_operation = kind, .value = node_text(level)};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = 8,
        .resource_name = node_text(broker),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}, .validate_only = is_validate_only};
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    return response->resources.items[0].error_code;
}

static void the_level_can_be_changed(void **state)
{
    struct node *node = *state;
    enum trace_level before = trace_get_level();
    assert_int_equal(change(node, "1", "root", 0, "TRACE", true), 0);
    assert_int_equal(trace_get_level(), before);
    assert_int_equal(change(node, "1", "root", 0, "FATAL", false), 0);
    assert_int_equal(trace_get_level(), TRACE_ERROR);
    struct describe_configs_request_resource asked = {.resource_type = 8,
                                                      .resource_name = BYTES_LITERAL("1"),
                                                      .configuration_keys = {.count = -1}};
    struct describe_configs_request request = {.resources = {.items = &asked, .count = 1}};
    const struct describe_configs_response *response =
        node_ask(node, API_DESCRIBE_CONFIGS, 4, &request);
    assert_int_equal(response->results.items[0].configs.count, 1);
    assert_true(bytes_equal_string(response->results.items[0].configs.items[0].value, "ERROR"));
    assert_int_equal(response->results.items[0].configs.items[0].config_source, 6);
    trace_set_level(before);
}

static void what_is_wrong_changes_nothing(void **state)
{
    struct node *node = *state;
    enum trace_level before = trace_get_level();
    assert_int_equal(change(node, "1", "root", 0, "LOUD", false), 40);
    assert_int_equal(change(node, "1", "other", 0, "INFO", false), 40);
    assert_int_equal(change(node, "1", "root", 1, "INFO", false), 42);
    assert_int_equal(change(node, "1", "root", 2, "INFO", false), 42);
    assert_int_equal(change(node, "1", "root", 9, "INFO", false), 42);
    assert_int_equal(change(node, "7", "root", 0, "INFO", false), 42);
    assert_int_equal(change(node, "", "root", 0, "INFO", false), 42);
    assert_int_equal(change(node, "x", "root", 0, "INFO", false), 42);
    assert_int_equal(trace_get_level(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(the_level_can_be_changed),
        NODE_TEST(what_is_wrong_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
