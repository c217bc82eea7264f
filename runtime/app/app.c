/* The life of one application; see app.h.
 *
 * A start makes the topics, then starts connectors and joins the group. The end is a chain of
 * stages: sources first, so that nothing new comes; then a commit; then what depends on nothing. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_script.h"
#include "runtime/app/app_state.h"

#include <stdlib.h>

enum { APP_INTERVAL_MS_DEFAULT = 100 };

static void app_on_topics(void *owner, int error, const struct report *report);

void app_fail(struct app *app, const char *reason, bool is_final)
{
    if (app->state == APP_FAILED || app->is_closing) {
        return;
    }
    app->state = APP_FAILED;
    trace(TRACE_ERROR, "app.failed", TRACE_STRING("app", app_name(app)),
          TRACE_STRING("reason", reason));
    app->events->failed(app->owner, reason, is_final);
}

void app_refuse(struct app *app, const char *reason)
{
    if (app->events->refused == NULL) {
        app_fail(app, reason, true);
    } else if (app->state != APP_FAILED && !app->is_closing) {
        app->state = APP_FAILED;
        trace(TRACE_ERROR, "app.refused", TRACE_STRING("app", app_name(app)),
              TRACE_STRING("reason", reason));
        app->events->refused(app->owner, reason);
    }
}

void app_fail_canary(struct app *app, const char *reason, bool is_final)
{
    bool is_told = app->state != APP_FAILED && !app->is_closing;
    if (app->events->canary_failed == NULL) {
        app_fail(app, reason, is_final);
    } else if (is_told) {
        app->state = APP_FAILED;
        trace(TRACE_ERROR, "app.canary_failed", TRACE_STRING("app", app_name(app)),
              TRACE_STRING("reason", reason));
        app->events->canary_failed(app->owner, reason);
    }
}

/* The topics that only the other version names. */
static bool app_prepare_canary(struct app *app)
{
    bool is_due = app->canary_script != NULL && !app->is_canary_prepared;
    app->is_canary_prepared = true;
    if (is_due) {
        app->topics = app_topics_start(app->client, app->canary_script, app_on_topics, app);
    }
    return is_due;
}

static void app_on_topics(void *owner, int error, const struct report *report)
{
    struct app *app = owner;
    struct report copy = *report;
    app_topics_free(app->topics);
    app->topics = NULL;
    if (app->is_closing) {
        app_close_next(app);
        return;
    }
    if (error != 0 && app->is_canary_prepared) {
        app_fail_canary(app, copy.text, false);
        return;
    }
    if (error != 0) {
        app_fail(app, copy.text, false);
        return;
    }
    if (app_prepare_canary(app)) {
        return;
    }
    if (app->transactional != NULL) {
        app_transaction_start(app);
    } else {
        app_run(app);
    }
}

void app_run(struct app *app)
{
    app->state = APP_RUNNING;
    app->global = global_new(app->topology, app->client, app->fetcher);
    app_connectors_start(app);
    app_group_join(app);
    app_lookout_start(app);
}

bool app_is_exact(const struct app *app)
{
    switch (app->options.guarantee) {
    case APP_AS_THE_SCRIPT_SAYS:
        return topology_guarantee(app->topology) == TOPOLOGY_EXACTLY_ONCE;
    case APP_EXACTLY_ONCE:
        return true;
    case APP_AT_LEAST_ONCE:
        break;
    }
    return false;
}

static void app_open_producer(struct app *app)
{
    struct producer_options options = producer_options_default();
    bool has_tasks = topology_part_count(app->topology) > 0;
    if (has_tasks && app_is_exact(app)) {
        app_transaction_open(app);
    } else {
        app->producer = producer_new(app->client, &options);
    }
    producer_on_room(app->producer, app_tasks_on_wake, app);
}

static void app_connect(struct app *app)
{
    struct fetcher_options fetcher_options = fetcher_options_default();
    app->client = client_new(app->io, &app->options.client);
    app->fetch_client = client_new(app->io, &app->options.client);
    app->group_client = client_new(app->io, &app->options.client);
    app_open_producer(app);
    fetcher_options.is_read_committed = true;
    fetcher_options.reset = FETCHER_RESET_EARLIEST;
    app->fetcher = fetcher_new(app->fetch_client, &fetcher_options);
    fetcher_on_ready(app->fetcher, app_tasks_on_wake, app);
}

static void app_init_timers(struct app *app)
{
    app->process_timer = (struct io_timer){.fired = app_tasks_on_process, .owner = app};
    app->tick_timer = (struct io_timer){.fired = app_tasks_on_tick, .owner = app};
    app->commit_timer = (struct io_timer){.fired = app_commit_on_time, .owner = app};
    app->standby_timer = (struct io_timer){.fired = app_standby_on_time, .owner = app};
    app->warmup_timer = (struct io_timer){.fired = app_warmup_on_time, .owner = app};
    io_timer_start(app->io, &app->commit_timer,
                   (uint64_t)app->options.commit_interval_ms * 1000000);
}

static void app_free(struct app *app)
{
    io_timer_stop(app->io, &app->process_timer);
    io_timer_stop(app->io, &app->tick_timer);
    io_timer_stop(app->io, &app->commit_timer);
    io_timer_stop(app->io, &app->end_timer);
    io_timer_stop(app->io, &app->standby_timer);
    io_timer_stop(app->io, &app->warmup_timer);
    app_warmup_fini(app);
    app_tap_end_all(app);
    script_close(app->script);
    script_close(app->canary_script);
    app_bundle_fini(&app->files);
    free(app->connectors);
    free(app->look_counts);
    free(app->topic_names);
    free(app->topic_units);
    free(app);
}

static void app_on_nothing_closed(void *owner)
{
    (void)owner;
}

/* Nothing ran: nothing has to be waited for. */
static void app_drop(struct app *app)
{
    for (size_t i = 0; i < app->connector_count; i++) {
        connector_close(app->connectors[i], app_on_nothing_closed, NULL);
    }
    app_free(app);
}

int app_new(struct io *io, const struct app_options *options, const struct app_events *events,
            void *owner, struct app **out, struct report *report)
{
    struct app *app = memory_new(struct app);
    app->io = io;
    app->options = *options;
    app->events = events;
    app->owner = owner;
    list_init(&app->tasks);
    list_init(&app->remnants);
    list_init(&app->taps);
    app_warmup_init(app);
    if (app->options.commit_interval_ms <= 0) {
        app->options.commit_interval_ms = APP_INTERVAL_MS_DEFAULT;
    }
    if (app->options.keeps_files) {
        app->options.read = &app->files;
        app->files.script = memory_string(app->options.path);
    }
    int error = app_script_open(io, &app->options, report, &app->script);
    if (error != 0) {
        app_bundle_fini(&app->files);
        free(app);
        return error;
    }
    app->topology = script_topology(app->script);
    app->options.client.client_id = topology_name(app->topology);
    error = app_canary_open(app, report);
    if (error == 0 && !app->options.leaves_connectors) {
        error = app_connectors_open(app, report);
    }
    if (error != 0) {
        app_drop(app);
        return error;
    }
    *out = app;
    return 0;
}

void app_start(struct app *app, const char *state_directory)
{
    check(app->state == APP_NEW);
    app->state = APP_PREPARING;
    app->state_directory = state_directory;
    app_connect(app);
    app_init_timers(app);
    app->topics = app_topics_start(app->client, app->script, app_on_topics, app);
}

static void app_on_part_closed(void *owner)
{
    struct app *app = owner;
    if (--app->closing_count == 0) {
        app_close_next(app);
    }
}

static void app_close_connectors(struct app *app)
{
    app->closing_count = app->connector_count + 1;
    for (size_t i = 0; i < app->connector_count; i++) {
        connector_close(app->connectors[i], app_on_part_closed, app);
    }
    app->connector_count = 0;
    app_on_part_closed(app);
}

static void app_close_fetchers(struct app *app)
{
    app->closing_count = app->standby_fetcher == NULL ? 1 : 2;
    fetcher_on_ready(app->fetcher, NULL, NULL);
    global_free(app->global);
    app->global = NULL;
    fetcher_close(app->fetcher, app_on_part_closed, app);
    if (app->standby_fetcher != NULL) {
        fetcher_on_ready(app->standby_fetcher, NULL, NULL);
        fetcher_close(app->standby_fetcher, app_on_part_closed, app);
    }
}

static void app_close_clients(struct app *app)
{
    app->closing_count = 3;
    client_close(app->client, app_on_part_closed, app);
    client_close(app->fetch_client, app_on_part_closed, app);
    client_close(app->group_client, app_on_part_closed, app);
}

static void app_close_with_commit(struct app *app)
{
    if (app->is_committing) {
        return;
    }
    bool may_commit = app->state == APP_RUNNING && app_transaction_begin(app);
    if (may_commit) {
        app_tasks_stop(app);
    }
    if (may_commit && !app_tasks_is_blocked(app)) {
        app_commit_begin(app);
    } else {
        app_close_next(app);
    }
}

static void app_on_stage_closed(void *owner)
{
    app_close_next(owner);
}

static void app_close_producer(struct app *app)
{
    bool is_transactional = app->transactional != NULL || app->is_abandoned;
    if (is_transactional) {
        app_transaction_close(app);
    } else {
        producer_on_room(app->producer, NULL, NULL);
        producer_close(app->producer, app_on_stage_closed, app);
    }
}

void app_close_next(struct app *app)
{
    switch (app->close_stage) {
    case APP_CLOSE_NONE:
        app->close_stage = APP_CLOSE_SOURCES;
        app_close_connectors(app);
        return;
    case APP_CLOSE_SOURCES:
        app->close_stage = APP_CLOSE_COMMIT;
        app_close_with_commit(app);
        return;
    case APP_CLOSE_COMMIT:
        app->close_stage = APP_CLOSE_ABORT;
        if (app->transactional == NULL || !app_transaction_abort(app)) {
            app_close_next(app);
        }
        return;
    case APP_CLOSE_ABORT:
        app->close_stage = APP_CLOSE_TASKS;
        app_tasks_close(app);
        return;
    case APP_CLOSE_TASKS:
        app->close_stage = APP_CLOSE_MEMBER;
        app->is_revoking = false;
        if (app->member == NULL) {
            app_close_next(app);
        } else {
            member_close(app->member, app_on_stage_closed, app);
        }
        return;
    case APP_CLOSE_MEMBER:
        app->close_stage = APP_CLOSE_FETCHER;
        app_close_fetchers(app);
        return;
    case APP_CLOSE_FETCHER:
        app->close_stage = APP_CLOSE_PRODUCER;
        app_close_producer(app);
        return;
    case APP_CLOSE_PRODUCER:
        app->close_stage = APP_CLOSE_CLIENTS;
        app_close_clients(app);
        return;
    case APP_CLOSE_CLIENTS: {
        void (*closed)(void *owner) = app->closed;
        void *owner = app->closed_owner;
        app_free(app);
        closed(owner);
        return;
    }
    }
}

void app_close(struct app *app, void (*closed)(void *owner), void *owner)
{
    check(!app->is_closing);
    if (app->state == APP_NEW) {
        app_drop(app);
        closed(owner);
        return;
    }
    app->is_closing = true;
    app_lookout_stop(app);
    app->closed = closed;
    app->closed_owner = owner;
    if (app->transactional != NULL) {
        app_transaction_begin_close(app);
    }
    if (app->topics == NULL) {
        app_close_next(app);
    }
}

const char *app_name(const struct app *app)
{
    return topology_name(app->topology);
}

const struct app_bundle *app_files(const struct app *app)
{
    check(app->options.keeps_files);
    return &app->files;
}

const struct topology *app_topology(const struct app *app)
{
    return app->topology;
}

bool app_is_running(const struct app *app)
{
    return app->state == APP_RUNNING && !app->is_closing;
}

void app_pause(struct app *app, bool is_paused)
{
    app->is_paused = is_paused;
    if (app->state == APP_RUNNING) {
        io_timer_start(app->io, &app->process_timer, 0);
    }
}

void app_read_counts(const struct app *app, struct task_counts *out)
{
    int64_t ignored = 0;
    *out = app->earlier;
    task_counts_add(out, &app->canary_earlier);
    app_tasks_read_counts(app, out, &ignored);
}

const struct script *app_get_script(const struct app *app)
{
    return app->script;
}

int64_t app_canary_version(const struct app *app)
{
    return app->canary_version;
}

const struct script *app_get_canary_script(const struct app *app)
{
    return app->canary_script;
}

int64_t app_pending_count(const struct app *app)
{
    struct task_counts ignored = {0};
    int64_t count = 0;
    app_tasks_read_counts(app, &ignored, &count);
    return count;
}

void app_each_connector(struct app *app,
                        void (*each)(void *owner, const struct connector *connector), void *owner)
{
    for (size_t i = 0; i < app->connector_count; i++) {
        each(owner, app->connectors[i]);
    }
}

size_t app_task_count(const struct app *app)
{
    struct task_counts ignored = {0};
    int64_t ignored_count = 0;
    return app_tasks_read_counts(app, &ignored, &ignored_count);
}

int64_t app_commit_count(const struct app *app)
{
    return app->commit_count;
}

uint64_t app_commit_ns(const struct app *app)
{
    return app->commit_ns;
}

uint64_t app_process_ns(const struct app *app)
{
    return app->process_ns;
}

int64_t app_rollback_count(const struct app *app)
{
    return app->rollback_count;
}

void app_check(const struct app *app)
{
    global_check(app->global);
    app_tasks_check(app);
    if (app->transactional != NULL && !app->is_abandoned) {
        app_transaction_check(app);
    }
}
