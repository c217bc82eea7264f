/* Hides a node; see real_broker.h. */
#include "tests/unit/runtime/real_broker.h"

#include "tests/unit/log/server/node.h"

enum { GRAVE_MAX = 4096 };

struct real_broker {
    struct node *node;
};

static struct broker *graves[GRAVE_MAX]; /* so that what the dead leave is not lost */
static int grave_count;

struct real_broker *real_broker_new(uint64_t seed, int machine_count)
{
    struct real_broker *broker = memory_new(struct real_broker);
    broker->node = node_new_among(seed, machine_count);
    node_set(broker->node, "transaction.state.log.num.partitions", "3");
    node_set(broker->node, "connections.max.idle.ms",
             "2000000000"); /* the usual client is seldom heard */
    return broker;
}

void real_broker_free(struct real_broker *broker)
{
    node_free(broker->node);
    free(broker);
}

struct sim *real_broker_sim(struct real_broker *broker)
{
    return broker->node->sim;
}

void real_broker_start(struct real_broker *broker, void (*check)(void *owner), void *owner)
{
    node_start(broker->node);
    sim_on_event(broker->node->sim, check, owner);
}

void real_broker_kill(struct real_broker *broker)
{
    struct node *node = broker->node;
    assert_true(grave_count < GRAVE_MAX);
    graves[grave_count++] = node->broker;
    sim_on_event(node->sim, NULL, NULL);
    sim_kill(node->sim, 0);
    node->io = sim_io(node->sim, 0);
    node->is_ready = false;
}

void real_broker_make_topic(struct real_broker *broker, const char *name, int32_t partition_count)
{
    node_make_topic(broker->node, name, partition_count, NULL);
}

void real_broker_remove_topic(struct real_broker *broker, const char *name)
{
    struct bytes names = bytes_from_string(name);
    struct delete_topics_request request = {.topic_names = {&names, 1}, .timeout_ms = 10000};
    const struct delete_topics_response *response =
        node_ask(broker->node, API_DELETE_TOPICS, 5, &request);
    assert_int_equal(response->topics.items[0].error_code, 0);
}

int real_broker_produce(struct real_broker *broker, const char *topic, int32_t partition,
                        struct bytes batch)
{
    return node_produce(broker->node, topic, partition, batch).error_code;
}

int64_t real_broker_end_offset(struct real_broker *broker, const char *topic, int32_t partition,
                               bool is_committed)
{
    return node_end_offset(broker->node, topic, partition, is_committed);
}

void real_broker_set_transactions(struct real_broker *broker, int16_t version)
{
    struct update_features_request_feature_update update = {
        .feature = BYTES_LITERAL("transaction.version"),
        .max_version_level = version,
        .upgrade_type = 3};
    struct update_features_request request = {.timeout_ms = 10000, .feature_updates = {&update, 1}};
    const struct update_features_response *response =
        node_ask(broker->node, API_UPDATE_FEATURES, 1, &request);
    assert_int_equal(response->error_code, 0);
}

bool real_broker_expel(struct real_broker *broker, const char *group, int32_t index)
{
    struct bytes name = bytes_from_string(group);
    struct describe_groups_request ask = {.groups = {&name, 1}};
    const struct describe_groups_response *told =
        node_ask(broker->node, API_DESCRIBE_GROUPS, 5, &ask);
    const struct describe_groups_response_group *found = &told->groups.items[0];
    if (index >= found->members.count) {
        return false;
    }
    struct leave_group_request_member member = {.member_id = found->members.items[index].member_id};
    struct leave_group_request leave = {.group_id = name, .members = {&member, 1}};
    const struct leave_group_response *left = node_ask(broker->node, API_LEAVE_GROUP, 4, &leave);
    assert_int_equal(left->error_code, 0);
    return true;
}

void real_broker_run_ms(struct real_broker *broker, uint64_t duration_ms)
{
    node_run_ms(broker->node, duration_ms);
}

uint64_t real_broker_now_ms(struct real_broker *broker)
{
    return node_now_ms(broker->node);
}

struct io *real_broker_client_io(struct real_broker *broker)
{
    return broker->node->client_io;
}
