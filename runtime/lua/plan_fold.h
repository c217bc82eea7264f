/* What an aggregation does, as a script wrote it: a fold and whether it can take away and merge.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_reader.h"
#include "runtime/operators/fold.h"

struct plan_fold {
    fold_maker *make;
    void *owner;
    bool can_merge;
    const char *layout; /* what accumulators are: "a count"; lives as long as the plan */
};

/* Of the step on top of the stack, by its field `fold`: "count", "aggregate", "reduce", "native".
 */
struct plan_fold plan_fold_read(struct plan_reader *reader, const char *place);
