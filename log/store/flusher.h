/* Group commit: makes appended bytes durable, many appends per flush.
 *
 *     idle --add--> asked --next turn--> running --all synced--> idle
 *                     ^                     |          (asked again if more was appended)
 *                     +--add while running--+
 *
 * Owns:   the list of logs with unflushed bytes, and the syncs under way.
 * Keeps:  (1) at most one flush runs; (2) a flush covers exactly what was appended before it
 *             started; (3) a log is in one of the two lists when it has unflushed bytes;
 *         (4) the epoch file of a log and the indexes of its full segments are durable before the
 *             offsets they belong to count as flushed; (5) after a failure no flush is started
 * again. Thread: the shard's.
 *
 * A flush starts in the turn after the first append, so it takes what that turn brings; while it
 * runs, appends gather for the next one. No timer makes anybody wait. Each dirty file is synced by
 * a request of its own, all at once: the threads of io and the journal of the file system put them
 * together again. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

struct log;
struct store;

struct flusher {
    struct store *store;
    struct list dirty;    /* logs with bytes no flush has taken yet */
    struct list flushing; /* logs that the running flush covers */
    struct list syncs;    /* files under way */
    struct io_request request;
    int32_t pending_count; /* syncs under way */
    int error;             /* the first of the running flush */
    uint64_t started_ns;
    bool is_asked;
    bool is_running;
    int64_t flush_count;
    int64_t flush_ns_total;
};

void flusher_init(struct flusher *flusher, struct store *store);
/* For a process that is over: forgets all. */
void flusher_fini(struct flusher *flusher);
/* The log has new bytes. */
void flusher_add(struct flusher *flusher, struct log *log);
/* A flush of everything that is dirty starts with the next turn, or when the running one ends. */
void flusher_ask(struct flusher *flusher);
/* Takes the log out; syncs under way go on. */
void flusher_remove(struct flusher *flusher, struct log *log);
bool flusher_is_idle(const struct flusher *flusher);
void flusher_check(const struct flusher *flusher);
