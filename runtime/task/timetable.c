/* Multiples of intervals; see timetable.h. */
#include "runtime/task/timetable.h"

#include "log/base/memory.h"

static void timetable_begin(struct timetable_row *row, int64_t now_ms)
{
    int64_t interval_ms = row->timer->interval_ms;
    row->due_ms = now_ms - now_ms % interval_ms + interval_ms;
}

struct timetable_row *timetable_new(const struct topology_instance *instance,
                                    int64_t stream_time_ms, size_t *count)
{
    const struct topology_instance_timer *timers = topology_instance_timers(instance, count);
    struct timetable_row *rows = memory_zero(*count, sizeof *rows);
    for (size_t i = 0; i < *count; i++) {
        rows[i] = (struct timetable_row){.timer = &timers[i], .due_ms = -1};
        if (timers[i].clock == TOPOLOGY_STREAM_TIME && stream_time_ms >= 0) {
            timetable_begin(&rows[i], stream_time_ms);
        }
    }
    return rows;
}

bool timetable_take(struct timetable_row *row, int64_t now_ms, int64_t *scheduled_ms)
{
    int64_t interval_ms = row->timer->interval_ms;
    if (row->due_ms < 0) {
        timetable_begin(row, now_ms);
    }
    if (now_ms < row->due_ms) {
        return false;
    }
    *scheduled_ms = now_ms - (now_ms - row->due_ms) % interval_ms;
    row->due_ms = *scheduled_ms + interval_ms;
    return true;
}
