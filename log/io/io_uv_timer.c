/* All timers of a loop in one heap behind one libuv timer.
 *
 * Keeps:  (1) timers[0] is due first; of those due together the one started first;
 *         (2) a started timer's private_key is its place in the heap.
 * The kernel is told in whole milliseconds, rounded up: a timer is late rather than early. */
#include "log/base/memory.h"
#include "log/io/io_uv_loop.h"

#include <stdlib.h>

static bool entry_is_before(const struct io_uv_timer_entry *left,
                            const struct io_uv_timer_entry *right)
{
    return left->due_ns != right->due_ns ? left->due_ns < right->due_ns
                                         : left->order < right->order;
}

static void heap_set(struct io_uv *uv, size_t index, struct io_uv_timer_entry entry)
{
    uv->timers[index] = entry;
    entry.timer->private_key = index;
}

static size_t heap_rise(struct io_uv *uv, size_t index)
{
    struct io_uv_timer_entry entry = uv->timers[index];
    while (index > 0 && entry_is_before(&entry, &uv->timers[(index - 1) / 2])) {
        heap_set(uv, index, uv->timers[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_set(uv, index, entry);
    return index;
}

static void heap_sink(struct io_uv *uv, size_t index)
{
    struct io_uv_timer_entry entry = uv->timers[index];
    for (size_t child; (child = 2 * index + 1) < uv->timer_count; index = child) {
        if (child + 1 < uv->timer_count &&
            entry_is_before(&uv->timers[child + 1], &uv->timers[child])) {
            child++;
        }
        if (!entry_is_before(&uv->timers[child], &entry)) {
            break;
        }
        heap_set(uv, index, uv->timers[child]);
    }
    heap_set(uv, index, entry);
}

static void heap_remove(struct io_uv *uv, size_t index)
{
    struct io_uv_timer_entry last = uv->timers[--uv->timer_count];
    if (index < uv->timer_count) {
        heap_set(uv, index, last);
        heap_sink(uv, heap_rise(uv, index));
    }
}

static void timers_run(uv_timer_t *handle);

static void timer_arm(struct io_uv *uv)
{
    uint64_t due_ns = uv->timer_count == 0 ? 0 : uv->timers[0].due_ns;
    if (due_ns == uv->timer_armed_ns) {
        return;
    }
    uv->timer_armed_ns = due_ns;
    if (due_ns == 0) {
        uv_timer_stop(&uv->timer);
        return;
    }
    uint64_t now_ns = uv_hrtime();
    uint64_t delay_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    uv_update_time(&uv->loop);
    check(uv_timer_start(&uv->timer, timers_run, delay_ns / 1000000 + (delay_ns % 1000000 != 0),
                         0) == 0);
}

/* Timers started by the callbacks wait for the next round, so that other work has its turn. */
static void timers_run(uv_timer_t *handle)
{
    struct io_uv *uv = handle->data;
    uint64_t now_ns = uv_hrtime();
    uint64_t order = uv->timer_order;
    uv->timer_armed_ns = 0;
    while (uv->timer_count > 0 && uv->timers[0].due_ns <= now_ns && uv->timers[0].order < order) {
        struct io_timer *timer = uv->timers[0].timer;
        heap_remove(uv, 0);
        timer->private_state = NULL;
        timer->fired(timer);
    }
    uv->timer_armed_ns = 0; /* A callback may have armed it for what has run since. */
    uv_timer_stop(&uv->timer);
    timer_arm(uv);
}

void io_uv_timer_stop(struct io *io, struct io_timer *timer)
{
    struct io_uv *uv = io_uv_of(io);
    if (timer->private_state == NULL) {
        return;
    }
    check(uv->timers[timer->private_key].timer == timer);
    heap_remove(uv, timer->private_key);
    timer->private_state = NULL;
    timer_arm(uv);
}

void io_uv_timer_start(struct io *io, struct io_timer *timer, uint64_t delay_ns)
{
    struct io_uv *uv = io_uv_of(io);
    uint64_t now_ns = uv_hrtime();
    if (timer->private_state != NULL) {
        heap_remove(uv, timer->private_key);
    }
    if (uv->timer_count == uv->timer_capacity) {
        uv->timer_capacity = uv->timer_capacity * 2 + 16;
        uv->timers = memory_resize(uv->timers, uv->timer_capacity * sizeof *uv->timers);
    }
    uv->timers[uv->timer_count] = (struct io_uv_timer_entry){
        .due_ns = delay_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + delay_ns,
        .order = uv->timer_order++,
        .timer = timer,
    };
    timer->private_state = uv;
    heap_rise(uv, uv->timer_count++);
    timer_arm(uv);
}

void io_uv_timer_init(struct io_uv *uv)
{
    check(uv_timer_init(&uv->loop, &uv->timer) == 0);
    uv->timer.data = uv;
}

void io_uv_timer_fini(struct io_uv *uv)
{
    uv_close((uv_handle_t *)&uv->timer, NULL);
    free(uv->timers);
}
