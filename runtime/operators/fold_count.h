/* Counts records; the accumulator and the result are the count as JSON.
 * Thread: the task's shard. */
#pragma once

#include "runtime/operators/fold.h"

struct fold *fold_count_new(void);
