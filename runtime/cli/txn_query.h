/* What is known of transactions: of an id by its coordinator, of a partition by its leader.
 *
 * Owns:   nothing; what is found lives in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/topic_choice.h"

struct txn_query {
    int32_t node_id; /* of the coordinator */
    const struct describe_transactions_response_transaction *row;
};

/* COMMAND_OK, or an exit code after a complaint. */
must_use int txn_query_ask(struct errand *errand, const char *id, struct txn_query *out);

/* The transactional id of a producer, by any coordinator that knows one; NULL in *id: none does.
 * COMMAND_OK, or an exit code after a complaint. */
must_use int txn_query_find_id(struct errand *errand, int64_t producer_id, const char **id);

/* The producers of a partition. COMMAND_OK, or an exit code after a complaint. */
must_use int txn_query_ask_partition(struct errand *errand, const struct topic_choice_row *row,
                                     const struct describe_producers_response_partition **out);

/* The end of a command about transactions: prints the rows, as Kafka's tool does where that is
 * asked for, and frees both. `is_shown` false: nothing is printed, a complaint was. */
void txn_query_end(struct errand *errand, struct grid *grid, bool is_shown);
