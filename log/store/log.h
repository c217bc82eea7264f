/* The record log: one partition on one disk.
 *
 * A log is a row of segments (log/store/segment.h) in one directory, with Kafka's file names and
 * formats. Appends go to the page cache at once and are durable after the store's next flush; who
 * needs durability waits with log_wait_flushed.
 *
 * Owns:   the directory <topic>-<partition>: segments, indexes, producer snapshots, the
 *         leader-epoch checkpoint, partition.metadata.
 * Keeps:  (1) start_offset <= stable_offset <= flushed_offset <= end_offset, except that
 *             start_offset may be ahead of flushed_offset only when everything was deleted;
 *         (2) batches lie end to end with strictly rising offsets, each with the CRC it was
 *             accepted with;
 *         (3) what lies below flushed_offset survives any crash; what lies above may be cut, from
 *             the end only;
 *         (4) each (producer id, epoch, sequence) is appended at most once;
 *         (5) leader epochs rise with offsets, and an epoch is in the checkpoint before its first
 *             batch is flushed;
 *         (6) damage below the recovery point takes the log offline; it is never cut away;
 *         (7) the aborted transactions of its segments are those that replaying the batches tells.
 * Thread: the store's shard.
 * After a failed write or flush the whole store refuses writes (ERROR_FENCED) until it is reopened.
 */
#pragma once

#include "log/io/io.h"
#include "log/wire/batch.h"
#include "log/wire/wire.h"

struct log;
struct store;

/* What a topic's configuration means for its logs; a plain value, see log/meta for where it is set.
 */
struct log_settings {
    int64_t segment_size;        /* segment.bytes */
    int64_t segment_ms;          /* segment.ms */
    int64_t segment_jitter_ms;   /* segment.jitter.ms: the most by which a segment ends earlier */
    int64_t index_interval_size; /* index.interval.bytes */
    int64_t index_size;          /* segment.index.bytes */
    int64_t retention_ms;        /* -1: for ever */
    int64_t retention_size;      /* -1: without limit */
    int64_t file_delete_delay_ms;
    int64_t flush_message_count; /* flush.messages; used only with durability other than fsync */
    int64_t flush_ms;            /* flush.ms; the same */
    int64_t min_compaction_lag_ms;
    int64_t max_compaction_lag_ms;
    int64_t delete_retention_ms; /* how long a tombstone stays readable */
    double min_dirty_ratio;      /* min.cleanable.dirty.ratio */
    bool is_preallocated;        /* preallocate: a segment's whole size is reserved at once */
    bool is_deleted;             /* cleanup.policy has delete */
    bool is_compacted;
};

/* The defaults of Kafka 4.3. */
struct log_settings log_settings_default(void);

enum log_origin {
    LOG_ORIGIN_CLIENT,      /* producer sequences are judged */
    LOG_ORIGIN_COORDINATOR, /* our own records: control batches are allowed */
    LOG_ORIGIN_LEADER,      /* a copy from the leader: offsets and epochs are kept as they are */
};

struct log_append {
    int64_t base_offset; /* where the first batch went, or where its original is (duplicate) */
    int64_t last_offset;
    int64_t timestamp_ms; /* of a duplicate: the original's max timestamp; else the batches' */
    bool is_duplicate;
};

/* Appends one or more validated batches that lie end to end in `data`, whose offsets and leader
 * epoch are patched in place. All or nothing. Errors: ERROR_FENCED,
 * ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER, ERROR_INVALID_PRODUCER_EPOCH, ERROR_UNKNOWN_PRODUCER_ID,
 * ERROR_RECORD_LIST_TOO_LARGE (larger than a segment), ERROR_NO_SPACE (the log is as before and may
 * be appended to again), ERROR_IO (the store is fenced). */
must_use int log_append(struct log *log, uint8_t *data, size_t size, int32_t leader_epoch,
                        enum log_origin origin, struct log_append *out);

/* Embedded by the caller, who waits until `offset` is durable (flushed_offset >= offset). */
struct log_flush_wait {
    void (*done)(struct log_flush_wait *wait, int error);
    void *owner;
    int64_t offset;
    void *private_links[2]; /* the log's */
};
/* `done` never runs inside the call. With durability = os it is called at once (next turn). */
void log_wait_flushed(struct log *log, struct log_flush_wait *wait);
/* Somebody would like to see what was appended: it is flushed with the next turn and not only a
 * little later. Nothing to do when nothing is behind, or when durability is not fsync. */
void log_ask_flush(struct log *log);
/* After it `done` is not called. */
void log_wait_cancel(struct log *log, struct log_flush_wait *wait);

int64_t log_start_offset(const struct log *log);
/* The offset that the next record will get. */
int64_t log_end_offset(const struct log *log);
/* Everything below is durable. The high watermark of a single copy. */
int64_t log_flushed_offset(const struct log *log);
/* The first offset of the oldest open transaction, or the flushed offset. */
int64_t log_stable_offset(const struct log *log);
/* Bytes of all segments. */
int64_t log_size(const struct log *log);
/* Damage was found in it, when it was opened or by who read there: that is not given to anybody. */
bool log_is_damaged(const struct log *log);
/* Leader epoch of the last batch, -1 for an empty log. */
int32_t log_last_epoch(const struct log *log);

struct log_position {
    int64_t offset; /* -1: there is none */
    int64_t timestamp_ms;
    int32_t leader_epoch;
};
/* The first record whose timestamp is >= timestamp_ms (ListOffsets by time). May read the disk. */
must_use int log_find_time(struct log *log, int64_t timestamp_ms, int64_t limit_offset,
                           struct log_position *out);
/* The record with the largest timestamp (ListOffsets -3), the first of equal ones. */
must_use int log_find_max_time(struct log *log, int64_t limit_offset, struct log_position *out);
/* OffsetForLeaderEpoch: the end offset of the largest epoch <= `epoch`; offset -1 if there is none.
 */
void log_find_epoch(const struct log *log, int32_t epoch, struct log_position *out);

/* A transaction that was aborted: what its producer wrote from first_offset up to its marker at
 * last_offset is not to be seen by who reads what is committed. */
struct log_aborted {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;
};
/* Each that reaches into `offset` .. `end_offset` - 1, which lies below the stable offset, in the
 * order of their markers. May read the disk. */
must_use int log_each_aborted(struct log *log, int64_t offset, int64_t end_offset,
                              void (*each)(void *owner, const struct log_aborted *aborted),
                              void *owner);

/* What the log remembers of one idempotent producer (DescribeProducers). */
struct log_producer {
    int64_t producer_id;
    int16_t epoch;
    int32_t last_sequence;
    int64_t last_timestamp_ms;
    int32_t coordinator_epoch;
    int64_t transaction_start_offset; /* -1: no open transaction */
};
/* Whether the producer has a transaction open here at this epoch. */
bool log_has_transaction(const struct log *log, int64_t producer_id, int16_t epoch);
void log_each_producer(const struct log *log,
                       void (*each)(void *owner, const struct log_producer *producer), void *owner);

/* Moves the start (DeleteRecords, retention); whole segments below it are removed. */
must_use int log_set_start_offset(struct log *log, int64_t offset);
/* Cuts everything at and above `offset` (a follower's divergence; never below flushed data of a
 * leader). */
must_use int log_truncate(struct log *log, int64_t offset);
void log_set_settings(struct log *log, const struct log_settings *settings);
/* No leader was ever of a higher epoch. One that the log knows nevertheless is damage: it is
 * forgotten, or nothing could be appended any more. */
void log_limit_epochs(struct log *log, int32_t leader_epoch);
/* Applies time and size retention and time-based rolling now; returns bytes removed or a negative
 * error. */
must_use int64_t log_clean(struct log *log);
const char *log_name(const struct log *log); /* "orders-0" */
struct wire_uuid log_topic_id(const struct log *log);
/* 0, or why the log cannot be used: ERROR_CORRUPT (offline), ERROR_FENCED. */
int log_status(const struct log *log);
/* Asserts the invariants above. */
void log_check(const struct log *log);
/* Asserts that what is remembered of producers and aborted transactions is what replaying gives.
 * Waits for the disk; ERROR_CORRUPT or an error of the disk when it cannot be replayed. */
must_use int log_check_replay(struct log *log);
