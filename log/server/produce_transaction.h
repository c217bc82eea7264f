/* What a Produce with transactional batches needs before it may append: every partition is part of
 * its producer's transaction.
 *
 * From version 12 on the partitions are added here (KIP-890); before, the producer has told so with
 * AddPartitionsToTxn, and is asked for it. A partition where the log knows the producer's open
 * transaction needs neither.
 *
 * Owns:   the Produce requests that wait.
 * Keeps:  Produce requests of one transactional id go on in the order in which they came.
 * Thread: the server's shard. */
#pragma once

#include "log/coordinator/transactor.h"
#include "log/server/request.h"

/* One partition of the request, in its order. */
struct produce_transaction_part {
    int error;           /* out: why it must not be appended to, or 0 */
    const char *message; /* out: NULL, or the sentence a client is told */
    bool is_asked;       /* it is not known to be part of the transaction */
};

struct produce_transaction {
    struct request *request;
    struct produce_transaction_part *parts;
    size_t part_count;
    void (*done)(struct produce_transaction *transaction);
    void *owner;
    bool is_under_way;
    struct transactor_add add;
    struct list_link link; /* the server's list of those that wait */
};

/* `done` comes once, inside the call when there is nothing to wait for. `parts` has one element per
 * partition of the request; `transaction` lives in its arena. */
void produce_transaction_start(struct produce_transaction *transaction, struct request *request,
                               struct produce_transaction_part *parts, size_t part_count,
                               void (*done)(struct produce_transaction *transaction), void *owner);
