/* ConsumerGroupHeartbeat (key 68, KIP-848). Answered when what it changed is in the log. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/consumer_protocol_gate.h"
#include "log/server/server_state.h"

static void consumer_group_heartbeat_on_done(struct coordinator_request *done)
{
    struct coordinator_consumer_heartbeat *heartbeat =
        list_member(done, struct coordinator_consumer_heartbeat, request);
    request_answer(done->owner, &heartbeat->out);
}

void api_consumer_group_heartbeat(struct request *request)
{
    if (!consumer_protocol_gate_is_open(request->server->parts.meta)) {
        struct consumer_group_heartbeat_response refusal = {
            .error_code = error_code(ERROR_UNSUPPORTED_VERSION),
            .error_message =
                BYTES_LITERAL("consumer groups are switched off: group.version is 0, or "
                              "group.coordinator.rebalance.protocols has no 'consumer'")};
        request_answer(request, &refusal);
        return;
    }
    struct coordinator_consumer_heartbeat *heartbeat =
        arena_new(&request->arena, struct coordinator_consumer_heartbeat);
    *heartbeat = (struct coordinator_consumer_heartbeat){
        .request = {.done = consumer_group_heartbeat_on_done,
                    .owner = request,
                    .arena = &request->arena},
        .version = request->version,
        .client_id = request->header.client_id,
        .client_host = request_client_host(request),
        .in = request_message(request, consumer_group_heartbeat_request)};
    coordinator_consumer_heartbeat(request->server->parts.coordinator, heartbeat);
}
