/* Topics and configurations, and groups as a whole; see admin.h. Offsets: admin_offsets.c. */
#include "runtime/client/admin.h"

#include "log/base/error.h"
#include "runtime/client/admin_call.h"

#include <stdlib.h>
#include <string.h>

enum {
    ADMIN_DESCRIBE_GROUPS_KEY = 15,
    ADMIN_LIST_GROUPS_KEY = 16,
    ADMIN_CREATE_TOPICS_KEY = 19,
    ADMIN_DELETE_TOPICS_KEY = 20,
    ADMIN_DESCRIBE_CONFIGS_KEY = 32,
    ADMIN_CREATE_PARTITIONS_KEY = 37,
    ADMIN_DELETE_GROUPS_KEY = 42,
    ADMIN_INCREMENTAL_ALTER_CONFIGS_KEY = 44,

    ADMIN_OPERATION_SET = 0,
    ADMIN_OPERATION_DELETE = 1,
};

void admin_cancel(struct admin_call *call)
{
    admin_call_cancel(call);
}

static struct bytes admin_copy(struct admin_call *call, const char *text)
{
    return arena_copy(&call->arena, bytes_from_string(text));
}

/* The questions whose answer is yes or no. */
struct admin_plain {
    admin_done *done;
};

static void admin_finish_plain(struct admin_call *call, int error, const void *response)
{
    (void)response;
    const struct admin_plain *plain = call->state;
    plain->done(call->owner, error, admin_call_text(call, error));
}

static struct admin_call *admin_plain_new(struct client *client, admin_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_plain *plain = arena_new(&call->arena, struct admin_plain);
    plain->done = done;
    call->state = plain;
    call->finish = admin_finish_plain;
    return call;
}

static int32_t admin_timeout(struct client *client)
{
    return (int32_t)client_get_options(client)->request_timeout_ms;
}

static int admin_judge_create(struct admin_call *call, int16_t version, const void *response)
{
    (void)version;
    const struct create_topics_response *answer = response;
    if (answer->topics.count < 1) {
        return ERROR_MALFORMED;
    }
    admin_call_set_text(call, answer->topics.items[0].error_message);
    return error_from_code(answer->topics.items[0].error_code);
}

struct admin_call *admin_create_topic(struct client *client,
                                      const struct admin_topic_options *options, admin_done *done,
                                      void *owner)
{
    struct admin_call *call = admin_plain_new(client, done, owner);
    struct create_topics_request *request = arena_new(&call->arena, struct create_topics_request);
    struct create_topics_request_topic *topic =
        arena_new(&call->arena, struct create_topics_request_topic);
    topic->name = admin_copy(call, options->topic);
    topic->partition_count = options->partition_count;
    topic->replication_factor = options->replication_factor;
    topic->configs.items =
        arena_array(&call->arena, struct create_topics_request_config, options->config_count);
    topic->configs.count = (int32_t)options->config_count;
    for (size_t i = 0; i < options->config_count; i++) {
        topic->configs.items[i] = (struct create_topics_request_config){
            .name = admin_copy(call, options->configs[i].name),
            .value = admin_copy(call, options->configs[i].value),
        };
    }
    request->topics.items = topic;
    request->topics.count = 1;
    request->timeout_ms = admin_timeout(client);
    request->validate_only = options->is_dry_run;
    call->target = CLIENT_CONTROLLER;
    call->api_key = ADMIN_CREATE_TOPICS_KEY;
    call->request = request;
    call->judge = admin_judge_create;
    admin_call_start(call);
    return call;
}

static int admin_judge_delete(struct admin_call *call, int16_t version, const void *response)
{
    (void)version;
    const struct delete_topics_response *answer = response;
    if (answer->topics.count < 1) {
        return ERROR_MALFORMED;
    }
    admin_call_set_text(call, answer->topics.items[0].error_message);
    int error = error_from_code(answer->topics.items[0].error_code);
    /* For a metadata request it may heal; a topic to be deleted is just not there. */
    return error == ERROR_UNKNOWN_TOPIC_OR_PARTITION ? ERROR_NOT_FOUND : error;
}

static void admin_finish_delete(struct admin_call *call, int error, const void *response)
{
    if (error == ERROR_NOT_FOUND) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    admin_finish_plain(call, error, response);
}

struct admin_call *admin_delete_topic(struct client *client, const char *topic, admin_done *done,
                                      void *owner)
{
    struct admin_call *call = admin_plain_new(client, done, owner);
    struct delete_topics_request *request = arena_new(&call->arena, struct delete_topics_request);
    struct bytes *name = arena_new(&call->arena, struct bytes);
    *name = admin_copy(call, topic);
    struct delete_topics_request_topic *row =
        arena_new(&call->arena, struct delete_topics_request_topic);
    row->name = *name;
    request->topics.items = row; /* from version 6 on */
    request->topics.count = 1;
    request->topic_names.items = name; /* before */
    request->topic_names.count = 1;
    request->timeout_ms = admin_timeout(client);
    call->target = CLIENT_CONTROLLER;
    call->api_key = ADMIN_DELETE_TOPICS_KEY;
    call->request = request;
    call->judge = admin_judge_delete;
    call->finish = admin_finish_delete;
    admin_call_start(call);
    return call;
}

static int admin_judge_grow(struct admin_call *call, int16_t version, const void *response)
{
    (void)version;
    const struct create_partitions_response *answer = response;
    if (answer->results.count < 1) {
        return ERROR_MALFORMED;
    }
    admin_call_set_text(call, answer->results.items[0].error_message);
    int error = error_from_code(answer->results.items[0].error_code);
    return error == ERROR_UNKNOWN_TOPIC_OR_PARTITION ? ERROR_NOT_FOUND : error;
}

struct admin_call *admin_grow_topic(struct client *client, const char *topic,
                                    int32_t partition_count, admin_done *done, void *owner)
{
    struct admin_call *call = admin_plain_new(client, done, owner);
    struct create_partitions_request *request =
        arena_new(&call->arena, struct create_partitions_request);
    struct create_partitions_request_topic *row =
        arena_new(&call->arena, struct create_partitions_request_topic);
    row->name = admin_copy(call, topic);
    row->count = partition_count;
    row->assignments.count = -1;
    request->topics.items = row;
    request->topics.count = 1;
    request->timeout_ms = admin_timeout(client);
    call->target = CLIENT_CONTROLLER;
    call->api_key = ADMIN_CREATE_PARTITIONS_KEY;
    call->request = request;
    call->judge = admin_judge_grow;
    call->finish = admin_finish_delete;
    admin_call_start(call);
    return call;
}

/* A broker answers for itself; for topics any broker does. */
static int32_t admin_config_target(enum admin_resource resource, const char *name)
{
    return resource == ADMIN_BROKER && name[0] != 0 ? (int32_t)strtol(name, NULL, 10) : CLIENT_ANY;
}

struct admin_configs {
    admin_configs_done *done;
};

static int admin_judge_configs(struct admin_call *call, int16_t version, const void *response)
{
    (void)version;
    const struct describe_configs_response *answer = response;
    if (answer->results.count < 1) {
        return ERROR_MALFORMED;
    }
    admin_call_set_text(call, answer->results.items[0].error_message);
    int error = error_from_code(answer->results.items[0].error_code);
    return error == ERROR_UNKNOWN_TOPIC_OR_PARTITION ? ERROR_NOT_FOUND : error;
}

static void admin_finish_configs(struct admin_call *call, int error, const void *response)
{
    const struct admin_configs *configs = call->state;
    const struct describe_configs_response *answer = response;
    if (error == ERROR_NOT_FOUND) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    configs->done(call->owner, error, admin_call_text(call, error),
                  error == 0 ? &answer->results.items[0] : NULL);
}

struct admin_call *admin_describe_configs(struct client *client, enum admin_resource resource,
                                          const char *name, admin_configs_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_configs *configs = arena_new(&call->arena, struct admin_configs);
    struct describe_configs_request *request =
        arena_new(&call->arena, struct describe_configs_request);
    struct describe_configs_request_resource *row =
        arena_new(&call->arena, struct describe_configs_request_resource);
    configs->done = done;
    row->resource_type = (int8_t)resource;
    row->resource_name = admin_copy(call, name);
    row->configuration_keys.count = -1;
    request->resources.items = row;
    request->resources.count = 1;
    call->state = configs;
    call->target = admin_config_target(resource, name);
    call->api_key = ADMIN_DESCRIBE_CONFIGS_KEY;
    call->request = request;
    call->judge = admin_judge_configs;
    call->finish = admin_finish_configs;
    admin_call_start(call);
    return call;
}

static int admin_judge_alter(struct admin_call *call, int16_t version, const void *response)
{
    (void)version;
    const struct incremental_alter_configs_response *answer = response;
    if (answer->resources.count < 1) {
        return ERROR_MALFORMED;
    }
    admin_call_set_text(call, answer->resources.items[0].error_message);
    int error = error_from_code(answer->resources.items[0].error_code);
    return error == ERROR_UNKNOWN_TOPIC_OR_PARTITION ? ERROR_NOT_FOUND : error;
}

struct admin_call *admin_alter_configs(struct client *client, enum admin_resource resource,
                                       const char *name, const struct admin_config *configs,
                                       size_t count, bool is_dry_run, admin_done *done, void *owner)
{
    struct admin_call *call = admin_plain_new(client, done, owner);
    struct incremental_alter_configs_request *request =
        arena_new(&call->arena, struct incremental_alter_configs_request);
    struct incremental_alter_configs_request_resource *row =
        arena_new(&call->arena, struct incremental_alter_configs_request_resource);
    row->resource_type = (int8_t)resource;
    row->resource_name = admin_copy(call, name);
    row->configs.items =
        arena_array(&call->arena, struct incremental_alter_configs_request_config, count);
    row->configs.count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        bool is_set = configs[i].value != NULL;
        row->configs.items[i] = (struct incremental_alter_configs_request_config){
            .name = admin_copy(call, configs[i].name),
            .config_operation = is_set ? ADMIN_OPERATION_SET : ADMIN_OPERATION_DELETE,
            .value = is_set ? admin_copy(call, configs[i].value) : (struct bytes){NULL, 0},
        };
    }
    request->resources.items = row;
    request->resources.count = 1;
    request->validate_only = is_dry_run;
    call->target = admin_config_target(resource, name);
    call->api_key = ADMIN_INCREMENTAL_ALTER_CONFIGS_KEY;
    call->request = request;
    call->judge = admin_judge_alter;
    call->finish = admin_finish_delete;
    admin_call_start(call);
    return call;
}

struct admin_group {
    admin_group_done *done;
};

static int admin_judge_group(struct admin_call *call, int16_t version, const void *response)
{
    (void)version;
    const struct describe_groups_response *answer = response;
    if (answer->groups.count < 1) {
        return ERROR_MALFORMED;
    }
    admin_call_set_text(call, answer->groups.items[0].error_message);
    return error_from_code(answer->groups.items[0].error_code);
}

static void admin_finish_group(struct admin_call *call, int error, const void *response)
{
    const struct admin_group *group = call->state;
    const struct describe_groups_response *answer = response;
    group->done(call->owner, error, admin_call_text(call, error),
                error == 0 ? &answer->groups.items[0] : NULL);
}

struct admin_call *admin_describe_group(struct client *client, const char *group,
                                        admin_group_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_group *state = arena_new(&call->arena, struct admin_group);
    struct describe_groups_request *request =
        arena_new(&call->arena, struct describe_groups_request);
    struct bytes *name = arena_new(&call->arena, struct bytes);
    state->done = done;
    *name = admin_copy(call, group);
    request->groups.items = name;
    request->groups.count = 1;
    call->state = state;
    call->group = *name;
    call->target = ADMIN_CALL_TARGET_GROUP;
    call->api_key = ADMIN_DESCRIBE_GROUPS_KEY;
    call->request = request;
    call->judge = admin_judge_group;
    call->finish = admin_finish_group;
    admin_call_start(call);
    return call;
}

static int admin_judge_delete_group(struct admin_call *call, int16_t version, const void *response)
{
    (void)call;
    (void)version;
    const struct delete_groups_response *answer = response;
    return answer->results.count < 1 ? ERROR_MALFORMED
                                     : error_from_code(answer->results.items[0].error_code);
}

struct admin_call *admin_delete_group(struct client *client, const char *group, admin_done *done,
                                      void *owner)
{
    struct admin_call *call = admin_plain_new(client, done, owner);
    struct delete_groups_request *request = arena_new(&call->arena, struct delete_groups_request);
    struct bytes *name = arena_new(&call->arena, struct bytes);
    *name = admin_copy(call, group);
    request->group_names.items = name;
    request->group_names.count = 1;
    call->group = *name;
    call->target = ADMIN_CALL_TARGET_GROUP;
    call->api_key = ADMIN_DELETE_GROUPS_KEY;
    call->request = request;
    call->judge = admin_judge_delete_group;
    admin_call_start(call);
    return call;
}

/* Every broker is asked for its groups, one after the other. */
struct admin_groups {
    admin_groups_done *done;
    struct client_refresh refresh;
    bool is_refreshing;
    int32_t *node_ids;
    size_t node_count;
    size_t next_node;
    struct list_groups_request request;
    struct list_groups_response_group *groups;
    size_t count;
    size_t capacity;
};

static void admin_add_group(struct admin_call *call, const struct list_groups_response_group *group)
{
    struct admin_groups *state = call->state;
    if (state->count == state->capacity) {
        state->capacity = state->capacity * 2 + 32;
        struct list_groups_response_group *grown =
            arena_array(&call->arena, struct list_groups_response_group, state->capacity);
        if (state->count > 0) {
            memcpy(grown, state->groups, state->count * sizeof *grown);
        }
        state->groups = grown;
    }
    state->groups[state->count++] = (struct list_groups_response_group){
        .group_id = arena_copy(&call->arena, group->group_id),
        .protocol_type = arena_copy(&call->arena, group->protocol_type),
        .group_state = arena_copy(&call->arena, group->group_state),
        .group_type = arena_copy(&call->arena, group->group_type),
    };
}

static void admin_list_next(struct admin_call *call);

static void admin_on_listed(struct client_call *sent, int error, int16_t version,
                            const void *response)
{
    (void)version;
    struct admin_call *call = sent->owner;
    struct admin_groups *state = call->state;
    const struct list_groups_response *answer = response;
    call->is_sent = false;
    if (error == 0) {
        error = error_from_code(answer->error_code);
    }
    if (error != 0) {
        admin_call_settle(call, error, NULL);
        return;
    }
    for (int32_t i = 0; i < answer->groups.count; i++) {
        admin_add_group(call, &answer->groups.items[i]);
    }
    state->next_node++;
    admin_list_next(call);
}

static void admin_list_next(struct admin_call *call)
{
    struct admin_groups *state = call->state;
    if (state->next_node == state->node_count) {
        admin_call_settle(call, 0, NULL);
        return;
    }
    call->call = (struct client_call){
        .target = state->node_ids[state->next_node],
        .api_key = ADMIN_LIST_GROUPS_KEY,
        .version_max = -1,
        .request = &state->request,
        .done = admin_on_listed,
        .owner = call,
    };
    call->is_sent = true;
    client_send(call->client, &call->call);
}

static void admin_add_node(void *owner, int32_t node_id, const char *address)
{
    (void)address;
    struct admin_groups *state = owner;
    state->node_ids[state->node_count++] = node_id;
}

static void admin_on_brokers(struct client_refresh *refresh, int error)
{
    struct admin_call *call = refresh->owner;
    struct admin_groups *state = call->state;
    state->is_refreshing = false;
    if (error != 0) {
        admin_call_settle(call, error, NULL);
        return;
    }
    state->node_ids = arena_array(&call->arena, int32_t, client_broker_count(call->client));
    state->node_count = 0;
    state->next_node = 0;
    state->count = 0;
    client_each_broker(call->client, admin_add_node, state);
    admin_list_next(call);
}

static void admin_begin_list_groups(struct admin_call *call)
{
    struct admin_groups *state = call->state;
    static const char *const no_topics[1];
    state->refresh =
        (struct client_refresh){.topics = no_topics, .done = admin_on_brokers, .owner = call};
    state->is_refreshing = true;
    client_refresh_metadata(call->client, &state->refresh);
}

static void admin_stop_list_groups(struct admin_call *call)
{
    struct admin_groups *state = call->state;
    if (state->is_refreshing) {
        client_refresh_cancel(&state->refresh);
    }
}

static void admin_finish_list_groups(struct admin_call *call, int error, const void *response)
{
    (void)response;
    const struct admin_groups *state = call->state;
    state->done(call->owner, error, error == 0 ? state->groups : NULL,
                error == 0 ? state->count : 0);
}

struct admin_call *admin_list_groups(struct client *client, admin_groups_done *done, void *owner)
{
    struct admin_call *call = admin_call_new(client, owner);
    struct admin_groups *state = arena_new(&call->arena, struct admin_groups);
    state->done = done;
    call->state = state;
    call->begin = admin_begin_list_groups;
    call->stop = admin_stop_list_groups;
    call->finish = admin_finish_list_groups;
    admin_call_start(call);
    return call;
}
