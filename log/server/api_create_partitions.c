/* CreatePartitions (key 37): more partitions for topics that exist. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { CREATE_PARTITIONS_STRICT_VERSION = 3 }; /* knows THROTTLING_QUOTA_EXCEEDED */

struct create_partitions {
    struct request *request;
    struct controller_create_partitions operation;
};

static bool create_partitions_permit(struct controller_operation *operation,
                                     int32_t partition_count)
{
    struct request *request = ((struct create_partitions *)operation->owner)->request;
    return request_permit(request, partition_count,
                          request->version >= CREATE_PARTITIONS_STRICT_VERSION);
}

static void create_partitions_on_done(struct controller_operation *operation)
{
    struct create_partitions *growth = operation->owner;
    struct request *request = growth->request;
    struct create_partitions_response response = {0};
    size_t count = growth->operation.count;
    response.results.items =
        arena_array(&request->arena, struct create_partitions_response_result, count);
    for (size_t i = 0; i < count; i++) {
        const struct controller_topic_result *result = &growth->operation.results[i];
        if (operation->error == 0 && result->is_repeated) {
            continue;
        }
        response.results.items[response.results.count++] =
            (struct create_partitions_response_result){
                .name = growth->operation.topics[i].name,
                .error_code = error_code(operation->error != 0 ? operation->error : result->error),
                .error_message = bytes_from_string(operation->error != 0 ? NULL : result->message)};
    }
    request_answer(request, &response);
}

static void create_partitions_convert(struct arena *arena,
                                      const struct create_partitions_request_topic *from,
                                      struct controller_grown_topic *to)
{
    *to = (struct controller_grown_topic){.name = from->name, .partition_count = from->count};
    if (from->assignments.count < 0) {
        return;
    }
    struct controller_assignment *assignments =
        arena_array(arena, struct controller_assignment, from->assignments.count);
    for (int32_t i = 0; i < from->assignments.count; i++) {
        assignments[i] = (struct controller_assignment){
            .partition = -1,
            .brokers = from->assignments.items[i].broker_ids.items,
            .broker_count = from->assignments.items[i].broker_ids.count};
    }
    to->assignments = assignments;
    to->assignment_count = from->assignments.count;
}

void api_create_partitions(struct request *request)
{
    const struct create_partitions_request *asked =
        request_message(request, create_partitions_request);
    struct create_partitions *growth = arena_new(&request->arena, struct create_partitions);
    struct controller_grown_topic *topics =
        arena_array(&request->arena, struct controller_grown_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        create_partitions_convert(&request->arena, &asked->topics.items[i], &topics[i]);
    }
    growth->request = request;
    growth->operation =
        (struct controller_create_partitions){.operation = {.done = create_partitions_on_done,
                                                            .permit = create_partitions_permit,
                                                            .owner = growth,
                                                            .arena = &request->arena},
                                              .topics = topics,
                                              .count = (size_t)asked->topics.count,
                                              .is_validate_only = asked->validate_only};
    controller_create_partitions(request->server->parts.controller, &growth->operation);
}
