/* See run.h. Scripts and connectors are judged before anything starts: what is wrong ends the
 * command with 1 and leaves no trace. The embedded broker and the applications meet over
 * "loopback:broker"; other clients see the same topics on the broker's port. Ends with 0 after
 * SIGTERM or SIGINT: applications first, then the log; with 1 when no application runs any more.
 * With --isolate this is done by two processes; isolation.c says how. */
#include "runtime/main/run.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/cli/errand.h"
#include "runtime/host/host.h"
#include "runtime/main/instance.h"
#include "runtime/main/isolated.h"
#include "runtime/main/isolation.h"
#include "runtime/main/operation.h"
#include "runtime/main/plugin_places.h"
#include "runtime/main/service.h"
#include "runtime/main/settling.h"

#include <stdlib.h>
#include <string.h>

#define RUN_LOOPBACK  "loopback:broker"
#define RUN_LOCALHOST "localhost:0" /* for a child; a free port */

enum {
    RUN_PATH_SIZE = 4096,
    RUN_STANDBY_MAX = 16,
    RUN_WARMUP_MAX = 1000,
    RUN_PROBING_MS_MIN = 1000,
    RUN_SESSION_MS_MIN = 1000,
    RUN_SESSION_MS_MAX = INT32_MAX,     /* as the protocol has it */
    RUN_COMMIT_MS_MAX = 10 * 60 * 1000, /* its transaction ends before transaction.max.timeout.ms */
    RUN_IDLE_MS_MAX = 3600000
};

struct run_values {
    struct service_flags service;
    const char *bootstrap;
    const char *state;
    struct flag_list plugins;
    int64_t memory_size;
    int64_t callback_ms;
    int64_t emit_count;
    int64_t store_size;
    int64_t commit_interval_ms;
    int64_t thread_count;
    int64_t standby_count;
    int64_t recovery_lag;
    int64_t warmup_count;
    int64_t probing_interval_ms;
    int64_t session_timeout_ms;
    int64_t task_idle_ms;
    const char *instance_id; /* NULL: what the state directory remembers */
    const char *guarantee;
    bool is_following;
    bool is_isolating;
};

struct run {
    struct command_world *world;
    const struct run_values *values;
    struct service service;
    struct host *host;
    struct operation_desk desk; /* questions about the applications, over HTTP */
    struct host_options options;
    struct plugin_places plugins;
    struct buffer brokers; /* of --bootstrap, with ports; read by the shard, so left alone */
    char state_directory[RUN_PATH_SIZE];
    struct instance instance; /* our name in groups, with --bootstrap */
    bool is_host_stopped;
    struct isolation isolation; /* with --isolate, in the parent */
    struct isolated isolated;   /* and in the child */
    char inner[IO_ADDRESS_SIZE];
};

static void run_on_failed(void *owner, const char *application, const char *reason, bool is_final)
{
    struct run *run = owner;
    fprintf(run->world->errors, "tidemill: %s: %s; it %s\n", application, reason,
            is_final ? "has stopped" : "starts anew");
    if (run->host != NULL && host_is_over(run->host)) {
        run->service.is_over = true;
        run->world->stop(run->world->owner);
    }
}

static void run_on_noticed(void *owner, const char *application, const char *text)
{
    const struct run *run = owner;
    fprintf(run->world->errors, "tidemill: %s: %s\n", application, text);
}

static void run_on_host_stopped(void *owner)
{
    struct run *run = owner;
    run->is_host_stopped = true;
    run->world->stop(run->world->owner);
}

static void run_choose_state(struct run *run)
{
    const struct run_values *values = run->values;
    if (values->state != NULL) {
        snprintf(run->state_directory, sizeof run->state_directory, "%s", values->state);
    } else if (run->service.broker != NULL) {
        snprintf(run->state_directory, sizeof run->state_directory, "%s/state",
                 broker_path(run->service.broker));
    } else {
        snprintf(run->state_directory, sizeof run->state_directory, "%s/state",
                 values->service.data == NULL ? "./tidemill-data" : values->service.data);
    }
}

static int run_choose_guarantee(struct run *run)
{
    const char *name = run->values->guarantee;
    if (name == NULL) {
        run->options.guarantee = APP_AS_THE_SCRIPT_SAYS;
    } else if (strcmp(name, "exactly_once_v2") == 0) {
        run->options.guarantee = APP_EXACTLY_ONCE;
    } else if (strcmp(name, "at_least_once") == 0) {
        run->options.guarantee = APP_AT_LEAST_ONCE;
    } else {
        return command_misuse(run->world,
                              "--guarantee is exactly_once_v2 or at_least_once, not '%s'", name);
    }
    return COMMAND_OK;
}

/* Where the broker will be, and who we are there. */
static int run_choose_broker(struct run *run)
{
    run->options.instance_id = "embedded";
    if (run->values->is_isolating) {
        run->options.bootstrap = run->isolated.broker; /* the parent will tell */
        return COMMAND_OK;
    }
    if (run->values->bootstrap == NULL) {
        run->options.bootstrap = RUN_LOOPBACK;
        return COMMAND_OK;
    }
    if (errand_read_brokers(run->world, run->values->bootstrap, &run->brokers) != COMMAND_OK) {
        return COMMAND_MISUSED;
    }
    run->options.bootstrap = buffer_string(&run->brokers);
    run_choose_state(run);
    run->options.instance_id =
        run->values->instance_id != NULL
            ? run->values->instance_id
            : instance_read(&run->instance, run->world->io, run->state_directory);
    return COMMAND_OK;
}

static int run_judge(struct run *run)
{
    static const struct host_events events = {.failed = run_on_failed, .noticed = run_on_noticed};
    struct report report = {0};
    plugin_places_find(&run->plugins, &run->values->plugins);
    run->options.plugin_directories = run->plugins.items;
    run->options.plugin_directory_count = run->plugins.count;
    int code = run_choose_broker(run);
    if (code != COMMAND_OK) {
        return code;
    }
    run->options.is_following = run->values->is_following;
    run->options.commit_interval_ms = run->values->commit_interval_ms;
    run->options.thread_count = (size_t)run->values->thread_count;
    run->options.session_timeout_ms = run->values->session_timeout_ms;
    run->options.task_idle_ms = run->values->task_idle_ms;
    run->options.standby_count = (int32_t)run->values->standby_count;
    run->options.recovery_lag = run->values->recovery_lag;
    run->options.warmup_count = (int32_t)run->values->warmup_count;
    run->options.probing_interval_ms = run->values->probing_interval_ms;
    run->options.limits.memory_size = (size_t)run->values->memory_size;
    run->options.limits.callback_ms = run->values->callback_ms;
    run->options.limits.emit_count = (size_t)run->values->emit_count;
    run->options.limits.store_size = (size_t)run->values->store_size;
    if (host_new(run->world->io, &run->options, &events, run, &run->host, &report) != 0) {
        return command_fail(run->world, "%s%s%s", report.place, report.place[0] == 0 ? "" : ": ",
                            report.text);
    }
    return COMMAND_OK;
}

static void run_write_metrics(void *owner, struct buffer *out)
{
    struct run *run = owner;
    if (run->host != NULL) {
        host_write_metrics(run->host, out);
    }
}

static void run_stop_host(struct run *run)
{
    struct host *host = run->host;
    if (host == NULL) {
        return;
    }
    run->host = run->desk.host = NULL; /* its metrics end here */
    host_stop(host, run_on_host_stopped, run);
    while (!run->is_host_stopped) {
        run->world->run(run->world->owner);
    }
}

static void run_start_host(struct run *run)
{
    run_choose_state(run);
    host_start(run->host, run->state_directory);
}

static void run_init_service(struct run *run)
{
    struct http_route routes[OPERATION_ROUTE_COUNT];
    service_init(&run->service);
    run->service.write_more_metrics = run_write_metrics;
    run->service.more_owner = run;
    run->desk.host = run->host;
    operation_make_routes(&run->desk, routes);
    for (size_t i = 0; i < OPERATION_ROUTE_COUNT; i++) {
        service_add_route(&run->service, &routes[i]);
    }
}

/* With a log of our own. */
static int run_embedded(struct run *run)
{
    run_init_service(run);
    int code = service_start(&run->service, run->world, &run->values->service, RUN_LOOPBACK);
    if (code != COMMAND_OK) {
        return code;
    }
    run_start_host(run);
    settling_await(run->world, run->host, &run->service.is_over);
    service_print_ready(&run->service, false);
    code = service_wait(&run->service);
    run_stop_host(run);
    service_stop(&run->service);
    return code;
}

static void run_on_over(void *owner)
{
    struct run *run = owner;
    run->service.is_over = true;
}

static void run_write_isolation_metrics(void *owner, struct buffer *out)
{
    struct run *run = owner;
    isolation_write_metrics(&run->isolation, out);
}

/* With a log of our own, and the applications in a child. */
static int run_isolating(struct run *run)
{
    struct http_route routes[OPERATION_ROUTE_COUNT];
    int code = isolation_start(&run->isolation, run->world, run_on_over, run);
    if (code != COMMAND_OK) {
        return code;
    }
    service_init(&run->service);
    run->service.write_more_metrics = run_write_isolation_metrics;
    run->service.more_owner = run;
    isolation_make_routes(&run->isolation, routes);
    for (size_t i = 0; i < OPERATION_ROUTE_COUNT; i++) {
        service_add_route(&run->service, &routes[i]);
    }
    code = service_start(&run->service, run->world, &run->values->service, RUN_LOCALHOST);
    if (code != COMMAND_OK) {
        (void)!isolation_stop(&run->isolation);
        return code;
    }
    run_choose_state(run);
    broker_inner_address(run->service.broker, run->inner);
    isolation_run(&run->isolation, run->inner, run->state_directory);
    isolation_await(&run->isolation);
    service_print_ready(&run->service, false);
    code = service_wait(&run->service);
    int end = isolation_stop(&run->isolation);
    service_stop(&run->service);
    return code == COMMAND_OK ? end : code;
}

/* As the child of one that isolates. */
static int run_isolated(struct run *run)
{
    if (run->values->service.is_verbose) {
        trace_set_level(TRACE_INFO);
    }
    run->desk.host = run->host;
    if (isolated_wait(&run->isolated, &run->desk)) {
        host_start(run->host, run->isolated.state_directory);
        settling_await(run->world, run->host, &run->service.is_over);
        isolated_tell_begun(&run->isolated);
        while (!run->world->is_interrupted && !run->service.is_over) {
            run->world->run(run->world->owner);
        }
    }
    run_stop_host(run);
    isolated_end(&run->isolated, COMMAND_OK, run->service.is_over);
}

/* Asks for the cluster until it answers; says once what is waited for. False after a signal. */
static bool run_await_cluster(struct run *run)
{
    const char *patience = "request.timeout.ms=1000";
    const struct errand_flags flags = {.brokers = run->options.bootstrap,
                                       .properties = {.items = &patience, .count = 1}};
    bool is_told = false;
    int error = ERROR_REFUSED;
    while (error != 0 && !run->world->is_interrupted) {
        const struct metadata_response *metadata;
        struct errand errand;
        if (errand_open(&errand, run->world, &flags, NULL, NULL) != COMMAND_OK) {
            return false;
        }
        error = errand_read_metadata(&errand, NULL, 0, &metadata);
        errand_close(&errand);
        if (error != 0 && !is_told && !run->world->is_interrupted) {
            fprintf(run->world->errors, "tidemill: no broker answers at %s (%s); waiting for one\n",
                    flags.brokers, error_text(error));
            is_told = true;
        }
    }
    return error == 0;
}

/* On somebody's cluster. */
static int run_attached(struct run *run)
{
    if (run->values->service.is_verbose) {
        trace_set_level(TRACE_INFO);
    }
    if (!run_await_cluster(run)) {
        return COMMAND_OK;
    }
    run_init_service(run);
    int code = service_start_http(&run->service, run->world, &run->values->service);
    if (code != COMMAND_OK) {
        return code;
    }
    if (run->values->instance_id == NULL) {
        instance_write(&run->instance, run->state_directory);
    }
    run_start_host(run);
    settling_await(run->world, run->host, &run->service.is_over);
    fprintf(run->world->out, "tidemill %s ready: applications on %s, http %s, state %s\n",
            run->world->version, run->options.bootstrap,
            run->service.http == NULL ? "off" : http_address(run->service.http),
            run->state_directory);
    fflush(run->world->out);
    while (!run->world->is_interrupted && !run->service.is_over) {
        run->world->run(run->world->owner);
    }
    run_stop_host(run);
    service_stop(&run->service);
    return COMMAND_OK;
}

/* What the flags ask for is possible: COMMAND_OK. */
static int run_judge_flags(struct command_world *world, const struct run_values *values,
                           const struct flag_list *arguments)
{
    const char *data = values->service.data;
    if (arguments->count > HOST_SCRIPT_MAX) {
        return command_misuse(world, "at most %d scripts run in one process", HOST_SCRIPT_MAX);
    }
    if (arguments->count == 0 && !values->is_following) {
        return command_misuse(world, "name a script, or --deployed for those that the cluster has");
    }
    if (data != NULL && strncmp(data, "memory:", 7) == 0 && values->state == NULL) {
        return command_misuse(
            world, "--data %s keeps no stores; give them a directory: --state DIR", data);
    }
    if (values->thread_count < 1 || values->thread_count > HOST_THREAD_MAX) {
        return command_misuse(world, "--threads takes 1 to %d, not %lld", HOST_THREAD_MAX,
                              (long long)values->thread_count);
    }
    if (values->standby_count < 0 || values->standby_count > RUN_STANDBY_MAX) {
        return command_misuse(world, "--standbys takes 0 to %d, not %lld", RUN_STANDBY_MAX,
                              (long long)values->standby_count);
    }
    if (values->recovery_lag < 1) {
        return command_misuse(world, "--recovery-lag takes 1 or more, not %lld",
                              (long long)values->recovery_lag);
    }
    if (values->warmup_count < 1 || values->warmup_count > RUN_WARMUP_MAX) {
        return command_misuse(world, "--warmups takes 1 to %d, not %lld", RUN_WARMUP_MAX,
                              (long long)values->warmup_count);
    }
    if (values->probing_interval_ms < RUN_PROBING_MS_MIN) {
        return command_misuse(world, "--probing-interval takes 1s or more, not %lld ms",
                              (long long)values->probing_interval_ms);
    }
    if (values->session_timeout_ms != 0 && (values->session_timeout_ms < RUN_SESSION_MS_MIN ||
                                            values->session_timeout_ms > RUN_SESSION_MS_MAX)) {
        return command_misuse(world, "--session-timeout takes 1s to 24d (%d ms), not %lld ms",
                              RUN_SESSION_MS_MAX, (long long)values->session_timeout_ms);
    }
    if (values->commit_interval_ms > RUN_COMMIT_MS_MAX) {
        return command_misuse(world, "--commit-interval takes 1ms to 10m, not %lld ms",
                              (long long)values->commit_interval_ms);
    }
    if (values->task_idle_ms > RUN_IDLE_MS_MAX) {
        return command_misuse(world, "--task-idle takes at most 1h, not %lld ms",
                              (long long)values->task_idle_ms);
    }
    if (values->instance_id != NULL && values->bootstrap == NULL) {
        return command_misuse(world, "--instance-id is a name among the processes of a cluster; "
                                     "name the cluster: --bootstrap HOST:PORT");
    }
    if (values->instance_id != NULL && !instance_is_name(values->instance_id)) {
        return command_misuse(world,
                              "--instance-id takes 1 to %d letters, digits, '.', '_' and '-', not "
                              "'%s'",
                              INSTANCE_NAME_MAX, values->instance_id);
    }
    if (values->is_isolating && values->bootstrap != NULL) {
        return command_misuse(world, "--isolate keeps a log of our own safe; with --bootstrap the "
                                     "applications are a process of their own already");
    }
    return COMMAND_OK;
}

/* The way to run that the flags ask for, once the applications are sound. */
static int run_judged(struct run *run)
{
    if (run->values->is_isolating) {
        return run_isolated(run);
    }
    return run->values->bootstrap == NULL ? run_embedded(run) : run_attached(run);
}

static int run_scripts(struct command_world *world, const void *given,
                       const struct flag_list *arguments)
{
    struct run run = {.world = world, .values = given};
    bool is_child = run.values->is_isolating && isolated_is_asked();
    int code = run_judge_flags(world, run.values, arguments);
    if (code == COMMAND_OK && is_child) {
        code = isolated_open(&run.isolated, world);
    }
    if (code != COMMAND_OK) {
        return code;
    }
    for (size_t i = 0; i < arguments->count; i++) {
        run.options.scripts[run.options.script_count++] = arguments->items[i];
    }
    code = run_choose_guarantee(&run);
    if (code == COMMAND_OK && run.values->is_isolating && !is_child) {
        code = run_isolating(&run);
    } else if (code == COMMAND_OK) {
        code = run_judge(&run);
        code = code == COMMAND_OK ? run_judged(&run) : code;
    }
    run_stop_host(&run);
    instance_close(&run.instance);
    buffer_fini(&run.brokers);
    if (code == COMMAND_OK && run.service.is_over) {
        code = COMMAND_FAILED; /* each said why */
    }
    world->is_interrupted = false; /* it was obeyed */
    return code;
}

static const struct flag run_flags[] = {
    FLAG('b', "bootstrap", STRING, struct run_values, bootstrap, "HOST:PORT",
         "a cluster to work on, instead of a log of our own"),
    FLAG(0, "state", STRING, struct run_values, state, "DIR",
         "where stores are kept (default: state in the data directory)"),
    FLAG(0, "plugins", LIST, struct run_values, plugins, "DIR", "more places for connectors"),
    FLAG(0, "memory", SIZE, struct run_values, memory_size, "SIZE",
         "the most one script may hold (default: 64m)"),
    FLAG(0, "time-limit", DURATION, struct run_values, callback_ms, "TIME",
         "the longest a function of a script may run (default: 1s)"),
    FLAG(0, "emit-limit", SIZE, struct run_values, emit_count, "COUNT",
         "the most records one call may write (default: 100000)"),
    FLAG(0, "store-limit", SIZE, struct run_values, store_size, "SIZE",
         "the most one call may write to stores (default: 64m)"),
    FLAG(0, "commit-interval", DURATION, struct run_values, commit_interval_ms, "TIME",
         "how often outputs, positions and stores are committed (default: 100ms, at most 10m)"),
    FLAG(0, "threads", INT, struct run_values, thread_count, "COUNT",
         "threads that share the partitions of each application (default: 1)"),
    FLAG(0, "standbys", INT, struct run_values, standby_count, "COUNT",
         "copies of each store that other processes keep ready (default: 0)"),
    FLAG(0, "recovery-lag", INT, struct run_values, recovery_lag, "COUNT",
         "changes that a process may lack of a store when it takes its task (default: 10000)"),
    FLAG(0, "warmups", INT, struct run_values, warmup_count, "COUNT",
         "copies at a time for processes that lack more (default: 2)"),
    FLAG(0, "probing-interval", DURATION, struct run_values, probing_interval_ms, "TIME",
         "how often the group looks at what waits for them (default: 10m)"),
    FLAG(0, "session-timeout", DURATION, struct run_values, session_timeout_ms, "TIME",
         "how long the group waits for a process that says nothing (default: 45s)"),
    FLAG(0, "task-idle", DURATION, struct run_values, task_idle_ms, "TIME",
         "how long records wait for older ones of empty partitions (default: 0)"),
    FLAG(0, "instance-id", STRING, struct run_values, instance_id, "NAME",
         "our name in groups (default: one that --state remembers)"),
    FLAG(0, "deployed", BOOL, struct run_values, is_following, NULL,
         "run what the cluster has deployed too ('tidemill app deploy')"),
    FLAG(0, "isolate", BOOL, struct run_values, is_isolating, NULL,
         "run applications in a child process: the log outlives a crash of theirs"),
    FLAG(0, "guarantee", STRING, struct run_values, guarantee, "exactly_once_v2|at_least_once",
         "over what scripts say (default: exactly_once_v2)"),
    SERVICE_FLAGS(struct run_values),
};

static const struct run_values run_initial = {
    .thread_count = 1, .recovery_lag = 10000, .warmup_count = 2, .probing_interval_ms = 600000};

const struct command run_command = {
    .verb = "run",
    .arguments = "[APP.lua...]",
    .summary = "runs applications, by default with a log of their own",
    .examples = "tidemill run words.lua\n"
                "tidemill run words.lua --bootstrap kafka1:9092,kafka2:9092\n"
                "tidemill run --deployed --bootstrap kafka1:9092\n"
                "tidemill run words.lua --threads 4\n",
    .details =
        "Without --bootstrap a broker is started in --data, and clients see its topics on\n"
        "--listen. Ctrl-C commits and ends; nothing is lost by kill -9 either.\n"
        "With --isolate the applications start no programs and send no signals, and those\n"
        "of one crash start anew together, after 1 s, then 2 s, and so on to a minute.\n"
        "With --threads (num.stream.threads of Kafka Streams) the partitions of an\n"
        "application are dealt to as many threads, each with a Lua state and with the limits\n"
        "above of its own; connectors run once. More threads than partitions stand idle.\n"
        "With --standbys (num.standby.replicas) each store has as many copies in other\n"
        "processes of the application, as fresh as their changelogs are: when a process dies,\n"
        "one that has a copy goes on with little to read. The largest wish of all counts.\n"
        "A task whose stores have many changes does not move to a process that has not got\n"
        "them: that one reads a copy first, while the task goes on where it is, and asks for\n"
        "it when no more than --recovery-lag are missing (acceptable.recovery.lag). --warmups\n"
        "tasks wait so at a time (max.warmup.replicas), and the group looks at them anew in\n"
        "any case every --probing-interval (probing.rebalance.interval.ms). The\n"
        "death of a process is known after --session-timeout, for which brokers have a least\n"
        "value (group.min.session.timeout.ms, 6 s). A stop is not told to the group either: the\n"
        "process is expected back. It is known by a name that its state directory remembers, or\n"
        "by --instance-id (group.instance.id), which outlives the directory: no two processes\n"
        "may have the same one.\n"
        "With --task-idle (max.task.idle.ms of Kafka Streams) records wait so long for older\n"
        "ones of a topic's partitions that are empty, so that fewer come too late where\n"
        "producers fill partitions in turn. One that had none for ten times as long is not\n"
        "waited for.\n",
    COMMAND_FLAGS(run_flags),
    .values_size = sizeof(struct run_values),
    .initial = &run_initial,
    .argument_max = -1,
    .run = run_scripts,
};
