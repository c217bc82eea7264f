/* Keeps accumulators by key in windows of a number of records, and forwards results as changes.
 *
 *     a b c d e f g    of 3 every 3:  abc def g...
 *                      of 3 every 2:  abc cde efg g...
 *
 * A window begins at every `advance`th record of a key and closes at its `count`th: it is forgotten
 * then. Time closes nothing, so nothing is late, and a window whose records do not come stays open.
 * The start and the end of a window are the smallest and the largest time of its records, which
 * says what it covers, but is no name: two windows of a key may have the same. As records come the
 * end moves; as with sessions the result under the old key is removed then.
 *
 * The store holds the open windows, so a restart goes on where it was:
 *
 *     key ordinal      count of records (four bytes), start (eight), whether an accumulator
 *                      follows (one), a timed value
 *
 * in parts of runtime/format/row_key.h; the value is that of runtime/format/timed.h. A window
 * whose accumulator a function deleted goes on counting.
 *
 * Owns:   the fold.
 * Keeps:  (1) between two records each window in the store has from 1 to count - 1 records;
 *         (2) of one key, the later a window began the larger is its ordinal.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/fold.h"

struct counted_node_options {
    int64_t count;   /* at most UINT32_MAX */
    int64_t advance; /* 1 to count */
    bool is_final;   /* one result of each window, when it closes */
    const char *store;
};

/* Takes the fold; the text is copied. */
struct node *counted_node_new(const char *name, const struct counted_node_options *options,
                              struct fold *fold);
