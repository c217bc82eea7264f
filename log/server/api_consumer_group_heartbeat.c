/* ConsumerGroupHeartbeat (key 68, KIP-848). Answered when what it changed is in the log. */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void consumer_group_heartbeat_on_done(struct coordinator_request *done)
{
    struct coordinator_consumer_heartbeat *heartbeat =
        list_member(done, struct coordinator_consumer_heartbeat, request);
    request_answer(done->owner, &heartbeat->out);
}

void api_consumer_group_heartbeat(struct request *request)
{
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
