/* Keeps accumulators by key and window, and forwards results as changes.
 *
 *     fixed    tumbling and hopping windows [start, end), as long as `size`, every `advance`,
 *              aligned to the epoch
 *     sliding  windows [start, end], as long as `size`: one ends at each record, and one begins
 *              behind each that is followed by another in time
 *     session  windows [first, last] of records with no gap larger than `size` between them
 *
 * A record without a time is refused, as by Kafka Streams.
 *
 * The step has a time of its own: the largest timestamp of the records with a key that reached it,
 * late ones included; it is kept in the store. A window closes when this time is `linger` behind
 * its end: with `is_final` its result is forwarded then, and no result before. It is forgotten
 * then, or when it is of no use to its neighbours any more. What comes for a closed window goes to
 * the topic of late records, once for each.
 *
 * Where nothing comes in any more nothing closes; the owner may then move the time (`horizon` and
 * `advance` of a node), as if it had passed.
 *
 * A kind of window is one file with a row of functions, which decides what windows a record goes
 * to. Results carry the window; they have the largest time in it, those of sessions their end.
 *
 * Owns:   the fold.
 * Keeps:  (1) between two records no window is in the store that is closed and of no use;
 *         (2) what window_rows.h keeps.
 * Thread: the task's shard.
 * Source: KIP-328, KIP-450, KIP-825; Kafka Streams as recorded in tests/conformance. */
#pragma once

#include "runtime/operators/fold.h"
#include "runtime/operators/window_kind.h"
#include "runtime/operators/window_rows.h"

struct window_node_options {
    const struct window_kind *kind;
    int64_t size_ms;    /* of a session the gap */
    int64_t advance_ms; /* of fixed ones */
    int64_t grace_ms;
    bool is_final;
    const char *store;
    const char *late_topic;
};

/* Takes the fold; the texts are copied. */
struct node *window_node_new(const char *name, const struct window_node_options *options,
                             struct fold *fold);

/* For the kinds; a window is its row, filled but for `stored`. */
struct window_node {
    struct node node;
    struct window_node_options options;
    int64_t linger_ms;
    int64_t retain_ms;
    struct fold *fold;
    struct window_rows rows;
    struct buffer timed;
    bool is_late; /* the record missed a window that it was to go to */
};

/* What a window holds; a null accumulator: nothing yet. Lies in the context's arena. */
struct window_node_content {
    int64_t time_ms;
    struct bytes accumulator;
};

bool window_node_is_closed(const struct window_node *it, int64_t end_ms);
must_use int window_node_read(struct window_node *it, struct node_context *context,
                              struct window_rows_entry *row, struct window_node_content *out);
/* Adds the record to what the window held, unless it is closed: then the record is late for it. */
must_use int window_node_add(struct window_node *it, struct node_context *context,
                             const struct record *record, const struct window_rows_entry *row,
                             const struct window_node_content *content);
/* The window holds this now, and before `old` (a null accumulator: nothing). */
must_use int window_node_put(struct window_node *it, struct node_context *context,
                             const struct record *record, const struct window_rows_entry *row,
                             const struct window_node_content *old,
                             const struct window_node_content *content);
/* The record came too late for this window. */
must_use int window_node_late(struct window_node *it, struct node_context *context,
                              const struct record *record, const struct window_rows_entry *row);
