/* What a task counts of its records, by the rows of task_count.def.
 *
 * Thread: the task's shard. */
#pragma once

#include <stdint.h>

struct task_counts {
#define TASK_COUNT(field, share, metric, help) int64_t field;
#include "runtime/task/task_count.def"
#undef TASK_COUNT
};

void task_counts_add(struct task_counts *sum, const struct task_counts *counts);
