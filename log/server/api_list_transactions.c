/* ListTransactions (key 66): the transactional ids of this broker (KIP-664). */
#include "log/server/api.h"
#include "log/server/server_state.h"

void api_list_transactions(struct request *request)
{
    struct list_transactions_response response;
    transactor_list(request->server->parts.transactor,
                    request_message(request, list_transactions_request), &request->arena,
                    &response);
    request_answer(request, &response);
}
