/* Copies of the stores of tasks that run in other processes: kept as fresh as their changelogs are,
 * so that a task whose process dies goes on here at once.
 *
 * The group deals them beside the partitions (runtime/client/assignor_standby.h), in the same
 * numbers: whoever gets a partition's copy keeps the stores of each part that reads it. A copy is a
 * task that was not started yet (runtime/task/task_follow.c) in the row where it would run, and in
 * the same state directory; when the partitions become ours app_tasks_settle starts it.
 *
 * Keeps:  (1) a copy never makes the application fail: it is begun anew after a pause, and told,
 *             once until it has all of its changelogs;
 *         (2) a row is a copy or a task, and is not both at once;
 *         (3) what is not dealt any more is closed after partitions were given out, so that a copy
 *             is not thrown away when its task comes. */
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_state.h"

#include <stdio.h>
#include <string.h>

enum { APP_STANDBY_AGAIN_NS = 1000000000, APP_STANDBY_WAIT_MS = 500 };

/* From here on a failure is another one. */
static void app_standby_judge(struct app_task *row)
{
    bool is_fresh = row->is_standby && !row->is_closing && task_follow_lag(row->task) == 0;
    row->has_standby_failed = row->has_standby_failed && !is_fresh;
}

static void app_standby_on_ready(void *owner)
{
    struct app *app = owner;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_standby && !row->is_closing) {
            task_follow_step(row->task);
            app_standby_judge(row);
        }
    }
}

static struct fetcher *app_standby_fetcher(struct app *app)
{
    if (app->standby_fetcher == NULL) {
        struct fetcher_options options = fetcher_options_default();
        options.wait_max_ms = APP_STANDBY_WAIT_MS;
        options.is_read_committed = true;
        options.reset = FETCHER_RESET_ERROR;
        app->standby_fetcher = fetcher_new(app->fetch_client, &options);
        fetcher_on_ready(app->standby_fetcher, app_standby_on_ready, app);
    }
    return app->standby_fetcher;
}

bool app_standby_has_changelog(const struct topology_part *part)
{
    for (size_t i = 0; i < part->store_count; i++) {
        if (part->stores[i]->has_changelog) {
            return true;
        }
    }
    return false;
}

bool app_standby_may_begin(const struct app_task *row)
{
    return row->is_standby_wanted && io_now(row->app->io) >= row->standby_after;
}

void app_standby_begin(struct app_task *row)
{
    row->is_standby = true;
    task_follow(row->task, app_standby_fetcher(row->app));
}

void app_standby_fail(struct app_task *row, const char *reason)
{
    struct app *app = row->app;
    row->standby_after = io_now(app->io) + APP_STANDBY_AGAIN_NS;
    io_timer_start(app->io, &app->standby_timer, APP_STANDBY_AGAIN_NS);
    if (!row->has_standby_failed && app->options.log != NULL) {
        char text[APP_LOG_LINE_SIZE];
        snprintf(text, sizeof text, "the copy of %s-%d is begun anew until it succeeds: %s",
                 row->part->name, (int)row->partition, reason);
        app_log_add(app->options.log, "warning", text);
    }
    row->has_standby_failed = true;
    trace(TRACE_WARN, "app.standby_failed", TRACE_STRING("app", app_name(app)),
          TRACE_STRING("part", row->part->name), TRACE_INT("partition", row->partition),
          TRACE_STRING("reason", reason));
}

void app_standby_on_time(struct io_timer *timer)
{
    app_tasks_settle(timer->owner);
}

static void app_standby_want(struct app *app, const struct member_partition *partition)
{
    for (size_t i = 0; i < topology_part_count(app->topology); i++) {
        const struct topology_part *part = topology_part_at(app->topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            if (strcmp(part->topics[j], partition->topic) == 0 && app_standby_has_changelog(part)) {
                struct app_task *row = app_tasks_get(app, part, partition->partition);
                row->is_standby_wanted = true;
                row->is_warmup = row->is_warmup || partition->is_warmup;
            }
        }
    }
}

void app_standby_on_dealt(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        row->is_coming = row->is_coming || row->is_warmup;
        row->is_standby_wanted = row->is_warmup = false;
    }
    for (size_t i = 0; i < count; i++) {
        app_standby_want(app, &partitions[i]);
    }
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        row->is_coming = row->is_coming && row->is_standby_wanted && !row->is_warmup;
    }
    app_tasks_settle(app);
    app_warmup_watch(app);
}

struct app_standby_counts app_count_standby(const struct app *app)
{
    struct app_standby_counts counts = {0};
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        int64_t lag = row->is_standby ? task_follow_lag(row->task) : 0;
        counts.count += row->is_standby;
        counts.warmup_count += row->is_standby && row->is_warmup;
        counts.unknown_count += lag < 0;
        counts.lag += lag < 0 ? 0 : lag;
    }
    return counts;
}
