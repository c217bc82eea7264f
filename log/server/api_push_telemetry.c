/* PushTelemetry (key 72, KIP-714): what a client tells about itself. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_push_telemetry(struct request *request)
{
    const struct push_telemetry_request *asked = request_message(request, push_telemetry_request);
    struct telemetry_client client = {.instance_id = asked->client_instance_id};
    struct telemetry_push push = {.subscription_id = asked->subscription_id,
                                  .is_terminating = asked->terminating,
                                  .compression = asked->compression_type,
                                  .metrics = asked->metrics};
    struct push_telemetry_response response = {0};
    request_client_facts(request, &client.facts);
    response.error_code = error_code(telemetry_take(request->server->telemetry, &client, &push));
    request_answer(request, &response);
}
