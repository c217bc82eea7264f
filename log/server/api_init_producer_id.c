/* InitProducerId (key 22): an identity for an idempotent producer (KIP-98). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct init_producer_id {
    struct request *request;
    struct controller_producer_id operation;
};

static void init_producer_id_answer(struct request *request, int error, int64_t producer_id)
{
    struct init_producer_id_response response = {.error_code = error_code(error),
                                                 .producer_id = error == 0 ? producer_id : -1,
                                                 .producer_epoch = error == 0 ? 0 : -1,
                                                 .ongoing_transaction_producer_id = -1,
                                                 .ongoing_transaction_producer_epoch = -1};
    request_answer(request, &response);
}

static void init_producer_id_on_done(struct controller_operation *operation)
{
    struct init_producer_id *identity = operation->owner;
    init_producer_id_answer(identity->request, operation->error, identity->operation.producer_id);
}

void api_init_producer_id(struct request *request)
{
    const struct init_producer_id_request *asked =
        request_message(request, init_producer_id_request);
    /* A producer may come with the identity that it has; half of one is none. */
    if ((asked->producer_id == -1) != (asked->producer_epoch == -1)) {
        init_producer_id_answer(request, ERROR_INVALID_REQUEST, -1);
        return;
    }
    if (!bytes_is_null(asked->transactional_id)) {
        /* There is no transaction coordinator; the client is told so for good. */
        init_producer_id_answer(request,
                                asked->transactional_id.size == 0
                                    ? ERROR_INVALID_REQUEST
                                    : ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                                -1);
        return;
    }
    struct init_producer_id *identity = arena_new(&request->arena, struct init_producer_id);
    identity->request = request;
    identity->operation.operation = (struct controller_operation){
        .done = init_producer_id_on_done, .owner = identity, .arena = &request->arena};
    controller_take_producer_id(request->server->parts.controller, &identity->operation);
}
