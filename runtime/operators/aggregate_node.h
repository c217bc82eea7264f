/* Keeps one accumulator per key and forwards each new result as a change.
 *
 * A record of a stream is added; a change of a table takes the old value away before the new one is
 * added. A null value of a stream is passed over (as in Kafka Streams), a record without a key is
 * refused. The time of a result is the largest of the records that went into it. The store holds
 * timed values (runtime/format/timed.h).
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/fold.h"

/* Takes the fold. */
struct node *aggregate_node_new(const char *name, const char *store, struct fold *fold);
