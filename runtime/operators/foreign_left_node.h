/* The left side of a foreign-key join: asks, and makes results of answers. See foreign.h.
 *
 * The first node takes changes of the left table: its first child is the topic of subscriptions,
 * its second the topic of answers, for rows that name no right key. The second node takes answers
 * and forwards results for a table, null where there is none. Past changes are dropped. Whether
 * there is a result to end it reads in the store of that table.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/joiner.h"
#include "runtime/operators/mapper.h"
#include "runtime/operators/table_store.h"

struct foreign_left_node_options {
    struct mapper on; /* the right key that a left value names; taken, of the first node only */
    bool keeps_left;
    struct table_store_options left;   /* of the second node only, like what follows */
    struct table_store_options result; /* where results are kept behind it */
    struct joiner joiner;
};

struct node *foreign_left_node_new(const char *name,
                                   const struct foreign_left_node_options *options);
struct node *foreign_left_node_new_answer(const char *name,
                                          const struct foreign_left_node_options *options);
