/* The stores of an application's global tables, and the nodes that fill them, for whoever has the
 * records: the topics of a cluster (global.h), or those of a driver.
 *
 * A record that cannot be taken (one without a key, say) is traced and left out, as each instance
 * would complain of it at each start.
 *
 * Owns:   the stores and the nodes.
 * Keeps:  tasks do not write to the stores.
 * Thread: the owner's. */
#pragma once

#include "runtime/task/store_rows.h"
#include "runtime/topology/topology_instance.h"

struct global_tables;

/* NULL when the plan has no global tables; so the others take NULL. */
struct global_tables *global_tables_new(const struct topology *topology);
void global_tables_free(struct global_tables *tables);
/* Where records of a topic of the plan's global part with this index go in. */
struct node *global_tables_source(struct global_tables *tables, size_t index, const char *topic);
void global_tables_take(struct global_tables *tables, struct node *source,
                        const struct record *record);
/* After some of these: nobody asks what changed. */
void global_tables_settle(struct global_tables *tables);
/* NULL when there is no such store. */
struct kv *global_tables_store(const struct global_tables *tables, const char *name);
/* False when there is no such store. */
bool global_tables_open_rows(struct global_tables *tables, const char *store,
                             struct store_rows *rows);
