/* Something that makes one value of two: a function of a script, or { left =, right = } without
 * one.
 *
 * A plain value; what `owner` points to is the joiner's and freed with it.
 * Thread: the task's shard. */
#pragma once

#include "runtime/format/kept_value.h"
#include "runtime/topology/node.h"

struct joiner {
    /* Sets value and format of *out, whose key and time are filled; a side that is missing is a
     * null value. 1, 0: nothing comes of it, or an error with the context filled for `node`. */
    int (*join)(void *owner, struct node *node, struct node_context *context,
                const struct kept_value *left, const struct kept_value *right, struct record *out);
    void *owner; /* lives as long as the plan */
};

/* {"left":…,"right":…}, null for what is missing. */
struct joiner joiner_pair(void);
must_use int joiner_join(const struct joiner *joiner, struct node *node,
                         struct node_context *context, const struct kept_value *left,
                         const struct kept_value *right, struct record *out);
