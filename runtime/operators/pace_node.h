/* Holds changes of a table back and lets the latest of each key go on, at most once in a span of
 * time: Kafka Streams' suppress(untilTimeLimit).
 *
 * The first change of a key that comes while none is held sets when it goes on: when time passes
 * its own by the span. What comes for the key until then takes its place, with its time and
 * headers; the old value stays that of the first, since nobody behind the node saw those between.
 * Time is the largest of the changes that came, so what is held stands still with them. With a
 * limit the oldest go early when more keys are held.
 *
 * The store holds all of it, so a restart goes on where it was:
 *
 *     "t"           numbers: the time, how many are held
 *     "h" KEY       the held change: since when (eight bytes), what it has (one: an old value, a
 *                   value), size of the old kept value (four), that, a kept record
 *     "d" since KEY nothing: what is held, oldest first
 *
 * KEY is a key and, of windows, their end and start, in parts of runtime/format/row_key.h.
 *
 * Keeps:  (1) nothing is remembered outside the store, so that a rollback undoes all;
 *         (2) each row "h" has its row "d", and there are as many as the number says;
 *         (3) a record lets go a thousand at most; the others follow with the next.
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct pace_node_options {
    int64_t every_ms;  /* above 0 */
    int64_t count_max; /* 0: no limit */
    const char *store;
};

/* The text is copied. */
struct node *pace_node_new(const char *name, const struct pace_node_options *options);
