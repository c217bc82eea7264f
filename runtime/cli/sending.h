/* A producer as a command uses it, or a transactional one: then everything between
 * sending_begin (which sending_open calls) and sending_finish is one transaction.
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
    bool has_room;
    int error;
};

/* `transactional_id` may be NULL; with one the transaction is begun, and whoever had the id before
 * is fenced. 0 or an error, after which sending_close is due all the same. */
must_use int sending_open(struct sending *sending, struct errand *errand,
                          const struct producer_options *options, const char *transactional_id);
/* As producer_send. */
must_use int sending_send(struct sending *sending, const struct producer_record *record);
/* As sending_send, and waits while the buffer is full. */
must_use int sending_send_patiently(struct sending *sending, const struct producer_record *record);
/* Waits for what was sent; with a transaction commits it, or aborts it when `is_good` is false. */
must_use int sending_finish(struct sending *sending, bool is_good);
/* With a transaction: begins the next after sending_finish. */
must_use int sending_begin(struct sending *sending);
/* With a transaction: the offsets become those of the group when it is committed. */
must_use int sending_send_offsets(struct sending *sending, const char *group,
                                  const struct member_partition *partitions, size_t count);
void sending_close(struct sending *sending);
