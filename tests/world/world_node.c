/* A seeded campaign over one whole node: the real broker on a simulated disk, driven over a
 * simulated network by the project's own client on another machine.
 *
 *     world_node SEED [COUNT [again | expect [LIE]]]
 *
 * After every event broker_check. After every start an audit on a quiet line: what was acknowledged
 * is there, what was seen is promised, what was deleted stays away, and starting once more changes
 * nothing. At the end the faults stop, everything that was asked is answered, and a clean stop
 * loses nothing. A failure prints one line: seed, step, event, what. Each seed of many runs in a
 * process of its own, because dead brokers keep their memory. With `expect` a bug was planted (see
 * README.md), and finding none is the failure; with `again` each seed runs twice and must take the
 * same way.
 * Thread: one. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "tests/world/node_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORLD_STEP_COUNT = 400,
    WORLD_PATIENCE_S = 300,
    WORLD_CHECK_EVERY = 48,
    WORLD_REPLAY_EVERY = 384,
    WORLD_TRADE_TRIES = 10 /* of 5 s: the longest timeout, and how often it is looked for */
};

/* The world that runs; for the handler of a broken check and for the clock. */
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

static int64_t world_wall_clock(void)
{
    return world_now == NULL ? 0 : io_wall_clock(sim_io(world_now->sim, NODE_WORLD_CLIENT));
}

static void world_on_event(void *owner)
{
    struct node_world *world = owner;
    if (++world->event_count % WORLD_CHECK_EVERY != 0) {
        return; /* a check of everything costs more than an event */
    }
    node_process_check(&world->process);
    if (world->event_count % WORLD_REPLAY_EVERY == 0) {
        node_process_check_replay(&world->process);
    }
    client_check(world->client);
    node_writers_check(&world->writers);
    node_readers_check(&world->readers);
    node_party_check(&world->party);
}

/* --- Lives of the node --- */

/* A new process, looked at before anybody else may change something. Once more is the same. */
static void world_start(struct node_world *world)
{
    sim_cut(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
    world->process.may_limp = true;
    node_process_start(&world->process);
    world->process.may_limp = false;
    node_process_set_faults(&world->process, false);
    node_auditor_run(&world->auditor);
    node_process_check_replay(&world->process);
    if (node_world_chance(world, 25)) {
        uint64_t digest = world->auditor.digest;
        world->action = "start again";
        node_process_end(&world->process, node_world_chance(world, 50));
        node_process_start(&world->process);
        node_process_set_faults(&world->process, false);
        node_auditor_run(&world->auditor);
        if (digest != world->auditor.digest) {
            node_world_fail(world, "a second recovery found something else");
        }
    }
    sim_mend(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
    node_process_set_faults(&world->process, node_world_chance(world, 50));
}

static void world_restart(struct node_world *world)
{
    world->action = "restart";
    if (world->process.is_gone || world->process.has_failed || node_world_chance(world, 50)) {
        node_process_end(&world->process, node_world_chance(world, 50));
    } else {
        world->action = "stop";
        (void)node_process_stop(&world->process);
    }
    world_start(world);
}

/* --- Steps --- */

static void world_pass(struct node_world *world, uint64_t span_ms)
{
    uint64_t until = sim_now(world->sim) + span_ms * NODE_WORLD_MILLISECOND;
    while (!world->process.is_gone && sim_now(world->sim) < until && sim_step(world->sim)) {}
}

static void world_end_life(struct node_world *world)
{
    if (!world->is_calm || node_world_chance(world, 30)) {
        world_restart(world);
    }
}

static void world_wait(struct node_world *world)
{
    static const uint64_t spans_ms[] = {30, 30, 30, 30, 30, 30, 30, 500, 500, 500, 8000};
    uint64_t span_ms = spans_ms[node_world_random(world, sizeof spans_ms / sizeof *spans_ms)];
    bool is_long = node_world_random(world, 1000) == 0;
    world_pass(world, 1 + node_world_random(world, is_long ? 900000 : span_ms));
}

static void world_write(struct node_world *world)
{
    node_writers_act(&world->writers);
}

static void world_repeat(struct node_world *world)
{
    node_scribe_act(&world->scribe);
}

static void world_read(struct node_world *world)
{
    node_readers_act(&world->readers);
    node_session_act(&world->session);
}

static void world_change_topics(struct node_world *world)
{
    node_clerk_act(&world->clerk);
}

static void world_commit(struct node_world *world)
{
    node_marks_act(&world->marks);
}

static void world_trade(struct node_world *world)
{
    node_trader_act(&world->trader);
    for (int i = 0; i < 2; i++) {
        node_peddler_act(&world->peddler);
    }
    if (node_world_chance(world, 50)) {
        node_teller_act(&world->teller);
    }
}

static void world_gather(struct node_world *world)
{
    node_party_act(&world->party);
    node_crew_act(&world->crew);
}

static void world_doom(struct node_world *world)
{
    if (!world->is_calm || node_world_chance(world, 15)) {
        node_process_doom(&world->process, 60);
    }
}

/* Links break, or are cut for a while. */
static void world_disturb(struct node_world *world)
{
    if (node_world_chance(world, 50)) {
        sim_break_streams(world->sim, NODE_WORLD_BROKER);
        return;
    }
    sim_cut(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
    world_pass(world, 1 + node_world_random(world, node_world_chance(world, 80) ? 500 : 30000));
    sim_mend(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
}

static void world_open_client(struct node_world *world)
{
    struct client_options options = client_options_default();
    options.bootstrap = "node0:9092";
    options.metadata_max_age_ms = 5000 + (int64_t)node_world_random(world, 20000);
    options.request_timeout_ms = 3000 + (int64_t)node_world_random(world, 10000);
    world->client = client_new(sim_io(world->sim, NODE_WORLD_CLIENT), &options);
}

/* Everything that was asked is forgotten; nobody says goodbye. */
static void world_lose_client(struct node_world *world)
{
    sim_kill(world->sim, NODE_WORLD_CLIENT);
    world->call_count = 0;
    world_open_client(world);
    node_writers_init(&world->writers, world);
    node_readers_init(&world->readers, world);
    node_session_init(&world->session, world);
    node_clerk_reopen(&world->clerk);
    node_scribe_reopen(&world->scribe);
    node_marks_reopen(&world->marks);
    node_party_reopen(&world->party);
    node_crew_reopen(&world->crew);
    node_trader_reopen(&world->trader);
    node_peddler_reopen(&world->peddler);
    node_teller_init(&world->teller, world);
}

static void world_end_client(struct node_world *world)
{
    if (node_world_chance(world, 30)) {
        world_lose_client(world);
    }
}

struct world_action {
    const char *name;
    uint64_t percent;
    void (*run)(struct node_world *world);
};

enum { WORLD_PEACEFUL_COUNT = 8, WORLD_LIMP_COUNT = 15 };

/* The peaceful ones first. */
static const struct world_action world_actions[] = {
    {"pass time", 27, world_wait},
    {"write", 18, world_write},
    {"repeat", 9, world_repeat},
    {"read", 10, world_read},
    {"topics", 8, world_change_topics},
    {"commit", 6, world_commit},
    {"gather", 8, world_gather},
    {"trade", 7, world_trade},
    {"doom", 3, world_doom},
    {"disturb", 1, world_disturb},
    {"restart", 2, world_end_life},
    {"end the client", 1, world_end_client},
};

void node_world_limp(struct node_world *world)
{
    const char *action = world->action;
    node_process_set_faults(&world->process, false);
    world->process.was_faulty = true;
    node_model_forget_weak(&world->model); /* of the life before */
    sim_mend(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
    for (int i = 0; i < WORLD_LIMP_COUNT && node_process_is_well(&world->process); i++) {
        const struct world_action *limping =
            &world_actions[node_world_random(world, WORLD_PEACEFUL_COUNT)];
        world->action = limping->name;
        limping->run(world);
        world_wait(world);
    }
    node_model_forget_weak(&world->model);
    sim_cut(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
    world->action = action;
}

static void world_take_step(struct node_world *world)
{
    if (world->is_verbose) {
        printf("step %d\n", world->step);
    }
    const struct world_action *action = world_actions;
    uint64_t pick = node_world_random(world, 100);
    while (pick >= action->percent) {
        pick -= action->percent;
        action++;
    }
    world->action = action->name;
    action->run(world);
    bool is_well = node_process_is_well(&world->process);
    if (world->process.is_gone || (!is_well && node_world_chance(world, 10))) {
        world->process.fence_count += world->process.is_gone ? 0 : 1;
        world_restart(world);
    }
}

/* --- The end --- */

static bool world_is_quiet(void *owner)
{
    struct node_world *world = owner;
    return node_writers_pending(&world->writers) == 0 && world->call_count == 0;
}

/* What is open runs into its timeout, and markers find their way, in bounded time. */
static void world_settle_trades(struct node_world *world)
{
    world->action = "end of transactions";
    for (int i = 0; !node_auditor_settle(&world->auditor); i++) {
        if (i == WORLD_TRADE_TRIES) {
            node_world_fail(world, "a transaction does not end");
        }
        sim_run(world->sim, sim_now(world->sim) + 5 * NODE_WORLD_SECOND);
    }
}

static void world_finish(struct node_world *world)
{
    world->action = "settle";
    node_trader_end(&world->trader);
    world->process.end_at = 0;
    node_process_set_faults(&world->process, false);
    /* A flush that failed while there were faults may still be under way. */
    sim_run(world->sim, sim_now(world->sim) + NODE_WORLD_SECOND);
    while (!node_process_is_well(&world->process)) { /* a start may meet faults of its own */
        world_restart(world);
        node_process_set_faults(&world->process, false);
    }
    sim_mend(world->sim, NODE_WORLD_BROKER, NODE_WORLD_CLIENT);
    if (!sim_run_until(world->sim, world_is_quiet, world, WORLD_PATIENCE_S * NODE_WORLD_SECOND)) {
        node_world_fail(world, "%d calls and %lld records are not answered", world->call_count,
                        (long long)node_writers_pending(&world->writers));
    }
    world->action = "agree";
    if (!sim_run_until(world->sim, node_party_is_settled, &world->party,
                       WORLD_PATIENCE_S * NODE_WORLD_SECOND)) {
        node_world_fail(world, "%s", node_party_why(&world->party));
    }
    if (!sim_run_until(world->sim, node_crew_is_settled, &world->crew,
                       WORLD_PATIENCE_S * NODE_WORLD_SECOND)) {
        node_world_fail(world, "%s", world->crew.why);
    }
    node_crew_end(&world->crew);
    if (!sim_run_until(world->sim, node_readers_are_done, &world->readers,
                       WORLD_PATIENCE_S * NODE_WORLD_SECOND)) {
        node_world_fail(world, "a fetcher does not get everything");
    }
    world_settle_trades(world);
    world->action = "last stop";
    (void)node_process_stop(&world->process);
    world->action = "last start";
    world_start(world);
}

static struct node_world *world_new(uint64_t seed, enum store_lie lie, bool is_verbose)
{
    struct node_world *world = memory_new(struct node_world);
    world_now = world;
    world->seed = seed;
    world->is_verbose = is_verbose;
    world->action = "begin";
    world->sim = sim_new(seed, NODE_WORLD_NODES);
    world->is_auto_creating = node_world_chance(world, 50);
    world->is_calm = node_world_chance(world, 40);
    world->can_allocate = node_world_chance(world, 50);
    node_model_init(&world->model, world);
    node_process_init(&world->process, world);
    world->process.lie = lie;
    node_auditor_init(&world->auditor, world);
    world_open_client(world);
    node_writers_init(&world->writers, world);
    node_readers_init(&world->readers, world);
    node_session_init(&world->session, world);
    node_clerk_init(&world->clerk, world);
    node_scribe_init(&world->scribe, world);
    node_marks_init(&world->marks, world);
    node_party_init(&world->party, world);
    node_crew_init(&world->crew, world);
    node_ledger_init(&world->ledger, world);
    node_trader_init(&world->trader, world);
    node_peddler_init(&world->peddler, world);
    node_teller_init(&world->teller, world);
    sim_on_event(world->sim, world_on_event, world);
    return world;
}

/* How much of everything there was. */
static void world_tell(const struct node_world *world)
{
    const struct world_count {
        const char *name;
        int64_t value;
    } counts[] = {
        {"events", (int64_t)world->event_count},
        {"starts", (int64_t)world->process.start_count},
        {"deaths", (int64_t)world->process.kill_count},
        {"beats of the crew", world->crew.beat_count},
        {"partitions it was given", world->crew.given_count},
        {"fences it met", world->crew.fenced_count},
        {"replays", (int64_t)world->process.replay_count},
        {"stops", (int64_t)world->process.stop_count},
        {"fences", (int64_t)world->process.fence_count},
        {"audits", (int64_t)world->auditor.audit_count},
        {"records acknowledged", world->writers.acked_count},
        {"records failed", world->writers.failed_count},
        {"records seen", world->model.seen_count},
        {"batches taken", world->readers.batch_count},
        {"fetches", world->readers.fetch_count},
        {"offsets by time", world->readers.time_count},
        {"sessions", world->session.created_count},
        {"told in sessions", world->session.told_count},
        {"silent in sessions", world->session.silence_count},
        {"changes of topics", world->clerk.done_count},
        {"changes failed", world->clerk.failed_count},
        {"batches written", world->scribe.written_count},
        {"batches repeated", world->scribe.repeated_count},
        {"gaps refused", world->scribe.refused_count},
        {"commits", world->marks.acked_count},
        {"commits looked at", world->marks.judged_count},
        {"groups deleted", world->marks.deleted_count},
        {"partitions assigned", world->party.assigned_count},
        {"transactions committed", world->trader.committed_count},
        {"transactions aborted", world->trader.aborted_count},
        {"transactional batches", world->trader.batch_count},
        {"zombies refused", world->trader.zombie_count},
        {"plain batches", world->peddler.written_count},
        {"plain batches repeated", world->peddler.repeated_count},
        {"committed records seen", world->ledger.seen_count},
        {"committed records compacted away", world->ledger.gone_count},
        {"records with a delete horizon", world->ledger.horizon_count},
        {"reads of transactions", world->teller.read_count},
        {"virtual milliseconds", (int64_t)(sim_now(world->sim) / NODE_WORLD_MILLISECOND)},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        printf("%s: %" PRId64 "\n", counts[i].name, counts[i].value);
    }
}

static uint64_t world_run(uint64_t seed, enum store_lie lie, bool is_verbose)
{
    struct node_world *world = world_new(seed, lie, is_verbose);
    world_start(world);
    for (world->step = 1; world->step <= WORLD_STEP_COUNT; world->step++) {
        world_take_step(world);
    }
    world_finish(world);
    if (is_verbose) {
        world_tell(world);
    }
    return sim_trace_hash(world->sim);
}

/* --- Many seeds --- */

/* Runs the seed in a process of its own; false when it found something. */
static bool world_run_apart(uint64_t seed, enum store_lie lie, uint64_t *hash)
{
    int ends[2];
    check(pipe(ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    check(child >= 0);
    if (child == 0) {
        uint64_t result = world_run(seed, lie, false);
        ssize_t size = write(ends[1], &result, sizeof result);
        _exit(size == (ssize_t)sizeof result ? 0 : 1);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], hash, sizeof *hash);
    close(ends[0]);
    int status = 0;
    check(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
        printf("seed %" PRIu64 ": signal %d\n", seed, WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && size == (ssize_t)sizeof *hash;
}

static bool world_run_twice(uint64_t seed)
{
    uint64_t first = 0;
    uint64_t second = 0;
    if (!world_run_apart(seed, STORE_LIE_NONE, &first) ||
        !world_run_apart(seed, STORE_LIE_NONE, &second)) {
        return false;
    }
    if (first != second) {
        printf("seed %" PRIu64 ": two runs went different ways\n", seed);
    }
    return first == second;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: %s SEED [COUNT [again | expect [LIE]]]\n", arguments[0]);
        return 2;
    }
    uint64_t seed = strtoull(arguments[1], NULL, 10);
    uint64_t seed_count = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    bool is_planted = count > 3 && strcmp(arguments[3], "expect") == 0;
    bool is_twice = count > 3 && strcmp(arguments[3], "again") == 0;
    enum store_lie lie = count > 4 ? store_liar_find(arguments[4]) : STORE_LIE_NONE;
    if (lie == STORE_LIE_COUNT) {
        fprintf(stderr, "unknown lie: %s\n", arguments[4]);
        return 2;
    }
    check_on_failure(world_on_check);
    trace_set_stream(NULL);
    if (count == 2) {
        trace_set_stream(stderr);
        trace_set_level(TRACE_INFO);
        trace_set_clock(world_wall_clock);
        (void)world_run(seed, STORE_LIE_NONE, true);
        fflush(stdout);
        _exit(0);
    }
    int failure_count = 0;
    for (uint64_t i = 0; i < seed_count && (failure_count == 0 || !is_planted); i++) {
        uint64_t hash = 0;
        bool is_good = is_twice ? world_run_twice(seed + i) : world_run_apart(seed + i, lie, &hash);
        failure_count += is_good ? 0 : 1;
    }
    return (failure_count > 0) == is_planted ? 0 : 1;
}
