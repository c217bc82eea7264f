/* OffsetDelete (key 47, KIP-496). Answered when the removals are in the log. */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void offset_delete_on_done(struct coordinator_request *done)
{
    struct coordinator_delete_offsets *deletion =
        list_member(done, struct coordinator_delete_offsets, request);
    request_answer(done->owner, &deletion->out);
}

void api_offset_delete(struct request *request)
{
    struct coordinator_delete_offsets *deletion =
        arena_new(&request->arena, struct coordinator_delete_offsets);
    *deletion = (struct coordinator_delete_offsets){
        .request = {.done = offset_delete_on_done, .owner = request, .arena = &request->arena},
        .in = request_message(request, offset_delete_request)};
    coordinator_delete_offsets(request->server->parts.coordinator, deletion);
}
