/* What an aggregation does with its records: begins, adds, takes away, merges, tells the result.
 *
 * The steps that keep accumulators (by key, by window, by session) know when and where; a fold
 * knows only what. So each kind of window works with each kind of aggregate.
 *
 * An accumulator is opaque bytes, null before the first record and when nothing is left. What a
 * fold hands out is valid until its next call or lies in the context's arena; what it is given is
 * only read. Each function returns 0, or an error with the context filled for `node`, whose step it
 * is.
 *
 * Owns:   a fold is freed by the node that got it.
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct fold;

struct fold_ops {
    /* The record's value comes in. */
    int (*add)(struct fold *fold, struct node *node, struct node_context *context,
               const struct record *record, struct bytes accumulator, struct bytes *out);
    /* The record's value, which came in before, goes. NULL: it cannot, so it fits no table. */
    int (*subtract)(struct fold *fold, struct node *node, struct node_context *context,
                    const struct record *record, struct bytes accumulator, struct bytes *out);
    /* Two accumulators of one key as one; a null one on the left is the beginning. NULL: it
     * cannot, so it fits no sessions. */
    int (*merge)(struct fold *fold, struct node *node, struct node_context *context,
                 struct bytes key, struct bytes left, struct bytes right, struct bytes *out);
    /* What is forwarded: sets the value of `record` and its format. Its key, time and window are
     * filled. The accumulator is not null. */
    int (*result)(struct fold *fold, struct node *node, struct node_context *context,
                  struct bytes accumulator, struct record *record);
    void (*free)(struct fold *fold);
    bool is_binary; /* accumulators are not JSON */
};

struct fold {
    const struct fold_ops *ops;
};

/* Appends an accumulator as stores keep it: with its time, see timed.h. */
void fold_write(const struct fold *fold, struct buffer *out, int64_t time_ms,
                struct bytes accumulator);
/* The result of an accumulator as the value of `record`; null of none. */
must_use int fold_tell(struct fold *fold, struct node *node, struct node_context *context,
                       struct bytes accumulator, struct record *record);
/* Sends the result of `accumulator` to the children, before it, if they want it, that of `old`.
 * Key, time and window of the change are filled. */
must_use int fold_forward(struct fold *fold, struct node *node, struct node_context *context,
                          struct bytes old, struct bytes accumulator, struct record *change);

/* Makes a fold for one instance of a node; what `owner` points to lives as long as the plan. */
typedef struct fold *fold_maker(void *owner);
