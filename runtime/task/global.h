/* The global tables of an application on one shard: topics that are read whole, from their start,
 * into stores in memory, which the tasks of the shard look into.
 *
 * They are no part of a commit: a start reads the topics again. A record that cannot be taken (one
 * without a key, say) is traced and left out, as each instance would complain of it at each start.
 *
 * Owns:   the stores, the nodes that fill them, the inputs.
 * Keeps:  (1) it is ready, once for all, when each partition was read to its end;
 *         (2) tasks do not write to its stores.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/task/store_rows.h"
#include "runtime/topology/topology_instance.h"

struct global;

/* Partitions are those that the client knows of now. NULL when the plan has no global tables. */
struct global *global_new(const struct topology *topology, struct client *client,
                          struct fetcher *fetcher);
void global_free(struct global *global);
/* Takes up to `count_max` records; how many there were, or the error of a log. */
must_use int global_process(struct global *global, int count_max);
/* True also for NULL. */
bool global_is_ready(const struct global *global);
/* NULL when there is no such store, and for NULL. */
struct kv *global_store(const struct global *global, const char *name);
/* False when there is no such store, or it was not read whole yet, and for NULL. */
bool global_open_rows(const struct global *global, const char *store, struct store_rows *rows);
void global_check(const struct global *global);
