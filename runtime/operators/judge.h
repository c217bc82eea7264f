/* Something that says yes or no to a record: a compiled condition, a C function, a script's
 * function, or nobody (always yes). Filters and branches ask one.
 *
 * A plain value; what `owner` points to is the judge's and freed with it.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/predicate.h"
#include "runtime/topology/node.h"

struct judge {
    /* 1, 0, or an error with the context filled; `node` is who asks. NULL: always 1. */
    int (*ask)(void *owner, struct node *node, struct node_context *context,
               const struct record *record);
    void (*free)(void *owner);
    void *owner;
};

/* Takes the predicate. */
struct judge judge_from_predicate(struct predicate *predicate);
must_use int judge_ask(const struct judge *judge, struct node *node, struct node_context *context,
                       const struct record *record);
void judge_free(const struct judge *judge);
