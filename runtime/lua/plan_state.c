/* Steps that keep something: processors with stores and timers, aggregates by key. */
#include "runtime/lua/plan_state.h"

#include "runtime/lua/script_node.h"
#include "runtime/operators/count_node.h"

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

static struct node *make_count(void *owner, const char *name)
{
    return count_node_new(name, owner);
}

static int read_count(struct plan_reader *reader, struct topology_node *node)
{
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    node->make = make_count;
    node->owner = (void *)(uintptr_t)node->stores[0];
    return plan_reader_add_grouped(reader, node);
}

static int read_aggregate(struct plan_reader *reader, struct topology_node *node,
                          enum script_node_kind kind)
{
    struct script_node_plan *plan = plan_reader_script(reader, kind);
    plan->init = plan_reader_reference(reader, "init");
    if (plan->init != LUA_NOREF) {
        plan->has_value = lua_rawgeti(reader->lua, LUA_REGISTRYINDEX, plan->init) != LUA_TFUNCTION;
        lua_pop(reader->lua, 1);
    }
    plan_reader_stores(reader, node, plan);
    luaL_argcheck(reader->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    node->make = script_node_make;
    node->owner = plan;
    return plan_reader_add_grouped(reader, node);
}

static int read_add(struct plan_reader *reader, struct topology_node *node)
{
    return read_aggregate(reader, node, SCRIPT_NODE_AGGREGATE);
}

static int read_reduce(struct plan_reader *reader, struct topology_node *node)
{
    return read_aggregate(reader, node, SCRIPT_NODE_REDUCE);
}

const struct plan_step plan_state_steps[] = {{.kind = "process", .read = read_process},
                                             {.kind = "count", .read = read_count},
                                             {.kind = "aggregate", .read = read_add},
                                             {.kind = "reduce", .read = read_reduce},
                                             {0}};
