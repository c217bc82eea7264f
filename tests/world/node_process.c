/* The lives of the broker; see node_process.h. */
#include "tests/world/node_process.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/meta/broker_options.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    NODE_PROCESS_LIMIT_S = 120,
    NODE_PROCESS_MEMORY_SIZE = 100000, /* little: a big batch or two */
};

static void node_process_warn(void *owner, const struct report *report)
{
    node_world_fail(owner, "option: %s", report->text);
}

static void node_process_set(struct node_process *process, const char *name, const char *format,
                             uint64_t value)
{
    char text[64];
    struct report report = {0};
    snprintf(text, sizeof text, format, value);
    int error = broker_options_put(&process->options, name, text, "world", node_process_warn,
                                   process->world, &report);
    if (error != 0) {
        node_world_fail(process->world, "option %s: %s", name, report.text);
    }
}

/* The logs of coordinators are compacted too, where their segments ever end. */
static void node_process_set_compaction(struct node_process *process)
{
    struct node_world *world = process->world;
    node_process_set(process, "log.cleaner.backoff.ms", "%" PRIu64,
                     10 + node_world_random(world, 1500));
    node_process_set(process, "log.cleaner.dedupe.buffer.size", "%" PRIu64,
                     node_world_chance(world, 50) ? 1 << 20
                                                  : 24 * (2 + node_world_random(world, 20)));
    node_process_set(process, "log.cleaner.io.buffer.size", "%" PRIu64,
                     node_world_random(world, 20000));
    if (node_world_chance(world, 50)) {
        node_process_set(process, "log.roll.ms", "%" PRIu64, 300 + node_world_random(world, 8000));
        node_process_set(process, "log.cleaner.min.cleanable.ratio", "0", 0);
        node_process_set(process, "log.cleaner.delete.retention.ms", "%" PRIu64,
                         node_world_random(world, 5000));
    }
}

void node_process_init(struct node_process *process, struct node_world *world)
{
    *process = (struct node_process){.world = world};
    map_init(&process->options);
    node_process_set(process, "offsets.topic.num.partitions", "%" PRIu64,
                     1 + node_world_random(world, 3));
    node_process_set(process, "transaction.state.log.num.partitions", "%" PRIu64,
                     1 + node_world_random(world, 3));
    node_process_set(process, "num.partitions", "%" PRIu64, 1 + node_world_random(world, 3));
    node_process_set(process, "group.initial.rebalance.delay.ms", "%" PRIu64,
                     node_world_random(world, 500));
    node_process_set(process, "log.retention.check.interval.ms", "%" PRIu64,
                     500 + node_world_random(world, 5000));
    node_process_set(process, "log.flush.offset.checkpoint.interval.ms", "%" PRIu64,
                     200 + node_world_random(world, 4000));
    node_process_set(process, "log.segment.delete.delay.ms", "%" PRIu64,
                     node_world_random(world, 2000));
    node_process_set(process, "log.index.interval.bytes", "%" PRIu64,
                     node_world_random(world, 5000));
    node_process_set(process, "connections.max.idle.ms", "%" PRIu64,
                     node_world_chance(world, 30) ? 3000 : 600000);
    node_process_set_compaction(process);
    process->memory_size_max = node_world_chance(world, 30) ? NODE_PROCESS_MEMORY_SIZE : 0;
    node_process_set(process, "open.file.max", "%" PRIu64, 16 + node_world_random(world, 10));
    node_process_set(process, "auto.create.topics.enable",
                     world->is_auto_creating ? "true" : "false", 0);
}

static void node_process_on_ready(void *owner)
{
    struct node_process *process = owner;
    process->is_ready = true;
}

static void node_process_on_failed(void *owner, const struct report *report)
{
    struct node_process *process = owner;
    if (report_is_empty(report)) {
        node_world_fail(process->world, "the broker failed and does not say why");
    }
    process->has_failed = true;
}

void node_process_set_faults(struct node_process *process, bool is_faulty)
{
    struct node_world *world = process->world;
    struct sim_plan *plan = sim_plan(world->sim, NODE_WORLD_BROKER);
    *plan = sim_plan_default();
    plan->can_allocate = world->can_allocate;
    plan->read_again = (uint32_t)node_world_random(world, 1000000);
    plan->sync.max_ns = node_world_chance(world, 20) ? 400000000 : 5000000;
    if (!is_faulty) {
        return;
    }
    plan->stream_break = node_world_chance(world, 30) ? 5000 : 0;
    if (node_world_chance(world, 50)) {
        return;
    }
    process->was_faulty = true;
    if (node_world_chance(world, 25)) {
        plan->disk_capacity =
            sim_disk_used(world->sim, NODE_WORLD_BROKER) + node_world_random(world, 200000);
    } else if (node_world_chance(world, 50)) {
        plan->no_space[SIM_FILE_WRITE] = (uint32_t)node_world_random(world, 30000);
        plan->no_space[SIM_FILE_OPEN] = (uint32_t)node_world_random(world, 30000);
        plan->no_space[SIM_FILE_ALLOCATE] = (uint32_t)node_world_random(world, 100000);
        plan->no_space[SIM_DIR_MAKE] = (uint32_t)node_world_random(world, 30000);
    } else {
        enum sim_operation operation =
            (enum sim_operation)node_world_random(world, SIM_OPERATION_COUNT);
        plan->io_error[operation] = (uint32_t)node_world_random(world, 30000);
    }
}

void node_process_doom(struct node_process *process, uint64_t operation_count)
{
    struct node_world *world = process->world;
    process->end_at = sim_operation_count(world->sim, NODE_WORLD_BROKER) + 1 +
                      node_world_random(world, operation_count);
    process->end_verdict = (enum sim_verdict)(SIM_CRASH + (int)node_world_random(world, 4));
}

/* Asked before each operation of the disk. */
static enum sim_verdict node_process_on_operation(void *owner, const struct sim_call *call)
{
    struct node_process *process = owner;
    if (process->world->is_verbose) {
        printf("%" PRIu64 " %s %s %" PRIu64 " %" PRIu64 "\n", call->index,
               sim_operation_name(call->operation), call->path, call->position, call->size);
    }
    if (process->end_at == 0 || call->index < process->end_at || call->node != NODE_WORLD_BROKER) {
        return SIM_GO_ON;
    }
    process->end_at = 0;
    process->is_gone = true;
    process->kill_count++;
    process->has_lost_power |=
        process->end_verdict == SIM_CRASH || process->end_verdict == SIM_CRASH_AFTER;
    return process->end_verdict;
}

/* The memory of a dead process stays: its objects have nobody to take them down. */
static void node_process_forget(struct node_process *process)
{
    process->broker = NULL;
    process->is_ready = false;
    process->has_failed = false;
    process->is_stopping = false;
    process->is_gone = false;
    process->end_at = 0;
}

void node_process_end(struct node_process *process, bool is_power_lost)
{
    process->kill_count++;
    process->has_lost_power |= is_power_lost || process->was_faulty;
    if (is_power_lost) {
        sim_crash(process->world->sim, NODE_WORLD_BROKER);
    } else {
        sim_kill(process->world->sim, NODE_WORLD_BROKER);
    }
    node_process_forget(process);
}

/* True when it serves, false when it is gone; a start that fails without a fault is a finding. */
static bool node_process_try(struct node_process *process)
{
    static const struct broker_events events = {.ready = node_process_on_ready,
                                                .failed = node_process_on_failed};
    struct node_world *world = process->world;
    struct broker_settings settings = {.path = "/data",
                                       .listen = {":9092"},
                                       .file = &process->options,
                                       .memory_size_max = process->memory_size_max};
    struct report report = {0};
    struct store_liar *liar = memory_new(struct store_liar); /* as long-lived as its broker */
    store_liar_init(liar, sim_io(world->sim, NODE_WORLD_BROKER), process->lie);
    process->life++;
    process->start_count++;
    sim_on_operation(world->sim, node_process_on_operation, process);
    int error = broker_start(&liar->io, &settings, &events, process, &process->broker, &report);
    if (error != 0) {
        process->broker = NULL;
        if (!process->is_gone && !process->was_faulty) {
            node_world_fail(world, "cannot start: %s (%s)", error_name(error), report.text);
        }
        if (!process->is_gone && report_is_empty(&report)) {
            node_world_fail(world, "cannot start (%s) and does not say why", error_name(error));
        }
        return false;
    }
    uint64_t limit_ns = sim_now(world->sim) + NODE_PROCESS_LIMIT_S * NODE_WORLD_SECOND;
    while (!process->is_ready && !process->has_failed && !process->is_gone) {
        if (!sim_step(world->sim) || sim_now(world->sim) > limit_ns) {
            node_world_fail(world, "the broker does not get ready");
        }
    }
    if (process->has_failed && !process->is_gone && !process->was_faulty) {
        node_world_fail(world, "the broker failed at its start without a fault");
    }
    return process->is_ready && !process->has_failed && !process->is_gone;
}

void node_process_start(struct node_process *process)
{
    struct node_world *world = process->world;
    int tries = 0;
    node_process_forget(process);
    for (;;) {
        bool is_quiet = ++tries > 3 || !node_world_chance(world, 20);
        process->was_faulty = false;
        node_process_set_faults(process, !is_quiet);
        if (tries <= 4 && node_world_chance(world, 15)) {
            node_process_doom(process, 80);
        }
        bool is_serving = node_process_try(process);
        if (is_serving && is_quiet) {
            break;
        }
        if (is_serving && process->may_limp) {
            node_world_limp(world); /* it may have taken a log offline, as it said */
        }
        node_process_end(process, node_world_chance(world, 50));
    }
    process->end_at = 0;
}

static void node_process_on_stopped(void *owner)
{
    struct node_process *process = owner;
    process->is_gone = true;
    process->broker = NULL;
}

bool node_process_stop(struct node_process *process)
{
    struct node_world *world = process->world;
    bool is_well = node_process_is_well(process);
    process->is_stopping = true;
    process->stop_count++;
    broker_stop(process->broker, node_process_on_stopped, process);
    uint64_t limit_ns = sim_now(world->sim) + NODE_PROCESS_LIMIT_S * NODE_WORLD_SECOND;
    while (!process->is_gone) {
        if (!sim_step(world->sim) || sim_now(world->sim) > limit_ns) {
            node_world_fail(world, "the broker does not stop");
        }
    }
    bool is_clean = process->broker == NULL && is_well && !process->was_faulty;
    bool was_lost = process->has_lost_power;
    node_process_end(process, node_world_chance(world, 50));
    process->has_lost_power = is_clean ? was_lost : process->has_lost_power;
    return is_clean;
}

bool node_process_is_well(const struct node_process *process)
{
    return process->broker != NULL && process->is_ready && !process->has_failed &&
           !process->is_gone && broker_status(process->broker) == 0;
}

void node_process_check(struct node_process *process)
{
    if (process->broker != NULL && !process->is_gone && !process->is_stopping) {
        broker_check(process->broker);
    }
}

void node_process_check_replay(struct node_process *process)
{
    struct sim *sim = process->world->sim;
    if (process->broker == NULL || process->is_gone || process->is_stopping || !process->is_ready) {
        return;
    }
    struct sim_plan *plan = sim_plan(sim, NODE_WORLD_BROKER);
    struct sim_plan kept = *plan;
    *plan = sim_plan_default();
    sim_on_operation(sim, NULL, NULL);
    process->replay_count += (uint64_t)broker_check_replay(process->broker);
    sim_on_operation(sim, node_process_on_operation, process);
    *plan = kept;
}
