/* DeleteTopics (key 20): by name, or from version 6 on by id too. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { DELETE_TOPICS_STRICT_VERSION = 5 }; /* knows THROTTLING_QUOTA_EXCEEDED */

struct delete_topics {
    struct request *request;
    struct controller_delete_topics operation;
};

static bool delete_topics_permit(struct controller_operation *operation, int32_t partition_count)
{
    struct request *request = ((struct delete_topics *)operation->owner)->request;
    return request_permit(request, partition_count,
                          request->version >= DELETE_TOPICS_STRICT_VERSION);
}

static void delete_topics_on_done(struct controller_operation *operation)
{
    struct delete_topics *deletion = operation->owner;
    struct request *request = deletion->request;
    struct delete_topics_response response = {0};
    size_t count = deletion->operation.count;
    response.topics.items =
        arena_array(&request->arena, struct delete_topics_response_topic, count);
    for (size_t i = 0; i < count; i++) {
        const struct controller_topic_result *result = &deletion->operation.results[i];
        const struct controller_old_topic *asked = &deletion->operation.topics[i];
        if (operation->error == 0 && result->is_repeated) {
            continue;
        }
        struct delete_topics_response_topic *answer =
            &response.topics.items[response.topics.count++];
        *answer = (struct delete_topics_response_topic){
            .name = asked->name,
            .topic_id = asked->id,
            .error_code = error_code(operation->error != 0 ? operation->error : result->error)};
        if (operation->error == 0) {
            answer->error_message = bytes_from_string(result->message);
            answer->name = result->error == 0 ? result->name : asked->name;
            answer->topic_id = result->error == 0 ? result->id : asked->id;
        }
    }
    request_answer(request, &response);
}

void api_delete_topics(struct request *request)
{
    const struct delete_topics_request *asked = request_message(request, delete_topics_request);
    struct delete_topics *deletion = arena_new(&request->arena, struct delete_topics);
    bool has_names = request->version < 6;
    int32_t count = has_names ? asked->topic_names.count : asked->topics.count;
    struct controller_old_topic *topics =
        arena_array(&request->arena, struct controller_old_topic, count);
    for (int32_t i = 0; i < count; i++) {
        if (has_names) {
            topics[i].name = asked->topic_names.items[i];
        } else {
            topics[i] = (struct controller_old_topic){.name = asked->topics.items[i].name,
                                                      .id = asked->topics.items[i].topic_id};
        }
    }
    deletion->request = request;
    deletion->operation =
        (struct controller_delete_topics){.operation = {.done = delete_topics_on_done,
                                                        .permit = delete_topics_permit,
                                                        .owner = deletion,
                                                        .arena = &request->arena},
                                          .topics = topics,
                                          .count = (size_t)count};
    controller_delete_topics(request->server->parts.controller, &deletion->operation);
}
