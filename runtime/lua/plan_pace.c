/* Changes that are held back; see plan_pace.h. */
#include "runtime/lua/plan_pace.h"

#include "runtime/operators/pace_node.h"

enum { PACE_COUNT_MAX = 1000 * 1000 * 1000 };

static struct node *make_pace(void *owner, const char *name)
{
    return pace_node_new(name, owner);
}

static int read_pace(struct plan_reader *reader, struct topology_node *node)
{
    struct pace_node_options *options = arena_new(&reader->script->arena, struct pace_node_options);
    options->every_ms = plan_reader_span(reader, "every", node->place, 0);
    if (options->every_ms < 1) {
        report_add(reader->report, node->place,
                   "emit's every is a span of time from a millisecond on: \"10s\"");
        plan_reader_stop(reader);
    }
    double count = plan_reader_number(reader, "max", 0);
    if (!(count >= 0 && count <= PACE_COUNT_MAX) || count != (double)(int64_t)count) {
        report_add(reader->report, node->place,
                   "emit's max is a whole number of keys up to %d, or 0 for no limit, not %g",
                   PACE_COUNT_MAX, count);
        plan_reader_stop(reader);
    }
    options->count_max = (int64_t)count;
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    options->store = node->stores[0];
    node->layout = "changes held back";
    node->make = make_pace;
    node->owner = options;
    return plan_reader_add(reader, node);
}

const struct plan_step plan_pace_steps[] = {{.kind = "emit", .read = read_pace}, {0}};
