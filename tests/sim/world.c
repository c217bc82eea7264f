/* Events, clock and chance of the simulated world; see sim.h and world.h.
 *
 * Keeps:  (1) heap[0] is the next event: the earliest, and of those the first scheduled;
 *         (2) heap[i]->heap_index == i. */
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

static bool event_is_before(const struct sim_event *left, const struct sim_event *right)
{
    return left->at_ns != right->at_ns ? left->at_ns < right->at_ns : left->order < right->order;
}

static void heap_set(struct sim *sim, size_t index, struct sim_event *event)
{
    sim->heap[index] = event;
    event->heap_index = index;
}

static void heap_rise(struct sim *sim, size_t index)
{
    struct sim_event *event = sim->heap[index];
    while (index > 0 && event_is_before(event, sim->heap[(index - 1) / 2])) {
        heap_set(sim, index, sim->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_set(sim, index, event);
}

static void heap_sink(struct sim *sim, size_t index)
{
    struct sim_event *event = sim->heap[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= sim->heap_size) {
            break;
        }
        if (child + 1 < sim->heap_size && event_is_before(sim->heap[child + 1], sim->heap[child])) {
            child++;
        }
        if (!event_is_before(sim->heap[child], event)) {
            break;
        }
        heap_set(sim, index, sim->heap[child]);
        index = child;
    }
    heap_set(sim, index, event);
}

static void heap_remove(struct sim *sim, size_t index)
{
    struct sim_event *last = sim->heap[--sim->heap_size];
    if (index == sim->heap_size) {
        return;
    }
    heap_set(sim, index, last);
    heap_rise(sim, index);
    heap_sink(sim, last->heap_index);
}

struct sim_event *sim_event_add(struct sim_process *process, uint64_t delay_ns,
                                void (*run)(struct sim_event *event))
{
    struct sim *sim = process->sim;
    struct sim_event *event = memory_new(struct sim_event);
    event->at_ns = delay_ns > UINT64_MAX - sim->now_ns ? UINT64_MAX : sim->now_ns + delay_ns;
    event->order = sim->order++;
    event->process = process;
    event->run = run;
    if (sim->heap_size == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity * 2 + 64;
        sim->heap = memory_resize(sim->heap, sim->heap_capacity * sizeof *sim->heap);
    }
    sim->heap[sim->heap_size++] = event;
    heap_rise(sim, sim->heap_size - 1);
    return event;
}

static void event_drop(struct sim_event *event)
{
    if (event->drop != NULL) {
        event->drop(event);
    }
    free(event);
}

void sim_event_cancel(struct sim *sim, struct sim_event *event)
{
    check(sim->heap[event->heap_index] == event);
    heap_remove(sim, event->heap_index);
    event_drop(event);
}

void sim_events_free(struct sim *sim)
{
    while (sim->heap_size > 0) {
        event_drop(sim->heap[--sim->heap_size]);
    }
    free(sim->heap);
}

bool sim_event_step(struct sim *sim, uint64_t until_ns)
{
    while (sim->heap_size > 0 && sim->heap[0]->at_ns <= until_ns) {
        struct sim_event *event = sim->heap[0];
        heap_remove(sim, 0);
        if (event->process->is_dead) {
            event_drop(event);
            continue;
        }
        sim->now_ns = event->at_ns;
        sim_trace_mix(sim, event->at_ns);
        sim_trace_mix(sim, (event->order << 8) ^ (uint64_t)event->process->node);
        event->run(event);
        free(event);
        if (sim->event_hook != NULL) {
            sim->event_hook(sim->event_owner);
        }
        return true;
    }
    return false;
}

bool sim_step(struct sim *sim)
{
    return sim_event_step(sim, UINT64_MAX);
}

void sim_run(struct sim *sim, uint64_t until_ns)
{
    while (sim_event_step(sim, until_ns)) {}
    if (sim->now_ns < until_ns) {
        sim->now_ns = until_ns;
    }
}

bool sim_run_until(struct sim *sim, bool (*condition)(void *owner), void *owner, uint64_t limit_ns)
{
    uint64_t until_ns = sim->now_ns + limit_ns;
    while (!condition(owner)) {
        if (!sim_event_step(sim, until_ns)) {
            return false;
        }
    }
    return true;
}

uint64_t sim_now(struct sim *sim)
{
    return sim->now_ns;
}

uint64_t sim_trace_hash(struct sim *sim)
{
    return sim->trace_hash;
}

void sim_trace_mix(struct sim *sim, uint64_t value)
{
    sim->trace_hash = (sim->trace_hash ^ value) * 0x100000001b3;
    sim->trace_hash ^= sim->trace_hash >> 29;
}

/* SplitMix64. */
uint64_t sim_random(struct sim *sim, uint64_t below)
{
    check(below > 0);
    uint64_t value = sim->random_state += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return (value ^ (value >> 31)) % below;
}

uint64_t sim_delay(struct sim *sim, struct sim_range range)
{
    check(range.min_ns <= range.max_ns);
    return range.min_ns + sim_random(sim, range.max_ns - range.min_ns + 1);
}

bool sim_chance(struct sim *sim, uint32_t per_million)
{
    return per_million > 0 && sim_random(sim, 1000000) < per_million;
}

static void request_run(struct sim_event *event)
{
    struct io_request *request = event->subject;
    request->done(request, event->number);
}

void sim_request_done(struct sim_process *process, struct io_request *request, int64_t result,
                      uint64_t delay_ns)
{
    struct sim_event *event = sim_event_add(process, delay_ns, request_run);
    event->subject = request;
    event->number = result;
}
