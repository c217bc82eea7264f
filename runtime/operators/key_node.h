/* Gives records the key that one path or several lead to in their value.
 *
 * The key of one path is the string there, or the JSON there when it is none; of several paths a
 * JSON array of what is there: ["api","/x"]. A grouping needs all of them present and not null;
 * otherwise an absent path gives a null key.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/mapper.h"

struct key_node_options {
    const char *const *paths; /* judged before; at least one */
    size_t path_count;
    bool is_grouping;
};

struct node *key_node_new(const char *name, const struct key_node_options *options);
/* The same for steps that ask a mapper. */
struct mapper key_node_mapper(const struct key_node_options *options);
