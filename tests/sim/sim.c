/* Nodes and the processes on them: birth, death, time, timers, work; see sim.h. */
#include "tests/sim/disk.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SIM_START_NS = 1000000000;
static const int64_t SIM_START_MS = 1767225600000; /* 2026-01-01T00:00:00Z */

static uint64_t process_now(struct io *io)
{
    return sim_process_of(io)->sim->now_ns;
}

static int64_t process_wall_clock(struct io *io)
{
    return SIM_START_MS + (int64_t)((sim_process_of(io)->sim->now_ns - SIM_START_NS) / 1000000);
}

static void process_random(struct io *io, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)sim_random(sim_process_of(io)->sim, 256);
    }
}

static void timer_run(struct sim_event *event)
{
    struct io_timer *timer = event->subject;
    timer->private_state = NULL;
    timer->fired(timer);
}

static void timer_stop(struct io *io, struct io_timer *timer)
{
    struct sim_process *process = sim_process_of(io);
    if (timer->private_state != NULL && !process->is_dead) {
        sim_event_cancel(process->sim, timer->private_state);
    }
    timer->private_state = NULL;
}

static void timer_start(struct io *io, struct io_timer *timer, uint64_t delay_ns)
{
    struct sim_process *process = sim_process_of(io);
    timer_stop(io, timer);
    if (process->is_dead) {
        return;
    }
    struct sim_event *event = sim_event_add(process, delay_ns, timer_run);
    event->subject = timer;
    timer->private_state = event;
}

static void work_run(struct sim_event *event)
{
    struct io_request *request = event->subject;
    void (*run)(void *owner) = (void (*)(void *))request->private_state[0];
    run(request->owner);
    sim_request_done(event->process, request, 0, 1000);
}

static void process_work(struct io *io, struct io_request *request, void (*run)(void *owner))
{
    struct sim_process *process = sim_process_of(io);
    if (process->is_dead) {
        return;
    }
    uint64_t delay_ns = sim_delay(process->sim, sim_node_of(process)->plan.work);
    struct sim_event *event = sim_event_add(process, delay_ns, work_run);
    event->subject = request;
    request->private_state[0] = (void *)run;
}

static void process_post(struct io *to, struct io_request *request)
{
    struct sim_process *process = sim_process_of(to);
    if (process->is_dead) {
        return;
    }
    struct sim *sim = process->sim;
    uint64_t at_ns = sim->now_ns + sim_delay(sim, sim_node_of(process)->plan.post);
    if (at_ns < process->last_post_ns) {
        at_ns = process->last_post_ns; /* The order of posting is kept. */
    }
    process->last_post_ns = at_ns;
    sim_request_done(process, request, 0, at_ns - sim->now_ns);
}

static const struct io_ops *process_ops(void)
{
    static struct io_ops ops;
    if (ops.now == NULL) {
        ops = (struct io_ops){
            .now = process_now,
            .wall_clock = process_wall_clock,
            .random = process_random,
            .timer_start = timer_start,
            .timer_stop = timer_stop,
            .work = process_work,
            .post = process_post,
        };
        sim_file_ops(&ops);
        sim_stream_ops(&ops);
        sim_thread_ops(&ops);
    }
    return &ops;
}

static void process_start(struct sim *sim, int node)
{
    struct sim_process *process = memory_new(struct sim_process);
    process->io.ops = process_ops();
    process->sim = sim;
    process->node = node;
    list_init(&process->streams);
    list_init(&process->listeners);
    process->older = sim->processes;
    sim->processes = process;
    sim->nodes[node].process = process;
}

struct sim_plan sim_plan_default(void)
{
    return (struct sim_plan){
        .stream_window = 256 << 10,
        .is_fragmenting = true,
        .can_allocate = true,
        .read = {20000, 200000},
        .sync = {100000, 2000000},
        .work = {10000, 500000},
        .post = {1000, 20000},
        .network = {50000, 1000000},
    };
}

struct sim *sim_new(uint64_t seed, int node_count)
{
    check(node_count > 0);
    struct sim *sim = memory_new(struct sim);
    sim->now_ns = SIM_START_NS;
    sim->random_state = seed;
    sim->trace_hash = 0xcbf29ce484222325;
    sim->node_count = node_count;
    sim->nodes = memory_zero((size_t)node_count, sizeof *sim->nodes);
    sim->cuts = memory_zero((size_t)(node_count * node_count), sizeof *sim->cuts);
    map_init(&sim->listeners);
    for (int i = 0; i < node_count; i++) {
        sim->nodes[i].plan = sim_plan_default();
        sim->nodes[i].disk = sim_disk_new(sim);
        sim->nodes[i].next_port = 40000;
        process_start(sim, i);
    }
    return sim;
}

void sim_free(struct sim *sim)
{
    if (sim == NULL) {
        return;
    }
    sim_events_free(sim);
    while (sim->processes != NULL) {
        struct sim_process *process = sim->processes;
        sim->processes = process->older;
        sim_streams_free(process);
        free(process);
    }
    for (int i = 0; i < sim->node_count; i++) {
        sim_disk_free(sim->nodes[i].disk);
    }
    map_fini(&sim->listeners, NULL);
    free(sim->nodes);
    free(sim->cuts);
    free(sim);
}

static struct sim_node *sim_node_get(struct sim *sim, int node)
{
    check(node >= 0);
    check(node < sim->node_count);
    return &sim->nodes[node];
}

struct io *sim_io(struct sim *sim, int node)
{
    return &sim_node_get(sim, node)->process->io;
}

struct sim_plan *sim_plan(struct sim *sim, int node)
{
    return &sim_node_get(sim, node)->plan;
}

static void process_end(struct sim *sim, int node)
{
    struct sim_process *process = sim_node_get(sim, node)->process;
    process->is_dead = true;
    sim_streams_end(process);
    sim_disk_detach(sim->nodes[node].disk);
    process_start(sim, node);
}

void sim_kill(struct sim *sim, int node)
{
    sim_trace_mix(sim, 'k');
    process_end(sim, node);
}

void sim_crash(struct sim *sim, int node)
{
    sim_trace_mix(sim, 'c');
    process_end(sim, node);
    sim_disk_crash(sim->nodes[node].disk);
}

void sim_break_streams(struct sim *sim, int node)
{
    sim_streams_break(sim_node_get(sim, node)->process);
}

static void link_set(struct sim *sim, int left, int right, bool is_cut)
{
    sim_node_get(sim, left);
    sim_node_get(sim, right);
    sim->cuts[left * sim->node_count + right] = is_cut;
    sim->cuts[right * sim->node_count + left] = is_cut;
}

void sim_cut(struct sim *sim, int left, int right)
{
    link_set(sim, left, right, true);
}

void sim_mend(struct sim *sim, int left, int right)
{
    link_set(sim, left, right, false);
    sim_streams_release(sim, left, right);
    sim_streams_release(sim, right, left);
}

void sim_on_operation(struct sim *sim,
                      enum sim_verdict (*hook)(void *owner, const struct sim_call *call),
                      void *owner)
{
    sim->operation_hook = hook;
    sim->operation_owner = owner;
}

void sim_on_event(struct sim *sim, void (*hook)(void *owner), void *owner)
{
    sim->event_hook = hook;
    sim->event_owner = owner;
}

uint64_t sim_operation_count(struct sim *sim, int node)
{
    return sim_node_get(sim, node)->operation_count;
}

static struct sim_permit permit_ask_plan(struct sim_process *process, enum sim_operation operation)
{
    const struct sim_plan *plan = &sim_node_of(process)->plan;
    if (sim_chance(process->sim, plan->io_error[operation])) {
        return (struct sim_permit){.error = ERROR_IO};
    }
    if (sim_chance(process->sim, plan->no_space[operation])) {
        return (struct sim_permit){.error = ERROR_NO_SPACE};
    }
    return (struct sim_permit){.error = 0};
}

struct sim_permit sim_permit_get(struct sim_process *process, enum sim_operation operation,
                                 const char *path, uint64_t position, uint64_t size)
{
    struct sim *sim = process->sim;
    if (process->is_dead) {
        return (struct sim_permit){.error = ERROR_CANCELLED};
    }
    struct sim_call call = {
        .operation = operation,
        .node = process->node,
        .index = sim_node_of(process)->operation_count++,
        .path = path,
        .position = position,
        .size = size,
    };
    sim_trace_mix(sim, (uint64_t)operation ^ (position << 8));
    sim_trace_mix(sim, size);
    enum sim_verdict verdict =
        sim->operation_hook == NULL ? SIM_GO_ON : sim->operation_hook(sim->operation_owner, &call);
    switch (verdict) {
    case SIM_GO_ON:
        return permit_ask_plan(process, operation);
    case SIM_FAIL:
        return (struct sim_permit){.error = ERROR_IO};
    case SIM_NO_SPACE:
        return (struct sim_permit){.error = ERROR_NO_SPACE};
    case SIM_NO_DESCRIPTORS:
        return (struct sim_permit){.error = ERROR_NO_DESCRIPTORS};
    case SIM_CRASH:
        sim_crash(sim, process->node);
        return (struct sim_permit){.error = ERROR_CANCELLED};
    case SIM_KILL:
        if (operation == SIM_FILE_WRITE) {
            return (struct sim_permit){.verdict = SIM_KILL};
        }
        sim_kill(sim, process->node);
        return (struct sim_permit){.error = ERROR_CANCELLED};
    case SIM_CRASH_AFTER:
    case SIM_KILL_AFTER:
        return (struct sim_permit){.verdict = verdict};
    }
    return (struct sim_permit){.error = ERROR_CANCELLED};
}

int64_t sim_permit_end(struct sim_process *process, struct sim_permit permit, int64_t result)
{
    switch (permit.verdict) {
    case SIM_CRASH_AFTER:
        sim_crash(process->sim, process->node);
        return ERROR_CANCELLED;
    case SIM_KILL:
    case SIM_KILL_AFTER:
        sim_kill(process->sim, process->node);
        return ERROR_CANCELLED;
    case SIM_GO_ON:
    case SIM_FAIL:
    case SIM_NO_SPACE:
    case SIM_NO_DESCRIPTORS:
    case SIM_CRASH:
        break;
    }
    return result;
}

const char *sim_operation_name(enum sim_operation operation)
{
    static const char *const names[SIM_OPERATION_COUNT] = {
        [SIM_FILE_OPEN] = "file_open",         [SIM_FILE_READ] = "file_read",
        [SIM_FILE_WRITE] = "file_write",       [SIM_FILE_SYNC] = "file_sync",
        [SIM_FILE_TRUNCATE] = "file_truncate", [SIM_FILE_ALLOCATE] = "file_allocate",
        [SIM_FILE_LOCK] = "file_lock",         [SIM_PATH_INFO] = "path_info",
        [SIM_PATH_RENAME] = "path_rename",     [SIM_PATH_REMOVE] = "path_remove",
        [SIM_DIR_MAKE] = "dir_make",           [SIM_DIR_LIST] = "dir_list",
        [SIM_DIR_SYNC] = "dir_sync",
    };
    check((int)operation >= 0);
    check(operation < SIM_OPERATION_COUNT);
    return names[operation];
}
