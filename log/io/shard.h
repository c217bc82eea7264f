/* A shard: one thread, one loop, one io, and the objects it owns.
 *
 * Owns:   the thread and its io.
 * Keeps:  `start` runs first, `stop` last on the shard's thread; between them the loop.
 * Thread: shard_start and shard_join the one that owns the shard object; the rest any. */
#pragma once

#include "log/io/io.h"

enum { SHARD_NAME_SIZE = 16 };

struct shard_events {
    /* Builds the shard's objects. */
    void (*start)(void *owner, struct io *io);
    /* The loop has ended; frees them. May be NULL. */
    void (*stop)(void *owner, struct io *io);
};

/* A thread with a loop behind a real io, the same loop behind a simulated one. */
struct shard_ops {
    struct io *(*io)(struct shard *shard);
    void (*stop)(struct shard *shard);
    void (*join)(struct shard *shard);
};

struct shard {
    const struct shard_ops *ops;
};

/* `io`: of the shard that asks. Returns after `start` has. The name is cut to SHARD_NAME_SIZE - 1
 * bytes for the system. */
static inline struct shard *shard_start(struct io *io, const char *name,
                                        const struct shard_events *events, void *owner)
{
    return io->ops->shard_start(io, name, events, owner);
}

static inline struct io *shard_io(struct shard *shard)
{
    return shard->ops->io(shard);
}

/* The loop ends; see shard_join. */
static inline void shard_stop(struct shard *shard)
{
    shard->ops->stop(shard);
}

/* Waits for the thread to end and frees the shard. Not from the shard itself. */
static inline void shard_join(struct shard *shard)
{
    shard->ops->join(shard);
}

/* The real one, a row of io_uv's table. */
struct shard *shard_thread_start(struct io *io, const char *name, const struct shard_events *events,
                                 void *owner);
/* Asserts that the calling thread is the one that owns the io. */
void shard_check(const struct io *io);
