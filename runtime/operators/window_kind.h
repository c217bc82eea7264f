/* A kind of window: one file with a row of functions, which decides what windows a record goes to
 * (window_fixed.c, window_sliding.c, window_session.c). What they have in common is window_node.h.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct window_node;

struct window_kind {
    const char *name;
    /* Brings the record, whose key is not null, into its windows. 0, or an error with the context
     * filled. */
    int (*place)(struct window_node *it, struct node_context *context, const struct record *record);
    /* A record that comes soon, with key and time (node_ops.expect); NULL: nobody cares. */
    void (*expect)(struct window_node *it, const struct record *record);
    /* Milliseconds behind its end at which a window closes: closed when end + this <= time. */
    int64_t (*linger)(int64_t size_ms, int64_t grace_ms);
    /* How long a closed window is still of use to make others from; NULL: not at all. */
    int64_t (*retain)(int64_t size_ms, bool is_final);
    bool is_by_key;   /* looks for windows of a key */
    bool must_merge;  /* needs a fold that merges */
    bool takes_nulls; /* null values are given to the fold; else they are passed over */
    bool takes_zero;  /* may have no size */
};

extern const struct window_kind window_kind_fixed;
extern const struct window_kind window_kind_sliding;
extern const struct window_kind window_kind_session;
