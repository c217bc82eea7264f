/* LeaveGroup (key 13): one member up to version 2, several from 3 on (KIP-345). */
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_leave_group(struct request *request)
{
    struct leave_group_response response = {0};
    coordinator_leave_group(request->server->parts.coordinator, request->version,
                            request_message(request, leave_group_request), &request->arena,
                            &response);
    request_answer(request, &response);
}
