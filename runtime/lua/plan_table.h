/* Steps of tables: what keeps one, and what makes another of it.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"
#include "runtime/operators/table_store.h"

extern const struct plan_step plan_table_steps[];

/* The store and the field `versioned` of the table on top as the node's only store. */
void plan_table_read_store(struct plan_reader *reader, struct topology_node *node,
                           struct table_store_options *out);
