/* DescribeTransactions (key 65): the state of transactional ids (KIP-664). */
#include "log/server/api.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

void api_describe_transactions(struct request *request)
{
    const struct describe_transactions_request *asked =
        request_message(request, describe_transactions_request);
    int32_t count = asked->transactional_ids.count;
    struct describe_transactions_response response = {0};
    struct repetition repetition;
    repetition_init(&repetition);
    response.transactions.items =
        arena_array(&request->arena, struct describe_transactions_response_transaction, count);
    for (int32_t i = 0; i < count; i++) {
        struct bytes id = asked->transactional_ids.items[i];
        if (repetition_is_first(&repetition, id)) {
            transactor_describe(request->server->parts.transactor, id, &request->arena,
                                &response.transactions.items[response.transactions.count++]);
        }
    }
    repetition_fini(&repetition);
    request_answer(request, &response);
}
