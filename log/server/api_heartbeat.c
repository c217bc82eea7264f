/* Heartbeat (key 12). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_heartbeat(struct request *request)
{
    int error = coordinator_heartbeat(request->server->parts.coordinator,
                                      request_message(request, heartbeat_request));
    struct heartbeat_response response = {.error_code = error_code(error)};
    request_answer(request, &response);
}
