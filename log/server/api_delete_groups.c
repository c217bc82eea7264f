/* DeleteGroups (key 42, KIP-229). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_delete_groups(struct request *request)
{
    const struct delete_groups_request *asked = request_message(request, delete_groups_request);
    struct delete_groups_response response = {0};
    response.results.count = asked->group_names.count;
    response.results.items = arena_array(&request->arena, struct delete_groups_response_result,
                                         asked->group_names.count);
    for (int32_t i = 0; i < asked->group_names.count; i++) {
        int error = coordinator_delete_group(request->server->parts.coordinator,
                                             asked->group_names.items[i]);
        response.results.items[i] = (struct delete_groups_response_result){
            .group_id = asked->group_names.items[i], .error_code = error_code(error)};
    }
    request_answer(request, &response);
}
