/* What the cluster has deployed takes the place of what runs, unless it cannot be used. */
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_view.h"
#include "runtime/host/host_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOST_FAILURE_MAX = 3 /* of a new version, before the one before it is taken again */ };

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

void host_shard_empty(struct host_app *row)
{
    struct host *host = row->host;
    host_shard_free_bundle(row->bundle);
    host_shard_free_bundle(row->previous);
    host_shard_free_canary(row);
    app_log_free(row->log);
    free(row->name);
    *row = (struct host_app){.host = host};
}

/* A version that runs for a minute is good; one that does not makes the one before current again,
 * for everybody who follows. */
void host_shard_roll_back(struct host_app *row)
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
    app_log_add(row->log, "version", row->reason);
    trace(TRACE_ERROR, "host.version_refused", TRACE_STRING("app", row->name),
          TRACE_STRING("why", row->reason));
}

static void host_shard_log_version(struct host_app *row, int64_t version, const char *what)
{
    char text[100];
    snprintf(text, sizeof text, "version %lld %s", (long long)version, what);
    app_log_add(row->log, "version", text);
}

static void host_shard_add_deployed(struct host *host, struct app_bundle *told)
{
    struct host_app *row = host_shard_find_place(host);
    struct report report = {0};
    if (row == NULL) {
        trace(TRACE_ERROR, "host.too_many_applications", TRACE_STRING("left_out", told->app));
        return;
    }
    host_shard_init_app(row, host, NULL);
    row->name = memory_string(told->app);
    row->bundle = host_shard_keep_bundle(told);
    row->script = row->bundle->script;
    host_shard_log_version(row, row->bundle->version, "is deployed");
    if (host_shard_open_app(row, &report) != 0) {
        row->is_over = true;
        host_shard_refuse_version(row, row->bundle->version, &report);
        host_shard_tell(row, row->reason);
        return;
    }
    host_shard_start_app(row);
}

/* What runs is the version before from now on; a bundle that is still on its way never ran. */
static void host_shard_keep_previous(struct host_app *row, int64_t version)
{
    if (row->is_coming) {
        host_shard_free_bundle(row->bundle);
    } else {
        host_shard_free_bundle(row->previous);
        row->previous = row->bundle;
    }
    if (row->previous != NULL && row->previous->version >= version) {
        host_shard_free_bundle(row->previous);
        row->previous = NULL;
    }
}

/* `next` is one of the new bundle. Another one that waits for what runs to close gives way. */
static void host_shard_use_bundle(struct host_app *row, struct app_bundle *bundle, struct app *next)
{
    if (row->next != NULL) {
        host_app_drop_next(row, row->next);
    }
    host_shard_keep_previous(row, bundle->version);
    host_shard_free_canary(row);
    row->bundle = bundle;
    row->is_coming = true;
    row->script = bundle->script;
    row->failure_count = 0;
    host_shard_log_version(row, bundle->version, "takes the place of what runs");
    host_app_use_next(row, next);
}

static void host_shard_change_deployed(struct host_app *row, struct app_bundle *told)
{
    struct app_bundle *bundle = host_shard_keep_bundle(told);
    struct app_bundle *current = row->bundle;
    struct canary_order *canary = row->canary;
    struct report report = {0};
    struct app *next = NULL;
    struct buffer changes;
    buffer_init(&changes);
    row->bundle = bundle; /* so that it is read, alone */
    row->canary = NULL;
    int error = host_shard_read_app(row, &next, &report);
    row->bundle = current;
    row->canary = canary;
    bool is_fine = error == 0 &&
                   (row->app == NULL || app_view_write_changes(row->app, next, &changes, &report));
    buffer_fini(&changes);
    if (is_fine) {
        host_shard_use_bundle(row, bundle, next);
        return;
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
    if (row->app == NULL && !row->is_closing) {
        host_shard_empty(row);
    } else {
        host_shard_close(row);
    }
}

void host_shard_follow(struct host *host)
{
    static const struct deployment_events events = {.deployed = host_shard_on_deployed,
                                                    .removed = host_shard_on_removed,
                                                    .canary = host_shard_on_canary};
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

void host_shard_unfollow(struct host *host)
{
    if (host->deployment != NULL && !host->is_unfollowing) {
        host->is_unfollowing = true;
        deployment_stop(host->deployment, host_shard_on_unfollowed, host);
    }
}
