/* OffsetForLeaderEpoch (key 23): where an epoch ended, so that a consumer finds out whether the log
 * it read from was cut (KIP-101, KIP-320). An epoch that is not known here ends nowhere. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static void
offset_for_leader_epoch_serve(struct request *request, struct bytes topic,
                              const struct offset_for_leader_epoch_request_partition *asked,
                              struct offset_for_leader_epoch_response_partition *answer)
{
    struct log_position position = {.offset = -1, .leader_epoch = -1};
    struct replica *replica =
        replica_set_find(request->server->parts.replicas, topic, asked->index);
    int error = replica == NULL ? ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                : replica_check_epoch(replica, asked->current_leader_epoch);
    if (error == 0) {
        error = log_status(replica_log(replica));
    }
    if (error == 0 && asked->leader_epoch <= replica_leader_epoch(replica)) {
        log_find_epoch(replica_log(replica), asked->leader_epoch, &position);
    }
    *answer =
        (struct offset_for_leader_epoch_response_partition){.error_code = error_code(error),
                                                            .index = asked->index,
                                                            .leader_epoch = position.leader_epoch,
                                                            .end_offset = position.offset};
}

void api_offset_for_leader_epoch(struct request *request)
{
    const struct offset_for_leader_epoch_request *message =
        request_message(request, offset_for_leader_epoch_request);
    struct offset_for_leader_epoch_response response = {0};
    response.topics.count = message->topics.count;
    response.topics.items = arena_array(
        &request->arena, struct offset_for_leader_epoch_response_topic, message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct offset_for_leader_epoch_request_topic *asked = &message->topics.items[i];
        struct offset_for_leader_epoch_response_topic *answer = &response.topics.items[i];
        answer->name = asked->name;
        answer->partitions.count = asked->partitions.count;
        answer->partitions.items =
            arena_array(&request->arena, struct offset_for_leader_epoch_response_partition,
                        asked->partitions.count);
        for (int32_t j = 0; j < asked->partitions.count; j++) {
            offset_for_leader_epoch_serve(request, asked->name, &asked->partitions.items[j],
                                          &answer->partitions.items[j]);
        }
    }
    request_answer(request, &response);
}
