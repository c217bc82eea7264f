/* Group commit: makes appended bytes durable, many appends per flush.
 *
 *     idle --ask--> asked --next turn--> running --all synced--> idle
 *                     ^                     |          (asked again if more was asked for)
 *                     +--ask while running--+
 *
 * Owns:   the list of logs with unflushed bytes, and the syncs under way.
 * Keeps:  (1) at most one flush runs; (2) a flush covers exactly what was appended before it
 *             started; (3) a log is in one of the two lists when it has unflushed bytes;
 *         (4) the epoch file of a log and the indexes of its full segments are durable before the
 *             offsets they belong to count as flushed; (5) after a failure no flush is started
 * again; (6) dirty logs are flushed FLUSHER_DELAY_MS after they became dirty, if nobody asks
 * before. Thread: the shard's.
 *
 * A flush that somebody waits for starts in the turn after it was asked for, so it takes what that
 * turn brings; while it runs, appends gather for the next one. Bytes that nobody waits for gather
 * for the delay: syncing after every append what nobody looks at costs more processor time than
 * receiving it. Each dirty file is synced by a request of its own, all at once: the threads of io
 * and the journal of the file system put them together again. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

struct log;
struct store;

enum { FLUSHER_DELAY_MS = 50 };

struct flusher {
    struct store *store;
    struct list dirty;    /* logs with bytes no flush has taken yet */
    struct list flushing; /* logs that the running flush covers */
    struct list syncs;    /* files under way */
    struct io_request request;
    struct io_timer timer; /* of a flush that nobody waits for */
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
/* The same after FLUSHER_DELAY_MS at the latest. */
void flusher_ask_later(struct flusher *flusher);
/* Takes the log out; syncs under way go on. */
void flusher_remove(struct flusher *flusher, struct log *log);
bool flusher_is_idle(const struct flusher *flusher);
void flusher_check(const struct flusher *flusher);
