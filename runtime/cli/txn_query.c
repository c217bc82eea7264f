/* Asks the coordinator of a transactional id about it; see txn_query.h. */
#include "runtime/cli/txn_query.h"

#include "log/base/error.h"

int txn_query_ask(struct errand *errand, const char *id, struct txn_query *out)
{
    int error = errand_find_transaction_coordinator(errand, id, &out->node_id);
    struct bytes name = bytes_from_string(id);
    struct describe_transactions_request request = {
        .transactional_ids = {.items = &name, .count = 1}};
    const void *found = NULL;
    if (error == 0) {
        error = errand_call(errand, out->node_id, API_DESCRIBE_TRANSACTIONS, -1, &request, &found);
    }
    if (error != 0) {
        return errand_fail(errand, error, id);
    }
    const struct describe_transactions_response *response = found;
    if (response->transactions.count != 1) {
        return errand_fail(errand, ERROR_MALFORMED, id);
    }
    out->row = &response->transactions.items[0];
    if (error_from_code(out->row->error_code) == ERROR_TRANSACTIONAL_ID_NOT_FOUND) {
        return command_fail(errand->world,
                            "there is no transactional id '%s'; `tidemill txn ls` shows all", id);
    }
    return out->row->error_code == 0
               ? COMMAND_OK
               : errand_refuse(errand, id, out->row->error_code, bytes_make(NULL, 0));
}
