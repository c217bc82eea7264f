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
    struct list waits;          /* log_flush_wait, by offset */
    struct list_link flush_link; /* in the flusher */
    struct list_link moved_link; /* its flushed offset moved and nobody was told */
    struct list_link store_link;
    int32_t pending_count; /* reads and syncs under way; keeps a deleted log's memory */
    int32_t cut_count;     /* truncations so far */
    int status;            /* 0 or ERROR_CORRUPT */
    bool is_deleted;
};

/* Waiters whose answer is known, by answer. */
enum store_answer { STORE_FLUSHED, STORE_FENCED, STORE_NOT_FOUND, STORE_SHUTDOWN, STORE_ANSWER_COUNT };

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
    struct list reads; /* log_read requests whose answer is known */
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
    bool is_points_stale; /* a log was deleted since the points file was written */
    int64_t pending_count; /* reads under way */
    int64_t appended_size;
    int64_t recovered_log_count;
    int64_t recovered_size;
};
