/* JoinGroup (key 11). */
#include "log/server/api.h"
#include "log/server/server_state.h"

static void join_group_on_done(void *owner, const struct join_group_response *response)
{
    request_answer(owner, response);
}

void api_join_group(struct request *request)
{
    struct coordinator_client client = {.client_id = request->header.client_id,
                                        .host = request_client_host(request),
                                        .version = request->version};
    coordinator_join(request->server->parts.coordinator,
                     request_message(request, join_group_request), &client, join_group_on_done,
                     request);
}
