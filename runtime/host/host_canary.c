/* A version on a part of the tasks: begun as the cluster says, watched every second, ended for all.
 *
 *     ordered  ->  the application begins anew with both versions  ->  watched
 *         bad here, or elsewhere:  told to all; the application begins anew without it
 *         good long enough:        made current for all, and takes the place of both
 *
 * A task of it that fails takes the application along: what was not committed never happened, and
 * the next start is without it. */
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/host/host_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOST_CANARY_PATIENCE_MS = 10000 /* until it is said once more that it is current */ };

void host_shard_free_canary(struct host_app *row)
{
    if (row->canary != NULL) {
        canary_order_fini(row->canary);
        free(row->canary);
        row->canary = NULL;
    }
}

static int64_t host_shard_canary_version(const struct host_app *row)
{
    return row->canary == NULL ? 0 : row->canary->bundle.version;
}

static void host_shard_log_canary(struct host_app *row, const struct canary_order *order)
{
    char text[APP_LOG_LINE_SIZE];
    snprintf(text, sizeof text, "version %" PRId64 " on %d/%d of the tasks: %s%s%s",
             order->bundle.version, (int)order->share.part, (int)order->share.whole,
             canary_order_state_name(order->state), order->why == NULL ? "" : ", ",
             order->why == NULL ? "" : order->why);
    app_log_add(row->log, "version", text);
    if (order->state == CANARY_ORDER_ROLLED_BACK) {
        host_shard_on_noticed(row, text);
    }
}

void host_shard_end_canary(struct host_app *row, enum canary_order_state state, const char *why)
{
    canary_order_end(row->canary, state, why, io_wall_clock(row->host->shard_io));
    trace(TRACE_WARN, "host.canary_ended", TRACE_STRING("app", row->name),
          TRACE_INT("version", row->canary->bundle.version),
          TRACE_STRING("state", canary_order_state_name(state)), TRACE_STRING("why", why));
    host_shard_log_canary(row, row->canary);
    if (row->host->deployment != NULL) {
        deployment_put_canary(row->host->deployment, row->canary);
    }
    if (state != CANARY_ORDER_PROMOTED) {
        host_shard_free_canary(row);
    }
}

/* What runs begins anew when it is not what is ordered, as soon as it can. */
static void host_shard_apply_canary(struct host_app *row)
{
    struct report report = {0};
    bool is_busy = row->app == NULL || row->is_closing || row->is_failing || row->next != NULL;
    if (is_busy || app_canary_version(row->app) == host_shard_canary_version(row)) {
        return;
    }
    struct app *next = host_app_read_next(row, &report);
    if (next == NULL) {
        trace(TRACE_ERROR, "host.canary_not_read", TRACE_STRING("app", row->name),
              TRACE_STRING("why", report.text));
    } else if (app_canary_version(next) == app_canary_version(row->app)) {
        host_app_drop_next(row, next); /* it cannot run, which was told */
    } else {
        host_app_use_next(row, next);
    }
}

void host_shard_on_canary(void *owner, const char *name, const struct canary_order *told)
{
    struct host *host = owner;
    struct host_app *row = host_app_find(host, name);
    if (row == NULL || row->bundle == NULL || host->is_stopping) {
        return;
    }
    bool is_ordered = told != NULL && told->state == CANARY_ORDER_RUNNING &&
                      told->bundle.version != row->bundle->version;
    bool is_known =
        row->canary != NULL && told != NULL && row->canary->bundle.version == told->bundle.version;
    if (is_ordered && !is_known) {
        host_shard_free_canary(row);
        row->canary = memory_new(struct canary_order);
        canary_order_copy(row->canary, told);
        host_shard_log_canary(row, row->canary);
    } else if (!is_ordered && row->canary != NULL && row->canary->state == CANARY_ORDER_RUNNING) {
        if (told != NULL) {
            host_shard_log_canary(row, told);
        }
        /* One that is promoted becomes current, which is told by its own record. */
        if (told == NULL || told->state != CANARY_ORDER_PROMOTED) {
            host_shard_free_canary(row);
        }
    }
    host_shard_apply_canary(row);
}

void host_shard_on_canary_failed(void *owner, const char *reason)
{
    struct host_app *row = owner;
    if (row->is_closing || row->is_failing) {
        return;
    }
    if (row->canary == NULL || row->canary->state != CANARY_ORDER_RUNNING) {
        host_shard_on_failed(row, reason, false); /* it has ended, or is current by now */
        return;
    }
    snprintf(row->reason, sizeof row->reason, "version %" PRId64 " on a part of the tasks: %s",
             row->canary->bundle.version, reason);
    host_shard_end_canary(row, CANARY_ORDER_ROLLED_BACK, reason);
    row->pause_ms = 0;
    host_shard_fail(row);
}

/* Said again until it is current: the first time may have been lost. */
static void host_shard_promote_canary(struct host_app *row, const char *why)
{
    row->canary->bundle.at_ms = io_wall_clock(row->host->shard_io);
    deployment_put(row->host->deployment, &row->canary->bundle);
    host_shard_end_canary(row, CANARY_ORDER_PROMOTED, why);
}

static void host_shard_judge_canary(struct host_app *row, const struct app_totals *totals)
{
    struct buffer why;
    int64_t ran_ms = io_wall_clock(row->host->shard_io) - row->canary->at_ms;
    if (row->canary->state == CANARY_ORDER_PROMOTED) {
        if (ran_ms > HOST_CANARY_PATIENCE_MS) {
            host_shard_promote_canary(row, row->canary->why);
        }
        return;
    }
    buffer_init(&why);
    switch (canary_judge(&totals->canary_trial, &totals->canary_rest, ran_ms, row->canary->for_ms,
                         &why)) {
    case CANARY_WAIT:
        break;
    case CANARY_PROMOTE:
        host_shard_promote_canary(row, buffer_string(&why));
        break;
    case CANARY_ROLL_BACK:
        host_shard_end_canary(row, CANARY_ORDER_ROLLED_BACK, buffer_string(&why));
        break;
    }
    buffer_fini(&why);
}

void host_shard_watch_canary(struct host_app *row, const struct app_totals *totals)
{
    bool is_watched = row->canary != NULL && row->app != NULL && !row->is_closing &&
                      totals->has_canary &&
                      app_canary_version(row->app) == row->canary->bundle.version;
    if (is_watched && row->host->deployment != NULL) {
        host_shard_judge_canary(row, totals);
    }
    host_shard_apply_canary(row);
}

const struct canary_order *host_app_canary(const struct host_app *row)
{
    return row->canary;
}
