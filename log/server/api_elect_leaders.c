/* ElectLeaders (key 43, KIP-460).
 *
 * The only broker leads what it has; there is nothing to elect. A partition without a leader cannot
 * get one either: nobody else has a copy. Asked for all partitions, only failures are told. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { ELECT_LEADERS_PREFERRED = 0, ELECT_LEADERS_UNCLEAN = 1 };

static int elect_leaders_judge(const struct meta_partition *partition, int8_t election_type)
{
    if (election_type == ELECT_LEADERS_UNCLEAN) {
        return partition->leader < 0 ? ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE
                                     : ERROR_ELECTION_NOT_NEEDED;
    }
    return partition->leader == partition->replicas[0] ? ERROR_ELECTION_NOT_NEEDED
                                                       : ERROR_PREFERRED_LEADER_NOT_AVAILABLE;
}

static void elect_leaders_refuse(struct elect_leaders_response_partition *answer, int error,
                                 const char *message)
{
    answer->error_code = error_code(error);
    answer->error_message = bytes_from_string(message);
}

static void elect_leaders_serve(struct request *request, const struct meta_topic *topic,
                                struct bytes name, struct elect_leaders_response_partition *answer)
{
    const struct elect_leaders_request *message = request_message(request, elect_leaders_request);
    const struct meta_partition *partition =
        topic == NULL ? NULL : meta_find_partition(topic, answer->index);
    if (message->election_type != ELECT_LEADERS_PREFERRED &&
        message->election_type != ELECT_LEADERS_UNCLEAN) {
        elect_leaders_refuse(
            answer, ERROR_INVALID_REQUEST,
            arena_printf(&request->arena, "Unknown election type %d", message->election_type));
    } else if (topic == NULL) {
        elect_leaders_refuse(
            answer, ERROR_UNKNOWN_TOPIC_OR_PARTITION,
            arena_printf(&request->arena, "No such topic as %.*s", BYTES_FORMAT(name)));
    } else if (partition == NULL) {
        elect_leaders_refuse(answer, ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                             arena_printf(&request->arena, "No such partition as %.*s-%d",
                                          BYTES_FORMAT(name), (int)answer->index));
    } else {
        int error = elect_leaders_judge(partition, message->election_type);
        elect_leaders_refuse(answer, error, error_text(error));
    }
}

static void elect_leaders_serve_topic(struct request *request,
                                      const struct elect_leaders_request_topic *asked,
                                      struct elect_leaders_response_result *answer)
{
    const struct meta_topic *topic = meta_find_topic(request->server->parts.meta, asked->name);
    int32_t count = asked->partitions.count;
    answer->name = asked->name;
    answer->partitions.count = count;
    answer->partitions.items =
        arena_array(&request->arena, struct elect_leaders_response_partition, count);
    for (int32_t i = 0; i < count; i++) {
        answer->partitions.items[i].index = asked->partitions.items[i];
        elect_leaders_serve(request, topic, asked->name, &answer->partitions.items[i]);
    }
}

/* Every topic, and of its partitions those whose election failed. */
static void elect_leaders_serve_all(struct request *request,
                                    struct elect_leaders_response *response)
{
    struct meta *meta = request->server->parts.meta;
    int8_t election_type = request_message(request, elect_leaders_request)->election_type;
    size_t count = meta_topic_count(meta);
    response->results.items =
        arena_array(&request->arena, struct elect_leaders_response_result, count);
    response->results.count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        const struct meta_topic *topic = meta_topic_at(meta, i);
        struct elect_leaders_response_result *answer = &response->results.items[i];
        answer->name = bytes_from_string(topic->name);
        answer->partitions.items = arena_array(
            &request->arena, struct elect_leaders_response_partition, topic->partition_count);
        for (int32_t j = 0; j < topic->partition_count; j++) {
            int error = elect_leaders_judge(&topic->partitions[j], election_type);
            if (error != ERROR_ELECTION_NOT_NEEDED) {
                struct elect_leaders_response_partition *partition =
                    &answer->partitions.items[answer->partitions.count++];
                partition->index = j;
                elect_leaders_refuse(partition, error, error_text(error));
            }
        }
    }
}

void api_elect_leaders(struct request *request)
{
    const struct elect_leaders_request *message = request_message(request, elect_leaders_request);
    struct elect_leaders_response response = {0};
    bool is_known = message->election_type == ELECT_LEADERS_PREFERRED ||
                    message->election_type == ELECT_LEADERS_UNCLEAN;
    response.error_code = is_known ? 0 : error_code(ERROR_INVALID_REQUEST);
    if (message->topics.count < 0 && is_known) {
        elect_leaders_serve_all(request, &response);
    } else if (message->topics.count > 0) {
        response.results.count = message->topics.count;
        response.results.items = arena_array(&request->arena, struct elect_leaders_response_result,
                                             message->topics.count);
        for (int32_t i = 0; i < message->topics.count; i++) {
            elect_leaders_serve_topic(request, &message->topics.items[i],
                                      &response.results.items[i]);
        }
    }
    request_answer(request, &response);
}
