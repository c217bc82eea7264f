/* The further workers of an application: one on each further thread of the host.
 *
 *     the lead's shard                           a further shard
 *     host_app: decides; the first worker        host_worker: an app, and what becomes of it
 *         order: start, pause, close  ------------->
 *         <-------------  note: failed, noticed, lines of its log, closed
 *
 * A worker is an application whole: a Lua state, connections, and a member of the group of its own,
 * so partitions are dealt to workers by the protocol that deals them to processes, and nothing of
 * one is ever touched by another. What there must be once in a process has the first: connectors,
 * and every decision. A worker that fails only tells; the lead closes them all and starts them all,
 * as an application that fails.
 *
 * Owns:   the app of one place of the host on one thread, and what it printed until that is told.
 * Keeps:  (1) orders and notes arrive in the order in which they were sent, so nothing is heard of
 *             a worker behind its "closed";
 *         (2) every order to start is followed by one to close, which is the last one and is
 *             answered by "closed", the last note, when nothing more is under way;
 *         (3) all workers run the files that the lead has read: what becomes of them on the disk
 *             meanwhile changes nothing;
 *         (4) at most one batch of lines is under way, and what a worker prints meanwhile is
 *             bounded by its log: a script that prints much takes no memory.
 * Thread: host_worker_... the lead's shard, host_thread_... the shard of that thread. */
#pragma once

#include "log/io/shard.h"
#include "runtime/app/app_log.h"
#include "runtime/host/host.h"

enum { HOST_INSTANCE_SIZE = 300 };

struct host_worker {
    struct host *host;
    struct io *io; /* of its shard */
    size_t place;  /* of the application in the host */
    bool is_open;  /* the lead's: from its order to start until it told that it is closed */

    /* its shard's */
    struct app *app; /* NULL: closed, or it could not be made */
    bool is_closing; /* from the order to close until that is told */
    char *path;
    struct app_log *log; /* what was not told yet; NULL before the first start */
    bool is_telling;     /* a batch of lines is under way */
    struct io_request told;
    char instance_id[HOST_INSTANCE_SIZE];
};

/* A further thread. */
struct host_thread {
    struct host *host;
    size_t index; /* from 1 */
    struct shard *shard;
    struct io *io;
    struct host_worker workers[HOST_SCRIPT_MAX];
};

/* --- On the shard that owns the host --- */

struct host_thread *host_thread_start(struct host *host, size_t index);
void host_thread_join(struct host_thread *thread);

/* --- On the lead's shard --- */

/* One worker on every further thread, of the files of what is about to start. */
void host_worker_start_all(struct host_app *row);
/* As the row says. */
void host_worker_pause_all(struct host_app *row);
void host_worker_close_all(struct host_app *row);
/* Any was started and did not tell yet that it is closed. */
bool host_worker_is_any_open(const struct host_app *row);
