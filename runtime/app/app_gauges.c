/* One line per task, input or store; see app_gauges.h. */
#include "runtime/app/app_gauges.h"

#include "log/base/metric.h"
#include "runtime/app/app_state.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    const char *help;
} app_gauges_rows[APP_GAUGES_COUNT] = {
#define APP_GAUGE(id, name, help) {name, help},
#include "runtime/app/app_gauges.def"
#undef APP_GAUGE
};

void app_gauges_fini(struct app_gauges *gauges)
{
    for (size_t i = 0; i < APP_GAUGES_COUNT; i++) {
        buffer_fini(&gauges->lines[i]);
    }
    *gauges = (struct app_gauges){0};
}

static void app_gauges_put(struct app_gauges *gauges, enum app_gauges_id id, struct buffer *labels,
                           double value)
{
    if (gauges->counts[id] >= APP_GAUGES_MAX) {
        gauges->omitted_count++;
        return;
    }
    gauges->counts[id]++;
    metric_write_sample(&gauges->lines[id], app_gauges_rows[id].name, buffer_string(labels), value);
}

/* Up to the end of what is there, as a group's lag is; 0 when all was taken and finished, though
 * the marker of a transaction may be last. */
static int64_t app_gauges_lag(const struct app *app, const struct app_task *row,
                              const struct task_input_view *view)
{
    int64_t end = fetcher_high_watermark(app->fetcher, view->topic, row->partition);
    bool is_at_end =
        view->pending_count == 0 && fetcher_is_at_end(app->fetcher, view->topic, row->partition);
    return end < 0 ? -1 : is_at_end || end <= view->next_offset ? 0 : end - view->next_offset;
}

static void app_gauges_add_inputs(struct app_gauges *gauges, const struct app *app,
                                  const struct app_task *row, struct buffer *labels)
{
    size_t size = labels->size;
    for (size_t i = 0; i < task_input_count(row->task); i++) {
        struct task_input_view view = task_view_input(row->task, i);
        int64_t lag = app_gauges_lag(app, row, &view);
        if (lag >= 0) {
            metric_label(labels, "topic", bytes_from_string(view.topic));
            app_gauges_put(gauges, APP_GAUGES_INPUT_LAG, labels, (double)lag);
            labels->size = size;
        }
    }
}

static void app_gauges_add_stores(struct app_gauges *gauges, const struct app_task *row,
                                  struct buffer *labels)
{
    size_t size = labels->size;
    bool is_running = task_is_running(row->task);
    for (size_t i = 0; i < row->part->store_count; i++) {
        struct task_restore_view view;
        bool is_restoring = task_view_restore(row->task, i, &view);
        const struct changelog_progress *progress = &view.progress;
        bool is_known = is_restoring && progress->total_count >= 0;
        metric_label(labels, "store", bytes_from_string(row->part->stores[i]->name));
        if (is_known) {
            app_gauges_put(gauges, APP_GAUGES_RESTORE_DONE, labels, (double)progress->done_count);
            app_gauges_put(gauges, APP_GAUGES_RESTORE_TIME, labels,
                           (double)progress->elapsed_ms / 1e3);
            app_gauges_put(gauges, APP_GAUGES_RESTORE_LEFT, labels,
                           (double)(progress->total_count - progress->done_count));
        } else if (is_running) {
            app_gauges_put(gauges, APP_GAUGES_RESTORE_LEFT, labels, 0);
        }
        labels->size = size;
    }
}

static void app_gauges_add_task(struct app_gauges *gauges, const struct app *app,
                                const struct app_task *row, struct buffer *labels)
{
    metric_label(labels, "app", bytes_from_string(app_name(app)));
    metric_label(labels, "part", bytes_from_string(row->part->name));
    buffer_printf(labels, ",partition=\"%" PRId32 "\"", row->partition);
    if (row->is_standby) {
        int64_t lag = task_follow_lag(row->task);
        if (lag >= 0) {
            app_gauges_put(gauges, APP_GAUGES_STANDBY_LAG, labels, (double)lag);
        }
        return;
    }
    int64_t stream_time_ms = task_stream_time_ms(row->task);
    if (stream_time_ms >= 0) {
        app_gauges_put(gauges, APP_GAUGES_STREAM_TIME, labels, (double)stream_time_ms / 1e3);
    }
    app_gauges_add_inputs(gauges, app, row, labels);
    app_gauges_add_stores(gauges, row, labels);
}

void app_gauges_add(struct app_gauges *gauges, const struct app *app)
{
    struct buffer labels;
    buffer_init(&labels);
    for (const struct list_link *link = app->tasks.head.next; link != &app->tasks.head;
         link = link->next) {
        const struct app_task *row = list_member(link, const struct app_task, link);
        if (row->task != NULL && !row->is_closing) {
            buffer_clear(&labels);
            app_gauges_add_task(gauges, app, row, &labels);
        }
    }
    buffer_fini(&labels);
}

void app_gauges_write(const struct app_gauges *gauges, struct buffer *out)
{
    for (size_t i = 0; i < APP_GAUGES_COUNT; i++) {
        if (gauges->counts[i] > 0) {
            buffer_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", app_gauges_rows[i].name,
                          app_gauges_rows[i].help, app_gauges_rows[i].name);
            buffer_add_bytes(out, buffer_bytes(&gauges->lines[i]));
        }
    }
}
