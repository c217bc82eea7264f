/* A producer whose records, and the offsets of what it read, count all together or not at all
 * (KIP-98, KIP-447, KIP-890).
 *
 *     NEW --init--> INITIALIZING --> READY --begin--> OPEN --commit--> COMMITTING --> READY
 *                                      ^               | |                |
 *                                      |               | +-- abort --> ABORTING --> READY
 *                                      |               |                  ^
 *                                      |               +-- something failed --> ABORTABLE --abort-+
 *     any but NEW -- another took over, or what cannot heal --> FATAL
 *
 * Owns:   a producer, the identity under the transactional id, the way to its coordinator.
 * Keeps:  (1) nothing leaves for a partition that is not part of the transaction: with transactions
 *             v2 the broker adds it, before that it is added here first;
 *         (2) a commit is asked for only when every record and every offset was acknowledged; when
 *             one was not, only an abort is left;
 *         (3) an end whose answer was lost is asked for again until its fate is known;
 *         (4) after FATAL nothing is sent: another producer has the id, or it cannot be used;
 *         (5) its producer takes records only while OPEN, and nothing is with it in READY.
 * Thread: its client's shard. */
#pragma once

#include "log/base/fsm.h"
#include "runtime/client/member.h"
#include "runtime/client/producer.h"

struct transactional;

enum transactional_state {
    TRANSACTIONAL_NEW,
    TRANSACTIONAL_INITIALIZING,
    TRANSACTIONAL_READY,
    TRANSACTIONAL_OPEN,
    TRANSACTIONAL_ABORTABLE,
    TRANSACTIONAL_COMMITTING,
    TRANSACTIONAL_ABORTING,
    TRANSACTIONAL_FATAL,
    TRANSACTIONAL_STATE_COUNT
};

extern const struct fsm transactional_fsm;

struct transactional_options {
    const char *id;                   /* transactional.id; copied */
    int32_t timeout_ms;               /* an open transaction is aborted after it; default 60000 */
    struct producer_options producer; /* idempotent, acks -1 */
};

struct transactional_options transactional_options_default(void);
struct transactional *transactional_new(struct client *client,
                                        const struct transactional_options *options);
/* What is open is left to its timeout; abort first to avoid that. What waits gets ERROR_CANCELLED.
 */
void transactional_close(struct transactional *transactional, void (*closed)(void *owner),
                         void *owner);

/* One operation at a time; embedded by the caller. */
struct transactional_wait {
    /* On a later turn: 0, or an error; see transactional_state for what is left to do. */
    void (*done)(struct transactional_wait *wait, int error);
    void *owner;
};

/* Takes the id over: whoever had it before is fenced, what it left open is aborted. What does not
 * heal within a minute is told, and leaves FATAL. */
void transactional_init(struct transactional *transactional, struct transactional_wait *wait);
/* At once: 0, or ERROR_INVALID outside of READY. */
must_use int transactional_begin(struct transactional *transactional);
/* As producer_send; in ABORTABLE or FATAL the error that led there, outside of a transaction
 * ERROR_INVALID. */
must_use int transactional_send(struct transactional *transactional,
                                const struct producer_record *record);
/* Who commits offsets. */
struct transactional_reader {
    const char *group;
    struct bytes member_id;   /* empty: nobody's */
    struct bytes instance_id; /* null: dynamic */
    int32_t generation;       /* -1 with nobody */
    /* NULL, or asked before each try for the name of now, valid until the next turn, and again when
     * the coordinator does not know that name (`is_refused`). 0; ERROR_AGAIN: another will come; or
     * an error: the offsets are not the reader's any more, and only the abort is left. */
    int (*identify)(void *owner, struct transactional_reader *reader, bool is_refused);
    void *owner;
};
/* The offsets of the group become these when the transaction commits. Everything given stays until
 * `done`. */
void transactional_send_offsets(struct transactional *transactional,
                                const struct transactional_reader *reader,
                                const struct member_partition *partitions, size_t count,
                                struct transactional_wait *wait);
/* Waits for what was sent, then ends the transaction. A commit that finds a failure is that error
 * and leaves ABORTABLE. */
void transactional_commit(struct transactional *transactional, struct transactional_wait *wait);
void transactional_abort(struct transactional *transactional, struct transactional_wait *wait);

enum transactional_state transactional_get_state(const struct transactional *transactional);
/* What led to ABORTABLE or FATAL. */
int transactional_error(const struct transactional *transactional);
/* For those who need not know of transactions: outside of OPEN a send and a reserve say
 * ERROR_AGAIN, and what failed is told by the commit. */
struct producer *transactional_producer(struct transactional *transactional);
void transactional_check(const struct transactional *transactional);
