/* What a store and its logs are made of; only for the files of this folder.
 *
 * Thread: the shard's. */
#pragma once

#include "log/store/epoch_cache.h"
#include "log/store/file_cache.h"
#include "log/store/flusher.h"
#include "log/store/graveyard.h"
#include "log/store/log_points.h"
#include "log/store/producer_state.h"
#include "log/store/segment.h"
#include "log/store/store.h"

/* A place between two batches. */
struct log_mark {
    int64_t offset;
    int64_t segment_offset; /* base offset of the segment */
    int64_t position;       /* in it */
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
    struct log_mark synced;   /* durable */
    struct log_mark flushing; /* will be durable when the running flush ends */
    struct log_mark hint;     /* where the last read ended; offset -1: none */
    int64_t snapshot_offset;  /* newest producer snapshot on the disk; -1: none */
    int64_t points_offset;    /* the recovery point in the points file */
    int64_t points_start;     /* the start offset in the points file */
    struct epoch_cache epochs;
    struct producer_state producers;
    struct list waits;           /* log_flush_wait, by offset */
    struct list_link flush_link; /* in the flusher */
    struct list_link moved_link; /* its flushed offset moved and nobody was told */
    struct list_link store_link;
    int32_t pending_count; /* reads and syncs under way; keeps a deleted log's memory */
    int32_t cut_count;     /* truncations so far */
    int status;            /* 0 or ERROR_CORRUPT */
    bool is_dirty;         /* something was written that no flush has taken yet */
    bool is_deleted;
};

/* Waiters whose answer is known, by answer. */
enum store_answer {
    STORE_FLUSHED,
    STORE_FENCED,
    STORE_NOT_FOUND,
    STORE_SHUTDOWN,
    STORE_ANSWER_COUNT
};

enum store_phase { STORE_OPEN, STORE_CLOSING, STORE_CLOSED };

struct store {
    struct io *io;
    char *path;
    struct store_options options;
    struct io_file *lock;
    struct map logs; /* by name */
    struct list log_list;
    struct file_cache files;
    struct flusher flusher;
    struct graveyard graveyard;
    struct list moved; /* logs */
    struct list answers[STORE_ANSWER_COUNT];
    struct io_request settle_request;
    bool is_settle_asked;
    struct io_timer checkpoint_timer;
    struct io_timer retention_timer;
    struct io_timer flush_timer;
    void (*flushed)(void *owner, struct log *log);
    void *flushed_owner;
    void (*closed)(void *owner);
    void *closed_owner;
    enum store_phase phase;
    bool is_fenced;
    bool is_points_stale;  /* a log was deleted since the points file was written */
    int64_t pending_count; /* reads under way */
    int64_t appended_size;
    int64_t recovered_log_count;
    int64_t recovered_size;
};

/* log.c */
struct log *log_new(struct store *store, const char *name, const struct log_settings *settings);
void log_free(struct log *log);
/* Puts a segment behind the others. */
void log_add_segment(struct log *log, struct segment *segment);
struct segment *log_last_segment(const struct log *log);
/* Index of the segment that holds the offset; 0 when it lies below all. */
int32_t log_find_segment(const struct log *log, int64_t offset);
struct log_mark log_end_mark(const struct log *log);
/* Closes the growing segment and starts the next one. */
must_use int log_roll(struct log *log);
/* Whether there is anything about producers that has to be remembered. */
bool log_has_producers(const struct log *log);
must_use int log_write_snapshot(struct log *log);
/* Everything below the mark is durable. */
void log_on_synced(struct log *log, struct log_mark mark);
/* Ends one of the things that keep a deleted log's memory. */
void log_release(struct log *log);
/* 0, or why nothing can be written. */
must_use int log_writable(const struct log *log);
/* Translates a failed write: no space is the caller's news, everything else fences the store. */
must_use int log_on_write_error(struct log *log, int error, const char *step);

/* store.c */
void store_fence(struct store *store, const char *step, const char *name, int error);
/* The flushed offset moved: waiters and the listener are told in a later turn. */
void store_on_moved(struct store *store, struct log *log);
/* Tells them now; only from a callback of io. */
void store_settle(struct store *store);
void store_answer(struct store *store, struct log_flush_wait *wait, enum store_answer answer);
/* A flush or a read ended; a store that closes may go on. */
void store_on_quiet(struct store *store);
/* Writes recovery points and start offsets durably. */
must_use int store_write_points(struct store *store);

static inline struct list_link *store_wait_link(struct log_flush_wait *wait)
{
    _Static_assert(sizeof wait->private_links == sizeof(struct list_link), "a link fits");
    return (struct list_link *)(void *)wait->private_links;
}

static inline struct log_flush_wait *store_wait_of(struct list_link *link)
{
    return list_member(link, struct log_flush_wait, private_links);
}
