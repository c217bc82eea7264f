/* Looks whether the keys of an input lie where this application puts its own records of the same
 * keys, since records in other partitions never meet, and nothing else says so: a topic written by
 * librdkafka with its default partitioner (CRC-32) joined with one that was repartitioned here
 * (murmur2, as Kafka's Java client) gives no result and no error.
 *
 * Keeps:  looks at inputs that meet a repartition topic of ours, at the first TASK_PLACEMENT_MAX
 *         keys of each start, and tells of an input once.
 * Thread: the task's shard. */
#pragma once

#include "runtime/task/task.h"
#include "runtime/task/task_input.h"

enum { TASK_PLACEMENT_MAX = 1000 };

/* When reading begins. */
void task_placement_begin(struct task *task);
/* Before the head of an input is processed, while input->placement_left is not 0. */
void task_placement_look(struct task *task, struct task_input *input);
