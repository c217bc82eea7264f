/* What a log is made of; only for the files of this folder.
 *
 * Thread: the shard's. */
#pragma once

#include "log/base/list.h"
#include "log/store/epoch_cache.h"
#include "log/store/log.h"
#include "log/store/producer_state.h"
#include "log/store/segment.h"
#include "log/store/tail_cache.h"

/* A place between two batches. */
struct log_mark {
    int64_t offset;
    int64_t segment_offset; /* base offset of the segment */
    int64_t position;       /* in it */
};

/* See snapshot.h. */
struct log_snapshot {
    struct log_mark place; /* offset -1: none; segment_offset -1: it is not known where that lies */
    int64_t behind_size;   /* of the batches behind it */
    bool is_loose;         /* a power failure may take it */
};

struct log {
    struct store *store;
    char *name;      /* "orders-0" */
    char *directory; /* with the store's path in front */
    struct wire_uuid topic_id;
    struct log_settings settings;
    struct segment_home home;
    struct segment **segments; /* by base offset; the last one grows */
    int32_t segment_count;
    int32_t segment_capacity;
    int64_t start_offset;
    int64_t end_offset;
    int64_t flushed_offset; /* acknowledged: durable, or written when durability is weaker */
    int64_t size;
    struct log_mark synced;       /* durable */
    struct log_mark flushing;     /* will be durable when the running flush ends */
    struct log_mark hint;         /* where the last read ended; offset -1: none */
    struct tail_cache_tail tail;  /* newest bytes, while somebody follows */
    struct log_snapshot snapshot; /* the newest of its producers on the disk */
    int64_t points_offset;        /* the recovery point in the points file */
    int64_t points_start;         /* the start offset in the points file */
    int64_t points_snapshot;      /* the snapshot in the points file; -1: none */
    int64_t points_segment; /* base offset of the recovery point's segment there; -1: not known */
    uint32_t roll_chance;   /* drawn for the growing segment, for its jitter */
    int64_t clean_offset;   /* compaction is done below; in the cleaner's checkpoint file */
    int64_t clean_barrier;  /* up to here a run found nothing to do: a transaction is in the way */
    struct epoch_cache epochs;
    struct producer_state producers;
    struct list waits;           /* log_flush_wait, by offset */
    struct list_link flush_link; /* in one of the flusher's lists */
    struct list_link moved_link; /* its flushed offset moved and nobody was told */
    struct list_link store_link;
    int32_t pending_count; /* reads and syncs under way; keeps a deleted log's memory */
    int32_t cut_count;     /* truncations so far */
    int status;            /* 0 or ERROR_CORRUPT */
    int32_t sync_count;    /* files of the running flush that are under way */
    int flush_error;       /* the first of the running flush */
    uint64_t flush_started_ns;
    bool is_configured;  /* its settings are its topic's, not yet those of a log that is opened */
    bool is_uncleanable; /* compaction found damage and leaves it alone from now on */
    bool is_dirty;       /* something was written that no flush has taken yet */
    bool is_flush_asked; /* and somebody waits for it */
    bool is_flushing;
    bool is_rooted; /* its id, its directory and the entry for that are durable; see log_root */
    bool is_blank; /* recovery found no trace of a first append: there is nothing to make durable */
    bool is_deleted;
    bool has_dirty_aborts; /* a segment has rows that are not durable */
};

struct log *log_new(struct store *store, const char *name, const struct log_settings *settings);
void log_free(struct log *log);
/* Puts a segment behind the others. */
void log_add_segment(struct log *log, struct segment *segment);
struct segment *log_last_segment(const struct log *log);
/* Index of the segment that holds the offset; 0 when it lies below all. */
int32_t log_find_segment(const struct log *log, int64_t offset);
struct log_mark log_end_mark(const struct log *log);
/* How long the growing segment may grow: segment.ms, less its jitter; of a compacted log not longer
 * than a record may wait for compaction. */
int64_t log_segment_ms(const struct log *log);
/* Closes the growing segment and starts the next one. */
must_use int log_roll(struct log *log);
/* A log is made without waiting for the disk: it is empty, and whoever keeps the topics makes it
 * again when a power loss took it. Before its first records are written all that leads to them is
 * made durable here, so that a log with records always has its id. ERROR_NO_SPACE: nothing changed.
 */
must_use int log_root(struct log *log);
/* Whether there is anything about producers that has to be remembered. */
bool log_has_producers(const struct log *log);
/* ERROR_CORRUPT when a row of a segment's aborted transactions says what the batches do not. */
must_use int log_prove_aborts(struct log *log, struct segment *segment);
/* Loads a segment's aborted transactions and proves them, for no checksum guards them; what the
 * file cannot tell is told by a replay. */
must_use int log_load_aborts(struct log *log, struct segment *segment);
/* Makes the aborted transactions of all segments durable. */
must_use int log_sync_aborts(struct log *log);
/* Everything below the mark is durable. */
void log_on_synced(struct log *log, struct log_mark mark);
/* Ends one of the things that keep a deleted log's memory. */
void log_release(struct log *log);
/* Lets go of a slice that nobody will close any more. */
void log_slice_forget(struct list_link *link);
/* 0, or why nothing can be written. */
must_use int log_writable(const struct log *log);
/* Translates a failed write: no space is the caller's news, everything else fences the store. */
must_use int log_on_write_error(struct log *log, int error, const char *step);
