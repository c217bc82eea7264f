/* OffsetCommit (key 8). Offsets of partitions that are not there are refused one by one. */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void offset_commit_on_done(struct coordinator_request *done)
{
    struct coordinator_commit *commit = list_member(done, struct coordinator_commit, request);
    request_answer(done->owner, &commit->out);
}

void api_offset_commit(struct request *request)
{
    struct coordinator_commit *commit = arena_new(&request->arena, struct coordinator_commit);
    *commit = (struct coordinator_commit){
        .request = {.done = offset_commit_on_done, .owner = request, .arena = &request->arena},
        .version = request->version,
        .in = request_message(request, offset_commit_request)};
    coordinator_commit_offsets(request->server->parts.coordinator, commit);
}
