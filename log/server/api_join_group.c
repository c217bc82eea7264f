/* JoinGroup (key 11). Answered when the generation begins. */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void join_group_on_done(struct coordinator_request *done)
{
    struct coordinator_join *join = list_member(done, struct coordinator_join, request);
    request_answer(done->owner, &join->out);
}

void api_join_group(struct request *request)
{
    struct coordinator_join *join = arena_new(&request->arena, struct coordinator_join);
    *join = (struct coordinator_join){
        .request = {.done = join_group_on_done, .owner = request, .arena = &request->arena},
        .version = request->version,
        .client_id = request->header.client_id,
        .client_host = request_client_host(request),
        .in = request_message(request, join_group_request)};
    coordinator_join_group(request->server->parts.coordinator, join);
}
