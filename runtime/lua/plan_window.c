/* Aggregates in windows; see plan_window.h. */
#include "runtime/lua/plan_window.h"

#include "log/base/text.h"
#include "runtime/lua/plan_fold.h"
#include "runtime/operators/window_node.h"

#include <string.h>

enum { WINDOWS_OF_RECORD_MAX = 100000 };

struct window_plan {
    struct window_node_options options;
    int64_t idle_ms;
    struct plan_fold fold;
};

static struct node *make_window(void *owner, const char *name)
{
    const struct window_plan *plan = owner;
    return window_node_new(name, &plan->options, plan->fold.make(plan->fold.owner));
}

static const struct window_kind *find_kind(struct plan_reader *reader)
{
    static const struct window_kind *const kinds[] = {&window_kind_fixed, &window_kind_sliding,
                                                      &window_kind_session};
    const char *name = plan_reader_string(reader, "kind");
    for (size_t i = 0; name != NULL && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    luaL_error(reader->lua, "a broken plan");
    return NULL;
}

/* A span of the window on top, at least `minimum` milliseconds. */
static int64_t read_span(struct plan_reader *reader, const char *field, const char *what,
                         int64_t minimum, const char *place)
{
    const char *text = plan_reader_string(reader, field);
    int64_t span_ms = 0;
    if (text == NULL && minimum == 0) {
        return 0;
    }
    if (text == NULL || text_parse_duration_ms(text, &span_ms) != 0 || span_ms < minimum ||
        span_ms > INT64_MAX / 8) {
        report_add(reader->report, place, "'%s' is no %s of a window; write \"1m\" or \"10s\"",
                   text == NULL ? "" : text, what);
        plan_reader_stop(reader);
    }
    return span_ms;
}

static void read_window(struct plan_reader *reader, struct window_plan *plan, const char *place)
{
    struct window_node_options *options = &plan->options;
    plan_reader_push(reader, "window");
    luaL_checktype(reader->lua, -1, LUA_TTABLE);
    options->kind = find_kind(reader);
    options->size_ms = read_span(reader, "size", "size", options->kind->takes_zero ? 0 : 1, place);
    options->grace_ms = read_span(reader, "grace", "grace", 0, place);
    if (plan_reader_string(reader, "idle") != NULL) {
        plan->idle_ms = read_span(reader, "idle", "idle", 1, place);
    }
    options->advance_ms = options->size_ms;
    if (options->kind == &window_kind_fixed) {
        options->advance_ms = read_span(reader, "advance", "advance", 1, place);
    }
    lua_pop(reader->lua, 1);
    if (options->advance_ms > options->size_ms) {
        report_add(reader->report, place,
                   "a window of %lld ms every %lld ms would miss records in between",
                   (long long)options->size_ms, (long long)options->advance_ms);
        plan_reader_stop(reader);
    }
    if (options->size_ms > 0 && options->size_ms / options->advance_ms > WINDOWS_OF_RECORD_MAX) {
        report_add(reader->report, place,
                   "windows of %lld ms every %lld ms put each record into more than %d of them",
                   (long long)options->size_ms, (long long)options->advance_ms,
                   WINDOWS_OF_RECORD_MAX);
        plan_reader_stop(reader);
    }
}

static int read_step(struct plan_reader *reader, struct topology_node *node)
{
    struct window_plan *plan = arena_new(&reader->script->arena, struct window_plan);
    plan->fold = plan_fold_read(reader, node->place);
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    read_window(reader, plan, node->place);
    node->idle_ms = plan->idle_ms;
    if (plan->options.kind->must_merge && !plan->fold.can_merge) {
        report_add(reader->report, node->place,
                   "sessions grow together, so their aggregate needs merge = function(left, right, "
                   "key)");
        plan_reader_stop(reader);
    }
    plan->options.store = node->stores[0];
    plan->options.is_final = plan_reader_boolean(reader, "is_final");
    plan->options.late_topic = plan_reader_late(reader);
    node->late_topic = plan->options.late_topic;
    node->layout =
        arena_printf(&reader->script->arena, "%s in %s windows of %lld ms every %lld ms",
                     plan->fold.layout, plan->options.kind->name, (long long)plan->options.size_ms,
                     (long long)plan->options.advance_ms);
    node->make = make_window;
    node->owner = plan;
    return plan_reader_add_grouped(reader, node);
}

const struct plan_step plan_window_steps[] = {{.kind = "window", .read = read_step}, {0}};
