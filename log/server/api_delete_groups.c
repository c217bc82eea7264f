/* DeleteGroups (key 42, KIP-229). Answered when every removal is in the log. */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void delete_groups_on_done(struct coordinator_request *done)
{
    struct coordinator_delete_groups *deletion =
        list_member(done, struct coordinator_delete_groups, request);
    request_answer(done->owner, &deletion->out);
}

void api_delete_groups(struct request *request)
{
    struct coordinator_delete_groups *deletion =
        arena_new(&request->arena, struct coordinator_delete_groups);
    *deletion = (struct coordinator_delete_groups){
        .request = {.done = delete_groups_on_done, .owner = request, .arena = &request->arena},
        .in = request_message(request, delete_groups_request)};
    coordinator_delete_groups(request->server->parts.coordinator, deletion);
}
