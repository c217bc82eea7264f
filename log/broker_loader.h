/* Reads a coordinator's topic into its journal at the start, partition after partition.
 *
 * Owns:   the read that is under way.
 * Thread: the broker's shard. */
#pragma once

#include "log/coordinator/journal.h"
#include "log/replica/replica.h"

struct broker_loader;

/* `done` comes on a later turn, with the first error; a partition that cannot be read stays
 * unloaded and the others are read all the same. Free the loader then. */
struct broker_loader *broker_loader_start(struct io *io, struct replica_set *replicas,
                                          struct journal *journal, const char *topic,
                                          void (*done)(void *owner, int error), void *owner);
/* No more callbacks; the loader frees itself when its read comes back. */
void broker_loader_cancel(struct broker_loader *loader);
void broker_loader_free(struct broker_loader *loader);
