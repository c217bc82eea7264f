/* One side of a join of two tables by key: a change of this side meets what the other side has.
 *
 * The plan has a node for each side, and both go to one that passes on. The result has the newer of
 * both times. A key that had no result and has none now is told, like in Kafka Streams, only while
 * the other side has a value. Past changes are dropped: the newest values are joined.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/joiner.h"
#include "runtime/operators/table_store.h"

struct table_join_node_options {
    struct table_store_options other; /* the store of the other side */
    bool is_left;                     /* this side */
    bool keeps_left;                  /* also what has nothing on the right (left, outer) */
    bool keeps_right;
    struct joiner joiner;
};

struct node *table_join_node_new(const char *name, const struct table_join_node_options *options);
