/* Shows that nobody has SCRAM credentials, and that who is asked for is told so once. */
#include "tests/unit/log/server/node.h"

static void nobody_has_any(void **state)
{
    struct describe_user_scram_credentials_request_user users[] = {
        {.name = BYTES_LITERAL("u")}, {.name = BYTES_LITERAL("v")}, {.name = BYTES_LITERAL("u")}};
    struct describe_user_scram_credentials_request request = {.users = {.count = -1}};
    const struct describe_user_scram_credentials_response *response =
        node_ask(*state, API_DESCRIBE_USER_SCRAM_CREDENTIALS, 0, &request);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->results.count, 0);
    request.users.items = users;
    request.users.count = 3;
    response = node_ask(*state, API_DESCRIBE_USER_SCRAM_CREDENTIALS, 0, &request);
    assert_int_equal(response->results.count, 2);
    assert_int_equal(response->results.items[0].error_code, 92);
    assert_int_equal(response->results.items[1].error_code, 91);
}

int main(void)
{
    const struct CMUnitTest tests[] = {NODE_TEST(nobody_has_any)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
