/* SyncGroup (key 14). */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void sync_group_on_done(void *owner, const struct sync_group_response *response)
{
    request_answer(owner, response);
}

void api_sync_group(struct request *request)
{
    coordinator_sync(request->server->parts.coordinator,
                     request_message(request, sync_group_request), sync_group_on_done, request);
}
