/* DescribeQuorum (key 55, KIP-595): the metadata log of one node, which is its only voter. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static bool describe_quorum_is_ours(const struct describe_quorum_request *asked)
{
    return asked->topics.count == 1 && asked->topics.items[0].partitions.count == 1 &&
           asked->topics.items[0].partitions.items[0].index == 0 &&
           bytes_equal_string(asked->topics.items[0].name, "__cluster_metadata");
}

static void describe_quorum_fill(struct request *request,
                                 struct describe_quorum_response_partition *partition)
{
    const struct server_parts *parts = &request->server->parts;
    int64_t now_ms = io_wall_clock(parts->io);
    struct describe_quorum_response_voter *voter =
        arena_new(&request->arena, struct describe_quorum_response_voter);
    struct quorum_stats stats;
    quorum_read_stats(parts->quorum, &stats);
    *voter = (struct describe_quorum_response_voter){.replica_id = parts->node_id,
                                                     .log_end_offset = stats.end_offset,
                                                     .last_fetch_ms = now_ms,
                                                     .last_caught_up_ms = now_ms};
    partition->leader_id = parts->node_id;
    partition->leader_epoch = quorum_epoch(parts->quorum);
    partition->high_watermark = stats.committed_offset;
    partition->current_voters.items = voter;
    partition->current_voters.count = 1;
}

static void describe_quorum_fill_node(struct request *request,
                                      struct describe_quorum_response *response)
{
    struct describe_quorum_response_node *node =
        arena_new(&request->arena, struct describe_quorum_response_node);
    struct describe_quorum_response_listener *listener =
        arena_new(&request->arena, struct describe_quorum_response_listener);
    int32_t port = 0;
    request_advertised_address(request, &listener->host, &port);
    listener->name = BYTES_LITERAL("PLAINTEXT");
    listener->port = (uint16_t)port;
    node->node_id = request->server->parts.node_id;
    node->listeners.items = listener;
    node->listeners.count = 1;
    response->nodes.items = node;
    response->nodes.count = 1;
}

static void describe_quorum_fill_topic(struct request *request, bool is_ours,
                                       const struct describe_quorum_request_topic *asked,
                                       struct describe_quorum_response_topic *answer)
{
    int32_t count = asked->partitions.count;
    answer->name = asked->name;
    answer->partitions.count = count;
    answer->partitions.items =
        arena_array(&request->arena, struct describe_quorum_response_partition, count);
    for (int32_t i = 0; i < count; i++) {
        struct describe_quorum_response_partition *partition = &answer->partitions.items[i];
        partition->index = asked->partitions.items[i].index;
        if (is_ours) {
            describe_quorum_fill(request, partition);
        } else {
            partition->error_code = error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION);
            partition->error_message =
                bytes_from_string(error_text(ERROR_UNKNOWN_TOPIC_OR_PARTITION));
        }
    }
}

void api_describe_quorum(struct request *request)
{
    const struct describe_quorum_request *asked = request_message(request, describe_quorum_request);
    struct describe_quorum_response response = {0};
    bool is_ours = describe_quorum_is_ours(asked);
    int32_t count = asked->topics.count;
    response.topics.count = count;
    response.topics.items =
        arena_array(&request->arena, struct describe_quorum_response_topic, count);
    for (int32_t i = 0; i < count; i++) {
        describe_quorum_fill_topic(request, is_ours, &asked->topics.items[i],
                                   &response.topics.items[i]);
    }
    if (is_ours) {
        describe_quorum_fill_node(request, &response);
    }
    request_answer(request, &response);
}
