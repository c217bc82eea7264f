/* Aggregates in windows of a number of records; see plan_counted.h. */
#include "runtime/lua/plan_counted.h"

#include "runtime/lua/plan_fold.h"
#include "runtime/operators/counted_node.h"

/* Each of the windows that a record goes to is read and written. */
enum { COUNTED_WINDOWS_OF_RECORD_MAX = 1000, COUNTED_RECORDS_MAX = 1000 * 1000 * 1000 };

struct counted_plan {
    struct counted_node_options options;
    struct plan_fold fold;
};

static struct node *make_counted(void *owner, const char *name)
{
    const struct counted_plan *plan = owner;
    return counted_node_new(name, &plan->options, plan->fold.make(plan->fold.owner));
}

/* A whole number of the window on top, from 1 to `most`. */
static int64_t read_number(struct plan_reader *reader, const char *field, int64_t most,
                           const char *place)
{
    double number = plan_reader_number(reader, field, 0);
    if (!(number >= 1 && number <= (double)most) || number != (double)(int64_t)number) {
        report_add(reader->report, place,
                   "the %s of a window of records is a whole number from 1 to %lld, not %g", field,
                   (long long)most, number);
        plan_reader_stop(reader);
    }
    return (int64_t)number;
}

static void read_window(struct plan_reader *reader, struct counted_node_options *options,
                        const char *place)
{
    plan_reader_push(reader, "window");
    luaL_checktype(reader->lua, -1, LUA_TTABLE);
    options->count = read_number(reader, "count", COUNTED_RECORDS_MAX, place);
    options->advance = read_number(reader, "advance", options->count, place);
    lua_pop(reader->lua, 1);
    if (options->count / options->advance > COUNTED_WINDOWS_OF_RECORD_MAX) {
        report_add(reader->report, place,
                   "windows of %lld records every %lld put each record into more than %d of them",
                   (long long)options->count, (long long)options->advance,
                   COUNTED_WINDOWS_OF_RECORD_MAX);
        plan_reader_stop(reader);
    }
}

static int read_step(struct plan_reader *reader, struct topology_node *node)
{
    struct counted_plan *plan = arena_new(&reader->script->arena, struct counted_plan);
    plan->fold = plan_fold_read(reader, node->place);
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    read_window(reader, &plan->options, node->place);
    plan->options.store = node->stores[0];
    plan->options.is_final = plan_reader_boolean(reader, "is_final");
    node->layout = arena_printf(&reader->script->arena, "%s in windows of %lld records every %lld",
                                plan->fold.layout, (long long)plan->options.count,
                                (long long)plan->options.advance);
    node->make = make_counted;
    node->owner = plan;
    return plan_reader_add_grouped(reader, node);
}

const struct plan_step plan_counted_steps[] = {{.kind = "counted", .read = read_step}, {0}};
