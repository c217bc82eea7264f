/* Shows a group's life as its members see it, in every version: who is told an id first, what the
 * leader learns, what the others get, and when somebody is gone. */
#include "tests/unit/log/server/group_client.h"

static void an_id_is_promised_from_version_4_on(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    for (int16_t version = 0; version <= 9; version++) {
        struct group_client client = group_client_make(node);
        int16_t error = group_client_end_join(&client, group_client_send_join(&client, version));
        assert_int_equal(error, version >= 4 ? 79 : 0);
        assert_true(bytes_has_prefix(client.id, BYTES_LITERAL("tester-")));
        if (error != 0) {
            assert_int_equal(group_client_join(&client, version), 0);
        }
        assert_true(bytes_equal(client.id, client.leader));
        assert_int_equal(group_client_leave(&client), 0);
    }
}

static void a_static_member_needs_no_promise(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    client.instance = "i";
    assert_int_equal(group_client_end_join(&client, group_client_send_join(&client, 5)), 0);
    assert_true(bytes_has_prefix(client.id, BYTES_LITERAL("i-")));
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    struct group_client twin = group_client_make(node);
    twin.instance = "i";
    assert_int_equal(group_client_end_join(&twin, group_client_send_join(&twin, 5)), 0);
    assert_int_equal(twin.generation, client.generation); /* no rebalance */
    assert_int_equal(group_client_beat(&client, 3), 82);
    assert_int_equal(group_client_beat(&twin, 3), 0);
}

static void every_version_of_sync_and_heartbeat_works(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    for (int16_t version = 0; version <= 5; version++) {
        struct group_client client = group_client_make(node);
        assert_int_equal(group_client_join(&client, 5), 0);
        const struct sync_group_response *response =
            group_client_sync(&client, version, version >= 5 ? "consumer" : NULL);
        assert_int_equal(response->error_code, 0);
        assert_true(bytes_equal_string(response->assignment, "mine"));
        assert_int_equal(group_client_beat(&client, version > 4 ? 4 : version), 0);
        assert_int_equal(group_client_leave(&client), 0);
        assert_int_equal(group_client_beat(&client, 3), 25);
    }
}

static void a_sync_names_its_protocol_from_version_5_on(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    assert_int_equal(group_client_join(&client, 5), 0);
    assert_int_equal(group_client_sync(&client, 5, NULL)->error_code, 23);
    assert_int_equal(group_client_sync(&client, 5, "connect")->error_code, 23);
    assert_int_equal(group_client_sync(&client, 5, "consumer")->error_code, 0);
    assert_int_equal(group_client_sync(&client, 4, NULL)->error_code, 0);
}

static void the_empty_name_is_no_group(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct heartbeat_request beat = {.member_id = BYTES_LITERAL("m")};
    struct sync_group_request sync = {.member_id = BYTES_LITERAL("m")};
    struct leave_group_request leave = {.member_id = BYTES_LITERAL("m")};
    struct join_group_request join = {.session_timeout_ms = 10000,
                                      .protocol_type = BYTES_LITERAL("consumer")};
    assert_int_equal(
        ((const struct heartbeat_response *)node_ask(node, API_HEARTBEAT, 2, &beat))->error_code,
        24);
    assert_int_equal(
        ((const struct sync_group_response *)node_ask(node, API_SYNC_GROUP, 2, &sync))->error_code,
        24);
    assert_int_equal(
        ((const struct leave_group_response *)node_ask(node, API_LEAVE_GROUP, 1, &leave))
            ->error_code,
        24);
    assert_int_equal(
        ((const struct leave_group_response *)node_ask(node, API_LEAVE_GROUP, 4, &leave))
            ->error_code,
        24);
    assert_int_equal(
        ((const struct join_group_response *)node_ask(node, API_JOIN_GROUP, 5, &join))->error_code,
        24);
}

static void two_members_share_a_generation(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client first = group_client_make(node);
    struct group_client second = group_client_make(node);
    assert_int_equal(group_client_join(&first, 5), 0);
    assert_int_equal(group_client_sync(&first, 3, NULL)->error_code, 0);
    assert_int_equal(group_client_end_join(&second, group_client_send_join(&second, 5)), 79);
    struct node_call *joining = group_client_send_join(&second, 5);
    node_run_ms(node, 1000);
    assert_false(joining->is_answered);
    assert_int_equal(group_client_beat(&first, 3), 27);
    struct node_call *again = group_client_send_join(&first, 5);
    const struct join_group_response *answer = node_wait(again);
    assert_int_equal(answer->members.count, 2); /* the leader learns all */
    assert_int_equal(group_client_end_join(&first, again), 0);
    assert_int_equal(group_client_end_join(&second, joining), 0);
    assert_int_equal(((const struct join_group_response *)joining->response)->members.count, 0);
    assert_int_equal(first.generation, second.generation);
    assert_true(bytes_equal(second.leader, first.id));
}

static void a_silent_member_is_gone_after_its_session(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    assert_int_equal(group_client_join(&client, 5), 0);
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    for (int i = 0; i < 5; i++) {
        node_run_ms(node, 9000);
        assert_int_equal(group_client_beat(&client, 3), 0);
    }
    node_run_ms(node, 10100);
    assert_int_equal(group_client_beat(&client, 3), 25);
}

static void a_member_whose_connection_breaks_is_kept_for_its_session(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    assert_int_equal(group_client_join(&client, 5), 0);
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    peer_close(client.peer);
    node_run_ms(node, 5000);
    client.peer = node_connect(node);
    assert_int_equal(group_client_beat(&client, 3), 0);
}

static void sessions_have_bounds(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    client.session_ms = 5999;
    assert_int_equal(group_client_join(&client, 5), 26);
    client.session_ms = 1800001;
    assert_int_equal(group_client_join(&client, 5), 26);
    client.session_ms = 6000;
    assert_int_equal(group_client_join(&client, 5), 0);
}

static void a_member_knows_a_hundred_protocols_at_most(void **state)
{
    struct node *node = *state;
    struct join_group_request_protocol protocols[101];
    struct join_group_request request = {.group_id = BYTES_LITERAL("g"),
                                         .session_timeout_ms = 10000,
                                         .rebalance_timeout_ms = 10000,
                                         .protocol_type = BYTES_LITERAL("consumer"),
                                         .protocols = {.items = protocols}};
    node_find_coordinator(node);
    for (int i = 0; i < 101; i++) {
        protocols[i] = (struct join_group_request_protocol){
            .name = node_text(arena_printf(&node->arena, "p%d", i)),
            .metadata = BYTES_LITERAL("m")};
    }
    for (int32_t count = 99; count <= 101; count++) {
        request.protocols.count = count;
        const struct join_group_response *response = node_ask(node, API_JOIN_GROUP, 5, &request);
        assert_int_equal(response->error_code, count > 100 ? 23 : 79);
    }
    request.protocols.count = 0;
    const struct join_group_response *response = node_ask(node, API_JOIN_GROUP, 5, &request);
    assert_int_equal(response->error_code, 23);
}

static void a_group_survives_a_restart(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    assert_int_equal(group_client_join(&client, 5), 0);
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    node_restart(node);
    client.peer = node_connect(node);
    assert_int_equal(group_client_beat(&client, 3), 0);
    assert_true(bytes_equal_string(group_client_sync(&client, 3, NULL)->assignment, "mine"));
}

static void who_waits_is_answered_at_the_end(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client first = group_client_make(node);
    struct group_client second = group_client_make(node);
    assert_int_equal(group_client_join(&first, 5), 0);
    struct node_call *joining = group_client_send_join(&second, 3);
    struct sync_group_request request = {
        .group_id = BYTES_LITERAL("g"), .generation_id = first.generation, .member_id = first.id};
    struct node_call *syncing = node_send(node, first.peer, API_SYNC_GROUP, 3, &request);
    node_run_ms(node, 100);
    assert_false(joining->is_answered);
    node_stop(node);
    assert_true(joining->is_answered);
    assert_true(syncing->is_answered);
    assert_int_equal(((const struct join_group_response *)joining->response)->error_code, 15);
}

/* KIP-429: between joining and the leader's word nobody knows what it may commit for. */
static void a_commit_in_between_is_told_to_wait(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    node_make_topic(node, "t", 1, NULL);
    struct group_client client = group_client_make(node);
    client.protocol = "cooperative-sticky";
    assert_int_equal(group_client_join(&client, 5), 0);
    struct offset_commit_request_partition part = {.committed_offset = 1};
    struct offset_commit_request_topic topic = {.name = BYTES_LITERAL("t"),
                                                .partitions = {.items = &part, .count = 1}};
    struct offset_commit_request request = {.group_id = BYTES_LITERAL("g"),
                                            .generation_id_or_member_epoch = client.generation,
                                            .member_id = client.id,
                                            .topics = {.items = &topic, .count = 1}};
    const struct offset_commit_response *response = node_ask(node, API_OFFSET_COMMIT, 7, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 27);
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    response = node_ask(node, API_OFFSET_COMMIT, 7, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
}

/* A list in version 3 and later: each member is answered for itself. */
static void several_leave_at_once(void **state)
{
    struct node *node = *state;
    node_find_coordinator(node);
    struct group_client client = group_client_make(node);
    client.instance = "i";
    assert_int_equal(group_client_join(&client, 5), 0);
    struct leave_group_request_member members[] = {
        {.member_id = BYTES_LITERAL("nobody")},
        {.member_id = BYTES_LITERAL(""), .group_instance_id = BYTES_LITERAL("x")},
        {.member_id = BYTES_LITERAL("wrong"), .group_instance_id = BYTES_LITERAL("i")},
        {.member_id = BYTES_LITERAL(""), .group_instance_id = BYTES_LITERAL("i")}};
    struct leave_group_request request = {.group_id = BYTES_LITERAL("g"),
                                          .members = {.items = members, .count = 4}};
    const struct leave_group_response *response = node_ask(node, API_LEAVE_GROUP, 4, &request);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->members.count, 4);
    assert_int_equal(response->members.items[0].error_code, 25);
    assert_int_equal(response->members.items[1].error_code, 25);
    assert_int_equal(response->members.items[2].error_code, 82);
    assert_int_equal(response->members.items[3].error_code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(an_id_is_promised_from_version_4_on),
        NODE_TEST(a_static_member_needs_no_promise),
        NODE_TEST(every_version_of_sync_and_heartbeat_works),
        NODE_TEST(a_sync_names_its_protocol_from_version_5_on),
        NODE_TEST(the_empty_name_is_no_group),
        NODE_TEST(two_members_share_a_generation),
        NODE_TEST(a_silent_member_is_gone_after_its_session),
        NODE_TEST(a_member_whose_connection_breaks_is_kept_for_its_session),
        NODE_TEST(sessions_have_bounds),
        NODE_TEST(a_member_knows_a_hundred_protocols_at_most),
        NODE_TEST(a_group_survives_a_restart),
        NODE_TEST(who_waits_is_answered_at_the_end),
        NODE_TEST(a_commit_in_between_is_told_to_wait),
        NODE_TEST(several_leave_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
