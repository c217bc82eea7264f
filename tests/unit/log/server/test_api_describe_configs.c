/* Shows that every option is told with its value, source and type, that a value is found where it
 * was set last, and that wrong values are refused and change nothing. */
#include "tests/unit/log/server/node.h"

enum {
    TOPIC = 2,
    BROKER = 4,
    METRICS = 16,
    GROUP = 32,
    SET = 0,
    DELETE = 1,
    APPEND = 2,
    SUBTRACT = 3
};

static const struct describe_configs_response_result *describe(struct node *node, int8_t kind,
                                                               const char *name, const char *key)
{
    struct bytes keys[] = {key == NULL ? (struct bytes){0} : node_text(key)};
    struct describe_configs_request_resource resource = {
        .resource_type = kind,
        .resource_name = node_text(name),
        .configuration_keys = {.items = keys, .count = key == NULL ? -1 : 1}};
    struct describe_configs_request request = {.resources = {.items = &resource, .count = 1},
                                               .include_synonyms = true};
    const struct describe_configs_response *response =
        node_ask(node, API_DESCRIBE_CONFIGS, 4, &request);
    assert_non_null(response);
    return &response->results.items[0];
}

static const struct describe_configs_response_config *find(struct node *node, int8_t kind,
                                                           const char *name, const char *key)
{
    const struct describe_configs_response_result *result = describe(node, kind, name, key);
    assert_int_equal(result->error_code, 0);
    assert_int_equal(result->configs.count, 1);
    assert_true(bytes_equal_string(result->configs.items[0].name, key));
    return &result->configs.items[0];
}

static void expect(struct node *node, const char *key, const char *value, int8_t source)
{
    const struct describe_configs_response_config *config = find(node, TOPIC, "t", key);
    assert_true(bytes_equal_string(config->value, value));
    assert_int_equal(config->config_source, source);
}

static int16_t change(struct node *node, int8_t kind, const char *name, const char *key,
                      int8_t operation, const char *value)
{
    struct incremental_alter_configs_request_config config = {
        .name = node_text(key),
        .config_operation = operation,
        .value = value == NULL ? (struct bytes){0} : node_text(value)};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = kind,
        .resource_name = node_text(name),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_non_null(response);
    const struct incremental_alter_configs_response_resource *answer =
        &response->resources.items[0];
    assert_true((answer->error_code == 0) == bytes_is_null(answer->error_message));
    return answer->error_code;
}

static int16_t replace(struct node *node, int16_t version, const char *key, const char *value,
                       bool is_validate_only)
{
    struct alter_configs_request_config config = {.name = node_text(key),
                                                  .value = node_text(value)};
    struct alter_configs_request_resource resource = {
        .resource_type = TOPIC,
        .resource_name = BYTES_LITERAL("t"),
        .configs = {.items = &config, .count = *key == 0 ? 0 : 1}};
    struct alter_configs_request request = {.resources = {.items = &resource, .count = 1},
                                            .validate_only = is_validate_only};
    const struct alter_configs_response *response =
        node_ask(node, API_ALTER_CONFIGS, version, &request);
    assert_non_null(response);
    return response->resources.items[0].error_code;
}

static void every_option_has_a_value_a_source_and_a_type(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    const struct describe_configs_response_result *topic = describe(node, TOPIC, "t", NULL);
    const struct describe_configs_response_result *broker = describe(node, BROKER, "1", NULL);
    assert_true(topic->configs.count > 30);
    assert_true(broker->configs.count > 60);
    for (int32_t i = 0; i < topic->configs.count; i++) {
        const struct describe_configs_response_config *config = &topic->configs.items[i];
        assert_false(bytes_is_null(config->value));
        assert_int_equal(config->config_source, 5);
        assert_in_range(config->config_type, 1, 9);
        assert_false(config->read_only);
    }
    for (int32_t i = 0; i < broker->configs.count; i++) {
        const struct describe_configs_response_config *config = &broker->configs.items[i];
        for (int32_t j = 0; j < config->synonyms.count; j++) {
            assert_false(bytes_is_null(config->synonyms.items[j].value));
        }
    }
}

static void types_are_kafkas(void **state)
{
    enum { BOOLEAN = 1, STRING = 2, INT = 3, LONG = 5, DOUBLE = 6, LIST = 7 };
    static const struct {
        const char *name;
        int8_t type;
    } options[] = {{"log.dir", LIST},
                   {"log.dirs", LIST},
                   {"listener.security.protocol.map", STRING},
                   {"num.partitions", INT},
                   {"log.retention.ms", LONG},
                   {"log.cleaner.min.cleanable.ratio", DOUBLE},
                   {"auto.create.topics.enable", BOOLEAN}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_int_equal(find(*state, BROKER, "1", options[i].name)->config_type, options[i].type);
    }
}

static void the_value_is_the_one_of_the_nearest_layer(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    expect(node, "retention.ms", "604800000", 5);
    assert_int_equal(change(node, BROKER, "", "log.retention.ms", SET, "70000"), 0);
    expect(node, "retention.ms", "70000", 3);
    assert_int_equal(change(node, BROKER, "1", "log.retention.ms", SET, "60000"), 0);
    expect(node, "retention.ms", "60000", 2);
    assert_int_equal(change(node, TOPIC, "t", "retention.ms", SET, "50000"), 0);
    expect(node, "retention.ms", "50000", 1);
    const struct describe_configs_response_config *config = find(node, TOPIC, "t", "retention.ms");
    assert_true(config->synonyms.count >= 3);
    assert_int_equal(config->synonyms.items[0].source, 1);
    assert_int_equal(config->synonyms.items[1].source, 2);
    assert_int_equal(config->synonyms.items[2].source, 3);
    node_restart(node);
    expect(node, "retention.ms", "50000", 1);
    assert_int_equal(change(node, TOPIC, "t", "retention.ms", DELETE, NULL), 0);
    expect(node, "retention.ms", "60000", 2);
    assert_int_equal(change(node, BROKER, "1", "log.retention.ms", DELETE, NULL), 0);
    expect(node, "retention.ms", "70000", 3);
}

/* The broker without a name stands for what was set for all of them, and for nothing else. */
static void the_default_of_all_brokers_is_what_was_set_for_them(void **state)
{
    struct node *node = *state;
    assert_int_equal(describe(node, BROKER, "", NULL)->configs.count, 0);
    assert_int_equal(change(node, BROKER, "1", "log.retention.ms", SET, "60000"), 0);
    assert_int_equal(describe(node, BROKER, "", NULL)->configs.count, 0);
    assert_int_equal(change(node, BROKER, "", "log.retention.ms", SET, "70000"), 0);
    const struct describe_configs_response_config *config =
        find(node, BROKER, "", "log.retention.ms");
    assert_true(bytes_equal_string(config->value, "70000"));
    assert_int_equal(config->config_source, 3);
    assert_true(bytes_equal_string(find(node, BROKER, "1", "log.retention.ms")->value, "60000"));
}

static void only_known_resources_are_described(void **state)
{
    struct node *node = *state;
    assert_int_equal(describe(node, TOPIC, "unknown", NULL)->error_code, 3);
    assert_int_equal(describe(node, TOPIC, "a b", NULL)->error_code, 17);
    assert_int_equal(describe(node, TOPIC, "", NULL)->error_code, 17);
    assert_int_equal(describe(node, BROKER, "7", NULL)->error_code, 42);
    assert_int_equal(describe(node, BROKER, "one", NULL)->error_code, 42);
    assert_int_equal(describe(node, 99, "x", NULL)->error_code, 42);
}

static void a_resource_asked_twice_is_described_once(void **state)
{
    struct node *node = *state;
    struct describe_configs_request_resource resources[] = {
        {.resource_type = BROKER, .resource_name = BYTES_LITERAL("1")},
        {.resource_type = TOPIC, .resource_name = BYTES_LITERAL("1")},
        {.resource_type = BROKER, .resource_name = BYTES_LITERAL("1")}};
    struct describe_configs_request request = {.resources = {.items = resources, .count = 3}};
    const struct describe_configs_response *response =
        node_ask(node, API_DESCRIBE_CONFIGS, 4, &request);
    assert_int_equal(response->results.count, 2);
    assert_int_equal(response->results.items[0].error_code, 0);
    assert_int_equal(response->results.items[1].error_code, 3);
}

static void documentation_comes_when_it_is_asked_for(void **state)
{
    struct node *node = *state;
    struct bytes key = BYTES_LITERAL("retention.ms");
    node_make_topic(node, "t", 1, NULL);
    struct describe_configs_request_resource resource = {
        .resource_type = TOPIC,
        .resource_name = BYTES_LITERAL("t"),
        .configuration_keys = {.items = &key, .count = 1}};
    struct describe_configs_request request = {.resources = {.items = &resource, .count = 1}};
    for (int asked = 0; asked <= 1; asked++) {
        request.include_documentation = asked;
        const struct describe_configs_response *response =
            node_ask(node, API_DESCRIBE_CONFIGS, 3, &request);
        struct bytes text = response->results.items[0].configs.items[0].documentation;
        assert_int_equal(bytes_is_null(text), !asked);
    }
}

static void lists_are_added_to_and_taken_from(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(change(node, TOPIC, "t", "cleanup.policy", APPEND, "compact"), 0);
    expect(node, "cleanup.policy", "delete,compact", 1);
    assert_int_equal(change(node, TOPIC, "t", "cleanup.policy", APPEND, "compact"), 0);
    expect(node, "cleanup.policy", "delete,compact", 1);
    assert_int_equal(change(node, TOPIC, "t", "cleanup.policy", SUBTRACT, "delete"), 0);
    expect(node, "cleanup.policy", "compact", 1);
    assert_int_equal(change(node, TOPIC, "t", "cleanup.policy", APPEND, "shred"), 40);
    assert_int_equal(change(node, TOPIC, "t", "retention.ms", APPEND, "1"), 40);
    assert_int_equal(change(node, TOPIC, "t", "retention.ms", SUBTRACT, "1"), 40);
    expect(node, "cleanup.policy", "compact", 1);
}

static void a_replacement_forgets_what_it_does_not_name(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (int16_t version = 0; version <= 2; version++) {
        assert_int_equal(replace(node, version, "retention.ms", "1000", false), 0);
        expect(node, "retention.ms", "1000", 1);
        assert_int_equal(replace(node, version, "segment.ms", "2000", true), 0);
        expect(node, "retention.ms", "1000", 1);
        assert_int_equal(replace(node, version, "segment.ms", "2000", false), 0);
        expect(node, "retention.ms", "604800000", 5);
        assert_int_equal(replace(node, version, "", "", false), 0);
        expect(node, "segment.ms", "604800000", 5);
    }
}

static void wrong_changes_are_refused(void **state)
{
    static const struct {
        int8_t kind;
        const char *name;
        const char *key;
        int8_t operation;
        const char *value;
        int16_t error;
    } changes[] = {
        {TOPIC, "t", "no.such", SET, "1", 40},
        {TOPIC, "t", "retention.ms", SET, "soon", 40},
        {TOPIC, "t", "retention.ms", SET, NULL, 42},
        {TOPIC, "t", "retention.ms", 9, "1", 42},
        {TOPIC, "unknown", "retention.ms", SET, "1", 3},
        {TOPIC, "a b", "retention.ms", SET, "1", 17},
        {TOPIC, "", "retention.ms", SET, "1", 42},
        {BROKER, "7", "log.retention.ms", SET, "1", 42},
        {BROKER, "1", "num.partitions", SET, "1", 42},
        {BROKER, "1", "log.retention.ms", SET, "soon", 42},
        {BROKER, "1", "no.such", SET, "1", 40},
        {99, "x", "retention.ms", SET, "1", 42},
    };
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_int_equal(change(node, changes[i].kind, changes[i].name, changes[i].key,
                                changes[i].operation, changes[i].value),
                         changes[i].error);
    }
    expect(node, "retention.ms", "604800000", 5);
}

static void a_value_is_in_force_at_once(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct bytes batch = node_batch(node, 1, "a value of some length", 5);
    assert_int_equal(node_produce(node, "t", 0, batch).error_code, 0);
    assert_int_equal(change(node, TOPIC, "t", "max.message.bytes", SET, "50"), 0);
    assert_int_equal(node_produce(node, "t", 0, batch).error_code, 10);
}

/* Also many of them are compared in a time that does not depend on the square of their number. */
static void a_change_named_twice_is_refused(void **state)
{
    enum { COUNT = 200000 };
    struct node *node = *state;
    struct incremental_alter_configs_request_config *configs =
        arena_array(&node->arena, struct incremental_alter_configs_request_config, COUNT);
    for (int i = 0; i < COUNT; i++) {
        configs[i] = (struct incremental_alter_configs_request_config){
            .name = node_text(arena_printf(&node->arena, "name-%d", i)),
            .value = BYTES_LITERAL("1")};
    }
    configs[COUNT - 1].name = configs[0].name;
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = TOPIC,
        .resource_name = BYTES_LITERAL("t"),
        .configs = {.items = configs, .count = COUNT}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    node_make_topic(node, "t", 1, NULL);
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_int_equal(response->resources.items[0].error_code, 42);
}

static void expect_resource(struct node *node, int8_t kind, const char *key, const char *value,
                            int8_t source)
{
    const struct describe_configs_response_config *config = find(node, kind, "x", key);
    assert_true(bytes_equal_string(config->value, value));
    assert_int_equal(config->config_source, source);
}

static void groups_and_subscriptions_keep_their_values(void **state)
{
    struct node *node = *state;
    static const char session[] = "consumer.session.timeout.ms";
    expect_resource(node, GROUP, session, "45000", 5);
    assert_int_equal(change(node, GROUP, "x", session, SET, "50s"), 0);
    assert_int_equal(change(node, METRICS, "x", "metrics", SET, "a,b"), 0);
    assert_int_equal(change(node, METRICS, "x", "metrics", APPEND, "c"), 0);
    assert_int_equal(change(node, METRICS, "x", "match", SET, "client_id=a.*"), 0);
    node_restart(node);
    expect_resource(node, GROUP, session, "50000", 8);
    expect_resource(node, METRICS, "metrics", "a,b,c", 7);
    assert_int_equal(change(node, GROUP, "x", session, DELETE, NULL), 0);
    expect_resource(node, GROUP, session, "45000", 5);
}

static void values_have_a_size_and_no_nul(void **state)
{
    struct node *node = *state;
    enum { SIZE = 30000 }; /* the wire's strings have at most 32767 bytes */
    char *large = arena_get(&node->arena, SIZE + 1);
    memset(large, 'a', SIZE);
    large[SIZE] = 0;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(change(node, METRICS, "x", "metrics", SET, large), 0);
    large[0] = 'b';
    assert_int_equal(change(node, METRICS, "x", "metrics", APPEND, large), 0);
    large[0] = 'c';
    assert_int_equal(change(node, METRICS, "x", "metrics", APPEND, large), 40); /* 90,002 in all */
    assert_int_equal(change(node, TOPIC, "t", large, SET, "1"), 40);
    struct incremental_alter_configs_request_config config = {
        .name = BYTES_LITERAL("retention.ms\0x"), .value = BYTES_LITERAL("1000")};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = TOPIC,
        .resource_name = BYTES_LITERAL("t"),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_int_equal(response->resources.items[0].error_code, 40);
    expect(node, "retention.ms", "604800000", 5);
}

static void resources_without_anything_behind_them_are_bounded(void **state)
{
    struct node *node = *state;
    assert_int_equal(change(node, BROKER, "", "client.metrics.subscriptions.max", SET, "2"), 0);
    assert_int_equal(change(node, METRICS, "a", "interval.ms", SET, "1000"), 0);
    assert_int_equal(change(node, METRICS, "b", "interval.ms", SET, "1000"), 0);
    assert_int_equal(change(node, METRICS, "c", "interval.ms", SET, "1000"), 44);
    assert_int_equal(change(node, METRICS, "b", "interval.ms", SET, "2000"), 0);
    assert_int_equal(change(node, METRICS, "b", "interval.ms", DELETE, NULL), 0);
    assert_int_equal(change(node, METRICS, "c", "interval.ms", SET, "1000"), 0);
}

static int32_t told_interval(struct node *node, const char *member)
{
    struct bytes topic = BYTES_LITERAL("t");
    struct consumer_group_heartbeat_request request = {
        .group_id = BYTES_LITERAL("x"),
        .member_id = node_text(member),
        .member_epoch = 0,
        .rebalance_timeout_ms = 10000,
        .subscribed_topic_names = {.items = &topic, .count = 1},
        .topics = {.count = 0}};
    const struct consumer_group_heartbeat_response *response =
        node_ask(node, API_CONSUMER_GROUP_HEARTBEAT, 1, &request);
    assert_int_equal(response->error_code, 0);
    return response->heartbeat_interval_ms;
}

/* As soon as it is set, and only in its group. */
static void a_groups_own_interval_is_told_to_its_members(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    node_find_coordinator(node);
    assert_int_equal(told_interval(node, "m1"), 5000);
    assert_int_equal(change(node, GROUP, "y", "consumer.heartbeat.interval.ms", SET, "14000"), 0);
    assert_int_equal(told_interval(node, "m2"), 5000);
    assert_int_equal(change(node, GROUP, "x", "consumer.heartbeat.interval.ms", SET, "14000"), 0);
    assert_int_equal(told_interval(node, "m3"), 14000);
    assert_int_equal(change(node, GROUP, "x", "consumer.heartbeat.interval.ms", SET, "1"), 40);
    assert_int_equal(change(node, GROUP, "x", "consumer.heartbeat.interval.ms", SET, "15001"), 40);
    assert_int_equal(told_interval(node, "m4"), 14000);
}

static void wrong_values_of_groups_and_subscriptions_are_refused(void **state)
{
    struct node *node = *state;
    assert_int_equal(change(node, GROUP, "x", "consumer.session.timeout.ms", SET, "soon"), 40);
    assert_int_equal(change(node, GROUP, "x", "no.such", SET, "1"), 40);
    assert_int_equal(change(node, GROUP, "", "consumer.session.timeout.ms", SET, "50000"), 42);
    assert_int_equal(change(node, METRICS, "x", "interval.ms", SET, "99"), 42);
    assert_int_equal(change(node, METRICS, "x", "interval.ms", SET, "x"), 40);
    assert_int_equal(change(node, METRICS, "x", "match", SET, "client_id=(("), 40);
    assert_int_equal(change(node, METRICS, "x", "no.such", SET, "1"), 42);
    assert_int_equal(change(node, METRICS, "", "interval.ms", SET, "1000"), 42);
    expect_resource(node, METRICS, "interval.ms", "300000", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(every_option_has_a_value_a_source_and_a_type),
        NODE_TEST(types_are_kafkas),
        NODE_TEST(the_value_is_the_one_of_the_nearest_layer),
        NODE_TEST(the_default_of_all_brokers_is_what_was_set_for_them),
        NODE_TEST(only_known_resources_are_described),
        NODE_TEST(a_resource_asked_twice_is_described_once),
        NODE_TEST(documentation_comes_when_it_is_asked_for),
        NODE_TEST(lists_are_added_to_and_taken_from),
        NODE_TEST(a_replacement_forgets_what_it_does_not_name),
        NODE_TEST(wrong_changes_are_refused),
        NODE_TEST(a_value_is_in_force_at_once),
        NODE_TEST(a_change_named_twice_is_refused),
        NODE_TEST(groups_and_subscriptions_keep_their_values),
        NODE_TEST(values_have_a_size_and_no_nul),
        NODE_TEST(resources_without_anything_behind_them_are_bounded),
        NODE_TEST(a_groups_own_interval_is_told_to_its_members),
        NODE_TEST(wrong_values_of_groups_and_subscriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
