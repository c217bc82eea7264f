/* A producer as a command uses it, or a transactional one: then everything is one transaction.
 *
 * Owns:   the producer, from sending_open to sending_close.
 * Keeps:  a transaction that was not committed is aborted.
 * Thread: the main thread, whose loop turns inside the calls. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/client/transactional.h"

struct sending {
    struct errand *errand;
    struct producer *producer;
    struct transactional *transactional; /* NULL: an ordinary producer */
    struct transactional_wait wait;
    struct producer_flush flush;
    bool is_done;
    int error;
};

/* `transactional_id` may be NULL; with one the transaction is begun, and whoever had the id before
 * is fenced. 0 or an error, after which sending_close is due all the same. */
must_use int sending_open(struct sending *sending, struct errand *errand,
                          const struct producer_options *options, const char *transactional_id);
/* As producer_send. */
must_use int sending_send(struct sending *sending, const struct producer_record *record);
/* Waits for what was sent; with a transaction commits it, or aborts it when `is_good` is false. */
must_use int sending_finish(struct sending *sending, bool is_good);
void sending_close(struct sending *sending);
