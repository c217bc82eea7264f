/* Counts records by key in a store and forwards each new count.
 *
 * The record that goes on has the key, the count as a JSON number, and the largest time of the
 * records counted. The store holds timed values (runtime/format/timed.h).
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct node *count_node_new(const char *name, const char *store);
