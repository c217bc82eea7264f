/* Shows that clients are held to their quotas: the answer comes at once and tells the time, the
 * next request waits for it; and that what is remembered of clients is bounded. */
#include "log/meta/meta.pb-c.h"
#include "log/server/throttle.h"
#include "tests/unit/log/server/node.h"

#include <math.h>

static void set(struct node *node, const char *type, const char *name, const char *key,
                double value)
{
    struct alter_client_quotas_request_entity entity = {
        .entity_type = node_text(type),
        .entity_name = name == NULL ? (struct bytes){NULL, 0} : node_text(name)};
    struct alter_client_quotas_request_operation operation = {
        .key = node_text(key), .value = value, .remove = value == 0};
    struct alter_client_quotas_request_entry entry = {
        .entity = {.items = &entity, .count = 1}, .operations = {.items = &operation, .count = 1}};
    struct alter_client_quotas_request request = {.entries = {.items = &entry, .count = 1}};
    const struct alter_client_quotas_response *response =
        node_ask(node, API_ALTER_CLIENT_QUOTAS, 1, &request);
    assert_int_equal(response->entries.items[0].error_code, 0);
}

static int32_t produce(struct node *node, struct peer *peer, int32_t count)
{
    struct produce_request_partition partition = {
        .records = node_batch(node, count, "0123456789", node_wall_ms(node))};
    struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                          .partitions = {.items = &partition, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
    const struct produce_response *response =
        node_wait(node_send(node, peer, API_PRODUCE, 7, &request));
    assert_non_null(response);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
    return response->throttle_time_ms;
}

static void a_producer_over_its_quota_waits_behind_its_answer(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(produce(node, NULL, 1000), 0);
    set(node, "user", NULL, "producer_byte_rate", 1000);
    uint64_t before_ms = node_now_ms(node);
    int32_t throttle_ms = produce(node, NULL, 1000); /* some 20 kB, of 10 kB for ten windows */
    uint64_t answered_ms = node_now_ms(node);
    assert_in_range(throttle_ms, 5000, 30000);
    assert_in_range(answered_ms - before_ms, 0, 2000);
    produce(node, NULL, 1);
    assert_in_range(node_now_ms(node) - before_ms, (uint64_t)throttle_ms,
                    (uint64_t)throttle_ms + 2000);
    struct peer *other = node_connect(node);
    uint64_t other_ms = node_now_ms(node);
    produce(node, other, 1); /* the same user, but its connection is not muted yet */
    assert_in_range(node_now_ms(node) - other_ms, 0, 2000);
    assert_true(node_metric(node, "tidemill_throttled_total") >= 1);
}

static void who_has_no_quota_is_not_held(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    set(node, "client-id", "somebody else", "producer_byte_rate", 1);
    assert_int_equal(produce(node, NULL, 1000), 0);
    set(node, "user", "ANONYMOUS", "producer_byte_rate", 1000);
    assert_true(produce(node, NULL, 1000) > 0);
    set(node, "user", "ANONYMOUS", "producer_byte_rate", 0);
    assert_int_equal(produce(node, NULL, 1000), 0);
}

static const struct fetch_response *fetch(struct node *node)
{
    struct fetch_request_partition partition = {
        .index = 0, .partition_max_bytes = 1 << 20, .current_leader_epoch = -1};
    struct fetch_request_topic topic = {.name = BYTES_LITERAL("t"),
                                        .partitions = {.items = &partition, .count = 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = 1 << 20,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    return node_ask(node, API_FETCH, 11, &request);
}

static void a_consumer_over_its_quota_waits_too(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (int i = 0; i < 10; i++) {
        produce(node, NULL, 300);
    }
    set(node, "client-id", NULL, "consumer_byte_rate", 1000);
    uint64_t before_ms = node_now_ms(node);
    const struct fetch_response *response = fetch(node);
    size_t size = response->topics.items[0].partitions.items[0].records.size;
    assert_in_range(size, 1, 10000); /* what all windows grant */
    response = fetch(node);
    assert_true(response->throttle_time_ms > 0);
    int32_t throttle_ms = response->throttle_time_ms;
    fetch(node);
    assert_true(node_now_ms(node) - before_ms >= (uint64_t)throttle_ms);
}

static int16_t create(struct node *node, int16_t version, const char *name, int32_t *throttle_ms)
{
    struct create_topics_request_topic topic = {
        .name = node_text(name), .partition_count = 10, .replication_factor = 1};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1},
                                            .timeout_ms = 1000};
    const struct create_topics_response *response =
        node_ask(node, API_CREATE_TOPICS, version, &request);
    *throttle_ms = response->throttle_time_ms;
    return response->topics.items[0].error_code;
}

/* 11 windows of one partition each: ten, twenty, and no more. */
static void a_creator_over_its_quota_is_refused_or_waits(void **state)
{
    struct node *node = *state;
    int32_t throttle_ms = 0;
    set(node, "user", NULL, "controller_mutation_rate", 1);
    assert_int_equal(create(node, 7, "a", &throttle_ms), 0);
    assert_int_equal(throttle_ms, 0);
    assert_int_equal(create(node, 7, "b", &throttle_ms), 0);
    assert_int_equal(throttle_ms, 0); /* as in Kafka: who was permitted need not wait */
    struct node_call *other;
    struct peer *peer = node_connect(node);
    struct create_topics_request_topic topic = {
        .name = BYTES_LITERAL("c"), .partition_count = 10, .replication_factor = 1};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1}};
    other = node_send(node, peer, API_CREATE_TOPICS, 6, &request);
    const struct create_topics_response *response = node_wait(other);
    assert_int_equal(response->topics.items[0].error_code, 89);
    assert_in_range(response->throttle_time_ms, 8000, 9000);
    peer = node_connect(node);
    response = node_wait(node_send(node, peer, API_CREATE_TOPICS, 5, &request));
    assert_int_equal(response->topics.items[0].error_code, 0); /* permissive: made, and waits */
    assert_in_range(response->throttle_time_ms, 17000, 19000);
}

/* Topics that come into being because they were asked for: not more than may be made, and nobody
 * waits. */
static void topics_that_make_themselves_count_too(void **state)
{
    struct node *node = *state;
    enum { COUNT = 30 };
    struct metadata_request_topic topics[COUNT];
    struct metadata_request request = {.topics = {.items = topics, .count = COUNT},
                                       .allow_auto_topic_creation = true};
    char names[COUNT][8];
    int32_t throttle_ms = 0;
    int made = 0;
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "auto%d", i);
        topics[i] = (struct metadata_request_topic){.name = bytes_from_string(names[i])};
    }
    set(node, "user", NULL, "controller_mutation_rate", 1);
    const struct metadata_response *response = node_ask(node, API_METADATA, 12, &request);
    assert_int_equal(response->throttle_time_ms, 0);
    assert_int_equal(response->topics.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        int16_t code = response->topics.items[i].error_code;
        assert_true(code == 0 || code == 3);
        made += code == 0 ? 1 : 0;
    }
    assert_in_range(made, 11, 12);
    assert_int_equal(create(node, 7, "a", &throttle_ms), 89);
}

static bool is_served(struct node *node)
{
    struct metadata_request request = {.topics = {.count = -1}};
    return node_wait(node_send(node, node_connect(node), API_METADATA, 1, &request)) != NULL;
}

static void addresses_open_connections_at_their_rate(void **state)
{
    struct node *node = *state;
    set(node, "ip", NULL, "connection_creation_rate", 1);
    int count = 0;
    while (is_served(node)) {
        count++;
        assert_in_range(count, 0, 20);
    }
    assert_in_range(count, 9, 12);
    node_run_ms(node, 60000);
    assert_true(is_served(node));
}

static void apply_default(struct meta *meta, const char *key)
{
    uint8_t bytes[256];
    Meta__QuotaValue value = META__QUOTA_VALUE__INIT;
    Meta__QuotaValue *values[] = {&value};
    Meta__ClientQuotaChanged changed = META__CLIENT_QUOTA_CHANGED__INIT;
    Meta__Command command = META__COMMAND__INIT;
    value.name = (char *)(uintptr_t)key;
    value.value = 10;
    changed.has_client_id = changed.is_client_id_default = true;
    changed.values = values;
    changed.n_values = 1;
    command.kind_case = META__COMMAND__KIND_CLIENT_QUOTA_CHANGED;
    command.client_quota_changed = &changed;
    assert_in_range(meta__command__get_packed_size(&command), 1, sizeof bytes);
    size_t size = meta__command__pack(&command, bytes);
    assert_int_equal(meta_apply(meta, bytes_make(bytes, size)), 0);
}

/* Each client id has the default for itself; the one that was longest unused is forgotten. */
static void memory_of_clients_is_bounded(void **state)
{
    struct node *node = *state;
    struct map file;
    map_init(&file);
    map_put(&file, BYTES_LITERAL("quota.state.max"), memory_string("16"));
    struct meta *meta = meta_new(1, &file);
    struct throttle *throttle = throttle_new(node->io, meta);
    struct throttle_client client = {.user = BYTES_LITERAL("u"), .client_id = BYTES_LITERAL("c")};
    assert_false(throttle_is_active(throttle));
    assert_int_equal(throttle_record(throttle, QUOTA_PRODUCER_BYTE_RATE, &client, 1e12), 0);
    assert_int_equal(throttle_measure_count(throttle), 0);
    apply_default(meta, "producer_byte_rate");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        client.client_id = node_text(name);
        assert_true(throttle_record(throttle, QUOTA_PRODUCER_BYTE_RATE, &client, 1000) > 0);
        throttle_check(throttle);
    }
    assert_int_equal(throttle_measure_count(throttle), 16);
    client.client_id = BYTES_LITERAL("c99");
    assert_true(throttle_record(throttle, QUOTA_PRODUCER_BYTE_RATE, &client, 0) > 0);
    client.client_id = BYTES_LITERAL("c1");
    assert_int_equal(throttle_record(throttle, QUOTA_PRODUCER_BYTE_RATE, &client, 0), 0);
    throttle_free(throttle);
    meta_free(meta);
    map_fini(&file, free);
}

/* A tenth of a thread's time: what is too much is given back within a window, never later. */
static void request_time_is_given_back_within_a_window(void **state)
{
    struct node *node = *state;
    struct meta *meta = meta_new(1, &node->file);
    struct throttle *throttle = throttle_new(node->io, meta);
    struct throttle_client client = {.user = BYTES_LITERAL("u"), .client_id = BYTES_LITERAL("c")};
    apply_default(meta, "request_percentage");
    assert_int_equal(throttle_record(throttle, QUOTA_REQUEST_PERCENTAGE, &client, 100), 0);
    assert_int_equal(throttle_record(throttle, QUOTA_REQUEST_PERCENTAGE, &client, 5), 500);
    assert_int_equal(throttle_record(throttle, QUOTA_REQUEST_PERCENTAGE, &client, 500), 1000);
    assert_true(isinf(throttle_room(throttle, QUOTA_CONSUMER_BYTE_RATE, &client)));
    throttle_free(throttle);
    meta_free(meta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_producer_over_its_quota_waits_behind_its_answer),
        NODE_TEST(who_has_no_quota_is_not_held),
        NODE_TEST(a_consumer_over_its_quota_waits_too),
        NODE_TEST(a_creator_over_its_quota_is_refused_or_waits),
        NODE_TEST(topics_that_make_themselves_count_too),
        NODE_TEST(addresses_open_connections_at_their_rate),
        NODE_TEST(memory_of_clients_is_bounded),
        NODE_TEST(request_time_is_given_back_within_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
