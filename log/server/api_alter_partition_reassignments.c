/* AlterPartitionReassignments (key 45, KIP-455).
 *
 * With one broker the only copies that can be asked for are those that are there: that is granted
 * and changes nothing. Anything else names a broker that does not exist. Nothing is ever under way,
 * so there is nothing to stop. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static void reassignment_refuse(struct alter_partition_reassignments_response_partition *answer,
                                int error, const char *message)
{
    answer->error_code = error_code(error);
    answer->error_message = bytes_from_string(message);
}

/* The second broker of a list is either the first again or one that is not there: at most two are
 * looked at. */
static void
reassignment_judge_replicas(struct request *request,
                            const struct alter_partition_reassignments_request_partition *asked,
                            struct alter_partition_reassignments_response_partition *answer)
{
    struct arena *arena = &request->arena;
    int32_t node_id = request->server->parts.node_id;
    if (asked->replicas.count == 0) {
        reassignment_refuse(answer, ERROR_INVALID_REPLICA_ASSIGNMENT,
                            "The manual partition assignment includes an empty replica list.");
    }
    for (int32_t i = 0; i < asked->replicas.count && answer->error_code == 0; i++) {
        int32_t broker = asked->replicas.items[i];
        if (broker != node_id) {
            reassignment_refuse(answer, ERROR_INVALID_REPLICA_ASSIGNMENT,
                                arena_printf(arena,
                                             "The manual partition assignment includes broker %d, "
                                             "but no such broker is registered.",
                                             (int)broker));
        } else if (i > 0) {
            reassignment_refuse(answer, ERROR_INVALID_REPLICA_ASSIGNMENT,
                                arena_printf(arena,
                                             "The manual partition assignment includes the broker "
                                             "%d more than once.",
                                             (int)broker));
        }
    }
}

static void reassignment_judge(struct request *request, struct bytes name,
                               const struct alter_partition_reassignments_request_partition *asked,
                               struct alter_partition_reassignments_response_partition *answer)
{
    struct arena *arena = &request->arena;
    const struct meta_topic *topic = meta_find_topic(request->server->parts.meta, name);
    answer->index = asked->index;
    if (topic == NULL) {
        reassignment_refuse(
            answer, ERROR_UNKNOWN_TOPIC_OR_PARTITION,
            arena_printf(arena, "Unable to find a topic named %.*s.", BYTES_FORMAT(name)));
    } else if (meta_find_partition(topic, asked->index) == NULL) {
        reassignment_refuse(answer, ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                            arena_printf(arena, "Unable to find partition %.*s:%d.",
                                         BYTES_FORMAT(name), (int)asked->index));
    } else if (asked->replicas.count < 0) {
        reassignment_refuse(answer, ERROR_NO_REASSIGNMENT_IN_PROGRESS, NULL);
    } else {
        reassignment_judge_replicas(request, asked, answer);
    }
}

void api_alter_partition_reassignments(struct request *request)
{
    const struct alter_partition_reassignments_request *message =
        request_message(request, alter_partition_reassignments_request);
    struct alter_partition_reassignments_response response = {
        .allow_replication_factor_change = message->allow_replication_factor_change};
    int32_t count = message->topics.count;
    response.topics.count = count;
    response.topics.items =
        arena_array(&request->arena, struct alter_partition_reassignments_response_topic, count);
    for (int32_t i = 0; i < count; i++) {
        const struct alter_partition_reassignments_request_topic *asked = &message->topics.items[i];
        struct alter_partition_reassignments_response_topic *answer = &response.topics.items[i];
        answer->name = asked->name;
        answer->partitions.count = asked->partitions.count;
        answer->partitions.items =
            arena_array(&request->arena, struct alter_partition_reassignments_response_partition,
                        asked->partitions.count);
        for (int32_t j = 0; j < asked->partitions.count; j++) {
            reassignment_judge(request, asked->name, &asked->partitions.items[j],
                               &answer->partitions.items[j]);
        }
    }
    request_answer(request, &response);
}
