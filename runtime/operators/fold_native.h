/* Native aggregators as a fold: they see values through paths and conditions and never a script.
 *
 * A path that is absent or null adds nothing to what asks for it. A value of another type than the
 * aggregator takes refuses the record, as does a value that cannot be read.
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/aggregate/aggregation.h"
#include "runtime/operators/fold.h"

/* Of fields that were judged, as are their paths and conditions; see aggregation_new. */
struct fold *fold_native_new(const struct aggregation_field *fields, size_t count);
