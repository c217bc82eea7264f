/* Makes a table of a table, key by key: another value, or only some.
 *
 * Both values of a change are asked about, the old one only if somebody wants it. A key whose new
 * value is not let through is removed behind this step; like in Kafka Streams that is told also
 * when it was not there, unless the old value is known. A removed key has nothing to ask about.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/judge.h"
#include "runtime/operators/mapper.h"

struct table_map_node_filter {
    struct judge judge;
    bool is_inverted;
    bool knows_old; /* what comes has its old value at hand anyway, so it is looked at */
};

/* Each takes what it is given. */
struct node *table_map_node_new(const char *name, const struct mapper *mapper);
struct node *table_map_node_new_filter(const char *name,
                                       const struct table_map_node_filter *filter);
