/* Timers of the nodes, by the wall clock and by stream time. */
#include "runtime/task/task_state.h"

enum { TASK_TIMER_MS_MAX = 3600 * 1000 /* who is asked again later is asked earlier too */ };

void task_timer_open(struct task *task)
{
    task->timers =
        timetable_new(task->instance, task->turn.context.stream_time_ms, &task->timer_count);
}

static void task_call_timer(struct task *task, const struct topology_instance_timer *timer,
                            int64_t scheduled_ms)
{
    task_call_begin(task, NULL);
    int error =
        timer->node->ops->tick(timer->node, &task->turn.context, timer->timer, scheduled_ms);
    task->is_blocked = !task_call_end(task, error) && task->state == TASK_RUNNING;
}

void task_timer_call_due(struct task *task, enum topology_clock clock, int64_t now_ms)
{
    for (size_t i = 0; i < task->timer_count; i++) {
        struct timetable_row *row = &task->timers[i];
        int64_t scheduled_ms = 0;
        bool is_asked = row->timer->clock == clock && !task->is_blocked;
        if (is_asked && task->state == TASK_RUNNING && timetable_take(row, now_ms, &scheduled_ms)) {
            task_call_timer(task, row->timer, scheduled_ms);
        }
    }
}

uint64_t task_tick(struct task *task)
{
    uint64_t next_ns = UINT64_MAX;
    int64_t now_ms = io_wall_clock(task->io);
    if (task->state != TASK_RUNNING || task->is_stopped) {
        return next_ns;
    }
    task_timer_call_due(task, TOPOLOGY_WALL_CLOCK, now_ms);
    int64_t idle_ms = task_clock_tick(task, now_ms);
    if (idle_ms <= TASK_TIMER_MS_MAX) {
        next_ns = (uint64_t)idle_ms * 1000000;
    }
    for (size_t i = 0; i < task->timer_count; i++) {
        const struct timetable_row *row = &task->timers[i];
        if (row->timer->clock == TOPOLOGY_WALL_CLOCK && row->due_ms >= 0) {
            int64_t left_ms = row->due_ms > now_ms ? row->due_ms - now_ms : 1;
            uint64_t left_ns = (uint64_t)left_ms * 1000000;
            next_ns = left_ns < next_ns ? left_ns : next_ns;
        }
    }
    return next_ns;
}
