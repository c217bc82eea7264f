/* What one log remembers of its producers: sequences, epochs, open transactions.
 *
 * Owns:   an entry for each producer id that wrote here and did not expire.
 * Keeps:  (1) an entry knows the last PRODUCER_STATE_BATCH_COUNT batches of its producer's current
 *             epoch, oldest first, each following the one before it in sequence and in offset;
 *         (2) epochs of a producer never fall;
 *         (3) the state is a fold of the log: replaying the batches gives the same entries;
 *         (4) while has_lost is false every producer that ever wrote to this log has an entry;
 *         (5) transactions are listed in the order of their first offsets, open ones and those that
 *             are decided but whose decision is not flushed yet; an entry has at most one open.
 * Thread: the shard's.
 *
 * A producer without an entry may begin at any sequence only if entries were lost here (by
 * expiry, or with deleted data). Kafka always lets it, and so takes a later batch of several in
 * flight for the first one after that was refused.
 *
 * The snapshot is Kafka's, version 1: int16 version, uint32 CRC-32C of the rest, int32 count, rows
 * {int64 producer id, int16 epoch, int32 last sequence, int64 last offset, int32 offset delta,
 * int64 timestamp, int32 coordinator epoch, int64 first offset of the open transaction}. Kafka
 * writes one row per producer and forgets all batches but the last. We write a row for each batch,
 * oldest first: a reader that keeps the last row it sees of a producer reads what Kafka wrote.
 * One byte follows the rows: has_lost; then, for each producer of whom a marker came after its last
 * batch, whose row has the time of the marker: {int64 producer id, int64 timestamp of the batch}.
 */
#pragma once

#include "log/base/list.h"
#include "log/base/map.h"
#include "log/store/aborted_index.h"
#include "log/wire/batch.h"

enum {
    PRODUCER_STATE_BATCH_COUNT = 5,
    PRODUCER_STATE_ROW_SIZE = 46,
};

struct producer_state_batch {
    int32_t last_sequence;
    int32_t offset_delta;
    int64_t last_offset;
    int64_t timestamp_ms;
};

struct producer_state_entry {
    int64_t producer_id;
    int16_t epoch;
    int8_t batch_count;
    int32_t coordinator_epoch;
    int64_t last_timestamp_ms;
    int64_t transaction_start_offset; /* -1: none */
    struct producer_state_batch batches[PRODUCER_STATE_BATCH_COUNT];
};

struct producer_state {
    struct map entries;
    struct list transactions; /* by first offset */
    bool has_lost;
    bool has_gaps;   /* folded over what compaction left: older batches and markers are not known */
    bool is_changed; /* since the last snapshot was written or read */
};

enum producer_state_verdict {
    PRODUCER_STATE_ACCEPTED,
    PRODUCER_STATE_DUPLICATE,
    PRODUCER_STATE_REFUSED,
};

void producer_state_init(struct producer_state *state);
void producer_state_fini(struct producer_state *state);
void producer_state_clear(struct producer_state *state);
/* Judges the sequence and epoch of a batch before it is appended. For a duplicate *original is the
 * batch that was appended; for a refused one *error says why. */
enum producer_state_verdict producer_state_judge(const struct producer_state *state,
                                                 const struct batch *batch,
                                                 struct producer_state_batch *original, int *error);
/* As above for batches without sequence: only the epoch. */
must_use int producer_state_judge_epoch(const struct producer_state *state,
                                        const struct batch *batch);
/* As above for markers: also the epoch of the coordinator that decided, so that one that does not
 * know it was replaced ends nothing (KIP-98). All bytes of the batch must be there. */
must_use int producer_state_judge_marker(const struct producer_state *state,
                                         const struct batch *batch);
/* A batch was appended; of a control batch all bytes must be there. True, with a row for the
 * aborted index, when it is the marker that aborted a transaction. */
bool producer_state_apply(struct producer_state *state, const struct batch *batch,
                          struct aborted_index_row *aborted);
struct producer_state_marker {
    bool is_commit;
    int32_t coordinator_epoch;
};
/* False when the control batch holds no end of a transaction: another control record, or none. */
bool producer_state_read_marker(const struct batch *batch, struct producer_state_marker *out);
const struct producer_state_entry *producer_state_find(const struct producer_state *state,
                                                       int64_t producer_id);
/* Forgets who wrote nothing for expiration_ms and has no open transaction; returns how many. */
int64_t producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms);
/* Everything below was flushed: decided transactions whose marker lies below are forgotten. */
void producer_state_on_flushed(struct producer_state *state, int64_t flushed_offset);
/* The first offset of the oldest transaction that is open, or decided but not flushed; -1. */
int64_t producer_state_unstable_offset(const struct producer_state *state);
void producer_state_write(const struct producer_state *state, struct buffer *out);
/* Replaces the entries; ERROR_CORRUPT leaves them untouched. */
must_use int producer_state_read(struct producer_state *state, struct bytes snapshot);
/* Whether every entry of `live` is in `replayed` and equal (in what compaction keeps, when it has
 * gaps), and each one more in `replayed` would have expired at now_ms. On false, *producer_id is
 * one that differs. */
bool producer_state_matches(const struct producer_state *live,
                            const struct producer_state *replayed, int64_t now_ms,
                            int64_t expiration_ms, int64_t *producer_id);
void producer_state_check(const struct producer_state *state);
