/* The right side of a foreign-key join: remembers who subscribed, and answers. See foreign.h.
 *
 * The first node takes subscriptions, the second changes of the right table; both forward answers.
 * They share the store of subscriptions:
 *
 *     KEY left-key    the hash of the left value; KEY (runtime/format/row_key.h) is the right key
 *
 * Past changes are dropped. Thread: the task's shard. */
#pragma once

#include "runtime/operators/table_store.h"

struct foreign_right_node_options {
    const char *subscriptions;
    struct table_store_options right; /* of the first node only */
};

struct node *foreign_right_node_new(const char *name,
                                    const struct foreign_right_node_options *options);
struct node *foreign_right_node_new_change(const char *name,
                                           const struct foreign_right_node_options *options);
