/* Topics, configurations and groups as an administrator sees them, for tests. One configuration per
 * topic is kept, by the name of the topic. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "tests/unit/runtime/fake_cluster.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEY_DESCRIBE_GROUPS = 15,
    KEY_LIST_GROUPS = 16,
    KEY_CREATE_TOPICS = 19,
    KEY_DELETE_TOPICS = 20,
    KEY_DESCRIBE_CONFIGS = 32,
    KEY_CREATE_PARTITIONS = 37,
    KEY_DELETE_GROUPS = 42,
    KEY_ALTER_CONFIGS = 44,
};

static int take_fault(struct fake_cluster *cluster, int16_t key)
{
    struct fake_fault *fault = &cluster->faults[key];
    if (fault->count == 0) {
        return 0;
    }
    fault->count--;
    return fault->error;
}

static void create_topic(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct create_topics_request *in = request->message;
    const struct create_topics_request_topic *wish = &in->topics.items[0];
    int error = take_fault(cluster, KEY_CREATE_TOPICS);
    struct create_topics_response_topic row = {.name = wish->name};
    if (error == 0 && map_find(&cluster->topics, wish->name) != NULL) {
        error = ERROR_TOPIC_ALREADY_EXISTS;
        row.error_message = BYTES_LITERAL("Topic 't' already exists.");
    }
    if (error == 0 && !in->validate_only) {
        fake_cluster_add_topic(cluster, arena_string(&request->arena, wish->name),
                               wish->partition_count < 0 ? 1 : wish->partition_count);
    }
    row.error_code = error_code(error);
    struct create_topics_response out = {0};
    out.topics.items = &row;
    out.topics.count = 1;
    fake_request_answer(request, &out);
}

static void delete_topic(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct delete_topics_request *in = request->message;
    struct bytes name = request->version >= 6 ? in->topics.items[0].name : in->topic_names.items[0];
    struct fake_topic *topic = map_remove(&cluster->topics, name);
    struct delete_topics_response_topic row = {.name = name};
    row.error_code = error_code(topic == NULL ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : 0);
    if (topic != NULL) {
        fake_topic_free(topic);
    }
    struct delete_topics_response out = {0};
    out.topics.items = &row;
    out.topics.count = 1;
    fake_request_answer(request, &out);
}

static void alter_configs(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct incremental_alter_configs_request *in = request->message;
    const struct incremental_alter_configs_request_resource *wish = &in->resources.items[0];
    struct incremental_alter_configs_response_resource row = {.resource_type = wish->resource_type,
                                                              .resource_name = wish->resource_name};
    if (map_find(&cluster->topics, wish->resource_name) == NULL) {
        row.error_code = error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    } else if (wish->configs.items[0].config_operation == 0) {
        free(map_put(&cluster->configs, wish->resource_name,
                     bytes_to_string(wish->configs.items[0].value)));
    } else {
        free(map_remove(&cluster->configs, wish->resource_name));
    }
    struct incremental_alter_configs_response out = {0};
    out.resources.items = &row;
    out.resources.count = 1;
    fake_request_answer(request, &out);
}

static void describe_configs(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct describe_configs_request *in = request->message;
    struct bytes name = in->resources.items[0].resource_name;
    const char *value = map_find(&cluster->configs, name);
    struct describe_configs_response_config config = {
        .name = BYTES_LITERAL("retention.ms"),
        .value = bytes_from_string(value == NULL ? "604800000" : value),
        .config_source = value == NULL ? 5 : 1,
    };
    struct describe_configs_response_result row = {.resource_name = name, .resource_type = 2};
    if (map_find(&cluster->topics, name) == NULL) {
        row.error_code = error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    }
    row.configs.items = &config;
    row.configs.count = 1;
    struct describe_configs_response out = {0};
    out.results.items = &row;
    out.results.count = 1;
    fake_request_answer(request, &out);
}

static void grow_topic(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct create_partitions_request *in = request->message;
    const struct create_partitions_request_topic *wish = &in->topics.items[0];
    struct fake_topic *topic = map_find(&cluster->topics, wish->name);
    struct create_partitions_response_result row = {.name = wish->name};
    if (topic == NULL) {
        row.error_code = error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    } else if (wish->count <= topic->partition_count) {
        row.error_code = error_code(ERROR_INVALID_PARTITIONS);
        row.error_message = BYTES_LITERAL("The topic has as many already.");
    } else {
        fake_cluster_grow_topic(topic, wish->count);
    }
    struct create_partitions_response out = {0};
    out.results.items = &row;
    out.results.count = 1;
    fake_request_answer(request, &out);
}

/* Broker n coordinates a group "group-n", beside what tests made; only its coordinator tells. */
static void list_groups(struct fake_request *request)
{
    struct list_groups_response_group row = {
        .group_id = bytes_from_string(
            arena_printf(&request->arena, "group-%d", (int)request->broker->node_id)),
        .protocol_type = BYTES_LITERAL("consumer"),
        .group_state = BYTES_LITERAL("Stable"),
        .group_type = BYTES_LITERAL("classic"),
    };
    struct list_groups_response out = {0};
    out.groups.items = &row;
    out.groups.count = 1;
    fake_request_answer(request, &out);
}

static void describe_group(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct describe_groups_request *in = request->message;
    bool is_known = map_find(&cluster->groups, in->groups.items[0]) != NULL;
    int error = take_fault(cluster, KEY_DESCRIBE_GROUPS);
    if (request->broker->node_id != cluster->coordinator_id) {
        error = ERROR_NOT_COORDINATOR;
    }
    struct describe_groups_response_group row = {
        .error_code = error_code(error),
        .group_id = in->groups.items[0],
        .group_state = is_known ? BYTES_LITERAL("Empty") : BYTES_LITERAL("Dead"),
        .protocol_type = BYTES_LITERAL(""),
        .protocol_data = BYTES_LITERAL(""),
    };
    struct describe_groups_response out = {0};
    out.groups.items = &row;
    out.groups.count = 1;
    fake_request_answer(request, &out);
}

static void delete_group(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct delete_groups_request *in = request->message;
    void *group = map_remove(&cluster->groups, in->group_names.items[0]);
    struct delete_groups_response_result row = {
        .group_id = in->group_names.items[0],
        .error_code = error_code(group == NULL ? ERROR_GROUP_ID_NOT_FOUND : 0),
    };
    if (group != NULL) {
        fake_group_free(group);
    }
    struct delete_groups_response out = {0};
    out.results.items = &row;
    out.results.count = 1;
    fake_request_answer(request, &out);
}

bool fake_admin_handle(struct fake_cluster *cluster, struct fake_request *request)
{
    switch (request->api->key) {
    case KEY_CREATE_TOPICS:
        create_topic(cluster, request);
        return true;
    case KEY_DELETE_TOPICS:
        delete_topic(cluster, request);
        return true;
    case KEY_ALTER_CONFIGS:
        alter_configs(cluster, request);
        return true;
    case KEY_DESCRIBE_CONFIGS:
        describe_configs(cluster, request);
        return true;
    case KEY_CREATE_PARTITIONS:
        grow_topic(cluster, request);
        return true;
    case KEY_LIST_GROUPS:
        list_groups(request);
        return true;
    case KEY_DESCRIBE_GROUPS:
        describe_group(cluster, request);
        return true;
    case KEY_DELETE_GROUPS:
        delete_group(cluster, request);
        return true;
    default:
        return false;
    }
}
