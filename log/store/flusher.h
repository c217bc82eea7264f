/* Group commit: makes appended bytes durable, many appends per flush, each log for itself.
 *
 *     clean --append--> dirty --ask--> asked --next turn--> running --all synced--> clean
 *                         |              ^                     |
 *                         +---delay------+                     +--> dirty or asked, when bytes
 *                                                                   came or were asked for
 *
 * Owns:   the lists of logs with unflushed bytes, and the syncs under way.
 * Keeps:  (1) at most one flush of a log runs, and at most FLUSHER_RUNNING_MAX in all;
 *         (2) a flush covers exactly what was appended to its log before it started;
 *         (3) a log that has unflushed bytes is in exactly one of the lists;
 *         (4) the epoch file of a log and the indexes of its full segments are durable before the
 *             offsets they belong to count as flushed;
 *         (5) after a failure no flush is started again, unless only the epoch file found no room:
 *             then the log is dirty as before;
 *         (6) dirty logs are asked for FLUSHER_DELAY_MS after they became dirty, if nobody asks
 *             before.
 * Thread: the shard's.
 *
 * A flush that somebody waits for starts in the turn after it was asked for, so it takes what that
 * turn brings; while it runs, appends gather for the log's next one. No log waits for another: the
 * threads of io and the journal of the file system put syncs of the same moment together again.
 * Beyond the limit logs wait in the order in which they were asked for, and gather meanwhile. Bytes
 * that nobody waits for gather for the delay: syncing after every append what nobody looks at costs
 * more processor time than receiving it. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

struct log;
struct store;

enum { FLUSHER_DELAY_MS = 50, FLUSHER_RUNNING_MAX = 16 };

struct flusher {
    struct store *store;
    struct list dirty;   /* logs with bytes that no flush has taken yet, and nobody asks for */
    struct list asked;   /* the same, wanted; the first is next */
    struct list running; /* logs whose flush is under way */
    struct list syncs;   /* files under way */
    struct io_request request;
    struct io_timer timer; /* of what nobody waits for */
    uint64_t timer_due_ns; /* while it runs */
    int32_t running_count; /* flushes under way, of deleted logs too */
    bool is_posted;        /* a turn comes */
    int64_t flush_count;
    int64_t flush_ns_total;
};

void flusher_init(struct flusher *flusher, struct store *store);
/* For a process that is over: forgets all. */
void flusher_fini(struct flusher *flusher);
/* The log has new bytes. */
void flusher_add(struct flusher *flusher, struct log *log);
/* A flush of what is dirty in the log starts with the next turn, or when its running one ends. */
void flusher_ask(struct flusher *flusher, struct log *log);
/* The same for every dirty log. */
void flusher_ask_all(struct flusher *flusher);
/* The same after FLUSHER_DELAY_MS at the latest. */
void flusher_ask_later(struct flusher *flusher);
/* The same after `delay_ms` at the latest. */
void flusher_ask_within(struct flusher *flusher, int64_t delay_ms);
/* Takes the log out; syncs under way go on. */
void flusher_remove(struct flusher *flusher, struct log *log);
/* Nothing is dirty and nothing under way; after a failure, nothing under way. */
bool flusher_is_idle(const struct flusher *flusher);
void flusher_check(const struct flusher *flusher);
