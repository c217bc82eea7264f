/* DescribeLogDirs (key 35, KIP-113): the data directory, its partitions and their sizes.
 *
 * There is one directory. A partition that this broker does not have is left out, as Kafka does,
 * and one that is named twice is told once. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

static bool describe_log_dirs_fill(struct request *request, struct bytes topic, int32_t index,
                                   struct describe_log_dirs_response_partition *answer)
{
    struct replica *replica = replica_set_find(request->server->parts.replicas, topic, index);
    if (replica == NULL) {
        return false;
    }
    *answer = (struct describe_log_dirs_response_partition){
        .index = index, .partition_size = log_size(replica_log(replica))};
    return true;
}

static void describe_log_dirs_fill_all(struct request *request,
                                       struct describe_log_dirs_response_result *result)
{
    struct meta *meta = request->server->parts.meta;
    size_t count = meta_topic_count(meta);
    result->topics.items =
        arena_array(&request->arena, struct describe_log_dirs_response_topic, count);
    for (size_t i = 0; i < count; i++) {
        const struct meta_topic *topic = meta_topic_at(meta, i);
        struct describe_log_dirs_response_topic *answer =
            &result->topics.items[result->topics.count++];
        answer->name = bytes_from_string(topic->name);
        answer->partitions.items = arena_array(
            &request->arena, struct describe_log_dirs_response_partition, topic->partition_count);
        for (int32_t j = 0; j < topic->partition_count; j++) {
            answer->partitions.count += describe_log_dirs_fill(
                request, answer->name, j, &answer->partitions.items[answer->partitions.count]);
        }
    }
}

static void describe_log_dirs_fill_topic(struct request *request, struct repetition *repetition,
                                         const struct describe_log_dirs_request_topic *asked,
                                         struct describe_log_dirs_response_result *result)
{
    struct describe_log_dirs_response_topic *answer = &result->topics.items[result->topics.count];
    struct buffer key;
    buffer_init(&key);
    answer->name = asked->name;
    answer->partitions.items = arena_array(
        &request->arena, struct describe_log_dirs_response_partition, asked->partitions.count);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        int32_t index = asked->partitions.items[i];
        if (repetition_is_first(repetition, repetition_key(&key, asked->name, index))) {
            answer->partitions.count += describe_log_dirs_fill(
                request, asked->name, index, &answer->partitions.items[answer->partitions.count]);
        }
    }
    buffer_fini(&key);
    result->topics.count += answer->partitions.count > 0;
}

static void describe_log_dirs_fill_asked(struct request *request,
                                         struct describe_log_dirs_response_result *result)
{
    const struct describe_log_dirs_request *message =
        request_message(request, describe_log_dirs_request);
    struct repetition repetition;
    repetition_init(&repetition);
    result->topics.items = arena_array(&request->arena, struct describe_log_dirs_response_topic,
                                       message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        describe_log_dirs_fill_topic(request, &repetition, &message->topics.items[i], result);
    }
    repetition_fini(&repetition);
}

void api_describe_log_dirs(struct request *request)
{
    const struct describe_log_dirs_request *message =
        request_message(request, describe_log_dirs_request);
    const struct server_parts *parts = &request->server->parts;
    struct io_space space = {0};
    bool is_fenced = store_status(parts->store) != 0;
    bool has_space = io_path_space(parts->io, parts->path, &space) == 0;
    struct describe_log_dirs_response_result result = {
        .error_code = is_fenced ? error_code(ERROR_KAFKA_STORAGE_ERROR) : 0,
        .log_dir = bytes_from_string(parts->path),
        .total_bytes = has_space ? space.total_size : -1,
        .usable_bytes = has_space ? space.usable_size : -1};
    if (!is_fenced && message->topics.count < 0) {
        describe_log_dirs_fill_all(request, &result);
    } else if (!is_fenced) {
        describe_log_dirs_fill_asked(request, &result);
    }
    struct describe_log_dirs_response response = {.results = {.items = &result, .count = 1}};
    request_answer(request, &response);
}
