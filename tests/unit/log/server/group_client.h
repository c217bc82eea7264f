/* A member of the group "g" that speaks frames. */
#pragma once

#include "tests/unit/log/server/node.h"

struct group_client {
    struct node *node;
    struct peer *peer;
    const char *instance; /* a static member */
    const char *protocol;
    struct bytes id;
    int32_t generation;
    struct bytes leader;
    int32_t session_ms;
    int32_t rebalance_ms;
};

static inline struct group_client group_client_make(struct node *node)
{
    return (struct group_client){.node = node,
                                 .peer = node_connect(node),
                                 .protocol = "range",
                                 .id = BYTES_LITERAL(""),
                                 .generation = -1,
                                 .session_ms = 10000,
                                 .rebalance_ms = 20000};
}

static inline struct node_call *group_client_send_join(struct group_client *client, int16_t version)
{
    struct join_group_request_protocol protocol = {.name = node_text(client->protocol),
                                                   .metadata = BYTES_LITERAL("m")};
    struct join_group_request request = {.group_id = BYTES_LITERAL("g"),
                                         .session_timeout_ms = client->session_ms,
                                         .rebalance_timeout_ms = client->rebalance_ms,
                                         .member_id = client->id,
                                         .protocol_type = BYTES_LITERAL("consumer"),
                                         .protocols = {.items = &protocol, .count = 1}};
    if (client->instance != NULL) {
        request.group_instance_id = node_text(client->instance);
    }
    return node_send(client->node, client->peer, API_JOIN_GROUP, version, &request);
}

static inline int16_t group_client_end_join(struct group_client *client, struct node_call *call)
{
    const struct join_group_response *response = node_wait(call);
    assert_non_null(response);
    client->id = response->member_id;
    client->generation = response->generation_id;
    client->leader = response->leader;
    return response->error_code;
}

/* Also the second time, when it was told its id. */
static inline int16_t group_client_join(struct group_client *client, int16_t version)
{
    int16_t error = group_client_end_join(client, group_client_send_join(client, version));
    if (error == 79) {
        error = group_client_end_join(client, group_client_send_join(client, version));
    }
    return error;
}

/* As leader gives itself "mine". */
static inline const struct sync_group_response *
group_client_sync(struct group_client *client, int16_t version, const char *protocol_type)
{
    struct sync_group_request_assignment assignment = {.member_id = client->id,
                                                       .assignment = BYTES_LITERAL("mine")};
    struct sync_group_request request = {.group_id = BYTES_LITERAL("g"),
                                         .generation_id = client->generation,
                                         .member_id = client->id,
                                         .assignments = {.items = &assignment, .count = 1}};
    if (client->instance != NULL) {
        request.group_instance_id = node_text(client->instance);
    }
    if (protocol_type != NULL) {
        request.protocol_type = node_text(protocol_type);
        request.protocol_name = node_text(client->protocol);
    }
    return node_wait(node_send(client->node, client->peer, API_SYNC_GROUP, version, &request));
}

static inline int16_t group_client_beat(struct group_client *client, int16_t version)
{
    struct heartbeat_request request = {.group_id = BYTES_LITERAL("g"),
                                        .generation_id = client->generation,
                                        .member_id = client->id};
    if (client->instance != NULL && version >= 3) {
        request.group_instance_id = node_text(client->instance);
    }
    const struct heartbeat_response *response =
        node_wait(node_send(client->node, client->peer, API_HEARTBEAT, version, &request));
    return response->error_code;
}

static inline int16_t group_client_leave(struct group_client *client)
{
    struct leave_group_request request = {.group_id = BYTES_LITERAL("g"), .member_id = client->id};
    const struct leave_group_response *response =
        node_wait(node_send(client->node, client->peer, API_LEAVE_GROUP, 1, &request));
    return response->error_code;
}
