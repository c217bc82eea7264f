/* The order of a commit; see app.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_state.h"

#include <stdio.h>
#include <stdlib.h>

static void app_commit_fail(struct app *app, int error)
{
    char reason[200];
    if (app->transactional != NULL) {
        app_transaction_fail(app, error);
        return;
    }
    snprintf(reason, sizeof reason, "a commit failed: %s", error_text(error));
    app_fail(app, reason, false);
}

static void app_commit_end(struct app *app, int error)
{
    app->is_committing = false;
    free(app->commit_places);
    app->commit_places = NULL;
    if (error == 0) {
        app->commit_count++;
        app->commit_ns += io_now(app->io) - app->commit_began_ns;
        app_tasks_keep_offsets(app);
    }
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_committing && error == 0) {
            task_end_commit(row->task);
        }
        row->is_committing = false;
    }
    if (error != 0) {
        app_commit_fail(app, error);
    }
}

/* What waited for the commit goes on. Tasks that began to leave while it was made need another one
 * when their nodes end. */
void app_commit_finish(struct app *app, int error)
{
    app_commit_end(app, error);
    app->is_commit_wanted = error == 0 && app_tasks_stop(app);
    if (app->is_commit_wanted && !app_tasks_is_blocked(app)) {
        app_commit_begin(app);
        return;
    }
    if (!app->is_commit_wanted) {
        app_tasks_close_leaving(app);
        app_group_step(app);
    }
    if (app->close_stage == APP_CLOSE_COMMIT) {
        app_close_next(app);
        return;
    }
    app_tasks_process(app);
}

static void app_on_offsets_committed(struct member_commit *commit, int error)
{
    struct app *app = commit->owner;
    /* The commit is decided since its changelogs are durable; the group's offsets follow with the
     * next. */
    if (error != 0) {
        trace(TRACE_WARN, "app.offsets_not_committed", TRACE_STRING("app", app_name(app)),
              TRACE_STRING("error", error_name(error)));
        member_ask(app->member);
    }
    app_commit_finish(app, 0);
}

size_t app_commit_gather_places(struct app *app)
{
    size_t count = 0;
    for (list_each (&app->tasks, link)) {
        const struct app_task *row = list_member(link, struct app_task, link);
        const struct state_position *position =
            row->is_committing ? task_commit_position(row->task) : NULL;
        for (size_t i = 0; position != NULL && i < position->input_count; i++) {
            app->commit_places =
                memory_resize(app->commit_places, (count + 1) * sizeof *app->commit_places);
            app->commit_places[count++] =
                (struct member_partition){.topic = position->inputs[i].name,
                                          .partition = position->inputs[i].partition,
                                          .offset = position->inputs[i].offset};
        }
    }
    return count;
}

static void app_commit_offsets(struct app *app)
{
    size_t count = app->commit_error == 0 ? app_commit_gather_places(app) : 0;
    if (count == 0 || app->member == NULL) {
        app_commit_finish(app, app->commit_error);
        return;
    }
    app->commit = (struct member_commit){.partitions = app->commit_places,
                                         .count = count,
                                         .done = app_on_offsets_committed,
                                         .owner = app};
    member_commit(app->member, &app->commit);
}

static void app_on_changelogs_sent(void *owner, int error)
{
    struct app *app = owner;
    if (error != 0 && app->commit_error == 0) {
        app->commit_error = error;
    }
    if (--app->waiting_count == 0) {
        app_commit_offsets(app);
    }
}

void app_commit_send_changelogs(struct app *app, void (*sent)(void *owner, int error))
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_committing) {
            app->waiting_count++;
            task_send_changelogs(row->task, sent, app);
        }
    }
}

static void app_on_flushed(struct producer_flush *flush, int error)
{
    struct app *app = flush->owner;
    if (error != 0) {
        app_commit_finish(app, error);
        return;
    }
    app->commit_error = 0;
    app->waiting_count = 1; /* this call */
    app_commit_send_changelogs(app, app_on_changelogs_sent);
    app_on_changelogs_sent(app, 0);
}

void app_commit_begin(struct app *app)
{
    bool is_any = false;
    if (app->is_committing || app->state != APP_RUNNING || !app_transaction_begin(app)) {
        return;
    }
    app_tasks_stop(app);
    if (app_tasks_is_blocked(app)) {
        return;
    }
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        row->is_committing =
            row->task != NULL && !row->is_closing && !row->is_lost && task_is_dirty(row->task);
        is_any = is_any || row->is_committing;
    }
    app->is_committing = true;
    app->commit_began_ns = io_now(app->io);
    if (!is_any) {
        app_commit_finish(app, 0);
        return;
    }
    if (app->transactional != NULL) {
        app_transaction_commit(app);
        return;
    }
    app->flush = (struct producer_flush){.done = app_on_flushed, .owner = app};
    producer_flush(app->producer, &app->flush);
}

void app_commit_want(struct app *app)
{
    app->is_commit_wanted = true;
    app_commit_begin(app);
}

void app_commit_on_time(struct io_timer *timer)
{
    struct app *app = timer->owner;
    if (app->state == APP_RUNNING) {
        app_transaction_look(app);
    }
    bool is_wanted = app->is_commit_wanted || app_tasks_is_dirty(app);
    if (is_wanted && app->state == APP_RUNNING) {
        app_commit_begin(app);
    }
    io_timer_start(app->io, timer, (uint64_t)app->options.commit_interval_ms * 1000000);
}
