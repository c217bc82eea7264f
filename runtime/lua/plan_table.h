/* Steps of tables: what keeps one, and what makes another of it.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"
#include "runtime/operators/table_store.h"

extern const struct plan_step plan_table_steps[];

/* The stores of the step on top become the node's, the first of which is a table's, with what its
 * field `versioned` says. */
struct table_store_options plan_table_read_store(struct plan_reader *reader,
                                                 struct topology_node *node);
