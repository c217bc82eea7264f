/* Shows that the broker that answers is not forgotten, and that no other is known. */
#include "tests/unit/log/server/node.h"

static int16_t ask(struct node *node, int32_t broker)
{
    struct unregister_broker_request request = {.broker_id = broker};
    const struct unregister_broker_response *response =
        node_ask(node, API_UNREGISTER_BROKER, 0, &request);
    assert_true(response->error_message.size > 0);
    return response->error_code;
}

static void nobody_is_unregistered(void **state)
{
    assert_int_equal(ask(*state, 1), 42);
    assert_int_equal(ask(*state, 7), 102);
    assert_int_equal(ask(*state, -1), 102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {NODE_TEST(nobody_is_unregistered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
