/* The state of one transactional id, asked of its coordinator.
 *
 * Owns:   nothing; what is found lives in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct txn_query {
    int32_t node_id; /* of the coordinator */
    const struct describe_transactions_response_transaction *row;
};

/* COMMAND_OK, or an exit code after a complaint. */
must_use int txn_query_ask(struct errand *errand, const char *id, struct txn_query *out);
