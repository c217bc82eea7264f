/* Watching nodes; see app_tap.h. */
#include "runtime/app/app_tap.h"

#include "log/base/memory.h"
#include "runtime/app/app_state.h"
#include "runtime/format/record_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The functions of one node that is watched. */
struct app_tap_node {
    struct node_ops ops; /* the first, so that a node leads here */
    const struct node_ops *own;
    struct node *node;
    struct app_tap *tap;
    const struct task *task;
    struct list_link link;
};

struct app_tap {
    struct list_link link; /* in the application's */
    struct app *app;
    char *node;
    struct list nodes; /* of struct app_tap_node */
    struct buffer lines[APP_TAP_LINE_COUNT];
    size_t size;   /* of all lines */
    int64_t first; /* number of the oldest line that is left, from 1 */
    int64_t last;
    uint64_t asked_ns;
    struct io_timer timer;
};

static struct buffer *app_tap_line(struct app_tap *tap, int64_t number)
{
    return &tap->lines[number % APP_TAP_LINE_COUNT];
}

static void app_tap_drop_oldest(struct app_tap *tap)
{
    struct buffer *line = app_tap_line(tap, tap->first++);
    tap->size -= line->size;
    buffer_clear(line);
}

static void app_tap_note(struct app_tap *tap, const struct task *task, const struct record *record)
{
    struct record shown = *record;
    struct buffer *line = app_tap_line(tap, ++tap->last);
    if (tap->last - tap->first == APP_TAP_LINE_COUNT) {
        app_tap_drop_oldest(tap);
    }
    shown.topic = NULL; /* where it was read is the task's matter */
    shown.partition = -1;
    shown.offset = -1;
    buffer_clear(line);
    buffer_printf(line, "{\"number\":%" PRId64 ",\"partition\":%" PRId32 ",", tap->last,
                  task_partition(task));
    record_json_write_members(line, &shown);
    buffer_add_byte(line, '}');
    tap->size += line->size;
    while (tap->size > APP_TAP_SIZE_MAX && tap->first < tap->last) {
        app_tap_drop_oldest(tap);
    }
}

static int app_tap_process(struct node *node, struct node_context *context,
                           const struct record *record)
{
    const struct app_tap_node *watched = (const void *)node->ops;
    app_tap_note(watched->tap, watched->task, record);
    return watched->own->process(node, context, record);
}

static void app_tap_watch(struct app_tap *tap, struct task *task)
{
    struct node *node = task_node(task, tap->node);
    if (node == NULL || node->ops->process == app_tap_process) {
        return;
    }
    struct app_tap_node *watched = memory_new(struct app_tap_node);
    *watched = (struct app_tap_node){
        .ops = *node->ops, .own = node->ops, .node = node, .tap = tap, .task = task};
    watched->ops.process = app_tap_process;
    node->ops = &watched->ops;
    list_add(&tap->nodes, &watched->link);
}

static void app_tap_release(struct app_tap_node *watched)
{
    watched->node->ops = watched->own;
    list_remove(&watched->link);
    free(watched);
}

static void app_tap_end(struct app_tap *tap)
{
    for (list_each (&tap->nodes, link)) {
        app_tap_release(list_member(link, struct app_tap_node, link));
    }
    for (size_t i = 0; i < APP_TAP_LINE_COUNT; i++) {
        buffer_fini(&tap->lines[i]);
    }
    io_timer_stop(tap->app->io, &tap->timer);
    list_remove(&tap->link);
    free(tap->node);
    free(tap);
}

static void app_tap_on_time(struct io_timer *timer)
{
    struct app_tap *tap = timer->owner;
    uint64_t end_ns = tap->asked_ns + (uint64_t)APP_TAP_IDLE_MS * 1000000;
    uint64_t now = io_now(tap->app->io);
    if (now >= end_ns) {
        app_tap_end(tap);
    } else {
        io_timer_start(tap->app->io, timer, end_ns - now);
    }
}

static struct app_tap *app_tap_find(struct app *app, const char *node)
{
    for (list_each (&app->taps, link)) {
        struct app_tap *tap = list_member(link, struct app_tap, link);
        if (strcmp(tap->node, node) == 0) {
            return tap;
        }
    }
    return NULL;
}

static struct app_tap *app_tap_begin(struct app *app, const char *node)
{
    struct app_tap *tap = memory_new(struct app_tap);
    *tap = (struct app_tap){.app = app, .node = memory_string(node), .first = 1};
    list_init(&tap->nodes);
    list_add(&app->taps, &tap->link);
    tap->timer = (struct io_timer){.fired = app_tap_on_time, .owner = tap};
    io_timer_start(app->io, &tap->timer, (uint64_t)APP_TAP_IDLE_MS * 1000000);
    for (list_each (&app->tasks, link)) {
        struct app_task *row = list_member(link, struct app_task, link);
        if (row->task != NULL && !row->is_closing) {
            app_tap_watch(tap, row->task);
        }
    }
    return tap;
}

bool app_tap_read(struct app *app, const char *node, int64_t *number, int64_t *lost,
                  struct buffer *out)
{
    if (topology_node_find(app->topology, node) < 0) {
        return false;
    }
    struct app_tap *tap = app_tap_find(app, node);
    tap = tap == NULL ? app_tap_begin(app, node) : tap;
    tap->asked_ns = io_now(app->io);
    bool is_from_now = *number < 0 || *number > tap->last;
    int64_t next = is_from_now ? tap->last + 1 : *number + 1;
    int64_t first = next < tap->first ? tap->first : next;
    for (int64_t i = first; i <= tap->last; i++) {
        buffer_add_string(out, out->size > 0 ? "," : "");
        buffer_add_bytes(out, buffer_bytes(app_tap_line(tap, i)));
    }
    *lost += first - next;
    *number = tap->last;
    return true;
}

void app_tap_add_task(struct app *app, struct task *task)
{
    for (list_each (&app->taps, link)) {
        app_tap_watch(list_member(link, struct app_tap, link), task);
    }
}

void app_tap_remove_task(struct app *app, const struct task *task)
{
    for (list_each (&app->taps, link)) {
        struct app_tap *tap = list_member(link, struct app_tap, link);
        for (list_each (&tap->nodes, inner)) {
            struct app_tap_node *watched = list_member(inner, struct app_tap_node, link);
            if (watched->task == task) {
                app_tap_release(watched);
            }
        }
    }
}

void app_tap_end_all(struct app *app)
{
    for (list_each (&app->taps, link)) {
        app_tap_end(list_member(link, struct app_tap, link));
    }
}
