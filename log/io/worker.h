/* A thread of its own for code that blocks, with a mailbox.
 *
 * Plugins and foreign engines may wait for disks and networks; they do it here. The thread tells
 * its shard something with io_post, the shard tells the thread something with worker_put.
 *
 * Owns:   the thread and the mailbox; messages belong to whoever puts them, until they are taken.
 * Keeps:  (1) messages are taken in the order they were put;
 *         (2) what the putter wrote before worker_put is seen by the taker;
 *         (3) an interrupt runs only between worker_allow_interrupt and worker_forbid_interrupt,
 *             never at the same time as either; one that came too early is made up for.
 * Thread: worker_put any; worker_take the worker's own; the rest the shard that started it. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

/* Embedded at the front of a message. */
struct worker_message {
    struct list_link link;
};

/* A thread behind a real io, turns of the one thread behind a simulated one. */
struct worker_ops {
    void (*join)(struct worker *worker);
    void (*put)(struct worker *worker, struct worker_message *message);
    struct worker_message *(*take)(struct worker *worker, int64_t timeout_ms);
    void (*wake)(struct worker *worker);
    void (*allow_interrupt)(struct worker *worker, void (*interrupt)(void *owner), void *owner);
    void (*forbid_interrupt)(struct worker *worker);
    void (*interrupt)(struct worker *worker);
};

struct worker {
    const struct worker_ops *ops;
};

/* `name`: at most 15 characters are shown by the system. */
static inline struct worker *worker_start(struct io *io, const char *name,
                                          void (*run)(struct worker *worker, void *owner),
                                          void *owner)
{
    return io->ops->worker_start(io, name, run, owner);
}

/* Waits until `run` has returned and frees the worker; messages left are the caller's to find. */
static inline void worker_join(struct worker *worker)
{
    worker->ops->join(worker);
}

static inline void worker_put(struct worker *worker, struct worker_message *message)
{
    worker->ops->put(worker, message);
}

/* The oldest message; waits for one up to `timeout_ms` (0: does not wait). NULL when none came. */
static inline struct worker_message *worker_take(struct worker *worker, int64_t timeout_ms)
{
    return worker->ops->take(worker, timeout_ms);
}

/* Makes a waiting worker_take return NULL now, or the next one not wait. Thread: any. */
static inline void worker_wake(struct worker *worker)
{
    worker->ops->wake(worker);
}

/* From now on foreign code that blocks can be told to return: `interrupt(owner)` is called, on the
 * thread of whoever wants it. It must be short and call nothing of the worker. Thread: the worker's
 * own, as is worker_forbid_interrupt, after which nobody is inside. */
static inline void worker_allow_interrupt(struct worker *worker, void (*interrupt)(void *owner),
                                          void *owner)
{
    worker->ops->allow_interrupt(worker, interrupt, owner);
}

static inline void worker_forbid_interrupt(struct worker *worker)
{
    worker->ops->forbid_interrupt(worker);
}

/* Calls the interrupt now, or as soon as it is allowed; once it was forbidden nothing happens.
 * Thread: any. */
static inline void worker_interrupt(struct worker *worker)
{
    worker->ops->interrupt(worker);
}

/* The real one, a row of io_uv's table. */
struct worker *worker_thread_start(struct io *io, const char *name,
                                   void (*run)(struct worker *worker, void *owner), void *owner);
