/* Shows that this broker coordinates every group, makes the offsets topic at the first question,
 * does the same for transactions, and knows no other kind of coordinator. */
#include "tests/unit/log/server/node.h"

enum { GROUP = 0, TRANSACTION = 1, OTHER = 9 };

static const struct find_coordinator_response *ask(struct node *node, int16_t version, int8_t kind,
                                                   struct bytes *keys, int32_t count)
{
    struct find_coordinator_request request = {
        .key = keys[0], .key_type = kind, .coordinator_keys = {.items = keys, .count = count}};
    const struct find_coordinator_response *response =
        node_ask(node, API_FIND_COORDINATOR, version, &request);
    assert_non_null(response);
    return response;
}

static void every_group_is_coordinated_here(void **state)
{
    struct node *node = *state;
    struct bytes keys[] = {BYTES_LITERAL("a"), BYTES_LITERAL("b"), BYTES_LITERAL("a")};
    for (int16_t version = 0; version <= 3; version++) {
        const struct find_coordinator_response *response = ask(node, version, GROUP, keys, 1);
        assert_int_equal(response->error_code, 0);
        assert_int_equal(response->node_id, 1);
        assert_true(bytes_equal_string(response->host, "node0"));
        assert_int_equal(response->port, 9092);
    }
    const struct find_coordinator_response *response = ask(node, 4, GROUP, keys, 3);
    assert_int_equal(response->coordinators.count, 3);
    for (int32_t i = 0; i < 3; i++) {
        assert_true(bytes_equal(response->coordinators.items[i].key, keys[i]));
        assert_int_equal(response->coordinators.items[i].error_code, 0);
        assert_int_equal(response->coordinators.items[i].node_id, 1);
    }
    assert_int_equal(ask(node, 4, GROUP, keys, 0)->coordinators.count, 0);
}

/* Whoever is told of a coordinator can use it at once. */
static void the_first_question_makes_the_offsets_topic(void **state)
{
    struct node *node = *state;
    struct bytes keys[] = {BYTES_LITERAL("a")};
    struct offset_fetch_request fetch = {.group_id = keys[0], .topics = {.count = -1}};
    const struct offset_fetch_response *before = node_ask(node, API_OFFSET_FETCH, 5, &fetch);
    assert_int_equal(before->error_code, 15);
    assert_int_equal(ask(node, 2, GROUP, keys, 1)->error_code, 0);
    const struct offset_fetch_response *after = node_ask(node, API_OFFSET_FETCH, 5, &fetch);
    assert_int_equal(after->error_code, 0);
}

static void every_transaction_is_coordinated_here(void **state)
{
    struct node *node = *state;
    struct bytes keys[] = {BYTES_LITERAL("a"), BYTES_LITERAL("b")};
    struct metadata_request all = {.topics = {.count = -1}};
    assert_int_equal(ask(node, 2, TRANSACTION, keys, 1)->error_code, 0);
    assert_int_equal(ask(node, 6, TRANSACTION, keys, 2)->coordinators.items[1].node_id, 1);
    const struct metadata_response *metadata = node_ask(node, API_METADATA, 8, &all);
    assert_int_equal(metadata->topics.count, 1);
    assert_true(bytes_equal_string(metadata->topics.items[0].name, "__transaction_state"));
    assert_true(metadata->topics.items[0].is_internal);
}

static void there_are_no_other_coordinators(void **state)
{
    struct node *node = *state;
    struct bytes keys[] = {BYTES_LITERAL("a")};
    assert_int_equal(ask(node, 2, OTHER, keys, 1)->error_code, 42);
    assert_int_equal(ask(node, 2, OTHER, keys, 1)->node_id, -1);
    assert_int_equal(ask(node, 4, OTHER, keys, 1)->coordinators.items[0].error_code, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(every_group_is_coordinated_here),
        NODE_TEST(the_first_question_makes_the_offsets_topic),
        NODE_TEST(every_transaction_is_coordinated_here),
        NODE_TEST(there_are_no_other_coordinators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
