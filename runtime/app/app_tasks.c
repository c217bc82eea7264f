/* The tasks that run here: opened, given their turns, closed.
 *
 * Keeps:  (1) a task with stores runs only while every partition it reads is ours, so that no two
 *             members write the same stores, whatever way the group dealt;
 *         (2) a task whose inputs changed is committed, closed and opened anew with those it has
 *             then, from where the old one stopped;
 *         (3) the nodes of a task end (`close` of a script) before its last commit, which holds
 *             what they wrote; a task that lost an input commits nothing.
 * Records are processed in the order of time across tasks, as far as they are here: what goes
 * through a topic that repartitions comes out nearly in order, and little of it too late for a
 * window.
 *
 * Processing stops while a commit is made, so that what it covers stays what it is. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    APP_PROCESS_COUNT = 4000, /* records before the shard does something else */
    APP_WAIT_NS = 50000000,   /* for a task that may have an older record */
    APP_SLICE_MIN = 8,        /* records before the clock is looked at, */
    APP_SLICE_MAX = 512,      /* and when they take less than */
    APP_SLICE_NS = 1000000,
};

bool app_tasks_may_process(const struct app *app)
{
    return app->state == APP_RUNNING && !app->is_committing &&
           app->close_stage <= APP_CLOSE_SOURCES;
}

static bool app_task_is_active(const struct app_task *row)
{
    return row->task != NULL && !row->is_leaving && !row->is_closing;
}

/* The task whose record is the oldest, and when that of any other is. NULL: there is none. */
static struct app_task *app_tasks_choose(struct app *app, int64_t *other_ms)
{
    struct app_task *chosen = NULL;
    int64_t chosen_ms = INT64_MAX;
    *other_ms = INT64_MAX;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        int64_t time_ms = app_task_is_active(row) ? task_next_time_ms(row->task) : INT64_MAX;
        if (time_ms < chosen_ms) {
            *other_ms = chosen_ms;
            chosen_ms = time_ms;
            chosen = row;
        } else if (time_ms < *other_ms) {
            *other_ms = time_ms;
        }
    }
    return chosen;
}

/* Whether records older than the next one, which is of `chosen`, may be on their way to a task that
 * has none: they are waited for, but not for long, since nobody should stand still for a partition
 * without a leader. Those that no broker has yet, in other partitions of the same topics, are
 * waited for as long as the options say (task_idle_ms). */
static bool app_tasks_is_waiting(struct app *app, const struct app_task *chosen)
{
    bool is_unsure = false;
    uint64_t until = 0;
    uint64_t now = io_now(app->io);
    app->busy_since = app->busy_since == 0 ? now : app->busy_since;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (!app_task_is_active(row)) {
            continue;
        }
        uint64_t idle_until = 0;
        is_unsure = is_unsure || task_is_unsure(row->task);
        if (row->part == chosen->part && task_is_idling(row->task, app->busy_since, &idle_until)) {
            until = idle_until > until ? idle_until : until;
        }
    }
    app->unsure_since = !is_unsure ? 0 : app->unsure_since == 0 ? now : app->unsure_since;
    if (is_unsure && app->unsure_since + APP_WAIT_NS > until) {
        until = app->unsure_since + APP_WAIT_NS;
    }
    if (until <= now) {
        return false;
    }
    io_timer_start(app->io, &app->process_timer, until - now);
    return true;
}

/* Also one that leaves sends what waits for room, or its last commit never comes. */
static void app_tasks_send(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->task != NULL && !row->is_closing) {
            (void)task_process(row->task, 0, INT64_MAX);
        }
    }
}

/* Processes for a while, so that commits have their time: a script that takes a second for a record
 * must not outlive its transaction. True when there is more. */
static bool app_tasks_take_turn(struct app *app)
{
    uint64_t now = io_now(app->io);
    uint64_t end = now + (uint64_t)app->options.commit_interval_ms * 1000000;
    size_t left_count = APP_PROCESS_COUNT;
    size_t slice = APP_SLICE_MIN;
    struct app_task *row = NULL;
    int64_t until_ms = 0;
    while (left_count > 0 && now < end && app_tasks_may_process(app)) {
        row = app_tasks_choose(app, &until_ms);
        app->busy_since = row == NULL ? 0 : app->busy_since;
        if (row == NULL || app_tasks_is_waiting(app, row)) {
            return false;
        }
        uint64_t begin = now;
        size_t count = task_process(row->task, slice < left_count ? slice : left_count, until_ms);
        now = io_now(app->io);
        app->process_ns += now - begin;
        app_canary_time(app, row, count, now - begin);
        slice = now - begin >= APP_SLICE_NS ? APP_SLICE_MIN
                : slice < APP_SLICE_MAX     ? slice * 2
                                            : slice;
        left_count -= count;
        if (count == 0) {
            return false;
        }
    }
    return true;
}

/* Records of global tables come first; the tasks begin when all were read once. True when there
 * are more. */
static bool app_tasks_read_global(struct app *app)
{
    bool was_ready = global_is_ready(app->global);
    int count = global_process(app->global, APP_PROCESS_COUNT);
    if (count < 0) {
        char reason[200];
        snprintf(reason, sizeof reason, "reading a global table failed: %s", error_text(count));
        app_fail(app, reason, false);
        return false;
    }
    if (!was_ready && global_is_ready(app->global)) {
        app_tasks_settle(app);
    }
    return count >= APP_PROCESS_COUNT;
}

void app_tasks_process(struct app *app)
{
    if (!app_tasks_may_process(app)) {
        return;
    }
    bool has_more = app_tasks_read_global(app);
    if (app_tasks_may_process(app) && app_transaction_begin(app)) {
        app_tasks_send(app);
        has_more = (!app->is_paused && app_tasks_take_turn(app)) || has_more;
    }
    if (has_more) {
        io_timer_start(app->io, &app->process_timer, 0);
    }
}

void app_tasks_on_process(struct io_timer *timer)
{
    app_tasks_process(timer->owner);
}

void app_tasks_on_wake(void *owner)
{
    app_tasks_process(owner);
}

void app_tasks_on_tick(struct io_timer *timer)
{
    struct app *app = timer->owner;
    uint64_t next_ns = (uint64_t)1000 * 1000000;
    if (app->is_paused) {
        io_timer_start(app->io, timer, next_ns);
        return;
    }
    if (app_tasks_may_process(app) && app_transaction_begin(app)) {
        for (list_each (&app->tasks, link)) {
            struct app_task *row = list_member(link, struct app_task, link);
            uint64_t task_ns = app_task_is_active(row) ? task_tick(row->task) : UINT64_MAX;
            next_ns = task_ns < next_ns ? task_ns : next_ns;
        }
    } else {
        next_ns = (uint64_t)10 * 1000000;
    }
    io_timer_start(app->io, timer, next_ns);
}

/* Whether any open task is so. */
static bool app_tasks_any(const struct app *app, bool (*is_so)(const struct task *task))
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        if (row->task != NULL && !row->is_closing && is_so(row->task)) {
            return true;
        }
    }
    return false;
}

bool app_tasks_is_blocked(const struct app *app)
{
    return app_tasks_any(app, task_is_blocked);
}

bool app_tasks_is_dirty(const struct app *app)
{
    return app_tasks_any(app, task_is_dirty);
}

/* --- Opening --- */

static void app_task_close(struct app_task *row);

static void app_on_task_started(void *owner, struct task *task)
{
    struct app_task *row = owner;
    app_restore_on_started(row->app, task);
    app_tap_add_task(row->app, row->task);
    app_tasks_process(row->app);
    io_timer_start(row->app->io, &row->app->tick_timer, 0);
}

static void app_on_task_failed(void *owner, struct task *task, const char *reason, bool is_final)
{
    (void)task;
    struct app_task *row = owner;
    if (row->is_standby) {
        app_standby_fail(row, reason);
        app_task_close(row);
    } else if (row->is_canary) {
        app_fail_canary(row->app, reason, is_final);
    } else {
        app_fail(row->app, reason, is_final);
    }
}

/* Each partition may find the same. */
static void app_on_task_noticed(void *owner, struct task *task, const char *text)
{
    (void)task;
    struct app *app = ((struct app_task *)owner)->app;
    if (app->has_noticed) {
        return;
    }
    app->has_noticed = true;
    if (app->options.log != NULL) {
        app_log_add(app->options.log, "warning", text);
    }
    if (app->events->noticed != NULL) {
        app->events->noticed(app->owner, text);
    }
}

static bool app_task_has_input(const struct app_task *row)
{
    for (size_t i = 0; i < row->part->topic_count; i++) {
        if (row->inputs[i].is_ours) {
            return true;
        }
    }
    return false;
}

/* Without stores each input can go its own way. */
static bool app_task_may_run(const struct app_task *row)
{
    for (size_t i = 0; row->part->store_count > 0 && i < row->part->topic_count; i++) {
        const struct client_topic *topic =
            client_find_topic(row->app->client, row->part->topics[i]);
        if (!row->inputs[i].is_ours && topic != NULL && row->partition < topic->partition_count) {
            trace(TRACE_WARN, "app.task_waits", TRACE_STRING("app", app_name(row->app)),
                  TRACE_STRING("part", row->part->name), TRACE_INT("partition", row->partition),
                  TRACE_STRING("for", row->part->topics[i]));
            return false;
        }
    }
    return app_task_has_input(row);
}

static void app_task_make(struct app_task *row)
{
    static const struct task_events events = {.started = app_on_task_started,
                                              .failed = app_on_task_failed,
                                              .noticed = app_on_task_noticed,
                                              .restore_begun = app_restore_on_begun,
                                              .restore_ended = app_restore_on_ended};
    struct app *app = row->app;
    struct buffer directory;
    buffer_init(&directory);
    buffer_printf(&directory, "%s/%s/%08x-%d", app->state_directory, app_name(app), row->part->id,
                  (int)row->partition);
    struct task_options options = {
        .topology = row->is_canary ? app->canary_topology : app->topology,
        .part =
            row->is_canary ? topology_part_find(app->canary_topology, row->part->id) : row->part,
        .partition = row->partition,
        .idle_ms = app->options.task_idle_ms,
        .state_directory = app->state_directory == NULL ? NULL : buffer_string(&directory),
        .client = app->client,
        .fetch_client = app->fetch_client,
        .producer = app->producer,
        .fetcher = app->fetcher,
        .global = app->global};
    row->task = task_new(&options, &events, row);
    buffer_fini(&directory);
}

/* A copy has its stores nearly whole. */
static void app_task_start(struct app_task *row)
{
    struct app *app = row->app;
    app->restore_ns = app->restore_ns == 0 ? io_now(app->io) : app->restore_ns;
    row->is_standby = false;
    for (size_t i = 0; i < row->part->topic_count; i++) {
        if (row->inputs[i].is_ours) {
            task_add_input(row->task, row->part->topics[i], row->inputs[i].offset);
        }
    }
    task_start(row->task);
}

static void app_task_free(struct app_task *row)
{
    list_remove(&row->link);
    free(row->inputs);
    free(row);
}

static void app_task_settle(struct app_task *row, bool may_start)
{
    bool has_input = app_task_has_input(row);
    if (row->is_closing || (row->task != NULL && !row->is_standby)) {
        return;
    }
    if (has_input && may_start && app_task_may_run(row)) {
        if (row->task == NULL) {
            app_task_make(row);
        }
        app_task_start(row);
    } else if (row->task == NULL && app_standby_may_begin(row)) {
        app_task_make(row);
        app_standby_begin(row);
    } else if (row->task != NULL && !row->is_standby_wanted && !has_input) {
        app_task_close(row);
    } else if (row->task == NULL && !row->is_standby_wanted && !has_input) {
        app_task_free(row);
    }
}

void app_tasks_settle(struct app *app)
{
    bool may_begin = app->state == APP_RUNNING && !app->is_closing;
    bool may_start = may_begin && global_is_ready(app->global);
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        row->is_standby_wanted = row->is_standby_wanted && may_begin;
        app_task_settle(row, may_start);
    }
}

/* --- Inputs --- */

struct app_task *app_tasks_get(struct app *app, const struct topology_part *part, int32_t partition)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->part == part && row->partition == partition) {
            return row;
        }
    }
    struct app_task *row = memory_new(struct app_task);
    row->app = app;
    row->part = part;
    row->partition = partition;
    row->is_canary = app_canary_has(app, partition);
    row->inputs = memory_zero(part->topic_count, sizeof *row->inputs);
    list_add(&app->tasks, &row->link);
    return row;
}

static void app_task_set_input(struct app_task *row, size_t index, bool is_ours, int64_t offset)
{
    row->inputs[index] = (struct app_input){.is_ours = is_ours, .offset = offset};
    row->is_leaving = row->task != NULL && !row->is_standby;
}

static void app_tasks_set_input(struct app *app, const struct member_partition *partition,
                                bool is_ours)
{
    for (size_t i = 0; i < topology_part_count(app->topology); i++) {
        const struct topology_part *part = topology_part_at(app->topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            if (strcmp(part->topics[j], partition->topic) == 0) {
                struct app_task *row = app_tasks_get(app, part, partition->partition);
                app_task_set_input(row, j, is_ours, is_ours ? partition->offset : -1);
            }
        }
    }
}

void app_tasks_add_input(struct app *app, const struct member_partition *partition)
{
    app_tasks_set_input(app, partition, true);
}

void app_tasks_remove_input(struct app *app, const struct member_partition *partition)
{
    app_tasks_set_input(app, partition, false);
}

void app_tasks_lose_input(struct app *app, const struct member_partition *partition)
{
    app_tasks_set_input(app, partition, false);
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        bool is_it = row->is_leaving && row->partition == partition->partition;
        for (size_t i = 0; is_it && i < row->part->topic_count; i++) {
            row->is_lost = row->is_lost || strcmp(row->part->topics[i], partition->topic) == 0;
        }
    }
}

/* --- Closing --- */

size_t app_tasks_read_counts(const struct app *app, struct task_counts *sum, int64_t *pending_count)
{
    *pending_count = 0;
    size_t count = 0;
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        if (row->task != NULL && !row->is_closing && !row->is_standby) {
            task_counts_add(sum, task_counts(row->task));
            *pending_count += task_pending_count(row->task);
            count++;
        }
    }
    return count;
}

static void app_on_task_closed(void *owner)
{
    struct app_task *row = owner;
    struct app *app = row->app;
    row->task = NULL;
    row->is_leaving = false;
    row->is_lost = false;
    row->is_closing = false;
    row->is_standby = false;
    if (app->close_stage == APP_CLOSE_TASKS) {
        app_task_free(row);
        if (list_is_empty(&app->tasks)) {
            app_close_next(app);
        }
        return;
    }
    app_tasks_settle(app);
    app_group_step(app);
}

bool app_tasks_stop(struct app *app)
{
    bool is_any = false;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        bool is_ending = app->close_stage == APP_CLOSE_COMMIT || row->is_leaving;
        if (row->task != NULL && is_ending && !row->is_lost && !row->is_closing &&
            app->state == APP_RUNNING) {
            is_any = task_stop(row->task) || is_any;
        }
    }
    return is_any;
}

/* The next task goes on where this one committed; the group's offset may be older. */
static void app_task_keep_offsets(struct app_task *row)
{
    const struct state_position *position = task_commit_position(row->task);
    for (size_t i = 0; i < row->part->topic_count; i++) {
        int64_t offset = state_position_input(position, row->part->topics[i], row->partition);
        if (row->inputs[i].is_ours && offset > row->inputs[i].offset) {
            row->inputs[i].offset = offset;
        }
    }
}

void app_tasks_keep_offsets(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_committing) {
            app_task_keep_offsets(row);
        }
    }
}

static void app_task_close(struct app_task *row)
{
    if (row->is_closing) {
        return;
    }
    row->is_closing = true;
    app_warmup_leave(row);
    app_tap_remove_task(row->app, row->task);
    task_counts_add(row->is_canary ? &row->app->canary_earlier : &row->app->earlier,
                    task_counts(row->task));
    task_close(row->task, app_on_task_closed, row);
}

void app_tasks_close_leaving(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_leaving && !row->is_committing) {
            app_task_close(row);
        }
    }
}

void app_tasks_roll_back(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        check(!row->is_committing);
        if (row->task != NULL && task_is_dirty(row->task)) {
            app_task_close(row);
        }
    }
}

bool app_tasks_is_leaving(const struct app *app)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        if (list_member(link, const struct app_task, link)->is_leaving) {
            return true;
        }
    }
    return false;
}

void app_tasks_close(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->task == NULL) {
            app_task_free(row);
        } else {
            app_task_close(row);
        }
    }
    if (list_is_empty(&app->tasks)) {
        app_close_next(app);
    }
}

void app_tasks_check(const struct app *app)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        if (row->task != NULL) {
            task_check(row->task);
            check(!row->is_standby || (!row->is_leaving && !row->is_committing));
            continue;
        }
        check(!row->is_standby);
        check(!row->is_committing);
        check(!row->is_leaving);
        check(!row->is_lost);
        check(!row->is_closing);
    }
}
