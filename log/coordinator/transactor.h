/* Coordinates transactions: who may write under a transactional id, which partitions belong to its
 * transaction, and how it ends.
 *
 * An end is decided by a record of __transaction_state. After it is committed the markers are
 * written into every partition, again and again until each is durable; then the completion is
 * recorded. So what was decided ends the same way whatever crashes in between.
 *
 * Owns:   the transactional ids, markers on their way, requests between call and `done`.
 * Keeps:  (1) replay(log up to the last commit) == live state, see transactor_check_replay;
 *         (2) a marker is written only for what a committed record decided, and a decision is
 *             completed only after all its markers are durable;
 *         (3) a partition is part of a transaction before anything of it is appended there;
 *         (4) after InitProducerId answered an epoch, no smaller one is accepted;
 *         (5) what goes on longer than its timeout is aborted;
 *         (6) `done` comes exactly once and never inside a call.
 * Thread: the broker shard. */
#pragma once

#include "log/coordinator/coordinator.h"

struct transactor;

struct transactor_options {
    int32_t timeout_max_ms;  /* transaction.max.timeout.ms */
    int64_t abort_check_ms;  /* transaction.abort.timed.out.transaction.cleanup.interval.ms */
    int64_t expiration_ms;   /* transactional.id.expiration.ms */
    int64_t expiry_check_ms; /* transaction.remove.expired.transaction.cleanup.interval.ms */
    int64_t wait_max_ms;     /* add.partitions.to.txn.retry.backoff.max.ms */
};

struct transactor_options transactor_options_default(void);

/* The end of a transaction on its way into one partition. */
struct transactor_marker {
    struct bytes topic;
    int32_t partition;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
    bool is_commit;
    /* Called once, not inside the call: 0 when the marker is durable. Set by who writes it. */
    void (*done)(struct transactor_marker *marker, int error);
    void *owner; /* of who set `done` */
};

/* A producer id to come. */
struct transactor_identity {
    void (*done)(struct transactor_identity *identity, int error, int64_t producer_id);
};

struct transactor_events {
    /* Into a partition of __transaction_state. */
    journal_append_function *append;
    /* ERROR_UNKNOWN_TOPIC_OR_PARTITION when the partition is gone for good; other errors are tried
     * again. `state_partition` is that of __transaction_state whose epoch the marker carries. */
    void (*write_marker)(void *owner, int32_t state_partition, struct transactor_marker *marker);
    /* `done` comes later, not inside the call. */
    void (*take_identity)(void *owner, struct transactor_identity *identity);
};

struct transactor *transactor_new(struct io *io, const struct transactor_options *options,
                                  const struct transactor_events *events, void *owner);
/* As coordinator_free and coordinator_stop. Markers and identities under way come back and find
 * nobody. */
void transactor_free(struct transactor *transactor);
void transactor_stop(struct transactor *transactor);
/* Its memory: __transaction_state. */
struct journal *transactor_journal(struct transactor *transactor);

/* What a producer says of itself. */
struct transactor_claim {
    struct bytes transactional_id;
    int64_t producer_id;
    int16_t producer_epoch;
};

/* Requests. All belong to the transactor until `done`; their ids must live as long. */
struct transactor_init {
    struct coordinator_request request;
    struct transactor_claim claim; /* -1, -1: a producer without an identity */
    int32_t timeout_ms;
    int error; /* out, with the identity */
    int64_t producer_id;
    int16_t producer_epoch;
    int64_t fresh_id; /* the transactor's */
};

struct transactor_partition {
    struct bytes topic;
    int32_t index;
};

struct transactor_add {
    struct coordinator_request request;
    struct transactor_claim claim;
    const struct transactor_partition *partitions;
    int32_t count;
    bool is_bumped; /* the producer speaks transactions v2 */
    bool may_wait;  /* for a moment, when another record of the id is on its way */
    int error;      /* out */
};

struct transactor_end {
    struct coordinator_request request;
    struct transactor_claim claim;
    bool is_commit;
    bool is_bumped;
    int error; /* out, with the identity of the next transaction */
    int64_t producer_id;
    int16_t producer_epoch;
    int64_t fresh_id; /* the transactor's */
};

/* InitProducerId with a transactional id. */
void transactor_init_producer(struct transactor *transactor, struct transactor_init *init);
/* AddPartitionsToTxn, AddOffsetsToTxn, and what Produce and TxnOffsetCommit add. */
void transactor_add_partitions(struct transactor *transactor, struct transactor_add *add);
/* 0 when the partition is part of the producer's transaction, which goes on. At once. */
must_use int transactor_verify(const struct transactor *transactor,
                               const struct transactor_claim *claim, struct bytes topic,
                               int32_t partition);
/* Whether the transaction of this id is being decided, or its markers are on the way. At once. */
bool transactor_is_ending(const struct transactor *transactor, struct bytes transactional_id);
void transactor_end_transaction(struct transactor *transactor, struct transactor_end *end);
void transactor_list(const struct transactor *transactor,
                     const struct list_transactions_request *in, struct arena *arena,
                     struct list_transactions_response *out);
void transactor_describe(const struct transactor *transactor, struct bytes transactional_id,
                         struct arena *arena,
                         struct describe_transactions_response_transaction *out);

struct transactor_stats {
    int64_t id_count;
    int64_t ongoing_count;
    int64_t committed_count; /* since the start */
    int64_t aborted_count;
    int64_t timed_out_count;
};
void transactor_read_stats(const struct transactor *transactor, struct transactor_stats *out);
void transactor_print(const struct transactor *transactor, int32_t partition, struct buffer *out);
/* Asserts (1): `committed` are the committed batches of the partition from its start. */
void transactor_check_replay(const struct transactor *transactor, int32_t partition,
                             struct bytes committed);
void transactor_check(const struct transactor *transactor);
