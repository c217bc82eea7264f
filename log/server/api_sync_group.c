/* SyncGroup (key 14). Answered when the assignment is in the log. */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void sync_group_on_done(struct coordinator_request *done)
{
    struct coordinator_sync *sync = list_member(done, struct coordinator_sync, request);
    request_answer(done->owner, &sync->out);
}

void api_sync_group(struct request *request)
{
    struct coordinator_sync *sync = arena_new(&request->arena, struct coordinator_sync);
    *sync = (struct coordinator_sync){
        .request = {.done = sync_group_on_done, .owner = request, .arena = &request->arena},
        .in = request_message(request, sync_group_request)};
    coordinator_sync_group(request->server->parts.coordinator, sync);
}
