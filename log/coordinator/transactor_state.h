/* The inside of the transactor, shared by its files. Inside log/coordinator.
 *
 * Owns:   the ids of each partition, with the markers of what is decided and who waits.
 * Keeps:  (1) an id is in the partition its name hashes to;
 *         (2) markers are there only while the transaction is decided and its completion is not on
 *             its way;
 *         (3) who waits is waiting for a record of the id.
 * Thread: the broker shard. */
#pragma once

#include "log/base/map.h"
#include "log/coordinator/outbox.h"
#include "log/coordinator/transaction.h"
#include "log/coordinator/transactor.h"

/* A transactional id with what is going on around it. */
struct transactor_item {
    struct transactor *transactor;
    int32_t partition;
    struct transaction *transaction;
    struct list markers; /* struct transactor_mark: not durable yet */
    bool is_marking;
    struct io_timer retry_timer; /* of the completion */
    int64_t retry_ms;            /* before its next attempt */
    struct list waiters;         /* struct transactor_add */
    struct io_timer wait_timer;
};

struct transactor_shelf {
    struct map items; /* id to struct transactor_item * */
};

struct transactor {
    struct io *io;
    struct transactor_options options;
    const struct transactor_events *events;
    void *owner;
    struct journal *journal;
    struct outbox *outbox;
    struct transactor_shelf *shelves;
    int32_t shelf_count;
    struct list errands; /* for producer ids */
    struct io_timer abort_timer;
    struct io_timer expiry_timer;
    struct transactor_stats stats;
};

/* A record on its way; freed by its `done`. */
struct transactor_write {
    /* The record was applied, or what the client is told. The item may be gone by now: NULL. */
    void (*done)(struct transactor *transactor, struct transactor_write *write,
                 struct transactor_item *item, int error);
    void *request;
    struct bytes id; /* owned */
    int64_t producer_id;
    int16_t producer_epoch;
};

/* transactor.c */
/* The item of an id; NULL when there is none, with *error of the journal, or 0. */
struct transactor_item *transactor_find(const struct transactor *transactor, struct bytes id,
                                        int *error);
struct transactor_item *transactor_make_item(struct transactor *transactor, struct bytes id);
/* Forgets an item that was never recorded. */
void transactor_release(struct transactor_item *item);
/* Writes the record of a step, whose end is told to `done`, and finishes the step. */
void transactor_write_step(struct transactor_item *item, struct transaction_step *step,
                           void (*done)(struct transactor *transactor,
                                        struct transactor_write *write,
                                        struct transactor_item *item, int error),
                           void *request);
void transactor_write_tombstone(struct transactor_item *item);

/* transactor_marker.c */
/* Starts what a decision asks for. */
void transactor_mark(struct transactor_item *item);
/* Whether a partition of the transaction still has none. */
bool transactor_needs_marker(const struct transactor_item *item,
                             const struct transaction_partition *partition);
/* Markers under way come back and find nobody. */
void transactor_forget_markers(struct transactor_item *item);

/* transactor_request.c */
/* A record of the item was settled: who waited tries again. */
void transactor_wake(struct transactor_item *item);
/* Who waits is told. */
void transactor_dismiss(struct transactor_item *item, int error);
/* Who asked for producer ids is told. */
void transactor_end_errands(struct transactor *transactor, int error);

/* transactor_clock.c */
void transactor_start_clock(struct transactor *transactor);
void transactor_stop_clock(struct transactor *transactor);
