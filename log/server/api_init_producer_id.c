/* InitProducerId (key 22): an identity for an idempotent producer (KIP-98), or the next epoch of a
 * transactional one, which fences those before it. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { INIT_PRODUCER_ID_FENCED_VERSION = 4 }; /* knows PRODUCER_FENCED */

struct init_producer_id {
    struct request *request;
    struct controller_producer_id operation;
    struct transactor_init init;
};

static void init_producer_id_answer(struct request *request, int error, int64_t producer_id,
                                    int16_t producer_epoch)
{
    if (error == ERROR_PRODUCER_FENCED && request->version < INIT_PRODUCER_ID_FENCED_VERSION) {
        error = ERROR_INVALID_PRODUCER_EPOCH;
    }
    struct init_producer_id_response response = {.error_code = error_code(error),
                                                 .producer_id = error == 0 ? producer_id : -1,
                                                 .producer_epoch = error == 0 ? producer_epoch : -1,
                                                 .ongoing_transaction_producer_id = -1,
                                                 .ongoing_transaction_producer_epoch = -1};
    request_answer(request, &response);
}

static void init_producer_id_on_done(struct controller_operation *operation)
{
    struct init_producer_id *identity = operation->owner;
    init_producer_id_answer(identity->request, operation->error, identity->operation.producer_id,
                            0);
}

static void init_producer_id_on_initialized(struct coordinator_request *done)
{
    const struct init_producer_id *identity = done->owner;
    const struct transactor_init *init = &identity->init;
    init_producer_id_answer(identity->request, init->error, init->producer_id,
                            init->producer_epoch);
}

void api_init_producer_id(struct request *request)
{
    const struct init_producer_id_request *asked =
        request_message(request, init_producer_id_request);
    struct init_producer_id *identity = arena_new(&request->arena, struct init_producer_id);
    identity->request = request;
    /* A producer may come with the identity that it has; half of one is none. */
    if ((asked->producer_id == -1) != (asked->producer_epoch == -1)) {
        init_producer_id_answer(request, ERROR_INVALID_REQUEST, -1, -1);
        return;
    }
    if (bytes_is_null(asked->transactional_id)) {
        identity->operation.operation = (struct controller_operation){
            .done = init_producer_id_on_done, .owner = identity, .arena = &request->arena};
        controller_take_producer_id(request->server->parts.controller, &identity->operation);
        return;
    }
    identity->init = (struct transactor_init){
        .request = {.done = init_producer_id_on_initialized,
                    .owner = identity,
                    .arena = &request->arena},
        .claim = {.transactional_id = asked->transactional_id,
                  .producer_id = asked->producer_id,
                  .producer_epoch = asked->producer_epoch},
        .timeout_ms = asked->transaction_timeout_ms,
    };
    transactor_init_producer(request->server->parts.transactor, &identity->init);
}
