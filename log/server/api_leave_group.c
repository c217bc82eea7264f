/* LeaveGroup (key 13): one member up to version 2, several from 3 on (KIP-345). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_leave_group(struct request *request)
{
    const struct leave_group_request *asked = request_message(request, leave_group_request);
    bool is_list = request->version >= 3;
    struct leave_group_request_member one = {.member_id = asked->member_id};
    const struct leave_group_request_member *members = is_list ? asked->members.items : &one;
    int32_t count = is_list ? asked->members.count : 1;
    int *errors = arena_array(&request->arena, int, count);
    int error = coordinator_leave(request->server->parts.coordinator, asked->group_id, members,
                                  count, errors);
    struct leave_group_response response = {
        .error_code = error_code(error != 0 || is_list ? error : errors[0])};
    response.members.items =
        arena_array(&request->arena, struct leave_group_response_member, count);
    for (int32_t i = 0; is_list && i < count; i++) {
        response.members.items[response.members.count++] = (struct leave_group_response_member){
            .member_id = members[i].member_id,
            .group_instance_id = members[i].group_instance_id,
            .error_code = error_code(error != 0 ? error : errors[i])};
    }
    request_answer(request, &response);
}
