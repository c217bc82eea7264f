/* One transactional id: who may write under it, and how far its transaction has come. Inside
 * log/coordinator.
 *
 *                     +------- a producer begins again ------+
 *                     v                                      |
 *     EMPTY --add--> ONGOING --commit--> PREPARE_COMMIT --all marked--> COMPLETE_COMMIT
 *       |             |   |                                             |    |
 *       |             |   +-- abort --+                                 | add, and back to EMPTY
 *       |             | fence         |                                 |    by InitProducerId
 *       |             v               v                                 v
 *       |   PREPARE_EPOCH_FENCE --> PREPARE_ABORT --all marked--> COMPLETE_ABORT
 *       |                             ^                                 |
 *       +--- abort of nothing (v2) ---+--- likewise --------------------+
 *     EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT -- idle too long --> DEAD
 *
 * PREPARE_EPOCH_FENCE and DEAD are never written: they say that the record of the abort, or the
 * tombstone, is on its way.
 *
 * A step is judged here and changes nothing: it gives the value of the record that must be
 * committed first. The next step waits until that record was applied or refused.
 *
 * Owns:   the applied value, its partitions.
 * Keeps:  (1) the state follows the arrows;
 *         (2) epochs of one producer id never fall;
 *         (3) partitions are there only from ONGOING to PREPARE_*; they are sorted and each once;
 *         (4) what is decided (PREPARE_*) is never undecided: only its completion leaves it;
 *         (5) at most one record is on its way;
 *         (6) with transactions v2 the epoch of a marker is larger than that of all it ends.
 * Thread: the broker shard.
 * Source: KIP-98, KIP-360, KIP-588, KIP-890. */
#pragma once

#include "log/base/fsm.h"
#include "log/coordinator/state_record.h"

/* Kafka's numbers, which stand in the log. */
enum transaction_state {
    TRANSACTION_EMPTY,
    TRANSACTION_ONGOING,
    TRANSACTION_PREPARE_COMMIT,
    TRANSACTION_PREPARE_ABORT,
    TRANSACTION_COMPLETE_COMMIT,
    TRANSACTION_COMPLETE_ABORT,
    TRANSACTION_DEAD,
    TRANSACTION_PREPARE_EPOCH_FENCE,
    TRANSACTION_STATE_COUNT
};

enum {
    TRANSACTION_VERSION_MARKED = 0,         /* epochs are bumped by InitProducerId alone */
    TRANSACTION_VERSION_BUMPED = 2,         /* and by every end (KIP-890) */
    TRANSACTION_EPOCH_LAST = INT16_MAX - 1, /* no producer is given a higher one */
};

extern const struct fsm transaction_fsm;

struct transaction_partition {
    struct bytes topic; /* owned */
    int32_t index;
};

struct transaction_partitions {
    struct transaction_partition *items; /* by topic and index */
    int32_t count;
};

/* What a record says. */
struct transaction_value {
    enum transaction_state state;
    int64_t producer_id;
    int64_t previous_producer_id; /* -1: none */
    int64_t next_producer_id;     /* -1: epochs did not run out */
    int16_t producer_epoch;
    int16_t client_version;
    int32_t timeout_ms;
    int64_t last_update_ms;
    int64_t start_ms; /* -1: none was begun */
    struct transaction_partitions partitions;
};

struct transaction {
    struct bytes id; /* owned */
    bool is_new;     /* no record was applied yet */
    struct transaction_value value;
    int16_t last_epoch; /* before the last bump, -1 when unknown; memory alone */
    bool is_pending;    /* a record is on its way */
    enum transaction_state pending_state;
};

/* The record a step wants; `next` is owned until transaction_step_fini. */
struct transaction_step {
    enum transaction_state state; /* where it leads; see PREPARE_EPOCH_FENCE and DEAD */
    struct transaction_value next;
    int16_t last_epoch;
    bool is_nothing; /* all is as it should be: no record */
};

/* What a producer says of itself. */
struct transaction_claim {
    int64_t producer_id;
    int16_t producer_epoch;
};

struct transaction *transaction_new(struct bytes id);
void transaction_free(struct transaction *transaction);
void transaction_step_fini(struct transaction_step *step);
const char *transaction_state_name(enum transaction_state state);
/* The state, or what is on its way. */
enum transaction_state transaction_seen_state(const struct transaction *transaction);
bool transaction_is_decided(const struct transaction *transaction);
/* It is decided, or that is on its way. */
bool transaction_is_ending(const struct transaction *transaction);
bool transaction_has_partition(const struct transaction *transaction, struct bytes topic,
                               int32_t index);

/* Each judges: 0 and the step, ERROR_AGAIN when a fresh producer id is needed (-1 was given), or
 * what the client is told.
 *
 * InitProducerId; the claim is NULL without one. The step leads to EMPTY, or fences what goes on:
 * PREPARE_EPOCH_FENCE. */
must_use int transaction_judge_init(const struct transaction *transaction, int32_t timeout_ms,
                                    const struct transaction_claim *claim, int64_t fresh_id,
                                    int64_t now_ms, struct transaction_step *step);
/* Adds partitions. */
must_use int transaction_judge_add(const struct transaction *transaction,
                                   struct transaction_claim claim,
                                   const struct transaction_partition *partitions, int32_t count,
                                   int16_t version, int64_t now_ms, struct transaction_step *step);
/* 0 when the transaction goes on and has the partition. */
must_use int transaction_judge_partition(const struct transaction *transaction,
                                         struct transaction_claim claim, struct bytes topic,
                                         int32_t index);
/* EndTxn. */
must_use int transaction_judge_end(const struct transaction *transaction,
                                   struct transaction_claim claim, bool is_commit, int16_t version,
                                   int64_t fresh_id, int64_t now_ms, struct transaction_step *step);
/* Its time is up, or somebody begins anew: abort what goes on, under the next epoch. */
void transaction_fence(const struct transaction *transaction, int64_t now_ms,
                       struct transaction_step *step);
/* All is marked. */
void transaction_complete(const struct transaction *transaction, int64_t now_ms,
                          struct transaction_step *step);

/* The record of a step is on its way; it was refused. */
void transaction_expect(struct transaction *transaction, const struct transaction_step *step);
void transaction_give_up(struct transaction *transaction);
/* A committed record, read again when `is_replay`: then the states between may have been compacted
 * away. ERROR_CORRUPT for a value that cannot be. */
must_use int transaction_apply(struct transaction *transaction,
                               const struct transaction_log_value *record, bool is_replay);
void transaction_print(const struct transaction *transaction, struct buffer *out);
void transaction_check(const struct transaction *transaction);

/* transaction_log.c: the records. */
void transaction_log_write(struct batch_builder *builder, int64_t now_ms, struct bytes id,
                           const struct transaction_value *value);
void transaction_log_write_tombstone(struct batch_builder *builder, int64_t now_ms,
                                     struct bytes id);
/* *is_known is false for records of another kind. A null value reads as producer id -1. */
must_use int transaction_log_read(const struct batch_record *record, struct arena *arena,
                                  struct bytes *id, struct transaction_log_value *out,
                                  bool *is_known);
