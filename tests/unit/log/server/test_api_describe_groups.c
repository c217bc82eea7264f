/* Shows what is told about groups, and how they are deleted. */
#include "tests/unit/log/server/group_client.h"

static const struct describe_groups_response_group *describe(struct node *node, int16_t version,
                                                             const char *name, bool has_operations)
{
    struct bytes names[] = {node_text(name)};
    struct describe_groups_request request = {.groups = {.items = names, .count = 1},
                                              .include_authorized_operations = has_operations};
    const struct describe_groups_response *response =
        node_ask(node, API_DESCRIBE_GROUPS, version, &request);
    assert_non_null(response);
    return &response->groups.items[0];
}

static struct group_client enter(struct node *node)
{
    struct group_client client = group_client_make(node);
    assert_int_equal(group_client_join(&client, 5), 0);
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    return client;
}

static void a_stable_group_is_described_in_every_version(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    enter(node);
    for (int16_t version = 0; version <= 5; version++) {
        const struct describe_groups_response_group *group = describe(node, version, "g", false);
        assert_int_equal(group->error_code, 0);
        assert_true(bytes_equal_string(group->group_state, "Stable"));
        assert_true(bytes_equal_string(group->protocol_type, "consumer"));
        assert_true(bytes_equal_string(group->protocol_data, "range"));
        assert_int_equal(group->members.count, 1);
        assert_true(bytes_equal_string(group->members.items[0].client_id, "tester"));
        assert_true(bytes_has_prefix(group->members.items[0].client_host, BYTES_LITERAL("/")));
        assert_true(bytes_equal_string(group->members.items[0].member_metadata, "m"));
        assert_true(bytes_equal_string(group->members.items[0].member_assignment, "mine"));
        assert_true(bytes_equal_string(describe(node, version, "x", false)->group_state, "Dead"));
    }
    assert_int_equal(describe(node, 5, "g", false)->authorized_operations, INT32_MIN);
    assert_int_equal(describe(node, 5, "g", true)->authorized_operations, 3400);
}

/* What a member had is seen until it has something else. */
static void assignments_are_seen_while_a_rebalance_begins(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    enter(node);
    struct group_client second = group_client_make(node);
    assert_int_equal(group_client_end_join(&second, group_client_send_join(&second, 5)), 79);
    group_client_send_join(&second, 5);
    node_run_ms(node, 100);
    const struct describe_groups_response_group *group = describe(node, 5, "g", false);
    assert_true(bytes_equal_string(group->group_state, "PreparingRebalance"));
    assert_int_equal(group->members.count, 2);
    assert_true(bytes_equal_string(group->members.items[0].member_assignment, "mine"));
    assert_int_equal(group->members.items[0].member_metadata.size, 0);
    assert_int_equal(group->members.items[1].member_assignment.size, 0);
}

static int32_t list(struct node *node, int16_t version, const char *state, const char *type)
{
    struct bytes states[] = {node_text(state)};
    struct bytes types[] = {node_text(type)};
    struct list_groups_request request = {
        .states_filter = {.items = states, .count = *state == 0 ? 0 : 1},
        .types_filter = {.items = types, .count = *type == 0 ? 0 : 1}};
    const struct list_groups_response *response =
        node_ask(node, API_LIST_GROUPS, version, &request);
    assert_int_equal(response->error_code, 0);
    return response->groups.count;
}

static void lists_are_filtered(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    assert_int_equal(list(node, 0, "", ""), 0);
    enter(node);
    for (int16_t version = 0; version <= 5; version++) {
        assert_int_equal(list(node, version, "", ""), 1);
    }
    assert_int_equal(list(node, 4, "Stable", ""), 1);
    assert_int_equal(list(node, 4, "Empty", ""), 0);
    assert_int_equal(list(node, 5, "stable", "classic"), 1);
    assert_int_equal(list(node, 5, "", "consumer"), 0);
}

static void groups_in_use_stay_and_others_go_once(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = enter(node);
    struct bytes names[] = {BYTES_LITERAL("g"), BYTES_LITERAL("x"), BYTES_LITERAL("g")};
    struct delete_groups_request request = {.group_names = {.items = names, .count = 3}};
    for (int16_t version = 0; version <= 2; version++) {
        const struct delete_groups_response *response =
            node_ask(node, API_DELETE_GROUPS, version, &request);
        assert_int_equal(response->results.count, 2);
        assert_int_equal(response->results.items[0].error_code, 68);
        assert_int_equal(response->results.items[1].error_code, 69);
    }
    assert_int_equal(group_client_leave(&client), 0);
    const struct delete_groups_response *response = node_ask(node, API_DELETE_GROUPS, 2, &request);
    assert_int_equal(response->results.count, 2);
    assert_int_equal(response->results.items[0].error_code, 0);
    assert_int_equal(list(node, 5, "", ""), 0);
}

/* Every one of them votes with the others; in a time that grows with their number, not its cube. */
static void a_large_group_settles(void **state)
{
    enum { COUNT = 400 };
    (void)state;
    struct node *node = node_new();
    node_set(node, "group.initial.rebalance.delay.ms", "1000");
    node_start(node);
    struct group_client clients[COUNT];
    struct node_call *calls[COUNT];
    node_find_coordinator(node);
    for (int i = 0; i < COUNT; i++) {
        clients[i] = group_client_make(node);
        group_client_end_join(&clients[i], group_client_send_join(&clients[i], 4));
    }
    for (int i = 0; i < COUNT; i++) {
        calls[i] = group_client_send_join(&clients[i], 4);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(group_client_end_join(&clients[i], calls[i]), 0);
    }
    assert_int_equal(describe(node, 5, "g", false)->members.count, COUNT);
    node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_stable_group_is_described_in_every_version),
        NODE_TEST(assignments_are_seen_while_a_rebalance_begins),
        NODE_TEST(lists_are_filtered),
        NODE_TEST(groups_in_use_stay_and_others_go_once),
        cmocka_unit_test(a_large_group_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
