/* Sums of counts; see task_counts.h. */
#include "runtime/task/task_counts.h"

void task_counts_add(struct task_counts *sum, const struct task_counts *counts)
{
#define TASK_COUNT(field, share, metric, help) sum->field += counts->field;
#include "runtime/task/task_count.def"
#undef TASK_COUNT
}
