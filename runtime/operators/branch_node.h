/* Hands each record to one child: that of the first judge who says yes, or to none.
 *
 * Keeps:  child i belongs to judge i; there are as many children as judges.
 * Owns:   the judges.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/judge.h"

/* Copies the list, takes the judges. */
struct node *branch_node_new(const char *name, const struct judge *judges, size_t count);
