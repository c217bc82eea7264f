/* The global tables of an application on one shard: topics that are read whole, from their start,
 * into stores in memory (global_tables.h), which the tasks of the shard look into.
 *
 * They are no part of a commit: a start reads the topics again.
 *
 * Owns:   the tables, the inputs.
 * Keeps:  it is ready, once for all, when each partition was read to its end.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/task/global_tables.h"

struct global;

/* Partitions are those that the client knows of now. NULL when the plan has no global tables. */
struct global *global_new(const struct topology *topology, struct client *client,
                          struct fetcher *fetcher);
void global_free(struct global *global);
/* Takes up to `count_max` records; how many there were, or the error of a log. */
must_use int global_process(struct global *global, int count_max);
/* True also for NULL. */
bool global_is_ready(const struct global *global);
/* NULL for NULL. */
struct global_tables *global_get_tables(const struct global *global);
/* False when there is no such store, or it was not read whole yet, and for NULL. */
bool global_open_rows(const struct global *global, const char *store, struct store_rows *rows);
void global_check(const struct global *global);
