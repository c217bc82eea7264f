/* UnregisterBroker (key 64, KIP-500): this broker, the only one, is alive and cannot be forgotten.
 */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_unregister_broker(struct request *request)
{
    const struct unregister_broker_request *asked =
        request_message(request, unregister_broker_request);
    bool is_this = asked->broker_id == request->server->parts.node_id;
    struct unregister_broker_response response = {
        .error_code = error_code(is_this ? ERROR_INVALID_REQUEST : ERROR_BROKER_ID_NOT_REGISTERED),
        .error_message = bytes_from_string(
            arena_printf(&request->arena,
                         is_this ? "Broker ID %d is the broker that serves this request; stop it "
                                   "instead"
                                 : "Broker ID %d is not currently registered",
                         (int)asked->broker_id))};
    request_answer(request, &response);
}
