/* Lets records through that a judge says yes to (or no, when inverted).
 *
 * Owns:   the judge.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/judge.h"

struct node *filter_node_new(const char *name, struct judge judge, bool is_inverted);
