/* ConsumerGroupDescribe (key 69, KIP-848). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/consumer_protocol_gate.h"
#include "log/server/operations.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

void api_consumer_group_describe(struct request *request)
{
    const struct consumer_group_describe_request *asked =
        request_message(request, consumer_group_describe_request);
    struct consumer_group_describe_response response = {0};
    struct repetition repetition;
    repetition_init(&repetition);
    response.groups.items = arena_array(
        &request->arena, struct consumer_group_describe_response_group, asked->groups.count + 1);
    for (int32_t i = 0; i < asked->groups.count; i++) {
        if (!repetition_is_first(&repetition, asked->groups.items[i])) {
            continue;
        }
        struct consumer_group_describe_response_group *answer =
            &response.groups.items[response.groups.count++];
        if (!consumer_protocol_gate_is_open(request->server->parts.meta)) {
            *answer = (struct consumer_group_describe_response_group){
                .group_id = asked->groups.items[i],
                .error_code = error_code(ERROR_UNSUPPORTED_VERSION),
                .group_state = BYTES_LITERAL(""),
                .assignor_name = BYTES_LITERAL(""),
                .authorized_operations = OPERATIONS_NOT_ASKED};
            continue;
        }
        coordinator_describe_consumer_group(request->server->parts.coordinator,
                                            asked->groups.items[i], &request->arena, answer);
        if (answer->error_code == 0) {
            answer->authorized_operations =
                operations_told(asked->include_authorized_operations, OPERATIONS_OF_GROUP);
        }
    }
    repetition_fini(&repetition);
    request_answer(request, &response);
}
