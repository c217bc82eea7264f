/* A shard: one thread, one loop, one io, and the objects it owns.
 *
 * Owns:   the thread and its io.
 * Keeps:  `start` runs first, `stop` last on the shard's thread; between them the loop.
 * Thread: shard_start and shard_join the one that owns the shard object; the rest any. */
#pragma once

#include "log/io/io.h"

struct shard;

enum { SHARD_NAME_SIZE = 16 };

struct shard_events {
    /* Builds the shard's objects. */
    void (*start)(void *owner, struct io *io);
    /* The loop has ended; frees them. May be NULL. */
    void (*stop)(void *owner, struct io *io);
};

/* Returns after `start` has. The name is cut to SHARD_NAME_SIZE - 1 bytes for the system. */
struct shard *shard_start(const char *name, const struct shard_events *events, void *owner);
struct io *shard_io(struct shard *shard);
/* The loop ends; see shard_join. */
void shard_stop(struct shard *shard);
/* Waits for the thread to end and frees the shard. Not from the shard itself. */
void shard_join(struct shard *shard);
/* Asserts that the calling thread is the one that owns the io. */
void shard_check(const struct io *io);
