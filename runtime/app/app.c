/* Runs one application; see app.h. The order of a commit is in app_commit_step. */
#include "runtime/app/app.h"

#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/app/app_topics.h"
#include "runtime/client/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    APP_PROCESS_COUNT = 2000, /* records of one task before others have their turn */
    APP_INTERVAL_MS_DEFAULT = 100,
    APP_TOPIC_MAX = 256,
};

enum app_state { APP_PREPARING, APP_RUNNING, APP_FAILED };

struct app_task {
    struct list_link link;
    struct app *app;
    struct task *task;
    bool is_committing; /* part of the commit being made */
    bool is_leaving;    /* its partition was revoked or lost */
    bool is_closing;
};

struct app {
    struct io *io;
    struct app_options options;
    const struct app_events *events;
    void *owner;
    struct script *script;
    const struct topology *topology;
    struct client *client;
    struct client *fetch_client;
    struct client *group_client;
    struct producer *producer;
    struct fetcher *fetcher;
    struct member *member;
    struct app_topics *topics;
    const char *topic_names[APP_TOPIC_MAX];
    size_t topic_count;
    struct list tasks; /* of struct app_task */
    struct connector **connectors;
    size_t connector_count;
    enum app_state state;

    struct io_timer process_timer; /* the next turn of processing */
    struct io_timer tick_timer;
    struct io_timer commit_timer;
    struct producer_flush flush;
    struct member_commit commit;
    struct member_partition *commit_places;
    size_t waiting_count; /* tasks whose changelogs are on their way */
    int commit_error;
    bool is_committing;
    bool is_revoking;
    bool is_commit_wanted;
    int64_t commit_count;
    struct task_counts earlier; /* of tasks that are gone */

    bool is_closing;
    size_t closing_count; /* parts still to be closed in this step */
    enum app_close_stage {
        APP_CLOSE_NONE,
        APP_CLOSE_SOURCES,
        APP_CLOSE_COMMIT,
        APP_CLOSE_TASKS,
        APP_CLOSE_MEMBER,
        APP_CLOSE_FETCHER,
        APP_CLOSE_PRODUCER,
        APP_CLOSE_CLIENTS,
    } close_stage;
    void (*closed)(void *owner);
    void *closed_owner;
};

static void app_close_next(struct app *app);
static void app_commit_begin(struct app *app);

static void app_fail(struct app *app, const char *reason, bool is_final)
{
    if (app->state == APP_FAILED || app->is_closing) {
        return;
    }
    app->state = APP_FAILED;
    trace(TRACE_ERROR, "app.failed", TRACE_STRING("app", app_name(app)),
          TRACE_STRING("reason", reason));
    app->events->failed(app->owner, reason, is_final);
}

/* --- Processing --- */

static bool app_may_process(const struct app *app)
{
    return app->state == APP_RUNNING && !app->is_committing &&
           app->close_stage <= APP_CLOSE_SOURCES;
}

static void app_process(struct app *app)
{
    bool has_more = false;
    if (!app_may_process(app)) {
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

static void app_on_process(struct io_timer *timer)
{
    app_process(timer->owner);
}

/* Called by the fetcher when there are records, by the producer when there is room. */
static void app_on_wake(void *owner)
{
    app_process(owner);
}

static void app_on_tick(struct io_timer *timer)
{
    struct app *app = timer->owner;
    uint64_t next_ns = (uint64_t)1000 * 1000000;
    if (app_may_process(app)) {
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

/* --- Commit --- */

static void app_commit_end(struct app *app, int error)
{
    app->is_committing = false;
    free(app->commit_places);
    app->commit_places = NULL;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_committing && error == 0) {
            task_end_commit(row->task);
        }
        row->is_committing = false;
    }
    if (error != 0) {
        char reason[200];
        snprintf(reason, sizeof reason, "a commit failed: %s", error_text(error));
        app_fail(app, reason, false);
    } else {
        app->commit_count++;
    }
}

static void app_close_leaving(struct app *app);

/* What waited for the commit goes on. */
static void app_commit_finish(struct app *app, int error)
{
    app_commit_end(app, error);
    app->is_commit_wanted = false;
    if (app->is_revoking) {
        app_close_leaving(app);
    }
    if (app->close_stage == APP_CLOSE_COMMIT) {
        app_close_next(app);
        return;
    }
    app_process(app);
}

static void app_on_offsets_committed(struct member_commit *commit, int error)
{
    struct app *app = commit->owner;
    /* The commit is decided since its changelogs are durable; the group's offsets follow with the
     * next. */
    if (error != 0) {
        trace(TRACE_WARN, "app.offsets_not_committed", TRACE_STRING("app", app_name(app)),
              TRACE_STRING("error", error_name(error)));
    }
    app_commit_finish(app, 0);
}

static size_t app_gather_places(struct app *app)
{
    size_t count = 0;
    for (list_each (&app->tasks, link)) {
        const struct app_task *row = list_member(link, struct app_task, link);
        const struct state_position *position = task_commit_position(row->task);
        for (size_t i = 0; row->is_committing && i < position->input_count; i++) {
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
    size_t count = app->commit_error == 0 ? app_gather_places(app) : 0;
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

static void app_on_flushed(struct producer_flush *flush, int error)
{
    struct app *app = flush->owner;
    if (error != 0) {
        app_commit_finish(app, error);
        return;
    }
    app->commit_error = 0;
    app->waiting_count = 1; /* this call */
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_committing) {
            app->waiting_count++;
            task_send_changelogs(row->task, app_on_changelogs_sent, app);
        }
    }
    app_on_changelogs_sent(app, 0);
}

static bool app_is_blocked(const struct app *app)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        if (task_is_blocked(list_member(link, const struct app_task, link)->task)) {
            return true;
        }
    }
    return false;
}

static void app_commit_begin(struct app *app)
{
    bool is_any = false;
    if (app->is_committing || app_is_blocked(app)) {
        return;
    }
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        row->is_committing = !row->is_closing && task_is_dirty(row->task);
        is_any = is_any || row->is_committing;
    }
    app->is_committing = true;
    if (!is_any) {
        app_commit_finish(app, 0);
        return;
    }
    app->flush = (struct producer_flush){.done = app_on_flushed, .owner = app};
    producer_flush(app->producer, &app->flush);
}

static void app_on_commit_time(struct io_timer *timer)
{
    struct app *app = timer->owner;
    bool is_dirty = app->is_commit_wanted;
    for (list_each (&app->tasks, link)) {
        is_dirty = is_dirty || task_is_dirty(list_member(link, struct app_task, link)->task);
    }
    if (is_dirty && app->state == APP_RUNNING) {
        app_commit_begin(app);
    }
    io_timer_start(app->io, timer, (uint64_t)app->options.commit_interval_ms * 1000000);
}

/* --- Tasks --- */

static void app_on_task_started(void *owner, struct task *task)
{
    (void)task;
    struct app_task *row = owner;
    app_process(row->app);
    io_timer_start(row->app->io, &row->app->tick_timer, 0);
}

static void app_on_task_failed(void *owner, struct task *task, const char *reason, bool is_final)
{
    (void)task;
    struct app_task *row = owner;
    app_fail(row->app, reason, is_final);
}

static void app_add_counts(struct task_counts *sum, const struct task_counts *counts)
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
        app_close_leaving(app);
    }
    if (app->close_stage == APP_CLOSE_TASKS && list_is_empty(&app->tasks)) {
        app_close_next(app);
    }
}

static void app_close_task(struct app_task *row)
{
    if (row->is_closing) {
        return;
    }
    row->is_closing = true;
    app_add_counts(&row->app->earlier, task_counts(row->task));
    task_close(row->task, app_on_task_closed, row);
}

static bool app_part_reads(const struct topology_part *part, const char *topic)
{
    for (size_t i = 0; i < part->topic_count; i++) {
        if (strcmp(part->topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

static struct app_task *app_find_task(struct app *app, const struct topology_part *part,
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

static struct app_task *app_make_task(struct app *app, const struct topology_part *part,
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

/* --- The group --- */

/* Tasks of one part and partition get all their inputs before they start. */
static void app_on_assigned(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    struct app_task **made = memory_zero(count, sizeof(struct app_task *));
    size_t made_count = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < topology_part_count(app->topology); j++) {
            const struct topology_part *part = topology_part_at(app->topology, j);
            if (!app_part_reads(part, partitions[i].topic)) {
                continue;
            }
            struct app_task *row = app_find_task(app, part, partitions[i].partition);
            if (row == NULL) {
                row = app_make_task(app, part, partitions[i].partition);
                made[made_count++] = row;
            }
            task_add_input(row->task, partitions[i].topic, partitions[i].offset);
        }
    }
    for (size_t i = 0; i < made_count; i++) {
        task_start(made[i]->task);
    }
    free(made);
}

static void app_mark_leaving(struct app *app, const struct member_partition *partitions,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (list_each (&app->tasks, link)) {
            struct app_task *row = list_member(link, struct app_task, link);
            if (task_partition(row->task) == partitions[i].partition &&
                app_part_reads(task_part(row->task), partitions[i].topic)) {
                row->is_leaving = true;
            }
        }
    }
}

/* After the commit: tasks of revoked partitions close, then the group may go on. */
static void app_close_leaving(struct app *app)
{
    bool is_any = false;
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_leaving) {
            is_any = true;
            app_close_task(row);
        }
    }
    if (!is_any && app->is_revoking) {
        app->is_revoking = false;
        member_revoked(app->member);
    }
}

static void app_on_revoked(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    app_mark_leaving(app, partitions, count);
    app->is_revoking = true;
    app->is_commit_wanted = true;
    app_commit_begin(app);
}

static void app_on_lost(void *owner, const struct member_partition *partitions, size_t count)
{
    struct app *app = owner;
    app_mark_leaving(app, partitions, count);
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->is_leaving && !row->is_committing) {
            app_close_task(row);
        }
    }
}

static void app_on_member_failed(void *owner, int error)
{
    char reason[200];
    snprintf(reason, sizeof reason, "the group membership ended: %s", error_text(error));
    app_fail(owner, reason, false);
}

static void app_gather_topic(struct app *app, const char *name)
{
    for (size_t i = 0; i < app->topic_count; i++) {
        if (strcmp(app->topic_names[i], name) == 0) {
            return;
        }
    }
    if (app->topic_count < APP_TOPIC_MAX) {
        app->topic_names[app->topic_count++] = name;
    }
}

static void app_join(struct app *app)
{
    static const struct member_events events = {.assigned = app_on_assigned,
                                                .revoked = app_on_revoked,
                                                .lost = app_on_lost,
                                                .failed = app_on_member_failed};
    for (size_t i = 0; i < topology_part_count(app->topology); i++) {
        const struct topology_part *part = topology_part_at(app->topology, i);
        for (size_t j = 0; j < part->topic_count; j++) {
            app_gather_topic(app, part->topics[j]);
        }
    }
    if (app->topic_count == 0) {
        return; /* connectors alone */
    }
    struct member_options options = member_options_default(app_name(app));
    options.instance_id = app->options.instance_id;
    options.topics = app->topic_names;
    options.topic_count = app->topic_count;
    app->member = member_new(app->group_client, &options, &events, app);
}

/* --- Start --- */

static int app_start_connector(struct app *app, const struct script_connector *from,
                               struct report *report)
{
    struct plugin_setting *settings = memory_zero(from->option_count + 1, sizeof *settings);
    struct buffer topics;
    size_t count = 0;
    buffer_init(&topics);
    for (size_t i = 0; i < from->topic_count; i++) {
        buffer_printf(&topics, "%s%s", i == 0 ? "" : ",", from->topics[i]);
    }
    if (from->topic_count > 0) {
        settings[count++] = (struct plugin_setting){.name = from->is_sink ? "topics" : "topic",
                                                    .value = buffer_string(&topics)};
    }
    for (size_t i = 0; i < from->option_count; i++) {
        settings[count++] =
            (struct plugin_setting){.name = from->options[i].name, .value = from->options[i].value};
    }
    struct connector_definition definition = {.name = from->name,
                                              .type = from->type,
                                              .is_source = !from->is_sink,
                                              .settings = settings,
                                              .setting_count = count,
                                              .instance_id = app->options.instance_id};
    int error = connector_new(app->io, &app->options.client, app->options.plugin_directories,
                              app->options.plugin_directory_count, &definition,
                              &app->connectors[app->connector_count], report);
    if (error == 0) {
        app->connector_count++;
    }
    buffer_fini(&topics);
    free(settings);
    return error;
}

static void app_start_connectors(struct app *app)
{
    size_t count = 0;
    const struct script_connector *connectors = script_connectors(app->script, &count);
    struct report report = {0};
    app->connectors = memory_zero(count, sizeof(struct connector *));
    for (size_t i = 0; i < count; i++) {
        if (app_start_connector(app, &connectors[i], &report) != 0) {
            char reason[1500];
            snprintf(reason, sizeof reason, "%s: connector %s: %s %s",
                     connectors[i].place == NULL ? "?" : connectors[i].place, connectors[i].name,
                     report.place, report.text);
            app_fail(app, reason, true);
            return;
        }
    }
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
    if (error != 0) {
        app_fail(app, copy.text, false);
        return;
    }
    app->state = APP_RUNNING;
    app_start_connectors(app);
    app_join(app);
}

static void app_connect(struct app *app)
{
    struct producer_options producer_options = producer_options_default();
    struct fetcher_options fetcher_options = fetcher_options_default();
    app->client = client_new(app->io, &app->options.client);
    app->fetch_client = client_new(app->io, &app->options.client);
    app->group_client = client_new(app->io, &app->options.client);
    app->producer = producer_new(app->client, &producer_options);
    producer_on_room(app->producer, app_on_wake, app);
    fetcher_options.is_read_committed = true;
    fetcher_options.reset = FETCHER_RESET_EARLIEST;
    app->fetcher = fetcher_new(app->fetch_client, &fetcher_options);
    fetcher_on_ready(app->fetcher, app_on_wake, app);
}

struct app_reader {
    struct io *io;
    const char *path; /* of the script; modules lie beside it */
};

static int app_read_file(struct io *io, const char *path, struct buffer *out)
{
    struct io_file *file;
    uint64_t size = 0;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        return error;
    }
    error = io_file_size(io, file, &size);
    if (error == 0 && size > SCRIPT_TEXT_SIZE_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        uint8_t *room = buffer_reserve(out, (size_t)size);
        int64_t count = io_file_read(io, file, room, (size_t)size, 0, IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        out->size += count < 0 ? 0 : (size_t)count;
    }
    io_file_close(io, file);
    return error;
}

static int app_read_module(void *owner, const char *file_name, struct buffer *out)
{
    const struct app_reader *reader = owner;
    const char *slash = strrchr(reader->path, '/');
    size_t folder_size = slash == NULL ? 0 : (size_t)(slash - reader->path) + 1;
    struct buffer path;
    buffer_init(&path);
    buffer_add(&path, reader->path, folder_size);
    buffer_add_string(&path, file_name);
    int error = app_read_file(reader->io, buffer_string(&path), out);
    buffer_fini(&path);
    return error;
}

static int app_open_script(struct app *app, const char *path, struct report *report)
{
    struct app_reader reader = {.io = app->io, .path = path};
    struct buffer text;
    buffer_init(&text);
    int error = app_read_file(app->io, path, &text);
    if (error != 0) {
        report_add(report, path, "the script %s cannot be read: %s", path, error_text(error));
    } else {
        const char *slash = strrchr(path, '/');
        struct script_options options = {.name = slash == NULL ? path : slash + 1,
                                         .text = buffer_bytes(&text),
                                         .limits = app->options.limits,
                                         .read_module = app_read_module,
                                         .owner = &reader};
        error = script_open(&options, report, &app->script);
    }
    buffer_fini(&text);
    return error;
}

static void app_init_timers(struct app *app)
{
    app->process_timer = (struct io_timer){.fired = app_on_process, .owner = app};
    app->tick_timer = (struct io_timer){.fired = app_on_tick, .owner = app};
    app->commit_timer = (struct io_timer){.fired = app_on_commit_time, .owner = app};
    io_timer_start(app->io, &app->commit_timer,
                   (uint64_t)app->options.commit_interval_ms * 1000000);
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
    if (app->options.commit_interval_ms <= 0) {
        app->options.commit_interval_ms = APP_INTERVAL_MS_DEFAULT;
    }
    int error = app_open_script(app, options->path, report);
    if (error != 0) {
        free(app);
        return error;
    }
    app->topology = script_topology(app->script);
    app->options.client.client_id = topology_name(app->topology);
    app_connect(app);
    app_init_timers(app);
    app->topics = app_topics_start(app->client, app->script, app_on_topics, app);
    *out = app;
    return 0;
}

/* --- End: sources first, so that nothing new comes; then a commit; then what depends on nothing
 * --- */

static void app_free(struct app *app)
{
    io_timer_stop(app->io, &app->process_timer);
    io_timer_stop(app->io, &app->tick_timer);
    io_timer_stop(app->io, &app->commit_timer);
    script_close(app->script);
    free(app->connectors);
    free(app);
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

static void app_close_tasks(struct app *app)
{
    for (list_each (&app->tasks, link)) {
        app_close_task(list_member(link, struct app_task, link));
    }
    if (list_is_empty(&app->tasks)) {
        app_close_next(app);
    }
}

static void app_close_clients(struct app *app)
{
    app->closing_count = 3;
    client_close(app->client, app_on_part_closed, app);
    client_close(app->fetch_client, app_on_part_closed, app);
    client_close(app->group_client, app_on_part_closed, app);
}

static void app_on_stage_closed(void *owner)
{
    app_close_next(owner);
}

static void app_close_next(struct app *app)
{
    switch (app->close_stage) {
    case APP_CLOSE_NONE:
        app->close_stage = APP_CLOSE_SOURCES;
        app_close_connectors(app);
        return;
    case APP_CLOSE_SOURCES:
        app->close_stage = APP_CLOSE_COMMIT;
        if (app->state == APP_RUNNING && !app->is_committing && !app_is_blocked(app)) {
            app_commit_begin(app);
        } else if (!app->is_committing) {
            app_close_next(app);
        }
        return;
    case APP_CLOSE_COMMIT:
        app->close_stage = APP_CLOSE_TASKS;
        app_close_tasks(app);
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
        fetcher_on_ready(app->fetcher, NULL, NULL);
        fetcher_close(app->fetcher, app_on_stage_closed, app);
        return;
    case APP_CLOSE_FETCHER:
        app->close_stage = APP_CLOSE_PRODUCER;
        producer_on_room(app->producer, NULL, NULL);
        producer_close(app->producer, app_on_stage_closed, app);
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
    app->is_closing = true;
    app->closed = closed;
    app->closed_owner = owner;
    if (app->topics == NULL) {
        app_close_next(app);
    }
}

const char *app_name(const struct app *app)
{
    return topology_name(app->topology);
}

void app_read_counts(const struct app *app, struct task_counts *out)
{
    *out = app->earlier;
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        if (!row->is_closing) {
            app_add_counts(out, task_counts(row->task));
        }
    }
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
    size_t count = 0;
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        count++;
    }
    return count;
}

int64_t app_commit_count(const struct app *app)
{
    return app->commit_count;
}

void app_check(const struct app *app)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        task_check(list_member(link, const struct app_task, link)->task);
    }
}
