/* EndTxn (key 26): commits or aborts a transaction.
 *
 * From version 5 on the client speaks transactions v2: the answer has the identity of the next
 * transaction (KIP-890). */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { END_TXN_FENCED_VERSION = 2, END_TXN_BUMPED_VERSION = 5 };

static void end_txn_on_done(struct coordinator_request *done)
{
    const struct transactor_end *end = list_member(done, struct transactor_end, request);
    struct request *request = done->owner;
    bool is_old = request->version < END_TXN_FENCED_VERSION;
    int error =
        end->error == ERROR_PRODUCER_FENCED && is_old ? ERROR_INVALID_PRODUCER_EPOCH : end->error;
    struct end_txn_response response = {.error_code = error_code(error),
                                        .producer_id = error == 0 ? end->producer_id : -1,
                                        .producer_epoch = error == 0 ? end->producer_epoch : -1};
    request_answer(request, &response);
}

void api_end_txn(struct request *request)
{
    const struct end_txn_request *asked = request_message(request, end_txn_request);
    struct transactor_end *end = arena_new(&request->arena, struct transactor_end);
    *end = (struct transactor_end){
        .request = {.done = end_txn_on_done, .owner = request, .arena = &request->arena},
        .claim = {.transactional_id = asked->transactional_id,
                  .producer_id = asked->producer_id,
                  .producer_epoch = asked->producer_epoch},
        .is_commit = asked->is_committed,
        .is_bumped = request->version >= END_TXN_BUMPED_VERSION,
    };
    transactor_end_transaction(request->server->parts.transactor, end);
}
