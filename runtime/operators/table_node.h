/* Keeps the newest value of each key and forwards each record as a change of what was there.
 *
 * A null value removes the key. A record without a key is refused. Without history the last record
 * counts, whatever its time (as in Kafka Streams); with history the one with the newest time: what
 * comes late is put where it belongs and forwarded as past, what is older than the history goes to
 * the topic of late records. Past changes of another table are passed on and not kept.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/table_store.h"

struct table_node_options {
    struct table_store_options store;
    const char *late_topic;
};

struct node *table_node_new(const char *name, const struct table_node_options *options);
