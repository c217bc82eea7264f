/* DeleteRecords (key 21, KIP-107): moves the start of partitions.
 *
 * Not of an internal topic, whose records are somebody's state, and not where compaction alone
 * decides what goes. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static int delete_records_judge(struct request *request, struct bytes topic)
{
    const struct meta_topic *found = meta_find_topic(request->server->parts.meta, topic);
    if (meta_is_internal_name(topic)) {
        return ERROR_INVALID_TOPIC;
    }
    if (found == NULL) {
        return ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    bool is_compacted_only =
        topic_options_is_compacted(&found->options) && !topic_options_is_deleted(&found->options);
    return is_compacted_only ? ERROR_POLICY_VIOLATION : 0;
}

static int delete_records_serve(struct request *request, struct bytes topic,
                                const struct delete_records_request_partition *asked,
                                int64_t *low_watermark)
{
    struct replica *replica =
        replica_set_find(request->server->parts.replicas, topic, asked->index);
    int error = delete_records_judge(request, topic);
    if (error != 0) {
        return error;
    }
    if (replica == NULL) {
        return ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    struct log *log = replica_log(replica);
    int64_t high_watermark = replica_high_watermark(replica);
    int64_t offset = asked->offset == -1 ? high_watermark : asked->offset;
    if (offset < 0 || offset > high_watermark) {
        return ERROR_OFFSET_OUT_OF_RANGE;
    }
    error = offset > log_start_offset(log) ? replica_set_start_offset(replica, offset) : 0;
    *low_watermark = log_start_offset(log);
    return error;
}

void api_delete_records(struct request *request)
{
    const struct delete_records_request *message = request_message(request, delete_records_request);
    struct delete_records_response response = {0};
    response.topics.count = message->topics.count;
    response.topics.items =
        arena_array(&request->arena, struct delete_records_response_topic, message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct delete_records_request_topic *asked = &message->topics.items[i];
        struct delete_records_response_topic *answer = &response.topics.items[i];
        answer->name = asked->name;
        answer->partitions.count = asked->partitions.count;
        answer->partitions.items = arena_array(
            &request->arena, struct delete_records_response_partition, asked->partitions.count);
        for (int32_t j = 0; j < asked->partitions.count; j++) {
            int64_t low_watermark = -1;
            int error = delete_records_serve(request, asked->name, &asked->partitions.items[j],
                                             &low_watermark);
            answer->partitions.items[j] = (struct delete_records_response_partition){
                .index = asked->partitions.items[j].index,
                .low_watermark = error == 0 ? low_watermark : -1,
                .error_code = error_code(error)};
        }
    }
    request_answer(request, &response);
}
