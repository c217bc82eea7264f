/* Shows that quotas are kept over a restart, that filters find them, and that wrong ones are
 * refused each by itself. */
#include "tests/unit/log/server/node.h"

#include <math.h>

enum { EXACT = 0, DEFAULT = 1, ANY = 2 };

static int16_t set(struct node *node, const char *type, const char *name, const char *key,
                   double value)
{
    struct alter_client_quotas_request_entity entities[] = {
        {.entity_type = node_text(type),
         .entity_name = name == NULL ? (struct bytes){NULL, 0} : node_text(name)},
        {.entity_type = BYTES_LITERAL("user"), .entity_name = BYTES_LITERAL("v")}};
    struct alter_client_quotas_request_operation operations[] = {
        {.key = node_text(key), .value = value, .remove = value == 0},
        {.key = BYTES_LITERAL("consumer_byte_rate"), .value = 77}};
    struct alter_client_quotas_request_entry entries[] = {
        {.entity = {.items = entities, .count = 1},
         .operations = {.items = operations, .count = 1}},
        {.entity = {.items = entities + 1, .count = 1},
         .operations = {.items = operations + 1, .count = 1}}};
    struct alter_client_quotas_request request = {.entries = {.items = entries, .count = 2}};
    const struct alter_client_quotas_response *response =
        node_ask(node, API_ALTER_CLIENT_QUOTAS, 1, &request);
    assert_int_equal(response->entries.count, 2);
    bool is_same = name != NULL && strcmp(type, "user") == 0 && strcmp(name, "v") == 0;
    assert_int_equal(response->entries.items[1].error_code, is_same ? 42 : 0);
    assert_true((response->entries.items[0].error_code == 0) ==
                bytes_is_null(response->entries.items[0].error_message));
    return response->entries.items[0].error_code;
}

static const struct describe_client_quotas_response *
find(struct node *node, const char *type, int8_t how, const char *name, bool is_strict)
{
    struct describe_client_quotas_request_component component = {
        .entity_type = node_text(type),
        .match_type = how,
        .match = name == NULL ? (struct bytes){NULL, 0} : node_text(name)};
    struct describe_client_quotas_request request = {
        .components = {.items = &component, .count = type == NULL ? 0 : 1}, .strict = is_strict};
    return node_ask(node, API_DESCRIBE_CLIENT_QUOTAS, 1, &request);
}

static void quotas_are_kept_and_found(void **state)
{
    struct node *node = *state;
    assert_int_equal(set(node, "user", "u", "producer_byte_rate", 1000), 0);
    assert_int_equal(set(node, "user", NULL, "request_percentage", 12.5), 0);
    assert_int_equal(set(node, "ip", "::1", "connection_creation_rate", 5), 0);
    node_restart(node);
    const struct describe_client_quotas_response *response = find(node, "user", EXACT, "u", true);
    assert_int_equal(response->entries.count, 1);
    assert_int_equal(response->entries.items[0].values.count, 1);
    assert_true(response->entries.items[0].values.items[0].value == 1000);
    response = find(node, "user", DEFAULT, NULL, true);
    assert_int_equal(response->entries.count, 1);
    assert_true(bytes_is_null(response->entries.items[0].entity.items[0].entity_name));
    assert_int_equal(find(node, "user", ANY, NULL, false)->entries.count, 3);
    assert_int_equal(find(node, "ip", ANY, NULL, false)->entries.count, 1);
    assert_int_equal(find(node, NULL, 0, NULL, false)->entries.count, 4);
    assert_int_equal(find(node, NULL, 0, NULL, true)->entries.count, 0);
    assert_int_equal(set(node, "user", "u", "producer_byte_rate", 0), 0);
    assert_int_equal(find(node, "user", EXACT, "u", true)->entries.count, 0);
}

static void wrong_quotas_are_refused(void **state)
{
    struct node *node = *state;
    assert_int_equal(set(node, "user", "u", "connection_creation_rate", 1), 42);
    assert_int_equal(set(node, "ip", "10.0.0.1", "producer_byte_rate", 1), 42);
    assert_int_equal(set(node, "ip", "a host", "connection_creation_rate", 1), 42);
    assert_int_equal(set(node, "planet", "x", "producer_byte_rate", 1), 42);
    assert_int_equal(set(node, "user", "", "producer_byte_rate", 1), 42);
    assert_int_equal(set(node, "user", "u", "producer_byte_rate", -1), 42);
    assert_int_equal(set(node, "user", "u", "producer_byte_rate", 1.5), 42);
    assert_int_equal(set(node, "user", "u", "producer_byte_rate", NAN), 42);
    assert_int_equal(set(node, "user", "u", "request_percentage", INFINITY), 42);
    assert_int_equal(set(node, "user", "u", "no_such", 1), 42);
    assert_int_equal(set(node, "user", "u", "no_such", 0), 0); /* taking it away is fine */
    assert_int_equal(set(node, "user", "v", "producer_byte_rate", 1), 42); /* twice in a request */
}

static void wrong_filters_are_refused(void **state)
{
    struct node *node = *state;
    assert_int_equal(find(node, "user", EXACT, NULL, false)->error_code, 42);
    assert_int_equal(find(node, "user", DEFAULT, "x", false)->error_code, 42);
    assert_int_equal(find(node, "user", 7, NULL, false)->error_code, 42);
    assert_int_equal(find(node, "", ANY, NULL, false)->error_code, 42);
    const struct describe_client_quotas_response *response = find(node, "planet", ANY, NULL, false);
    assert_int_equal(response->error_code, 35);
    assert_int_equal(response->entries.count, -1);
}

static int set_up_small(void **state)
{
    struct node *node = node_new();
    node_set(node, "client.quotas.max", "2");
    node_start(node);
    *state = node;
    return 0;
}

/* Two are there after the first call: it sets one of "v" as well. */
static void quotas_are_bounded_in_number(void **state)
{
    struct node *node = *state;
    assert_int_equal(set(node, "user", "a", "producer_byte_rate", 1), 0);
    assert_int_equal(set(node, "user", "b", "producer_byte_rate", 1), 44);
    assert_int_equal(set(node, "user", "a", "producer_byte_rate", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(quotas_are_kept_and_found),
        NODE_TEST(wrong_quotas_are_refused),
        NODE_TEST(wrong_filters_are_refused),
        cmocka_unit_test_setup_teardown(quotas_are_bounded_in_number, set_up_small, node_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
