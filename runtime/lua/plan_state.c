/* Steps that keep something: processors with stores and timers, aggregates by key. */
#include "runtime/lua/plan_state.h"

#include "runtime/lua/plan_fold.h"
#include "runtime/lua/script_node.h"
#include "runtime/operators/aggregate_node.h"

static void read_timers(struct plan_reader *reader, struct topology_node *node,
                        struct script_node_plan *plan)
{
    struct arena *arena = &reader->script->arena;
    size_t count = plan_reader_list(reader, "timers");
    struct topology_timer *timers = arena_array(arena, struct topology_timer, count);
    plan->timers = arena_array(arena, int, count);
    for (size_t i = 0; i < count; i++) {
        plan_reader_item(reader, i);
        const char *interval = plan_reader_string(reader, "interval");
        plan->timers[i] = plan_reader_reference(reader, "fn");
        luaL_argcheck(reader->lua, interval != NULL && plan->timers[i] != LUA_NOREF, 1,
                      "a broken plan");
        timers[i] = plan_reader_interval(reader, interval, node->place);
        lua_pop(reader->lua, 1);
    }
    lua_pop(reader->lua, 1);
    node->timers = timers;
    node->timer_count = plan->timer_count = count;
}

static int read_process(struct plan_reader *reader, struct topology_node *node)
{
    struct script_node_plan *plan = plan_reader_script(reader, SCRIPT_NODE_PROCESS);
    plan->init = plan_reader_reference(reader, "init");
    plan->close = plan_reader_reference(reader, "close");
    plan_reader_stores(reader, node, plan);
    read_timers(reader, node, plan);
    node->changes_key = true;
    node->make = script_node_make;
    node->owner = plan;
    return plan_reader_add(reader, node);
}

struct aggregate_plan {
    struct plan_fold fold;
    const char *store;
};

static struct node *make_aggregate(void *owner, const char *name)
{
    const struct aggregate_plan *plan = owner;
    return aggregate_node_new(name, plan->store, plan->fold.make(plan->fold.owner));
}

static int read_aggregate(struct plan_reader *reader, struct topology_node *node)
{
    struct aggregate_plan *plan = arena_new(&reader->script->arena, struct aggregate_plan);
    plan->fold = plan_fold_read(reader, node->place);
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    plan->store = node->stores[0];
    node->layout = plan->fold.layout;
    node->make = make_aggregate;
    node->owner = plan;
    return plan_reader_add_grouped(reader, node);
}

const struct plan_step plan_state_steps[] = {{.kind = "process", .read = read_process},
                                             {.kind = "count", .read = read_aggregate},
                                             {.kind = "aggregate", .read = read_aggregate},
                                             {.kind = "reduce", .read = read_aggregate},
                                             {0}};
