/* Shows which topics are made, how each wrong wish is refused, and what is answered about those
 * that were made. */
#include "tests/unit/log/server/node.h"

static struct create_topics_request_topic plain(const char *name)
{
    return (struct create_topics_request_topic){
        .name = node_text(name), .partition_count = 1, .replication_factor = 1};
}

static const struct create_topics_response *ask(struct node *node, int16_t version,
                                                struct create_topics_request_topic *topics,
                                                int32_t count, bool is_validate_only)
{
    struct create_topics_request request = {.topics = {.items = topics, .count = count},
                                            .timeout_ms = 1000,
                                            .validate_only = is_validate_only};
    const struct create_topics_response *response =
        node_ask(node, API_CREATE_TOPICS, version, &request);
    assert_non_null(response);
    return response;
}

static int16_t refusal(struct node *node, struct create_topics_request_topic topic)
{
    const struct create_topics_response *response = ask(node, 7, &topic, 1, false);
    const struct create_topics_response_topic *answer = &response->topics.items[0];
    if (answer->error_code != 0) {
        assert_int_equal(answer->configs.count, 0); /* null would mean: not allowed to see them */
        assert_int_equal(answer->partition_count, -1);
        assert_int_equal(answer->replication_factor, -1);
        assert_true(answer->error_message.size > 0);
    }
    return answer->error_code;
}

static int32_t topic_count(struct node *node)
{
    struct metadata_request request = {.topics = {.count = -1}};
    const struct metadata_response *response = node_ask(node, API_METADATA, 4, &request);
    return response->topics.count;
}

static void a_topic_is_described_as_it_was_made(void **state)
{
    struct node *node = *state;
    struct create_topics_request_config config = {.name = BYTES_LITERAL("retention.ms"),
                                                  .value = BYTES_LITERAL("7d")};
    struct create_topics_request_topic topic = plain("t");
    topic.partition_count = 3;
    topic.configs.items = &config;
    topic.configs.count = 1;
    const struct create_topics_response_topic *answer =
        &ask(node, 7, &topic, 1, false)->topics.items[0];
    assert_int_equal(answer->error_code, 0);
    assert_true(bytes_is_null(answer->error_message));
    assert_int_equal(answer->partition_count, 3);
    assert_int_equal(answer->replication_factor, 1);
    assert_true(answer->configs.count > 20);
    for (int32_t i = 0; i < answer->configs.count; i++) {
        const struct create_topics_response_config *row = &answer->configs.items[i];
        bool is_ours = bytes_equal_string(row->name, "retention.ms");
        assert_int_equal(row->config_source, is_ours ? 1 : 5);
        assert_true(!is_ours || bytes_equal_string(row->value, "604800000"));
    }
    assert_int_equal(refusal(node, topic), 36);
}

static void every_version_makes_one(void **state)
{
    struct node *node = *state;
    for (int16_t version = 2; version <= 7; version++) {
        char name[8] = {'v', (char)('0' + version), 0};
        struct create_topics_request_topic topic = plain(name);
        topic.partition_count = -1;
        topic.replication_factor = -1;
        assert_int_equal(ask(node, version, &topic, 1, true)->topics.items[0].error_code, 0);
        assert_int_equal(ask(node, version, &topic, 1, false)->topics.items[0].error_code, 0);
    }
    assert_int_equal(topic_count(node), 6);
}

static void names_are_judged(void **state)
{
    struct node *node = *state;
    char name[251];
    memset(name, 'x', sizeof name - 1);
    name[250] = 0;
    assert_int_equal(refusal(node, plain(name)), 17);
    name[249] = 0;
    assert_int_equal(refusal(node, plain(name)), 0);
    assert_int_equal(refusal(node, plain("")), 17);
    assert_int_equal(refusal(node, plain(".")), 17);
    assert_int_equal(refusal(node, plain("a/b")), 17);
    assert_int_equal(refusal(node, plain("__cluster_metadata")), 42);
    assert_int_equal(refusal(node, plain("a.b")), 0);
    assert_int_equal(refusal(node, plain("a_b")), 17); /* the same in metric names */
}

static void sizes_are_judged(void **state)
{
    static const struct {
        int32_t partition_count;
        int16_t replication_factor;
        int16_t error;
    } wishes[] = {{0, 1, 37}, {-2, 1, 37}, {1, 0, 38}, {1, -2, 38}, {1, 2, 38}, {10001, 1, 44}};
    struct node *node = *state;
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct create_topics_request_topic topic = plain("t");
        topic.partition_count = wishes[i].partition_count;
        topic.replication_factor = wishes[i].replication_factor;
        assert_int_equal(refusal(node, topic), wishes[i].error);
    }
    assert_int_equal(topic_count(node), 0);
}

static void configurations_are_judged(void **state)
{
    static const char *const wrong[][2] = {{"no.such", "1"},
                                           {"retention.ms", "soon"},
                                           {"retention.ms", "-2"},
                                           {"segment.bytes", "13"},
                                           {"cleanup.policy", "shred"},
                                           {"preallocate", "maybe"},
                                           {"retention.ms", NULL},
                                           {"compression.type", "rar"},
                                           {"min.insync.replicas", "0"},
                                           {"remote.storage.enable", "true"}};
    struct node *node = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct create_topics_request_config config = {
            .name = node_text(wrong[i][0]),
            .value = wrong[i][1] == NULL ? (struct bytes){0} : node_text(wrong[i][1])};
        struct create_topics_request_topic topic = plain("t");
        topic.configs.items = &config;
        topic.configs.count = 1;
        assert_int_equal(refusal(node, topic), 40);
    }
    assert_int_equal(topic_count(node), 0);
}

static void assignments_are_judged(void **state)
{
    static int32_t here[] = {1, 1};
    static int32_t nowhere[] = {7};
    struct {
        int32_t index;
        int32_t *brokers;
        int32_t count;
        int16_t error;
    } wishes[] = {{0, here, 1, 0},     {1, here, 1, 39}, {-1, here, 1, 39},
                  {0, nowhere, 1, 39}, {0, here, 2, 39}, {0, here, 0, 39}};
    struct node *node = *state;
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct create_topics_request_assignment assignment = {
            .partition_index = wishes[i].index,
            .broker_ids = {.items = wishes[i].brokers, .count = wishes[i].count}};
        struct create_topics_request_topic topic = plain("t");
        topic.assignments.items = &assignment;
        topic.assignments.count = 1;
        assert_int_equal(refusal(node, topic), 42); /* with a partition count */
        topic.partition_count = -1;
        topic.replication_factor = -1;
        assert_int_equal(ask(node, 5, &topic, 1, true)->topics.items[0].error_code,
                         wishes[i].error);
    }
}

static void a_name_given_twice_is_refused_once(void **state)
{
    struct node *node = *state;
    struct create_topics_request_topic topics[] = {plain("t"), plain("good"), plain("t")};
    const struct create_topics_response *response = ask(node, 5, topics, 3, false);
    assert_int_equal(response->topics.count, 2);
    assert_int_equal(response->topics.items[0].error_code, 42);
    assert_int_equal(response->topics.items[1].error_code, 0);
    assert_int_equal(topic_count(node), 1);
}

/* Judged within a time that does not depend on the square of their number. */
static void topics_without_number_are_refused_quickly(void **state)
{
    enum { COUNT = 200000 };
    struct node *node = *state;
    struct create_topics_request_topic *topics =
        arena_array(&node->arena, struct create_topics_request_topic, COUNT);
    for (int32_t i = 0; i < COUNT; i++) {
        topics[i] = plain(arena_printf(&node->arena, "topic-%d", (int)i));
        topics[i].partition_count = -1; /* the broker's default: they count too */
    }
    const struct create_topics_response *response = ask(node, 5, topics, COUNT, false);
    assert_int_equal(response->topics.count, COUNT);
    assert_int_equal(response->topics.items[COUNT - 1].error_code, 44);
    assert_int_equal(topic_count(node), 0);
}

static int16_t produce_error(struct node *node, const char *topic, int32_t partition)
{
    struct produce_request_partition part = {
        .index = partition, .records = node_batch(node, 1, "value", node_wall_ms(node))};
    struct produce_request_topic asked = {.name = node_text(topic),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 30000, .topics = {.items = &asked, .count = 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 9, &request);
    return response->topics.items[0].partitions.items[0].error_code;
}

/* The metadata log takes the topic, the directory takes no log: clients ask again until it does. */
static void a_log_that_finds_no_room_is_made_when_there_is_some(void **state)
{
    struct node *node = *state;
    struct create_topics_request_topic topic = plain("late");
    topic.partition_count = 2;
    assert_int_equal(refusal(node, plain("early")), 0);
    sim_plan(node->sim, 0)->no_space[SIM_DIR_MAKE] = 1000000;
    (void)refusal(node, topic);
    node_run_ms(node, 5000);
    assert_int_equal(topic_count(node), 2);
    assert_int_equal(produce_error(node, "late", 1), 3);
    assert_int_equal(produce_error(node, "early", 0), 0);
    sim_plan(node->sim, 0)->no_space[SIM_DIR_MAKE] = 0;
    node_run_ms(node, 2000);
    assert_int_equal(produce_error(node, "late", 1), 0);
    assert_int_equal(produce_error(node, "late", 0), 0);
}

/* The log of the deleted topic stays for want of room; its successor must not begin with it. */
static void a_log_that_could_not_be_deleted_is_nobodys(void **state)
{
    struct node *node = *state;
    struct delete_topics_request deletion = {
        .topic_names = {.items = (struct bytes[]){BYTES_LITERAL("t")}, .count = 1},
        .timeout_ms = 1000};
    assert_int_equal(refusal(node, plain("t")), 0);
    assert_int_equal(produce_error(node, "t", 0), 0);
    sim_plan(node->sim, 0)->no_space[SIM_PATH_RENAME] = 1000000;
    assert_non_null(node_ask(node, API_DELETE_TOPICS, 5, &deletion));
    assert_int_equal(refusal(node, plain("t")), 0);
    assert_int_equal(produce_error(node, "t", 0), 3);
    sim_plan(node->sim, 0)->no_space[SIM_PATH_RENAME] = 0;
    node_run_ms(node, 2000);
    struct produce_request_partition part = {.records =
                                                 node_batch(node, 1, "value", node_wall_ms(node))};
    struct produce_request_topic asked = {.name = node_text("t"),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 30000, .topics = {.items = &asked, .count = 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 9, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
    assert_int_equal(response->topics.items[0].partitions.items[0].base_offset, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_topic_is_described_as_it_was_made),
        NODE_TEST(every_version_makes_one),
        NODE_TEST(names_are_judged),
        NODE_TEST(sizes_are_judged),
        NODE_TEST(configurations_are_judged),
        NODE_TEST(assignments_are_judged),
        NODE_TEST(a_name_given_twice_is_refused_once),
        NODE_TEST(topics_without_number_are_refused_quickly),
        NODE_TEST(a_log_that_finds_no_room_is_made_when_there_is_some),
        NODE_TEST(a_log_that_could_not_be_deleted_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
