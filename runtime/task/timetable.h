/* When the timers of nodes are due: at the multiples of their interval.
 *
 * Missed ticks coalesce into one, at the newest time that was due. Thread: the task's shard. */
#pragma once

#include "runtime/topology/topology_instance.h"

struct timetable_row {
    const struct topology_instance_timer *timer;
    int64_t due_ms; /* -1: not begun */
};

/* A row for each timer of the nodes; to be freed. Those of stream time go on from `stream_time_ms`,
 * unless it is -1. */
struct timetable_row *timetable_new(const struct topology_instance *instance,
                                    int64_t stream_time_ms, size_t *count);
/* Whether the timer is due by its clock; then `scheduled_ms` is when it was, and it will be due an
 * interval later. The first time only begins it. */
bool timetable_take(struct timetable_row *row, int64_t now_ms, int64_t *scheduled_ms);
