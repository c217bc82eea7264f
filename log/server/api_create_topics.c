/* CreateTopics (key 19). The decisions are the controller's; here they get their wire form. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { CREATE_TOPICS_STRICT_VERSION = 6 }; /* knows THROTTLING_QUOTA_EXCEEDED */

struct create_topics {
    struct request *request;
    struct controller_create_topics operation;
};

static void create_topics_convert_assignments(struct arena *arena,
                                              const struct create_topics_request_topic *from,
                                              struct controller_new_topic *to)
{
    struct controller_assignment *assignments =
        arena_array(arena, struct controller_assignment, from->assignments.count);
    for (int32_t i = 0; i < from->assignments.count; i++) {
        const struct create_topics_request_assignment *asked = &from->assignments.items[i];
        assignments[i] = (struct controller_assignment){.partition = asked->partition_index,
                                                        .brokers = asked->broker_ids.items,
                                                        .broker_count = asked->broker_ids.count};
    }
    to->assignments = assignments;
    to->assignment_count = from->assignments.count;
}

static void create_topics_convert(struct arena *arena,
                                  const struct create_topics_request_topic *from,
                                  struct controller_new_topic *to)
{
    struct controller_config *configs =
        arena_array(arena, struct controller_config, from->configs.count);
    for (int32_t i = 0; i < from->configs.count; i++) {
        configs[i] = (struct controller_config){.name = from->configs.items[i].name,
                                                .value = from->configs.items[i].value};
    }
    *to = (struct controller_new_topic){.name = from->name,
                                        .partition_count = from->partition_count,
                                        .replication_factor = from->replication_factor,
                                        .configs = configs,
                                        .config_count = from->configs.count};
    create_topics_convert_assignments(arena, from, to);
}

static void create_topics_fill_configs(struct arena *arena,
                                       const struct controller_topic_result *from,
                                       struct create_topics_response_topic *to)
{
    to->configs.count = (int32_t)from->config_count;
    to->configs.items =
        arena_array(arena, struct create_topics_response_config, from->config_count);
    for (size_t i = 0; i < from->config_count; i++) {
        const struct config_entry *entry = &from->configs[i];
        to->configs.items[i] =
            (struct create_topics_response_config){.name = bytes_from_string(entry->name),
                                                   .value = bytes_from_string(entry->value),
                                                   .read_only = entry->is_read_only,
                                                   .config_source = (int8_t)entry->source,
                                                   .is_sensitive = entry->is_sensitive};
    }
}

static bool create_topics_permit(struct controller_operation *operation, int32_t partition_count)
{
    struct request *request = ((struct create_topics *)operation->owner)->request;
    return request_permit(request, partition_count,
                          request->version >= CREATE_TOPICS_STRICT_VERSION);
}

static void create_topics_on_done(struct controller_operation *operation)
{
    struct create_topics *creation = operation->owner;
    struct request *request = creation->request;
    struct create_topics_response response = {0};
    size_t count = creation->operation.count;
    response.topics.items =
        arena_array(&request->arena, struct create_topics_response_topic, count);
    for (size_t i = 0; i < count; i++) {
        const struct controller_topic_result *result = &creation->operation.results[i];
        int error = operation->error != 0 ? operation->error : result->error;
        if (operation->error == 0 && result->is_repeated) {
            continue;
        }
        struct create_topics_response_topic *answer =
            &response.topics.items[response.topics.count++];
        *answer = (struct create_topics_response_topic){.name = creation->operation.topics[i].name,
                                                        .error_code = error_code(error),
                                                        .partition_count = -1,
                                                        .replication_factor = -1};
        if (operation->error == 0) {
            answer->error_message = bytes_from_string(result->message);
        }
        if (error == 0) {
            answer->topic_id = result->id;
            answer->partition_count = result->partition_count;
            answer->replication_factor = result->replication_factor;
            create_topics_fill_configs(&request->arena, result, answer);
        }
    }
    request_answer(request, &response);
}

void api_create_topics(struct request *request)
{
    const struct create_topics_request *asked = request_message(request, create_topics_request);
    struct create_topics *creation = arena_new(&request->arena, struct create_topics);
    struct controller_new_topic *topics =
        arena_array(&request->arena, struct controller_new_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        create_topics_convert(&request->arena, &asked->topics.items[i], &topics[i]);
    }
    creation->request = request;
    creation->operation =
        (struct controller_create_topics){.operation = {.done = create_topics_on_done,
                                                        .permit = create_topics_permit,
                                                        .owner = creation,
                                                        .arena = &request->arena},
                                          .topics = topics,
                                          .count = (size_t)asked->topics.count,
                                          .is_validate_only = asked->validate_only};
    controller_create_topics(request->server->parts.controller, &creation->operation);
}
