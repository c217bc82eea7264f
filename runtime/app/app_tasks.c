/* The tasks that run here: made, given their turns, closed.
 *
 * Processing stops while a commit is made, so that what it covers stays what it is. */
#include "log/base/memory.h"
#include "runtime/app/app_state.h"

#include <stdlib.h>
#include <string.h>

enum { APP_PROCESS_COUNT = 2000 /* records of one task before others have their turn */ };

bool app_tasks_may_process(const struct app *app)
{
    return app->state == APP_RUNNING && !app->is_committing &&
           app->close_stage <= APP_CLOSE_SOURCES;
}

void app_tasks_process(struct app *app)
{
    bool has_more = false;
    if (!app_tasks_may_process(app)) {
        return;
    }
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (!row->is_leaving && !row->is_closing) {
            size_t count = task_process(row->task, APP_PROCESS_COUNT);
            has_more = has_more || count == APP_PROCESS_COUNT;
        }
    }
    if (has_more) {
        io_timer_start(app->io, &app->process_timer, 0);
    }
}

void app_tasks_on_process(struct io_timer *timer)
{
    app_tasks_process(timer->owner);
}

/* Called by the fetcher when there are records, by the producer when there is room. */
void app_tasks_on_wake(void *owner)
{
    app_tasks_process(owner);
}

void app_tasks_on_tick(struct io_timer *timer)
{
    struct app *app = timer->owner;
    uint64_t next_ns = (uint64_t)1000 * 1000000;
    if (app_tasks_may_process(app)) {
        for (list_each (&app->tasks, link)) {
            struct app_task *row = list_member(link, struct app_task, link);
            uint64_t task_ns = row->is_leaving ? UINT64_MAX : task_tick(row->task);
            next_ns = task_ns < next_ns ? task_ns : next_ns;
        }
    } else {
        next_ns = (uint64_t)10 * 1000000;
    }
    io_timer_start(app->io, timer, next_ns);
}

bool app_tasks_is_blocked(const struct app *app)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        if (task_is_blocked(list_member(link, const struct app_task, link)->task)) {
            return true;
        }
    }
    return false;
}

static void app_on_task_started(void *owner, struct task *task)
{
    (void)task;
    struct app_task *row = owner;
    app_tasks_process(row->app);
    io_timer_start(row->app->io, &row->app->tick_timer, 0);
}

static void app_on_task_failed(void *owner, struct task *task, const char *reason, bool is_final)
{
    (void)task;
    struct app_task *row = owner;
    app_fail(row->app, reason, is_final);
}

void app_tasks_add_counts(struct task_counts *sum, const struct task_counts *counts)
{
    sum->in_count += counts->in_count;
    sum->out_count += counts->out_count;
    sum->filtered_count += counts->filtered_count;
    sum->dead_letter_count += counts->dead_letter_count;
    sum->skipped_count += counts->skipped_count;
    sum->restored_count += counts->restored_count;
}

static void app_on_task_closed(void *owner)
{
    struct app_task *row = owner;
    struct app *app = row->app;
    list_remove(&row->link);
    free(row);
    if (app->is_revoking) {
        app_tasks_close_leaving(app);
    }
    if (app->close_stage == APP_CLOSE_TASKS && list_is_empty(&app->tasks)) {
        app_close_next(app);
    }
}

void app_tasks_close(struct app_task *row)
{
    if (row->is_closing) {
        return;
    }
    row->is_closing = true;
    app_tasks_add_counts(&row->app->earlier, task_counts(row->task));
    task_close(row->task, app_on_task_closed, row);
}

struct app_task *app_tasks_find(struct app *app, const struct topology_part *part,
                                int32_t partition)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (task_part(row->task) == part && task_partition(row->task) == partition) {
            return row;
        }
    }
    return NULL;
}

struct app_task *app_tasks_make(struct app *app, const struct topology_part *part,
                                int32_t partition)
{
    static const struct task_events events = {.started = app_on_task_started,
                                              .failed = app_on_task_failed};
    struct buffer directory;
    struct app_task *row = memory_new(struct app_task);
    buffer_init(&directory);
    buffer_printf(&directory, "%s/%s/%08x-%d", app->options.state_directory, app_name(app),
                  part->id, (int)partition);
    struct task_options options = {.topology = app->topology,
                                   .part = part,
                                   .partition = partition,
                                   .state_directory = buffer_string(&directory),
                                   .client = app->client,
                                   .fetch_client = app->fetch_client,
                                   .producer = app->producer,
                                   .fetcher = app->fetcher};
    row->app = app;
    row->task = task_new(&options, &events, row);
    list_add(&app->tasks, &row->link);
    buffer_fini(&directory);
    return row;
}

/* After the commit: tasks of revoked partitions close, then the group may go on. */
void app_tasks_close_leaving(struct app *app)
{
    bool is_any = false;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_leaving) {
            is_any = true;
            app_tasks_close(row);
        }
    }
    if (!is_any && app->is_revoking) {
        app->is_revoking = false;
        member_revoked(app->member);
    }
}
