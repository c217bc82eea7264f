/* Two shards share this file, never a variable without a post between: functions named
 * host_shard_... run on the applications' shard, all others on the owner's. */
#include "runtime/host/host.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/metric.h"
#include "log/base/trace.h"
#include "log/io/shard.h"
#include "runtime/app/app_view.h"
#include "runtime/host/deployment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOST_METRICS_MS = 1000,
    HOST_PAUSE_MIN_MS = 1000,
    HOST_PAUSE_MAX_MS = 60000,
    HOST_GOOD_MS = 60000, /* after so long a pause begins small again */
    HOST_REASON_SIZE = 1600,
    HOST_FAILURE_MAX = 3, /* of a new version, before the one before it is taken again */
};

struct host;

/* One application, on its shard. */
struct host_app {
    struct host *host;
    const char *script;        /* of a deployed one the name of its file, in `bundle` */
    char *name;                /* as its script said when it was read last; NULL: an empty place */
    struct app_bundle *bundle; /* what runs; NULL: the file at `script` */
    struct app_bundle *previous; /* what ran before it; NULL: nothing, or `bundle` proved good */
    int failure_count;           /* of `bundle` */
    bool is_removed;             /* its place becomes empty when it is closed */
    struct app *app;             /* NULL while it waits to be started anew, or for good */
    struct app *next;            /* takes its place when it is closed; NULL: nothing does */
    bool is_paused;
    struct io_timer timer;
    bool is_closing;
    bool is_over;
    uint64_t started_ns;
    int64_t pause_ms; /* before the next start */
    int64_t restart_count;
    char reason[HOST_REASON_SIZE];
};

/* What the shard tells the owner. */
struct host_news {
    struct io_request post;
    struct host *host;
    char *application; /* of a failure; NULL: new metrics */
    char *reason;      /* NULL: it had stopped, and was started anew */
    bool is_final;
    struct buffer metrics;
};

struct host {
    struct io *io;
    const struct host_options *options;
    const struct host_events *events;
    void *owner;
    struct shard *shard;
    struct buffer metrics; /* the newest text */
    void (*stopped)(void *owner);
    void *stopped_owner;
    size_t over_count; /* applications that are over, as far as told */
    const char *state_directory;
    struct io_request start_request; /* to the shard */
    struct io_request stop_request;  /* to the shard */
    struct io_request end_request;   /* back */

    /* the shard's */
    struct io *shard_io;
    struct host_app apps[HOST_SCRIPT_MAX];
    size_t app_count;
    struct deployment *deployment; /* NULL: not followed, or ended */
    bool is_unfollowing;
    struct report report; /* of the start; read by the owner after shard_start */
    int error;
    size_t visit_count; /* begun and not over */
    bool is_stopping;
    bool is_ended;
    struct metric_registry *registry;
    struct io_timer metrics_timer;
};

/* --- The owner's shard --- */

static void host_on_news(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_news *news = request->owner;
    struct host *host = news->host;
    if (news->application == NULL) {
        buffer_fini(&host->metrics);
        host->metrics = news->metrics;
    } else if (news->reason == NULL) {
        host->over_count--;
    } else {
        host->over_count += news->is_final;
        host->events->failed(host->owner, news->application, news->reason, news->is_final);
    }
    free(news->application);
    free(news->reason);
    free(news);
}

/* --- The applications' shard --- */

static void host_shard_restart_app(struct host_app *row);
static void host_shard_start_next(struct host_app *row);
static void host_shard_empty(struct host_app *row);
static void host_shard_roll_back(struct host_app *row);

static void host_shard_tell(struct host_app *row, const char *reason)
{
    struct host *host = row->host;
    struct host_news *news = memory_new(struct host_news);
    news->host = host;
    news->application = memory_string(row->script);
    news->reason = memory_string(reason);
    news->is_final = row->is_over;
    news->post = (struct io_request){.done = host_on_news, .owner = news};
    io_post(host->io, &news->post);
}

static void host_on_shard_ended(struct io_request *request, int64_t result);

/* The last application is closed and the last visit over: the owner may end the shard. */
static void host_shard_end_if_closed(struct host *host)
{
    if (!host->is_stopping || host->is_ended || host->visit_count > 0 || host->deployment != NULL) {
        return;
    }
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].app != NULL) {
            return;
        }
    }
    host->is_ended = true;
    io_timer_stop(host->shard_io, &host->metrics_timer);
    host->end_request = (struct io_request){.done = host_on_shard_ended, .owner = host};
    io_post(host->io, &host->end_request);
}

static void host_shard_on_pause_end(struct io_timer *timer)
{
    struct host_app *row = timer->owner;
    row->restart_count++;
    host_shard_restart_app(row);
}

static void host_shard_on_closed(void *owner)
{
    struct host_app *row = owner;
    row->app = NULL;
    row->is_closing = false;
    if (row->host->is_stopping) {
        host_shard_end_if_closed(row->host);
        return;
    }
    if (row->is_removed) {
        host_shard_empty(row);
    } else if (row->next != NULL) {
        host_shard_start_next(row);
    } else if (!row->is_over) {
        row->timer = (struct io_timer){.fired = host_shard_on_pause_end, .owner = row};
        io_timer_start(row->host->shard_io, &row->timer, (uint64_t)row->pause_ms * 1000000);
    }
}

static void host_shard_close(struct host_app *row)
{
    if (row->app != NULL && !row->is_closing) {
        row->is_closing = true;
        app_close(row->app, host_shard_on_closed, row);
    }
}

static void host_shard_on_failure_turn(struct io_timer *timer)
{
    host_shard_close(timer->owner);
}

static void host_shard_choose_pause(struct host_app *row)
{
    uint64_t ran_ns = io_now(row->host->shard_io) - row->started_ns;
    int64_t doubled = row->pause_ms * 2;
    bool was_good = row->pause_ms == 0 || ran_ns > (uint64_t)HOST_GOOD_MS * 1000000;
    row->pause_ms = was_good                      ? HOST_PAUSE_MIN_MS
                    : doubled > HOST_PAUSE_MAX_MS ? HOST_PAUSE_MAX_MS
                                                  : doubled;
}

/* Closed on a turn of its own: the application is on the stack. */
static void host_shard_on_failed(void *owner, const char *reason, bool is_final)
{
    struct host_app *row = owner;
    if (row->is_closing) {
        return;
    }
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    row->is_over = is_final;
    host_shard_choose_pause(row);
    host_shard_tell(row, row->reason);
    host_shard_roll_back(row);
    row->timer = (struct io_timer){.fired = host_shard_on_failure_turn, .owner = row};
    io_timer_start(row->host->shard_io, &row->timer, 0);
}

static void host_shard_on_dropped(void *owner)
{
    (void)owner;
}

/* Of one that never started. */
static void host_shard_drop(struct app *app)
{
    app_close(app, host_shard_on_dropped, NULL);
}

static int host_shard_read_app(struct host_app *row, struct app **out, struct report *report)
{
    static const struct app_events events = {.failed = host_shard_on_failed};
    const struct host_options *options = row->host->options;
    struct app_options app_options = {.path = row->script,
                                      .client = client_options_default(),
                                      .instance_id = options->instance_id,
                                      .bundle = row->bundle,
                                      .plugin_directories = options->plugin_directories,
                                      .plugin_directory_count = options->plugin_directory_count,
                                      .commit_interval_ms = options->commit_interval_ms,
                                      .guarantee = options->guarantee,
                                      .limits = options->limits};
    app_options.client.bootstrap = options->bootstrap;
    int error = app_new(row->host->shard_io, &app_options, &events, row, out, report);
    if (error == 0 && row->bundle != NULL && strcmp(app_name(*out), row->bundle->app) != 0) {
        error = report_add(report, row->bundle->script, "the script names the application '%s'",
                           app_name(*out));
        host_shard_drop(*out);
        *out = NULL;
    }
    return error;
}

static int host_shard_open_app(struct host_app *row, struct report *report)
{
    int error = host_shard_read_app(row, &row->app, report);
    if (error == 0) {
        free(row->name);
        row->name = memory_string(app_name(row->app));
    }
    return error;
}

static void host_shard_start_app(struct host_app *row)
{
    row->started_ns = io_now(row->host->shard_io);
    app_pause(row->app, row->is_paused);
    app_start(row->app, row->host->state_directory);
}

static void host_shard_start_next(struct host_app *row)
{
    row->app = row->next;
    row->next = NULL;
    row->pause_ms = 0;
    if (row->is_over) {
        row->is_over = false;
        row->reason[0] = 0;
        host_shard_tell(row, NULL);
    }
    host_shard_start_app(row);
}

static void host_shard_restart_app(struct host_app *row)
{
    struct report report = {0};
    if (host_shard_open_app(row, &report) != 0) {
        snprintf(row->reason, sizeof row->reason, "%s%s%s", report.place,
                 report.place[0] == 0 ? "" : ": ", report.text);
        row->is_over = true;
        host_shard_tell(row, row->reason);
        return;
    }
    host_shard_start_app(row);
}

/* --- What the cluster has deployed ------------------------------------------------------------ */

static void host_shard_free_bundle(struct app_bundle *bundle)
{
    if (bundle != NULL) {
        app_bundle_fini(bundle);
        free(bundle);
    }
}

static struct app_bundle *host_shard_keep_bundle(struct app_bundle *told)
{
    struct app_bundle *bundle = memory_new(struct app_bundle);
    *bundle = *told;
    app_bundle_init(told);
    return bundle;
}

static void host_shard_empty(struct host_app *row)
{
    struct host *host = row->host;
    host_shard_free_bundle(row->bundle);
    host_shard_free_bundle(row->previous);
    free(row->name);
    *row = (struct host_app){.host = host};
}

/* A version that runs for a minute is good; one that does not makes the one before current again,
 * for everybody who follows. */
static void host_shard_roll_back(struct host_app *row)
{
    uint64_t ran_ns = io_now(row->host->shard_io) - row->started_ns;
    bool is_good = row->failure_count == 0 && ran_ns > (uint64_t)HOST_GOOD_MS * 1000000;
    row->failure_count++;
    if (row->previous == NULL) {
        return;
    }
    if (!is_good && (row->is_over || row->failure_count >= HOST_FAILURE_MAX)) {
        trace(TRACE_ERROR, "host.version_rolled_back", TRACE_STRING("app", row->name),
              TRACE_INT("version", row->bundle->version), TRACE_INT("to", row->previous->version));
        row->previous->at_ms = io_wall_clock(row->host->shard_io);
        deployment_put(row->host->deployment, row->previous);
    }
    if (is_good || row->is_over || row->failure_count >= HOST_FAILURE_MAX) {
        host_shard_free_bundle(row->previous);
        row->previous = NULL;
    }
}

static struct host_app *host_shard_find_place(struct host *host)
{
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].name == NULL) {
            return &host->apps[i];
        }
    }
    return host->app_count < HOST_SCRIPT_MAX ? &host->apps[host->app_count++] : NULL;
}

static void host_shard_refuse_version(struct host_app *row, int64_t version,
                                      const struct report *report)
{
    snprintf(row->reason, sizeof row->reason, "version %lld cannot be used: %s%s%s",
             (long long)version, report->place, report->place[0] == 0 ? "" : ": ", report->text);
    trace(TRACE_ERROR, "host.version_refused", TRACE_STRING("app", row->name),
          TRACE_STRING("why", row->reason));
}

static void host_shard_add_deployed(struct host *host, struct app_bundle *told)
{
    struct host_app *row = host_shard_find_place(host);
    struct report report = {0};
    if (row == NULL) {
        trace(TRACE_ERROR, "host.too_many_applications", TRACE_STRING("left_out", told->app));
        return;
    }
    *row = (struct host_app){
        .host = host, .name = memory_string(told->app), .bundle = host_shard_keep_bundle(told)};
    row->script = row->bundle->script;
    if (host_shard_open_app(row, &report) != 0) {
        row->is_over = true;
        host_shard_refuse_version(row, row->bundle->version, &report);
        host_shard_tell(row, row->reason);
        return;
    }
    host_shard_start_app(row);
}

/* What runs is the version before from now on; `next` is one of the new bundle. */
static void host_shard_use_bundle(struct host_app *row, struct app_bundle *bundle, struct app *next)
{
    bool is_newer = bundle->version > row->bundle->version;
    host_shard_free_bundle(row->previous);
    row->previous = is_newer ? row->bundle : NULL;
    if (!is_newer) {
        host_shard_free_bundle(row->bundle);
    }
    row->bundle = bundle;
    row->script = bundle->script;
    row->failure_count = 0;
    host_app_use_next(row, next);
}

static void host_shard_change_deployed(struct host_app *row, struct app_bundle *told)
{
    struct app_bundle *bundle = host_shard_keep_bundle(told);
    struct app_bundle *current = row->bundle;
    struct report report = {0};
    struct app *next = NULL;
    struct buffer changes;
    buffer_init(&changes);
    row->bundle = bundle; /* so that it is read */
    int error = host_shard_read_app(row, &next, &report);
    row->bundle = current;
    bool is_fine = error == 0 &&
                   (row->app == NULL || app_view_write_changes(row->app, next, &changes, &report));
    buffer_fini(&changes);
    if (is_fine && row->next == NULL) {
        host_shard_use_bundle(row, bundle, next);
        return;
    }
    if (is_fine) {
        report_add(&report, NULL, "another version is on its way");
    }
    host_shard_refuse_version(row, bundle->version, &report);
    if (next != NULL) {
        host_shard_drop(next);
    }
    host_shard_free_bundle(bundle);
}

static void host_shard_on_deployed(void *owner, struct app_bundle *told)
{
    struct host *host = owner;
    struct host_app *row = host_app_find(host, told->app);
    if (host->is_stopping) {
        return;
    }
    if (row == NULL) {
        host_shard_add_deployed(host, told);
    } else if (row->bundle == NULL) {
        trace(TRACE_WARN, "host.deployed_version_left_out", TRACE_STRING("app", row->name),
              TRACE_STRING("runs_from", row->script));
    } else if (row->is_removed || row->bundle->version != told->version ||
               !app_bundle_is_same(row->bundle, told)) {
        host_shard_change_deployed(row, told);
        row->is_removed = row->is_removed && row->next == NULL;
    }
}

static void host_shard_on_removed(void *owner, const char *name)
{
    struct host *host = owner;
    struct host_app *row = host_app_find(host, name);
    if (row == NULL || row->bundle == NULL || host->is_stopping) {
        return;
    }
    io_timer_stop(host->shard_io, &row->timer);
    if (row->next != NULL) {
        host_app_drop_next(row, row->next);
    }
    row->is_removed = true;
    if (row->app == NULL) {
        host_shard_empty(row);
    } else {
        host_shard_close(row);
    }
}

static void host_shard_follow(struct host *host)
{
    static const struct deployment_events events = {.deployed = host_shard_on_deployed,
                                                    .removed = host_shard_on_removed};
    struct client_options options = client_options_default();
    options.bootstrap = host->options->bootstrap;
    host->deployment = deployment_start(host->shard_io, &options, &events, host);
}

static void host_shard_on_unfollowed(void *owner)
{
    struct host *host = owner;
    host->deployment = NULL;
    host_shard_end_if_closed(host);
}

static void host_shard_unfollow(struct host *host)
{
    if (host->deployment != NULL && !host->is_unfollowing) {
        host->is_unfollowing = true;
        deployment_stop(host->deployment, host_shard_on_unfollowed, host);
    }
}

/* --- Metrics ---------------------------------------------------------------------------------- */

static void host_shard_metric(struct host *host, enum metric_kind kind, const char *name,
                              const char *labels, const char *help, int64_t value)
{
    metric_set(metric_get(host->registry, kind, name, labels, help), (double)value);
}

static void host_shard_measure_connector(void *owner, const struct connector *connector)
{
    struct host_app *row = owner;
    struct host *host = row->host;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    metric_label(&labels, "connector", bytes_from_string(connector_name(connector)));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_connector_records_total",
                      buffer_string(&labels), "Records a connector delivered.",
                      connector_record_count(connector));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_connector_restarts_total",
                      buffer_string(&labels), "Tasks of a connector started after a failure.",
                      connector_restart_count(connector));
    host_shard_metric(host, METRIC_GAUGE, "tidemill_connector_running", buffer_string(&labels),
                      "1 while the connector's task runs.",
                      connector_state(connector) == CONNECTOR_RUNNING);
    buffer_fini(&labels);
}

static void host_shard_measure(struct host_app *row)
{
    struct host *host = row->host;
    struct task_counts counts;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    const char *text = buffer_string(&labels);
    app_read_counts(row->app, &counts);
#define TASK_COUNT(field, share, metric, help)                                                     \
    host_shard_metric(host, METRIC_COUNTER, metric, text, help, counts.field);
#include "runtime/task/task_count.def"
#undef TASK_COUNT
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_records_pending", text,
                      "Records that were fetched and are not finished.",
                      app_pending_count(row->app));
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_tasks", text, "Tasks that run here.",
                      (int64_t)app_task_count(row->app));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_commits_total", text,
                      "Commits of an application.", app_commit_count(row->app));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_rollbacks_total", text,
                      "Commits that failed and whose work was done again.",
                      app_rollback_count(row->app));
    buffer_fini(&labels);
    app_each_connector(row->app, host_shard_measure_connector, row);
}

static void host_shard_on_metrics_time(struct io_timer *timer)
{
    struct host *host = timer->owner;
    struct host_news *news = memory_new(struct host_news);
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].app != NULL) {
            host_shard_measure(&host->apps[i]);
        }
    }
    news->host = host;
    metric_write_all(host->registry, &news->metrics);
    news->post = (struct io_request){.done = host_on_news, .owner = news};
    io_post(host->io, &news->post);
    io_timer_start(host->shard_io, timer, (uint64_t)HOST_METRICS_MS * 1000000);
}

static void host_shard_on_open(void *owner, struct io *io)
{
    struct host *host = owner;
    host->shard_io = io;
    host->registry = metric_registry_new();
    for (size_t i = 0; i < host->options->script_count && host->error == 0; i++) {
        struct host_app *row = &host->apps[host->app_count++];
        *row = (struct host_app){.host = host, .script = host->options->scripts[i]};
        host->error = host_shard_open_app(row, &host->report);
    }
}

static void host_shard_on_start_request(struct io_request *request, int64_t result)
{
    (void)result;
    struct host *host = request->owner;
    for (size_t i = 0; i < host->app_count; i++) {
        host_shard_start_app(&host->apps[i]);
    }
    if (host->options->is_following) {
        host_shard_follow(host);
    }
    host->metrics_timer = (struct io_timer){.fired = host_shard_on_metrics_time, .owner = host};
    io_timer_start(host->shard_io, &host->metrics_timer, (uint64_t)HOST_METRICS_MS * 1000000);
}

static void host_shard_on_stop(void *owner, struct io *io)
{
    (void)io;
    struct host *host = owner;
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].next != NULL) {
            host_app_drop_next(&host->apps[i], host->apps[i].next);
        }
        if (host->apps[i].app != NULL) { /* judged, never started */
            host->apps[i].is_over = true;
            app_close(host->apps[i].app, host_shard_on_closed, &host->apps[i]);
        }
        host_shard_empty(&host->apps[i]);
    }
    metric_registry_free(host->registry);
}

static void host_shard_on_stop_request(struct io_request *request, int64_t result)
{
    (void)result;
    struct host *host = request->owner;
    host->is_stopping = true;
    for (size_t i = 0; i < host->app_count; i++) {
        io_timer_stop(host->shard_io, &host->apps[i].timer);
        host_shard_close(&host->apps[i]);
    }
    host_shard_unfollow(host);
    host_shard_end_if_closed(host);
}

/* --- Visits, on the applications' shard --- */

static void host_on_visited(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_visit *visit = request->owner;
    visit->done(visit);
}

static void host_shard_on_visit_turn(struct io_request *request, int64_t result)
{
    (void)result;
    struct host_visit *visit = request->owner;
    struct host *host = visit->host;
    bool is_over = visit->visit(visit, host);
    visit->request = (struct io_request){
        .done = is_over ? host_on_visited : host_shard_on_visit_turn, .owner = visit};
    io_post(is_over ? host->io : host->shard_io, &visit->request);
    if (is_over) {
        host->visit_count--;
        host_shard_end_if_closed(host);
    }
}

static void host_shard_on_visit(struct io_request *request, int64_t result)
{
    struct host_visit *visit = request->owner;
    visit->host->visit_count++;
    host_shard_on_visit_turn(request, result);
}

size_t host_app_count(const struct host *host)
{
    return host->app_count;
}

struct host_app *host_app_at(struct host *host, size_t index)
{
    check(index < host->app_count);
    return host->apps[index].name == NULL ? NULL : &host->apps[index];
}

struct host_app *host_app_find(struct host *host, const char *name)
{
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].name != NULL && strcmp(host->apps[i].name, name) == 0) {
            return &host->apps[i];
        }
    }
    return NULL;
}

const char *host_app_name(const struct host_app *row)
{
    return row->name;
}

const char *host_app_script(const struct host_app *row)
{
    return row->script;
}

int64_t host_app_version(const struct host_app *row)
{
    return row->bundle == NULL ? 0 : row->bundle->version;
}

enum host_app_state host_app_state(const struct host_app *row)
{
    if (row->app == NULL) {
        return row->is_over ? HOST_APP_STOPPED : HOST_APP_WAITING;
    }
    if (row->is_closing) {
        return HOST_APP_CLOSING;
    }
    return row->is_paused             ? HOST_APP_PAUSED
           : app_is_running(row->app) ? HOST_APP_RUNNING
                                      : HOST_APP_STARTING;
}

const char *host_app_state_name(enum host_app_state state)
{
    switch (state) {
    case HOST_APP_STARTING:
        return "starting";
    case HOST_APP_RUNNING:
        return "running";
    case HOST_APP_PAUSED:
        return "paused";
    case HOST_APP_CLOSING:
        return "closing";
    case HOST_APP_WAITING:
        return "waiting";
    case HOST_APP_STOPPED:
        return "stopped";
    }
    return "?";
}

struct app *host_app_running(const struct host_app *row)
{
    return row->is_closing ? NULL : row->app;
}

const char *host_app_reason(const struct host_app *row)
{
    return row->reason;
}

int64_t host_app_restart_count(const struct host_app *row)
{
    return row->restart_count;
}

struct app *host_app_read_next(struct host_app *row, struct report *report)
{
    struct app *next = NULL;
    if (row->next != NULL) {
        report_add(report, row->script, "its next version is on its way already; ask again");
        return NULL;
    }
    if (host_shard_read_app(row, &next, report) != 0) {
        return NULL;
    }
    if (strcmp(app_name(next), row->name) != 0) {
        report_add(report, row->script,
                   "the script names the application '%s' now, not '%s': that is another one, for "
                   "a process of its own",
                   app_name(next), row->name);
        host_app_drop_next(row, next);
        return NULL;
    }
    return next;
}

void host_app_drop_next(struct host_app *row, struct app *next)
{
    row->next = NULL;
    host_shard_drop(next);
}

void host_app_use_next(struct host_app *row, struct app *next)
{
    check(row->next == NULL);
    row->next = next;
    io_timer_stop(row->host->shard_io, &row->timer);
    if (row->app == NULL) {
        host_shard_start_next(row);
    } else {
        host_shard_close(row);
    }
}

void host_app_pause(struct host_app *row, bool is_paused)
{
    row->is_paused = is_paused;
    if (row->app != NULL) {
        app_pause(row->app, is_paused);
    }
}

/* --- The owner's shard again --- */

static void host_free(struct host *host)
{
    shard_stop(host->shard);
    shard_join(host->shard);
    buffer_fini(&host->metrics);
    free(host);
}

static void host_on_shard_ended(struct io_request *request, int64_t result)
{
    (void)result;
    struct host *host = request->owner;
    void (*stopped)(void *owner) = host->stopped;
    void *owner = host->stopped_owner;
    host_free(host);
    stopped(owner);
}

int host_new(struct io *io, const struct host_options *options, const struct host_events *events,
             void *owner, struct host **out, struct report *report)
{
    static const struct shard_events shard_events = {.start = host_shard_on_open,
                                                     .stop = host_shard_on_stop};
    struct host *host = memory_new(struct host);
    host->io = io;
    host->options = options;
    host->events = events;
    host->owner = owner;
    host->shard = shard_start(io, "mill", &shard_events, host);
    int error = host->error;
    if (error != 0) {
        *report = host->report;
        host_free(host);
        return error;
    }
    *out = host;
    return 0;
}

void host_start(struct host *host, const char *state_directory)
{
    host->state_directory = state_directory;
    host->start_request = (struct io_request){.done = host_shard_on_start_request, .owner = host};
    io_post(shard_io(host->shard), &host->start_request);
}

bool host_is_over(const struct host *host)
{
    return !host->options->is_following && host->over_count == host->options->script_count;
}

void host_stop(struct host *host, void (*stopped)(void *owner), void *owner)
{
    host->stopped = stopped;
    host->stopped_owner = owner;
    host->stop_request = (struct io_request){.done = host_shard_on_stop_request, .owner = host};
    io_post(shard_io(host->shard), &host->stop_request);
}

void host_visit(struct host *host, struct host_visit *visit)
{
    visit->host = host;
    visit->request = (struct io_request){.done = host_shard_on_visit, .owner = visit};
    io_post(shard_io(host->shard), &visit->request);
}

void host_write_metrics(const struct host *host, struct buffer *out)
{
    buffer_add_bytes(out, buffer_bytes(&host->metrics));
}
