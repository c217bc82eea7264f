/* A seeded campaign over whole applications: the real broker on a simulated disk, one or two
 * processes with an application made up by the seed, over a simulated network.
 *
 *     world_app SEED [COUNT [again | expect]]
 *
 * The application runs once undisturbed, and once while processes die and come back with their
 * state, an older one, a damaged one or none; checkpoints fail, or are the last thing a process
 * does; disks of processes and broker fail and fill; the broker dies and loses power at any
 * operation; links break and are cut; members come and go. When the faults stop, what is there must
 * come to be what the undisturbed run left (app_outcome.h), in bounded time, and stay so; each
 * store must be what its changelog tells. A failure prints one line: seed, step, event, what. Each
 * seed of many runs in a process of its own. With `expect` a bug was planted (see README.md), and
 * finding none is the failure; with `again` each seed runs twice and must take the same way.
 * Thread: one. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/meta/broker_options.h"
#include "runtime/app/app_state.h"
#include "tests/world/app_outcome.h"
#include "tests/world/app_process.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORLD_PROCESSES = 2,
    WORLD_FIRST_MACHINE = NODE_WORLD_NODES,
    WORLD_STEPS = 80,
    WORLD_CALM_MS = 6000, /* without news the undisturbed run is over */
    WORLD_FEED_EVERY = 9, /* steps, in waves */
    WORLD_PATIENCE_S = 300,
    WORLD_STAY_S = 20, /* work that is done again after all was there */
    WORLD_STEP_MS = 600,
    WORLD_CHECK_EVERY = 32,
};

struct world {
    struct node_world node; /* first: the broker, and what its files ask for */
    struct app_pipeline pipeline;
    struct app_process processes[WORLD_PROCESSES];
    struct app_outcome outcome;
    struct client *client;
    struct producer *producer;
    const char *folder;
    bool is_calm_run;
    bool is_single; /* the other process never runs: nobody's heir lives beside him */
    int put_count;
    int acked_count;
};

static struct node_world *world_now;

void node_world_fail(struct node_world *world, const char *format, ...)
{
    va_list arguments;
    printf("seed %" PRIu64 ", step %d (%s), event %" PRIu64 ": ", world->seed, world->step,
           world->action, world->event_count);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

static void world_on_check(const char *condition, const char *file, int line)
{
    node_world_fail(world_now, "check(%s) at %s:%d", condition, file, line);
}

uint64_t node_world_random(struct node_world *world, uint64_t below)
{
    return sim_random(world->sim, below);
}

bool node_world_chance(struct node_world *world, uint64_t percent)
{
    return sim_random(world->sim, 100) < percent;
}

void node_world_limp(struct node_world *world)
{
    node_world_fail(world, "nobody asked for a broker that limps");
}

static int64_t world_wall_clock(void)
{
    return world_now == NULL ? 0 : io_wall_clock(sim_io(world_now->sim, NODE_WORLD_CLIENT));
}

static void world_on_event(void *owner)
{
    struct world *world = owner;
    if (++world->node.event_count % WORLD_CHECK_EVERY != 0) {
        return;
    }
    node_process_check(&world->node.process);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        app_process_check(&world->processes[i]);
    }
}

/* --- The broker --- */

static void world_pass(struct world *world, uint64_t span_ms)
{
    uint64_t until = sim_now(world->node.sim) + span_ms * NODE_WORLD_MILLISECOND;
    while (!world->node.process.is_gone && sim_now(world->node.sim) < until &&
           sim_step(world->node.sim)) {}
}

static void world_restart_broker(struct world *world)
{
    struct node_process *process = &world->node.process;
    bool is_stop = node_process_is_well(process) && node_world_chance(&world->node, 40);
    if (is_stop) {
        (void)node_process_stop(process);
    } else {
        node_process_end(process, node_world_chance(&world->node, 50));
    }
    node_process_start(process);
    node_process_set_faults(process, node_world_chance(&world->node, 40));
}

static void world_heal_broker(struct world *world)
{
    struct node_process *process = &world->node.process;
    bool is_well = node_process_is_well(process);
    if (process->is_gone || (!is_well && node_world_chance(&world->node, 30))) {
        world_restart_broker(world);
    }
}

/* --- Records --- */

static void world_on_acked(void *owner, int error, int32_t partition, int64_t offset)
{
    struct world *world = owner;
    (void)partition;
    (void)offset;
    if (error != 0) {
        node_world_fail(&world->node, "a record was not taken: %s", error_name(error));
    }
    world->acked_count++;
}

static void world_put_to(struct world *world, const char *topic)
{
    struct buffer key;
    struct buffer value;
    buffer_init(&key);
    buffer_init(&value);
    app_pipeline_write_record(&world->pipeline, world->put_count, &key, &value);
    struct producer_record record = {.topic = topic,
                                     .partition = PRODUCER_PARTITION_BY_KEY,
                                     .timestamp_ms = -1,
                                     .key = buffer_bytes(&key),
                                     .value = buffer_bytes(&value),
                                     .done = world_on_acked,
                                     .owner = world};
    check(producer_send(world->producer, &record) == 0);
    buffer_fini(&key);
    buffer_fini(&value);
}

static void world_put(struct world *world, int count)
{
    for (int i = 0; i < count && world->put_count < APP_PIPELINE_RECORDS; i++) {
        world->put_count++;
        world_put_to(world, "in");
        world_put_to(world, "side"); /* also when nobody reads it */
    }
}

static bool world_is_acked(const struct world *world)
{
    return world->acked_count == 2 * world->put_count;
}

/* While the broker dies, too. */
static void world_await_acks(struct world *world)
{
    uint64_t limit_ns = sim_now(world->node.sim) + WORLD_PATIENCE_S * NODE_WORLD_SECOND;
    while (!world_is_acked(world)) {
        world_pass(world, 100);
        world_heal_broker(world);
        node_process_set_faults(&world->node.process, false);
        if (sim_now(world->node.sim) > limit_ns) {
            node_world_fail(&world->node, "%d of %d records are acknowledged", world->acked_count,
                            2 * world->put_count);
        }
    }
}

/* --- The world --- */

static void world_set(struct world *world, const char *name, int64_t value)
{
    char text[32];
    struct report report = {0};
    snprintf(text, sizeof text, "%" PRId64, value);
    check(broker_options_put(&world->node.process.options, name, text, "world", NULL, NULL,
                             &report) == 0);
}

/* Tombstones outlive every copy of a state; and without transactions compaction waits until
 * everybody is back (runtime/state/accord.h, "What it cannot see"). */
static void world_set_up_broker(struct world *world)
{
    node_process_init(&world->node.process, &world->node);
    world_set(world, "log.cleaner.delete.retention.ms", 86400000);
    world_set(world, "log.cleaner.min.compaction.lag.ms",
              world->pipeline.is_exactly_once ? 0 : 3600000);
    world_set(world, "num.partitions", world->pipeline.partitions);
    check(broker_options_put(&world->node.process.options, "auto.create.topics.enable", "true",
                             "world", NULL, NULL, &(struct report){0}) == 0);
}

static void world_open_client(struct world *world)
{
    struct client_options options = client_options_default();
    struct producer_options producing = producer_options_default();
    options.bootstrap = "node0:9092";
    options.request_timeout_ms = 3000;
    producing.delivery_timeout_ms = 0;
    world->client = client_new(sim_io(world->node.sim, NODE_WORLD_CLIENT), &options);
    world->producer = producer_new(world->client, &producing);
}

static void world_init(struct world *world, uint64_t seed, const char *folder, bool is_verbose)
{
    bool is_calm_run = folder == NULL;
    *world = (struct world){.folder = folder, .is_calm_run = is_calm_run};
    world_now = &world->node;
    world->node.seed = seed;
    world->node.is_verbose = is_verbose;
    world->node.action = is_calm_run ? "undisturbed" : "begin";
    world->node.sim =
        sim_new(is_calm_run ? seed : seed + 1000000, NODE_WORLD_NODES + WORLD_PROCESSES);
    app_pipeline_init(&world->pipeline, seed);
    world_set_up_broker(world);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        app_process_init(&world->processes[i], &world->node, WORLD_FIRST_MACHINE + i, folder,
                         world->pipeline.script);
    }
    app_outcome_init(&world->outcome, &world->node, world->pipeline.partitions);
    sim_on_event(world->node.sim, world_on_event, world);
}

/* A broker without faults, and the first records, so that their topics are there. */
static void world_begin(struct world *world)
{
    node_process_start(&world->node.process);
    node_process_set_faults(&world->node.process, false);
    world_open_client(world);
    world_put(world, world->pipeline.is_in_waves ? APP_PIPELINE_WAVE : 1);
    world_await_acks(world);
}

/* What comes before its order is decided: see app_pipeline.h. Nothing runs meanwhile. */
static void world_feed_wave(struct world *world)
{
    bool was_running[WORLD_PROCESSES];
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        was_running[i] = world->processes[i].app != NULL;
        if (was_running[i] && world->is_calm_run) {
            app_process_stop(&world->processes[i]);
        } else if (was_running[i]) {
            app_process_kill(&world->processes[i]);
        }
    }
    world_put(world, APP_PIPELINE_WAVE);
    world_await_acks(world);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        if (was_running[i] || i == 0) {
            app_process_start(&world->processes[i]);
        }
    }
}

static void world_run_calm(struct world *world)
{
    int64_t seen = -1;
    world_begin(world);
    app_process_start(&world->processes[0]);
    while (world->put_count < APP_PIPELINE_RECORDS) {
        if (world->pipeline.is_in_waves) {
            world_pass(world, WORLD_CALM_MS);
            world_feed_wave(world);
        } else {
            world_pass(world, 20);
            world_put(world, 2);
        }
    }
    world_await_acks(world);
    world_pass(world, WORLD_CALM_MS);
    app_outcome_open(&world->outcome, world->processes[0].app->topology);
    while (seen != world->outcome.record_count) {
        seen = world->outcome.record_count;
        world_pass(world, WORLD_CALM_MS);
        app_outcome_take(&world->outcome);
    }
    app_process_stop(&world->processes[0]);
}

/* --- Steps --- */

static struct app_process *world_some(struct world *world)
{
    uint64_t index = node_world_random(&world->node, WORLD_PROCESSES);
    return &world->processes[world->is_single ? 0 : index];
}

static void world_wait(struct world *world)
{
    bool is_long = node_world_chance(&world->node, 5);
    world_pass(world, node_world_random(&world->node, is_long ? 15000 : 1500));
}

static void world_murder(struct world *world)
{
    struct app_process *process = world_some(world);
    if (process->app != NULL) {
        app_process_kill(process);
    }
    if (node_world_chance(&world->node, 70)) {
        app_process_start(process);
    }
}

static void world_start_some(struct world *world)
{
    struct app_process *process = world_some(world);
    if (process->app == NULL) {
        app_process_start(process);
    }
}

static void world_stop_some(struct world *world)
{
    struct app_process *process = world_some(world);
    if (process->app != NULL && !process->is_cut) {
        app_process_stop(process);
    }
}

static void world_cut(struct world *world)
{
    struct app_process *process = world_some(world);
    if (process->is_cut) {
        sim_mend(world->node.sim, NODE_WORLD_BROKER, process->machine);
    } else {
        sim_cut(world->node.sim, NODE_WORLD_BROKER, process->machine);
    }
    process->is_cut = !process->is_cut;
}

static void world_break(struct world *world)
{
    struct app_process *process = world_some(world);
    bool is_all = node_world_chance(&world->node, 50);
    sim_break_streams(world->node.sim, is_all ? NODE_WORLD_BROKER : process->machine);
}

static void world_on_expelled(struct node_call *call, int error, const void *response)
{
    (void)call;
    (void)error; /* nobody minds */
    (void)response;
}

/* Puts a member out of its group, as an administrator does: it finds out with its next heartbeat,
 * or when it wants to commit. */
static void world_expel(struct world *world)
{
    const struct app_process *process = world_some(world);
    struct member *member = process->app == NULL ? NULL : process->app->member;
    if (member == NULL || member_generation(member) < 0) {
        return;
    }
    struct node_call *call = node_call_new(&world->node, world_on_expelled, world);
    struct leave_group_request *request = arena_array(&call->arena, struct leave_group_request, 1);
    struct leave_group_request_member *leaver =
        arena_array(&call->arena, struct leave_group_request_member, 1);
    *leaver = (struct leave_group_request_member){.member_id =
                                                      arena_copy(&call->arena, member_id(member))};
    *request =
        (struct leave_group_request){.group_id = BYTES_LITERAL("random"), .members = {leaver, 1}};
    node_call_send(call, world->client, CLIENT_LANE_COMMON, API_LEAVE_GROUP, 5, request);
}

static void world_doom_broker(struct world *world)
{
    node_process_doom(&world->node.process, 60);
}

static void world_doom_checkpoint(struct world *world)
{
    struct app_process *process = world_some(world);
    if (process->app != NULL && process->disk != NULL) {
        process->disk->is_doomed = true;
    }
}

enum { WORLD_MILD_COUNT = 3, WORLD_MILD_PERCENT = 25 };

/* The mild ones first. */
struct world_action {
    const char *name;
    uint64_t percent;
    void (*run)(struct world *world);
};

static const struct world_action world_actions[] = {
    {"pass time", 42, world_wait},
    {"expel", 6, world_expel},
    {"start", 6, world_start_some},
    {"kill", 12, world_murder},
    {"stop", 6, world_stop_some},
    {"cut", 6, world_cut},
    {"break", 6, world_break},
    {"doom a checkpoint", 6, world_doom_checkpoint},
    {"doom the broker", 6, world_doom_broker},
    {"restart the broker", 4, world_restart_broker},
};

static void world_feed(struct world *world)
{
    if (!world->pipeline.is_in_waves) {
        world_put(world, 1 + world->node.step % 2);
    } else if (world->node.step % WORLD_FEED_EVERY == 0) {
        world_feed_wave(world);
    }
}

static void world_take_step(struct world *world)
{
    const struct world_action *action = world_actions;
    uint64_t pick = node_world_random(&world->node, 100);
    while (pick >= action->percent) {
        pick -= action->percent;
        action++;
    }
    world->node.action = action->name;
    if (world->node.is_verbose) {
        printf("step %d: %s\n", world->node.step, action->name);
    }
    world_feed(world);
    bool is_mild = action < world_actions + WORLD_MILD_COUNT;
    if (is_mild || !world->node.is_calm || node_world_chance(&world->node, WORLD_MILD_PERCENT)) {
        action->run(world);
    }
    world_pass(world, node_world_random(&world->node, WORLD_STEP_MS));
    world_heal_broker(world);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        app_process_revive(&world->processes[i]);
    }
}

/* --- The end --- */

static void world_stop_faults(struct world *world)
{
    struct node_process *process = &world->node.process;
    world->node.action = "settle";
    process->end_at = 0;
    node_process_set_faults(process, false);
    world_pass(world, 1000);
    while (!node_process_is_well(process)) {
        node_process_end(process, true);
        node_process_start(process);
        node_process_set_faults(process, false);
    }
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        struct app_process *one = &world->processes[i];
        sim_mend(world->node.sim, NODE_WORLD_BROKER, one->machine);
        one->is_cut = false;
        one->may_be_faulty = false;
        if (one->disk != NULL) {
            one->disk->is_doomed = false;
            one->disk->fail_percent = one->disk->full_percent = 0;
        }
    }
    while (world->put_count < APP_PIPELINE_RECORDS) {
        world->pipeline.is_in_waves ? world_feed_wave(world)
                                    : world_put(world, APP_PIPELINE_RECORDS);
    }
    world_await_acks(world);
}

/* Now and then the other process is not there at the end. */
static void world_start_all(struct world *world)
{
    bool is_alone = node_world_chance(&world->node, 40) || world->is_single;
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        struct app_process *process = &world->processes[i];
        app_process_revive(process);
        if (process->app == NULL && (i == 0 || !is_alone)) {
            app_process_start(process);
        }
    }
}

static void world_compare_task(struct world *world, const struct app_task *row, struct buffer *why)
{
    for (size_t i = 0; i < row->part->store_count && why->size == 0; i++) {
        const struct topology_store *store = row->part->stores[i];
        struct kv *kv = task_store(row->task, store->name);
        struct buffer name;
        buffer_init(&name);
        topology_changelog_name(row->app->topology, store->name, &name);
        if (kv != NULL && store->has_changelog) {
            app_outcome_compare_store(&world->outcome, buffer_string(&name), row->partition, kv,
                                      why);
        }
        buffer_fini(&name);
    }
}

/* At least once a process that lost its place may have appended what its heir did not read. */
static void world_compare_stores(struct world *world, struct buffer *why)
{
    for (int i = 0; i < WORLD_PROCESSES && why->size == 0; i++) {
        const struct app *app = world->processes[i].app;
        if (app == NULL || (!world->pipeline.is_exactly_once && !world->is_single)) {
            continue;
        }
        for (list_each (&app->tasks, link)) {
            const struct app_task *row = list_member(link, struct app_task, link);
            bool is_running = row->task != NULL && task_is_running(row->task);
            if (is_running && task_is_dirty(row->task) && why->size == 0) {
                buffer_add_string(why, "a task has something to commit");
            } else if (is_running && why->size == 0) {
                world_compare_task(world, row, why);
            }
        }
    }
}

static void world_compare(struct world *world, const struct world *calm, struct buffer *why)
{
    app_outcome_take(&world->outcome);
    app_outcome_compare(&calm->outcome, &world->outcome, &world->pipeline, why);
    if (why->size == 0) {
        world_compare_stores(world, why);
    }
}

/* Passes time until what is there is what should be; `why` not, when it never is. */
static void world_await(struct world *world, const struct world *calm, uint64_t patience_s,
                        struct buffer *why)
{
    uint64_t limit_ns = sim_now(world->node.sim) + patience_s * NODE_WORLD_SECOND;
    do {
        world_pass(world, 500);
        for (int i = 0; i < WORLD_PROCESSES; i++) {
            app_process_revive(&world->processes[i]);
        }
        world_compare(world, calm, why);
    } while (why->size > 0 && sim_now(world->node.sim) < limit_ns);
}

static void world_settle(struct world *world, const struct world *calm)
{
    struct buffer why;
    buffer_init(&why);
    app_outcome_open(&world->outcome, world->processes[0].app->topology);
    world_await(world, calm, WORLD_PATIENCE_S, &why);
    if (why.size == 0) {
        /* At least once all may be there while some of it is done again, so it is asked for once
         * more. */
        world->node.action = "stay";
        world_pass(world, 4000);
        world_await(world, calm, WORLD_STAY_S, &why);
    }
    if (why.size > 0) {
        node_world_fail(&world->node, "%s", buffer_string(&why));
    }
    buffer_fini(&why);
}

static void world_run_disturbed(struct world *world, const struct world *calm)
{
    world_begin(world);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        static const char *const names[WORLD_PROCESSES] = {"one", "two"};
        bool is_static = node_world_chance(&world->node, 50);
        world->processes[i].instance_id = is_static ? names[i] : NULL;
        world->processes[i].may_be_faulty = true;
        world->processes[i].standby_count =
            (int32_t)(world->node.seed % 2); /* each keeps what the other has */
        world->processes[i].recovery_lag = world->node.seed % 3 == 0 ? 1 : 0;
    }
    world->node.is_calm = node_world_chance(&world->node, 50);
    world->is_single = node_world_chance(&world->node, 30);
    app_process_start(&world->processes[0]);
    node_process_set_faults(&world->node.process, node_world_chance(&world->node, 40));
    for (world->node.step = 1; world->node.step <= WORLD_STEPS; world->node.step++) {
        world_take_step(world);
    }
    world_stop_faults(world);
    world_start_all(world);
    world_settle(world, calm);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        if (world->processes[i].app != NULL) {
            world->node.action = "last stop";
            app_process_stop(&world->processes[i]);
        }
    }
}

static void world_tell(const struct world *world)
{
    printf("%s", world->pipeline.script);
    printf("records read: %" PRId64 "\nvirtual milliseconds: %" PRIu64 "\nbroker starts: %" PRIu64
           "\n",
           world->outcome.record_count, sim_now(world->node.sim) / NODE_WORLD_MILLISECOND,
           world->node.process.start_count);
    for (int i = 0; i < WORLD_PROCESSES; i++) {
        const struct app_process *process = &world->processes[i];
        printf("process %d: %d lives, %d deaths, %d failures, %" PRId64 " checkpoints, %" PRId64
               " rollbacks\n",
               i, process->life, process->death_count, process->failure_count,
               process->checkpoint_count, process->rollback_count);
    }
}

static uint64_t world_run(uint64_t seed, const char *folder, bool is_verbose)
{
    struct world *calm = memory_new(struct world);
    struct world *world = memory_new(struct world);
    world_init(calm, seed, NULL, false);
    world_run_calm(calm);
    sim_on_event(calm->node.sim, NULL, NULL);
    world_init(world, seed, folder, is_verbose);
    if (is_verbose) {
        world_tell(calm);
    }
    world_run_disturbed(world, calm);
    if (is_verbose) {
        world_tell(world);
    }
    return sim_trace_hash(calm->node.sim) ^ sim_trace_hash(world->node.sim);
}

/* --- Many seeds --- */

static char *world_make_folder(char folder[100])
{
    bool is_memory = access("/dev/shm", W_OK) == 0;
    snprintf(folder, 100, "%s/world_app.XXXXXX", is_memory ? "/dev/shm" : "/tmp");
    check(mkdtemp(folder) != NULL);
    return folder;
}

/* Runs the seed in a process of its own; false when it found something. */
static bool world_run_apart(uint64_t seed, uint64_t *hash)
{
    int ends[2];
    char folder[100];
    check(pipe(ends) == 0);
    fflush(stdout);
    world_make_folder(folder);
    pid_t child = fork();
    check(child >= 0);
    if (child == 0) {
        uint64_t result = world_run(seed, folder, false);
        ssize_t size = write(ends[1], &result, sizeof result);
        _exit(size == (ssize_t)sizeof result ? 0 : 1);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], hash, sizeof *hash);
    close(ends[0]);
    int status = 0;
    check(waitpid(child, &status, 0) == child);
    app_disk_remove(folder);
    if (WIFSIGNALED(status)) {
        printf("seed %" PRIu64 ": signal %d\n", seed, WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && size == (ssize_t)sizeof *hash;
}

static bool world_run_twice(uint64_t seed)
{
    uint64_t first = 0;
    uint64_t second = 0;
    if (!world_run_apart(seed, &first) || !world_run_apart(seed, &second)) {
        return false;
    }
    if (first != second) {
        printf("seed %" PRIu64 ": two runs went different ways\n", seed);
    }
    return first == second;
}

static int world_run_one(uint64_t seed)
{
    char folder[100];
    trace_set_stream(stderr);
    trace_set_level(TRACE_INFO);
    trace_set_clock(world_wall_clock);
    (void)world_run(seed, world_make_folder(folder), true);
    app_disk_remove(folder);
    fflush(stdout);
    return 0;
}

int main(int count, char **arguments)
{
    struct rlimit files;
    if (count < 2) {
        fprintf(stderr, "usage: %s SEED [COUNT [again | expect]]\n", arguments[0]);
        return 2;
    }
    uint64_t seed = strtoull(arguments[1], NULL, 10);
    uint64_t seed_count = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    bool is_planted = count > 3 && strcmp(arguments[3], "expect") == 0;
    bool is_twice = count > 3 && strcmp(arguments[3], "again") == 0;
    check(getrlimit(RLIMIT_NOFILE, &files) == 0); /* those of dead processes stay open */
    files.rlim_cur = files.rlim_max;
    check(setrlimit(RLIMIT_NOFILE, &files) == 0);
    check_on_failure(world_on_check);
    trace_set_stream(NULL);
    if (count == 2) {
        _exit(world_run_one(seed));
    }
    int failure_count = 0;
    for (uint64_t i = 0; i < seed_count && (failure_count == 0 || !is_planted); i++) {
        uint64_t hash = 0;
        bool is_good = is_twice ? world_run_twice(seed + i) : world_run_apart(seed + i, &hash);
        failure_count += is_good ? 0 : 1;
    }
    return (failure_count > 0) == is_planted ? 0 : 1;
}
