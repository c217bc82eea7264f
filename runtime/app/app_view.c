/* What an application does, for people; see app_view.h. */
#include "runtime/app/app_view.h"

#include "log/base/memory.h"
#include "runtime/app/app_change.h"
#include "runtime/app/app_state.h"
#include "runtime/format/record_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void app_view_add(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\":", name);
    record_json_write_bytes(out, text == NULL ? (struct bytes){0} : bytes_from_string(text));
}

static void app_view_add_number(struct buffer *out, const char *name, int64_t number)
{
    buffer_printf(out, ",\"%s\":%" PRId64, name, number);
}

void app_view_write_totals(const struct app *app, const struct app_totals *totals,
                           struct buffer *out)
{
    app_view_add(out, "guarantee", app_is_exact(app) ? "exactly_once_v2" : "at_least_once");
    app_view_add_number(out, "tasks", totals->task_count);
    app_view_add_number(out, "standby", totals->standby_count);
    app_view_add_number(out, "warm_up", totals->warmup_count);
    app_view_add_number(out, "pending", totals->pending_count);
    app_view_add_number(out, "commits", totals->commit_count);
    app_view_add_number(out, "rollbacks", totals->rollback_count);
    const char *between = "";
    buffer_add_string(out, ",\"counts\":{");
#define TASK_COUNT(field, share, metric, help)                                                     \
    buffer_printf(out, "%s\"%.*s\":%" PRId64, between, (int)(sizeof #field - sizeof "_count"),     \
                  #field, totals->counts.field);                                                   \
    between = ",";
#include "runtime/task/task_count.def"
#undef TASK_COUNT
    buffer_add_byte(out, '}');
}

static void app_view_write_input(const struct app_task *row, size_t index, struct buffer *out)
{
    buffer_add_byte(out, '{');
    app_view_add(out, "topic", row->part->topics[index]);
    buffer_printf(out, ",\"ours\":%s", row->inputs[index].is_ours ? "true" : "false");
    size_t count = row->task == NULL ? 0 : task_input_count(row->task);
    for (size_t i = 0; i < count; i++) {
        struct task_input_view view = task_view_input(row->task, i);
        if (strcmp(view.topic, row->part->topics[index]) == 0) {
            app_view_add_number(out, "offset", view.next_offset);
            app_view_add_number(out, "pending", view.pending_count);
        }
    }
    buffer_add_byte(out, '}');
}

/* Offsets are far ahead of records where much was compacted, so the time left is a guess. */
static void app_view_write_restore(const struct task_restore_view *view, struct buffer *out)
{
    const struct changelog_progress *progress = &view->progress;
    buffer_add_byte(out, '{');
    app_view_add(out, "store", view->store);
    app_view_add_number(out, "done", progress->done_count);
    app_view_add_number(out, "total", progress->total_count);
    app_view_add_number(out, "elapsed_ms", progress->elapsed_ms);
    buffer_add_byte(out, ',');
    app_view_add(out, "from_start", progress->reason);
    if (progress->done_count > 0) {
        int64_t left_count = progress->total_count - progress->done_count;
        double left_ms = (double)progress->elapsed_ms * (double)left_count;
        app_view_add_number(out, "left_ms", (int64_t)(left_ms / (double)progress->done_count));
    }
    buffer_add_byte(out, '}');
}

static void app_view_write_restores(const struct app_task *row, struct buffer *out)
{
    const char *between = ",\"restoring\":[";
    struct task_restore_view view;
    for (size_t i = 0; row->task != NULL && i < row->part->store_count; i++) {
        if (task_view_restore(row->task, i, &view)) {
            buffer_add_string(out, between);
            app_view_write_restore(&view, out);
            between = ",";
        }
    }
    buffer_add_string(out, between[1] == 0 ? "]" : "");
}

static void app_view_write_task(const struct app_task *row, size_t thread, struct buffer *out)
{
    const char *state = row->task == NULL                   ? "waiting"
                        : row->is_closing                   ? "closing"
                        : row->is_leaving                   ? "leaving"
                        : row->is_standby && row->is_warmup ? "warm-up"
                                                            : task_state_name(row->task);
    buffer_add_byte(out, '{');
    app_view_add(out, "part", row->part->name);
    app_view_add_number(out, "partition", row->partition);
    app_view_add_number(out, "thread", (int64_t)thread);
    buffer_add_string(out, row->is_canary ? ",\"canary\":true" : "");
    buffer_add_byte(out, ',');
    app_view_add(out, "state", state);
    int64_t stream_time_ms = row->task == NULL ? -1 : task_stream_time_ms(row->task);
    if (stream_time_ms >= 0) {
        app_view_add_number(out, "stream_time", stream_time_ms);
    }
    if (row->is_standby) {
        app_view_add_number(out, "lag", task_follow_lag(row->task));
    }
    buffer_add_string(out, ",\"inputs\":[");
    for (size_t i = 0; i < row->part->topic_count; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        app_view_write_input(row, i, out);
    }
    buffer_add_byte(out, ']');
    app_view_write_restores(row, out);
    buffer_add_byte(out, '}');
}

static void app_view_write_connector(const struct connector *connector, struct buffer *out)
{
    static const char *const states[] = {[CONNECTOR_NEW] = "new",
                                         [CONNECTOR_RUNNING] = "running",
                                         [CONNECTOR_WAITING] = "waiting",
                                         [CONNECTOR_CLOSING] = "closing"};
    buffer_add_byte(out, '{');
    app_view_add(out, "name", connector_name(connector));
    buffer_add_byte(out, ',');
    app_view_add(out, "kind", connector_is_source(connector) ? "source" : "sink");
    buffer_add_byte(out, ',');
    app_view_add(out, "state", states[connector_state(connector)]);
    buffer_add_byte(out, ',');
    app_view_add(out, "reason", connector_reason(connector));
    app_view_add_number(out, "records", connector_record_count(connector));
    app_view_add_number(out, "restarts", connector_restart_count(connector));
    buffer_add_byte(out, '}');
}

void app_view_add_parts(const struct app *app, size_t thread, struct buffer *out)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        buffer_add_string(out, out->size > 0 ? "," : "");
        app_view_write_task(list_member(link, const struct app_task, link), thread, out);
    }
}

void app_view_write_connectors(const struct app *app, struct buffer *out)
{
    buffer_add_string(out, "\"connectors\":[");
    for (size_t i = 0; i < app->connector_count; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        app_view_write_connector(app->connectors[i], out);
    }
    buffer_add_byte(out, ']');
}

static void app_view_add_place(struct app_view_places *places, size_t store, int32_t partition)
{
    size_t size = (places->count + 1) * sizeof *places->items;
    places->items = memory_resize(places->items, size);
    places->items[places->count++] =
        (struct app_view_place){.store = store, .partition = partition};
}

void app_view_add_places(const struct app *app, struct app_view_places *places)
{
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        bool is_running = row->task != NULL && !row->is_closing && task_is_running(row->task);
        for (size_t i = 0; is_running && i < topology_store_count(app->topology); i++) {
            if (task_store(row->task, topology_store_at(app->topology, i)->name) != NULL) {
                app_view_add_place(places, i, row->partition);
            }
        }
    }
}

void app_view_places_fini(struct app_view_places *places)
{
    free(places->items);
    *places = (struct app_view_places){0};
}

static int app_view_compare_places(const void *left, const void *right)
{
    const struct app_view_place *a = left;
    const struct app_view_place *b = right;
    return a->store != b->store           ? (a->store < b->store ? -1 : 1)
           : a->partition != b->partition ? (a->partition < b->partition ? -1 : 1)
                                          : 0;
}

static void app_view_write_places(const struct app_view_places *places, size_t store,
                                  struct buffer *out)
{
    const char *between = "";
    for (size_t i = 0; i < places->count; i++) {
        if (places->items[i].store == store) {
            buffer_printf(out, "%s%" PRId32, between, places->items[i].partition);
            between = ",";
        }
    }
}

void app_view_write_stores(const struct app *app, struct app_view_places *places,
                           struct buffer *out)
{
    if (places->count > 0) {
        qsort(places->items, places->count, sizeof *places->items, app_view_compare_places);
    }
    buffer_add_string(out, "\"stores\":[");
    for (size_t i = 0; i < topology_store_count(app->topology); i++) {
        const struct topology_store *store = topology_store_at(app->topology, i);
        buffer_add_string(out, i > 0 ? ",{" : "{");
        app_view_add(out, "name", store->name);
        buffer_add_byte(out, ',');
        app_view_add(out, "kind",
                     store->is_global                       ? "global"
                     : store->kind == TOPOLOGY_STORE_MEMORY ? "memory"
                                                            : "persistent");
        buffer_printf(out, ",\"changelog\":%s,\"partitions\":[",
                      store->has_changelog ? "true" : "false");
        app_view_write_places(places, i, out);
        buffer_add_string(out, "]}");
    }
    buffer_add_byte(out, ']');
}

void app_view_write_plan(const struct app *app, struct buffer *out)
{
    struct buffer plan;
    buffer_init(&plan);
    app_describe(app, &plan);
    app_view_add(out, "plan", buffer_string(&plan));
    buffer_fini(&plan);
}

struct app_view_changes {
    struct buffer *out;
    struct report *why;
    const char *between;
    bool is_fine;
};

static void app_view_write_change(void *owner, const struct app_change *change)
{
    struct app_view_changes *changes = owner;
    buffer_printf(changes->out, "%s{\"what\":\"%s\",", changes->between, change->what);
    app_view_add(changes->out, "name", change->name);
    buffer_add_byte(changes->out, ',');
    app_view_add(changes->out, "fate", change->fate);
    buffer_add_byte(changes->out, ',');
    app_view_add(changes->out, "why", change->why);
    buffer_add_byte(changes->out, '}');
    changes->between = ",";
    if (change->is_refused && changes->is_fine) {
        report_add(changes->why, NULL, "the store %s cannot be used: %s", change->name,
                   change->why);
        changes->is_fine = false;
    }
}

bool app_view_write_changes(const struct app *from, const struct app *to, struct buffer *out,
                            struct report *why)
{
    struct app_view_changes changes = {.out = out, .why = why, .between = "", .is_fine = true};
    buffer_add_string(out, "\"changes\":[");
    app_change_each(from, to, app_view_write_change, &changes);
    buffer_add_byte(out, ']');
    return changes.is_fine;
}
