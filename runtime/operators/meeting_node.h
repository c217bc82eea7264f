/* One side of a join of two streams: each record meets those of the other side with its key whose
 * times are near, before..after its own, both included.
 *
 * The plan has a node for each side; they share a store and both go to one that passes on. The time
 * of the join is the newest of all records of both sides. A record meets all that are there, by
 * their times and arrival; the result has the newer of both times. It can be met for as long as
 * anything in time may come: before + after + grace behind the newest record of its side.
 *
 * Of a side that keeps what met nobody (left, outer), such a record goes on alone when the time of
 * the join is past its own + after + grace, in the order of time, the right side first, then key;
 * at once, if the time is past its own + after when it comes. A match at the very end of a span is
 * in time, so the span closes behind it (as in Kafka Streams; its documentation says at it). If
 * they are many, some go on with the next records.
 *
 * A record without a key meets nobody, one without a value is dropped. What is too old to be kept
 * and met nobody goes to the topic of late records, unless it goes on alone.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/joiner.h"
#include "runtime/operators/meeting.h"

struct meeting_node_options {
    const char *store;
    enum meeting_side side; /* this one */
    bool keeps_left;
    bool keeps_right;
    int64_t before_ms; /* of a left record: how far right ones may be before it; may be negative */
    int64_t after_ms;
    int64_t grace_ms;
    const char *late_topic;
    struct joiner joiner;
};

struct node *meeting_node_new(const char *name, const struct meeting_node_options *options);
