/* Something that makes a record of a record: another value, another key, or both. Steps of tables
 * ask one for the old value and for the new one.
 *
 * A plain value; what `owner` points to is the mapper's and freed with it.
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct mapper {
    /* Changes *out, which begins as a copy of the record; what it points to must lie in the
     * context's arena. 1, 0: nothing comes of it, or an error with the context filled for `node`,
     * who asks. */
    int (*map)(void *owner, struct node *node, struct node_context *context,
               const struct record *record, struct record *out);
    void (*free)(void *owner); /* may be NULL */
    void *owner;
};

must_use int mapper_map(const struct mapper *mapper, struct node *node,
                        struct node_context *context, const struct record *record,
                        struct record *out);
void mapper_free(const struct mapper *mapper);
