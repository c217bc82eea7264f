/* The inside of a transactional producer, shared by its files. Inside runtime/client.
 *
 * Owns:   the one request that is out, and the wish for the next.
 * Keeps:  one request at a time, to the coordinator of the id or of the group whose offsets are
 *         sent.
 * Thread: its client's shard. */
#pragma once

#include "log/base/arena.h"
#include "log/base/map.h"
#include "log/wire/messages.h"
#include "runtime/client/backoff.h"
#include "runtime/client/locator.h"
#include "runtime/client/transactional.h"

/* What is being asked for. */
enum transactional_step {
    TRANSACTIONAL_NOTHING,
    TRANSACTIONAL_INIT,
    TRANSACTIONAL_ADD,         /* AddPartitionsToTxn, before transactions v2 */
    TRANSACTIONAL_ADD_OFFSETS, /* AddOffsetsToTxn, likewise */
    TRANSACTIONAL_OFFSETS,     /* TxnOffsetCommit */
    TRANSACTIONAL_END,
    TRANSACTIONAL_BUMP, /* InitProducerId for a new epoch, before transactions v2 after an abort */
};

struct transactional_part {
    char *topic; /* owned */
    int32_t partition;
    bool is_added;
};

struct transactional {
    struct client *client;
    struct io *io;
    char *id; /* owned */
    int32_t timeout_ms;
    struct producer *producer;
    enum transactional_state state;
    int error; /* what led to ABORTABLE or FATAL */
    struct transactional_wait *wait;
    int wait_error; /* to be told on the timer's turn */
    bool is_wait_done;
    bool is_bumped; /* transactions v2 */
    int64_t producer_id;
    int16_t epoch;
    bool has_begun;   /* the coordinator may know of the open transaction */
    struct map parts; /* topic, NUL, partition to struct transactional_part *; before v2 */
    struct producer_flush flush;
    bool is_flushing;
    /* Offsets on their way. */
    struct transactional_wait *offsets_wait;
    struct transactional_reader reader;
    const struct member_partition *offsets;
    size_t offset_count;
    bool is_group_added;
    /* The request that is out. */
    enum transactional_step step;
    bool is_calling;
    struct locator locator;       /* of the id */
    struct locator group_locator; /* of the group */
    struct client_call call;
    struct arena arena;
    union {
        struct init_producer_id_request init;
        struct add_partitions_to_txn_request add;
        struct add_offsets_to_txn_request add_offsets;
        struct txn_offset_commit_request offsets;
        struct end_txn_request end;
    } request;
    struct backoff backoff;
    uint64_t init_deadline;
    struct io_timer timer; /* to go on */
    void (*closed)(void *owner);
    void *closed_owner;
};

/* transactional_call.c */
/* Asks for what the step says, after finding who to ask. `transactional_on_step` is told. */
void transactional_call(struct transactional *transactional);
void transactional_call_stop(struct transactional *transactional);

/* transactional.c */
/* The step was answered: 0, or what the coordinator or the way to it said. */
void transactional_on_step(struct transactional *transactional, int error);
/* Goes on with the timer. */
void transactional_later(struct transactional *transactional, uint64_t delay_ns);
