/* ListGroups (key 16). */
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_list_groups(struct request *request)
{
    struct list_groups_response response = {0};
    coordinator_list_groups(request->server->parts.coordinator,
                            request_message(request, list_groups_request), &request->arena,
                            &response);
    request_answer(request, &response);
}
