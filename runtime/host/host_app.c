/* One application of a host: read, started, supervised, replaced by its next version. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_view.h"
#include "runtime/host/host_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_PAUSE_MIN_MS = 1000, HOST_PAUSE_MAX_MS = 60000 };

static void host_shard_restart_app(struct host_app *row);
static void host_shard_start_next(struct host_app *row);

void host_shard_init_app(struct host_app *row, struct host *host, const char *script)
{
    *row = (struct host_app){.host = host, .script = script, .log = app_log_new(host->shard_io)};
}

static void host_shard_post(struct host_app *row, const char *reason, bool is_notice)
{
    struct host *host = row->host;
    struct host_news *news = memory_new(struct host_news);
    news->host = host;
    news->application = memory_string(row->script);
    news->reason = memory_string(reason);
    news->is_final = row->is_over;
    news->is_refused = row->is_refused;
    news->is_notice = is_notice;
    news->post = (struct io_request){.done = host_on_news, .owner = news};
    io_post(host->io, &news->post);
}

void host_shard_tell(struct host_app *row, const char *reason)
{
    app_log_add(row->log, "failure", reason == NULL ? "started anew" : reason);
    host_shard_post(row, reason, false);
}

void host_shard_on_noticed(void *owner, const char *text)
{
    host_shard_post(owner, text, true);
}

static void host_shard_on_pause_end(struct io_timer *timer)
{
    struct host_app *row = timer->owner;
    row->restart_count++;
    host_shard_restart_app(row);
}

void host_shard_on_part_closed(struct host_app *row)
{
    if (row->app != NULL || host_worker_is_any_open(row)) {
        return;
    }
    row->is_failing = false;
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

void host_shard_on_closed(void *owner)
{
    struct host_app *row = owner;
    row->app = NULL;
    host_shard_on_part_closed(row);
}

void host_shard_close(struct host_app *row)
{
    if (row->app != NULL && !row->is_closing) {
        row->is_closing = true;
        host_worker_close_all(row);
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

void host_shard_fail(struct host_app *row)
{
    row->is_failing = true;
    row->timer = (struct io_timer){.fired = host_shard_on_failure_turn, .owner = row};
    io_timer_start(row->host->shard_io, &row->timer, 0);
}

void host_shard_on_failed(void *owner, const char *reason, bool is_final)
{
    struct host_app *row = owner;
    if (row->is_closing || row->is_failing) {
        return;
    }
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    row->is_over = is_final;
    host_shard_choose_pause(row);
    host_shard_tell(row, row->reason);
    host_shard_roll_back(row);
    host_shard_fail(row);
}

/* The version is not to blame: others run it with other options. */
void host_shard_on_refused(void *owner, const char *reason)
{
    struct host_app *row = owner;
    if (row->is_closing || row->is_failing) {
        return;
    }
    snprintf(row->reason, sizeof row->reason, "%s", reason);
    row->is_over = true;
    row->is_refused = true;
    host_shard_tell(row, row->reason);
    host_shard_fail(row);
}

/* The same script, read anew, knows the topics of now; the first worker looks for all. */
void host_shard_on_outdated(void *owner)
{
    struct host_app *row = owner;
    struct report report = {0};
    if (row->app == NULL || row->is_closing || row->next != NULL) {
        return;
    }
    struct app *next = host_app_read_next(row, &report);
    struct buffer changes;
    buffer_init(&changes);
    bool is_fine = next != NULL && app_view_write_changes(row->app, next, &changes, &report);
    buffer_fini(&changes);
    if (is_fine) {
        app_log_add(row->log, "state", "topics that it reads by a pattern came or went");
        host_app_use_next(row, next);
        return;
    }
    trace(TRACE_WARN, "host.app_stays_outdated", TRACE_STRING("app", row->name),
          TRACE_STRING("why", report.text));
    if (next != NULL) {
        host_app_drop_next(row, next);
    }
}

static void host_shard_on_dropped(void *owner)
{
    (void)owner;
}

/* Of one that never started. */
void host_shard_drop(struct app *app)
{
    app_close(app, host_shard_on_dropped, NULL);
}

struct app_options host_shard_app_options(const struct host *host)
{
    const struct host_options *options = host->options;
    struct app_options app_options = {.client = client_options_default(),
                                      .instance_id = options->instance_id,
                                      .home = options->instance_id != NULL ? options->instance_id
                                                                           : host->home,
                                      .standby_count = options->standby_count,
                                      .recovery_lag = options->recovery_lag,
                                      .warmup_count = options->warmup_count,
                                      .probing_interval_ms = options->probing_interval_ms,
                                      .plugin_directories = options->plugin_directories,
                                      .plugin_directory_count = options->plugin_directory_count,
                                      .commit_interval_ms = options->commit_interval_ms,
                                      .session_timeout_ms = options->session_timeout_ms,
                                      .task_idle_ms = options->task_idle_ms,
                                      .guarantee = options->guarantee,
                                      .limits = options->limits};
    app_options.client.bootstrap = options->bootstrap;
    return app_options;
}

static int host_shard_read_versions(struct host_app *row, const struct canary_order *canary,
                                    struct app **out, struct report *report)
{
    static const struct app_events events = {.failed = host_shard_on_failed,
                                             .refused = host_shard_on_refused,
                                             .canary_failed = host_shard_on_canary_failed,
                                             .noticed = host_shard_on_noticed,
                                             .outdated = host_shard_on_outdated};
    struct app_options options = host_shard_app_options(row->host);
    options.path = row->script;
    options.bundle = row->bundle;
    options.canary = canary == NULL ? NULL : &canary->bundle;
    options.canary_share = canary == NULL ? options.canary_share : canary->share;
    options.log = row->log;
    options.keeps_files = row->host->thread_count > 1;
    int error = app_new(row->host->shard_io, &options, &events, row, out, report);
    if (error == 0 && row->bundle != NULL && strcmp(app_name(*out), row->bundle->app) != 0) {
        error = report_add(report, row->bundle->script, "the script names the application '%s'",
                           app_name(*out));
        host_shard_drop(*out);
        *out = NULL;
    }
    return error;
}

int host_shard_read_app(struct host_app *row, struct app **out, struct report *report)
{
    int error = host_shard_read_versions(row, row->canary, out, report);
    if (error != 0 && row->canary != NULL) {
        struct report alone = {0};
        error = host_shard_read_versions(row, NULL, out, &alone);
        if (error == 0) {
            host_shard_end_canary(row, CANARY_ORDER_ROLLED_BACK, report->text);
        }
    }
    return error;
}

int host_shard_open_app(struct host_app *row, struct report *report)
{
    int error = host_shard_read_app(row, &row->app, report);
    if (error == 0) {
        free(row->name);
        row->name = memory_string(app_name(row->app));
    }
    return error;
}

void host_shard_start_app(struct host_app *row)
{
    row->started_ns = io_now(row->host->shard_io);
    row->is_coming = false;
    app_log_add(row->log, "state", "starts");
    app_pause(row->app, row->is_paused);
    app_start(row->app, row->host->state_directory);
    host_worker_start_all(row);
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

/* --- For visits --- */

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

size_t host_app_index(const struct host_app *row)
{
    return (size_t)(row - row->host->apps);
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
    if (row->is_closing) {
        return HOST_APP_CLOSING;
    }
    if (row->app == NULL) {
        return row->is_over ? HOST_APP_STOPPED : HOST_APP_WAITING;
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

const struct app_log *host_app_log(const struct host_app *row)
{
    return row->log;
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
    if (row->app == NULL && !row->is_closing) {
        host_shard_start_next(row);
    } else {
        host_shard_close(row);
    }
}

void host_app_pause(struct host_app *row, bool is_paused)
{
    row->is_paused = is_paused;
    if (row->is_broken) {
        row->reason[0] = 0;
    }
    row->is_broken = false;
    breaker_begin(&row->breaker, row->figures);
    app_log_add(row->log, "state", is_paused ? "paused" : "resumed");
    if (row->app != NULL) {
        app_pause(row->app, is_paused);
    }
    host_worker_pause_all(row);
}

void host_shard_watch_errors(struct host_app *row, const struct task_counts *counts)
{
    const struct topology_errors *errors = topology_errors(app_topology(row->app));
    int64_t now_ms = (int64_t)(io_now(row->host->shard_io) / 1000000);
    struct breaker_figures seen;
    row->figures =
        (struct breaker_figures){.in_count = counts->in_count,
                                 .failed_count = counts->dead_letter_count + counts->skipped_count};
    if (errors->breaker_percent <= 0 || row->is_paused ||
        !breaker_is_tripped(&row->breaker, errors->breaker_percent, errors->breaker_ms, now_ms,
                            row->figures, &seen)) {
        return;
    }
    snprintf(row->reason, sizeof row->reason,
             "the breaker has paused it: %" PRId64 " of %" PRId64
             " records failed lately, more than %g %%; 'tidemill app resume %s' goes on",
             seen.failed_count, seen.in_count, errors->breaker_percent, row->name);
    trace(TRACE_WARN, "host.breaker_tripped", TRACE_STRING("app", row->name),
          TRACE_INT("failed", seen.failed_count), TRACE_INT("of", seen.in_count));
    host_app_pause(row, true);
    row->is_broken = true;
    app_log_add(row->log, "failure", row->reason);
    host_shard_on_noticed(row, row->reason);
}
