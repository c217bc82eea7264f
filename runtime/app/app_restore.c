/* What is told of stores that are read from their changelogs: lines of the application's log, and
 * how much is left.
 *
 * A store whose local contents are whole has nothing to read, and no line. Lines count offsets, as
 * changelog.h does: where much was compacted there are fewer records than that. */
#include "runtime/app/app_state.h"

#include <inttypes.h>
#include <stdio.h>

enum { APP_RESTORE_LINE_SIZE = APP_LOG_LINE_SIZE };

void app_restore_on_begun(void *owner, struct task *task, const struct task_restore_view *view)
{
    const struct app_task *row = owner;
    const char *reason = view->progress.reason;
    char text[APP_RESTORE_LINE_SIZE];
    if (row->app->options.log == NULL) {
        return;
    }
    snprintf(text, sizeof text, "store %s-%d: %" PRId64 " records to read, %s%s", view->store,
             (int)task_partition(task), view->progress.total_count,
             reason == NULL ? "on from its local contents" : "from the start: ",
             reason == NULL ? "" : reason);
    app_log_add(row->app->options.log, "state", text);
}

void app_restore_on_ended(void *owner, struct task *task, const struct task_restore_view *view)
{
    const struct app_task *row = owner;
    char text[APP_RESTORE_LINE_SIZE];
    if (row->app->options.log == NULL) {
        return;
    }
    snprintf(text, sizeof text, "store %s-%d: %" PRId64 " records read in %.1f s", view->store,
             (int)task_partition(task), view->progress.done_count,
             (double)view->progress.elapsed_ms / 1e3);
    app_log_add(row->app->options.log, "state", text);
}

/* How long it took to have all stores of the tasks that were dealt, and what for. */
void app_restore_on_started(struct app *app, const struct task *task)
{
    char text[APP_RESTORE_LINE_SIZE];
    app->restored_count += task_counts(task)->restored_count;
    for (list_each (&app->tasks, link)) {
        const struct app_task *row = list_member(link, struct app_task, link);
        bool is_ours = row->task != NULL && !row->is_closing && !row->is_standby;
        if (is_ours && !task_is_running(row->task)) {
            return; /* others are still at it */
        }
    }
    if (app->options.log != NULL && app->restored_count > 0) {
        snprintf(text, sizeof text,
                 "read %" PRId64 " changes of its stores from changelogs in %.1f s",
                 app->restored_count, (double)(io_now(app->io) - app->restore_ns) / 1e9);
        app_log_add(app->options.log, "state", text);
    }
    app->restored_count = 0;
    app->restore_ns = 0;
}

static int64_t app_restore_task_count(const struct app_task *row)
{
    int64_t count = 0;
    struct task_restore_view view;
    for (size_t i = 0; row->task != NULL && i < row->part->store_count; i++) {
        if (task_view_restore(row->task, i, &view) && view.progress.total_count >= 0) {
            count += view.progress.total_count - view.progress.done_count;
        }
    }
    return count;
}

int64_t app_restoring_count(const struct app *app)
{
    int64_t count = 0;
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        count += app_restore_task_count(list_member(link, const struct app_task, link));
    }
    return count;
}
