/* OffsetDelete (key 47, KIP-496). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static struct coordinator_offset *offset_delete_gather(struct request *request, size_t *count)
{
    const struct offset_delete_request *asked = request_message(request, offset_delete_request);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        *count += (size_t)asked->topics.items[i].partitions.count;
    }
    struct coordinator_offset *rows =
        arena_array(&request->arena, struct coordinator_offset, *count);
    size_t next = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct offset_delete_request_topic *topic = &asked->topics.items[i];
        const struct meta_topic *found = meta_find_topic(request->server->parts.meta, topic->name);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            int32_t index = topic->partitions.items[j].index;
            bool is_known = found != NULL && meta_find_partition(found, index) != NULL;
            rows[next++] = (struct coordinator_offset){
                .topic = topic->name,
                .partition = index,
                .error = is_known ? 0 : ERROR_UNKNOWN_TOPIC_OR_PARTITION};
        }
    }
    return rows;
}

void api_offset_delete(struct request *request)
{
    const struct offset_delete_request *asked = request_message(request, offset_delete_request);
    size_t count = 0;
    size_t next = 0;
    struct coordinator_offset *rows = offset_delete_gather(request, &count);
    struct offset_delete_response response = {0};
    int error = coordinator_delete_offsets(request->server->parts.coordinator, asked->group_id,
                                           rows, count);
    response.error_code = error_code(error);
    if (error != 0) {
        request_answer(request, &response);
        return;
    }
    response.topics.count = asked->topics.count;
    response.topics.items =
        arena_array(&request->arena, struct offset_delete_response_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        struct offset_delete_response_topic *topic = &response.topics.items[i];
        int32_t partition_count = asked->topics.items[i].partitions.count;
        topic->name = asked->topics.items[i].name;
        topic->partitions.count = partition_count;
        topic->partitions.items =
            arena_array(&request->arena, struct offset_delete_response_partition, partition_count);
        for (int32_t j = 0; j < partition_count; j++) {
            topic->partitions.items[j] = (struct offset_delete_response_partition){
                .index = rows[next].partition, .error_code = error_code(rows[next].error)};
            next++;
        }
    }
    request_answer(request, &response);
}
