/* SyncGroup (key 14). Answered when the assignment is in the log. From version 5 on a member has to
 * say for which protocol it asks (KIP-559). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

static void sync_group_on_done(struct coordinator_request *done)
{
    struct coordinator_sync *sync = list_member(done, struct coordinator_sync, request);
    request_answer(done->owner, &sync->out);
}

static bool sync_group_names_protocol(const struct request *request)
{
    enum { NAMED_VERSION = 5 };
    const struct sync_group_request *asked = request_message(request, sync_group_request);
    return request->version < NAMED_VERSION ||
           (!bytes_is_null(asked->protocol_type) && !bytes_is_null(asked->protocol_name));
}

void api_sync_group(struct request *request)
{
    if (!sync_group_names_protocol(request)) {
        struct sync_group_response refusal = {.error_code =
                                                  error_code(ERROR_INCONSISTENT_GROUP_PROTOCOL),
                                              .assignment = BYTES_LITERAL("")};
        request_answer(request, &refusal);
        return;
    }
    struct coordinator_sync *sync = arena_new(&request->arena, struct coordinator_sync);
    *sync = (struct coordinator_sync){
        .request = {.done = sync_group_on_done, .owner = request, .arena = &request->arena},
        .in = request_message(request, sync_group_request)};
    coordinator_sync_group(request->server->parts.coordinator, sync);
}
