/* Joins each record of a stream with what a table has for it: under the record's key, or under the
 * one that a mapper gives.
 *
 * The stream alone decides when: a change of the table gives nothing. A table with history is asked
 * for the time of the record. A record without a value is dropped; so is one that finds nothing or
 * has nothing to look under, unless unmatched ones are kept (left joins).
 *
 * With grace a record with a key waits until the time of the step, the newest of those that waited,
 * is `grace_ms` past its own, so that a table that is late comes in time. Those whose time came go
 * on in the order of time, key and arrival, before the call returns or, if they are many, with the
 * next ones.
 *
 *     "t"               in the store of the waiting: the time, and how many came
 *     "r" time KEY n    a waiting record
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/joiner.h"
#include "runtime/operators/mapper.h"
#include "runtime/operators/table_store.h"

struct lookup_node_options {
    struct table_store_options table;
    bool keeps_unmatched;
    bool has_mapper;
    struct mapper mapper; /* gives the key to look under; the node takes it */
    struct joiner joiner;
    const char *waiting_store; /* NULL: without grace */
    int64_t grace_ms;
};

struct node *lookup_node_new(const char *name, const struct lookup_node_options *options);
