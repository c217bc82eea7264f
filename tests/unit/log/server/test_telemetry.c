/* Shows that clients are asked for what subscriptions want of them, push no more often than they
 * should, and are forgotten when they are silent; errors are KIP-714's. */
#include "log/meta/meta.h"
#include "tests/unit/log/server/node.h"

static void subscribe(struct node *node, const char *name, const char *metrics, const char *match,
                      const char *interval)
{
    struct incremental_alter_configs_request_config configs[] = {
        {.name = BYTES_LITERAL("metrics"), .value = node_text(metrics)},
        {.name = BYTES_LITERAL("match"), .value = node_text(match)},
        {.name = BYTES_LITERAL("interval.ms"), .value = node_text(interval)}};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = 16,
        .resource_name = node_text(name),
        .configs = {.items = configs, .count = 3}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_int_equal(response->resources.items[0].error_code, 0);
}

static const struct get_telemetry_subscriptions_response *ask(struct node *node,
                                                              struct wire_uuid id)
{
    struct get_telemetry_subscriptions_request request = {.client_instance_id = id};
    return node_ask(node, API_GET_TELEMETRY_SUBSCRIPTIONS, 0, &request);
}

static struct wire_uuid make_id(uint8_t number)
{
    return (struct wire_uuid){.octets = {number, 2, 3}};
}

static int16_t push(struct node *node, struct wire_uuid id, int32_t subscription_id, int8_t codec,
                    struct bytes metrics, bool is_terminating)
{
    struct push_telemetry_request request = {.client_instance_id = id,
                                             .subscription_id = subscription_id,
                                             .compression_type = codec,
                                             .terminating = is_terminating,
                                             .metrics = metrics};
    const struct push_telemetry_response *response =
        node_ask(node, API_PUSH_TELEMETRY, 0, &request);
    return response->error_code;
}

/* One gauge "x" = 5. */
static const struct bytes one_gauge =
    BYTES_LITERAL("\x0a\x14\x12\x12\x12\x10\x0a\x01x\x2a\x0b\x0a\x09\x21\0\0\0\0\0\0\x14\x40");

static void without_a_subscription_nothing_is_wanted(void **state)
{
    const struct get_telemetry_subscriptions_response *answer =
        ask(*state, (struct wire_uuid){{0}});
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->requested_metrics.count, 0);
    assert_int_equal(answer->push_interval_ms, 300000);
    assert_int_equal(answer->telemetry_max_bytes, 1048576);
    assert_false(meta_uuid_equal(answer->client_instance_id, (struct wire_uuid){{0}}));
}

static void subscriptions_that_fit_are_joined(void **state)
{
    struct node *node = *state;
    subscribe(node, "one", "b.,a.", "", "60000");
    subscribe(node, "two", "c.,a.", "client_source_port=.*", "20000");
    subscribe(node, "other", "z.", "client_id=nobody", "100");
    const struct get_telemetry_subscriptions_response *answer = ask(node, make_id(1));
    assert_int_equal(answer->push_interval_ms, 20000);
    assert_int_equal(answer->requested_metrics.count, 3);
    assert_true(bytes_equal_string(answer->requested_metrics.items[0], "a."));
    assert_true(bytes_equal_string(answer->requested_metrics.items[2], "c."));
    int32_t id = answer->subscription_id;
    subscribe(node, "all", "*", "", "20000");
    node_run_ms(node, 20000);
    answer = ask(node, make_id(1));
    assert_int_equal(answer->requested_metrics.count, 1);
    assert_int_equal(answer->requested_metrics.items[0].size, 0);
    assert_true(answer->subscription_id != id);
}

static void pushes_are_shown_and_come_in_their_time(void **state)
{
    struct node *node = *state;
    subscribe(node, "all", "*", "", "1000");
    int32_t id = ask(node, make_id(1))->subscription_id;
    assert_int_equal(push(node, make_id(1), id, 0, one_gauge, false), 0);
    assert_int_equal(push(node, make_id(1), id, 0, one_gauge, false), 89);
    assert_int_equal(ask(node, make_id(1))->error_code, 89);
    node_run_ms(node, 1000);
    assert_int_equal(push(node, make_id(1), id, 0, one_gauge, false), 0);
    assert_int_equal(push(node, make_id(1), id, 0, one_gauge, true), 0); /* the last */
    assert_int_equal(push(node, make_id(1), id, 0, one_gauge, true), 42);
    struct buffer page;
    buffer_init(&page);
    broker_write_metrics(node->broker, &page);
    assert_non_null(strstr(buffer_string(&page), "client_x{client_id=\""));
    buffer_clear(&page);
    node_run_ms(node, 3001);
    broker_write_metrics(node->broker, &page);
    assert_null(strstr(buffer_string(&page), "client_x{"));
    buffer_fini(&page);
}

static void wrong_pushes_are_told_why(void **state)
{
    struct node *node = *state;
    subscribe(node, "all", "*", "", "1000");
    struct wire_uuid zero = {{0}};
    assert_int_equal(push(node, zero, 0, 0, one_gauge, false), 42);
    int32_t id = ask(node, make_id(1))->subscription_id;
    assert_int_equal(push(node, make_id(1), id + 1, 0, one_gauge, false), 117);
    assert_int_equal(ask(node, make_id(1))->error_code, 0); /* may ask again at once */
    assert_int_equal(push(node, make_id(1), id, 9, one_gauge, false), 76);
    node_run_ms(node, 1000);
    assert_int_equal(push(node, make_id(1), id, 4, one_gauge, false), 87); /* no zstd */
    node_run_ms(node, 1000);
    assert_int_equal(push(node, make_id(1), id, 0, BYTES_LITERAL("rubbish"), false), 87);
    node_run_ms(node, 1000);
    struct bytes large = bytes_make(arena_get(&node->arena, 1048577), 1048577);
    assert_int_equal(push(node, make_id(1), id, 0, large, false), 118);
}

static int set_up_small(void **state)
{
    struct node *node = node_new();
    node_set(node, "client.telemetry.instances.max", "5");
    node_set(node, "client.telemetry.metrics.max", "3");
    node_start(node);
    *state = node;
    return 0;
}

static void what_is_remembered_is_bounded(void **state)
{
    struct node *node = *state;
    subscribe(node, "all", "*", "", "1000");
    for (uint8_t i = 1; i <= 20; i++) {
        int32_t id = ask(node, make_id(i))->subscription_id;
        assert_int_equal(push(node, make_id(i), id, 0, one_gauge, false), 0);
    }
    struct buffer page;
    buffer_init(&page);
    broker_write_metrics(node->broker, &page);
    int count = 0;
    for (const char *at = buffer_string(&page); (at = strstr(at, "client_x{")) != NULL; at++) {
        count++;
    }
    assert_in_range(count, 1, 3);
    buffer_fini(&page);
    assert_int_equal(node_metric(node, "tidemill_telemetry_clients"), 5);
    assert_true(node_metric(node, "tidemill_telemetry_dropped_total") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(without_a_subscription_nothing_is_wanted),
        NODE_TEST(subscriptions_that_fit_are_joined),
        NODE_TEST(pushes_are_shown_and_come_in_their_time),
        NODE_TEST(wrong_pushes_are_told_why),
        cmocka_unit_test_setup_teardown(what_is_remembered_is_bounded, set_up_small,
                                        node_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
