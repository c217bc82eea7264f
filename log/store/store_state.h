/* What a store is made of; only for the files of this folder.
 *
 * Thread: the shard's. */
#pragma once

#include "log/store/cleaner.h"
#include "log/store/file_cache.h"
#include "log/store/flusher.h"
#include "log/store/graveyard.h"
#include "log/store/log_points.h"
#include "log/store/log_state.h"
#include "log/store/read_gate.h"
#include "log/store/store.h"
#include "log/store/tail_cache.h"

#include <limits.h>

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
    struct tail_cache tails;
    struct read_gate gate;
    struct flusher flusher;
    struct graveyard graveyard;
    struct cleaner cleaner;
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
    bool is_full;          /* a write found no space, and since then none did for a while */
    uint64_t full_ns;      /* when the last one found none */
    int64_t refused_count; /* writes that found none since is_full */
    bool is_fenced;
    bool has_foreign_points; /* at open; see log_points */
    bool is_points_stale;    /* a log was deleted since the points file was written */
    struct list reads;       /* under way */
    int64_t appended_size;
    int64_t retention_checked_size; /* appended_size when the total was looked at */
    int64_t points_size;            /* appended_size when the points were written */
    int64_t recovered_log_count;
    int64_t recovered_size;
};

void store_fence(struct store *store, const char *step, const char *name, int error);
/* A write of the log ended like this; a full disk is told of once, and once when it is over. */
void store_note_room(struct store *store, const struct log *log, int error);
/* The flushed offset moved: waiters and the listener are told in a later turn. */
void store_on_moved(struct store *store, struct log *log);
/* Tells them now; only from a callback of io. */
void store_settle(struct store *store);
void store_answer(struct store *store, struct log_flush_wait *wait, enum store_answer answer);
/* What is to be removed is looked for soon, not only at its interval. */
void store_ask_retention(struct store *store);
/* A flush ended; moves the recovery points when many bytes lie behind them. */
void store_on_synced(struct store *store);
/* A flush or a read ended; a store that closes may go on. */
void store_on_quiet(struct store *store);
/* The path of an entry of the directory. */
void store_path(const struct store *store, const char *name, char out[PATH_MAX]);
/* Writes recovery points and start offsets durably. */
must_use int store_write_points(struct store *store);

/* store_logs.c */
void store_add_log(struct store *store, struct log *log);
/* Takes the log out of every list; it is the caller's then. */
void store_remove_log(struct store *store, struct log *log);

static inline bool store_is_writable(const struct store *store)
{
    return store->phase == STORE_OPEN && !store->is_fenced && !store->options.is_read_only;
}

static inline struct list_link *store_wait_link(struct log_flush_wait *wait)
{
    _Static_assert(sizeof wait->private_links == sizeof(struct list_link), "a link fits");
    return (struct list_link *)(void *)wait->private_links;
}

static inline struct log_flush_wait *store_wait_of(struct list_link *link)
{
    return list_member(link, struct log_flush_wait, private_links);
}
