/* Shows that the cluster is described to who asks for brokers, and to nobody who asks for others.
 */
#include "tests/unit/log/server/node.h"

static const struct describe_cluster_response *ask(struct node *node, int8_t endpoint_type,
                                                   bool has_operations)
{
    struct describe_cluster_request request = {
        .include_cluster_authorized_operations = has_operations, .endpoint_type = endpoint_type};
    return node_ask(node, API_DESCRIBE_CLUSTER, 1, &request);
}

static void brokers_are_described(void **state)
{
    const struct describe_cluster_response *response = ask(*state, 1, false);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->controller_id, 1);
    assert_int_equal(response->brokers.count, 1);
    assert_int_equal(response->brokers.items[0].port, 9092);
    assert_int_equal(response->cluster_authorized_operations, INT32_MIN);
    assert_int_equal(ask(*state, 1, true)->cluster_authorized_operations, 8096);
}

static void other_endpoints_are_not_here(void **state)
{
    const struct describe_cluster_response *response = ask(*state, 2, false);
    assert_int_equal(response->error_code, 114);
    assert_int_equal(response->controller_id, -1);
    assert_int_equal(response->brokers.count, 0);
    assert_int_equal(ask(*state, 9, false)->error_code, 115);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(brokers_are_described),
        NODE_TEST(other_endpoints_are_not_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
