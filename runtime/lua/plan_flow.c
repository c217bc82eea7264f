/* Steps without state: what lets records through, changes them, or sends them on their ways. */
#include "runtime/lua/plan_flow.h"

#include "log/base/memory.h"
#include "runtime/lua/plan_condition.h"
#include "runtime/lua/script_node.h"
#include "runtime/operators/branch_node.h"
#include "runtime/operators/filter_node.h"
#include "runtime/operators/hook_node.h"
#include "runtime/operators/key_node.h"

#include <stdlib.h>

struct filter_plan {
    struct plan_condition condition;
    bool is_inverted;
};

struct branch_plan {
    struct plan_condition *arms;
    size_t count;
};

/* The report has the sentence; this only unwinds. */

static struct node *make_filter(void *owner, const char *name)
{
    struct filter_plan *plan = owner;
    return filter_node_new(name, plan_condition_judge(&plan->condition), plan->is_inverted);
}

static int read_filter(struct plan_reader *reader, struct topology_node *node)
{
    struct filter_plan *plan = arena_new(&reader->script->arena, struct filter_plan);
    plan->condition = plan_condition_read(reader, node->place);
    plan->is_inverted = plan_reader_boolean(reader, "is_inverted");
    node->make = make_filter;
    node->owner = plan;
    return plan_reader_add(reader, node);
}

static struct node *make_branch(void *owner, const char *name)
{
    struct branch_plan *plan = owner;
    struct judge *judges = memory_zero(plan->count, sizeof *judges);
    for (size_t i = 0; i < plan->count; i++) {
        judges[i] = plan_condition_judge(&plan->arms[i]);
    }
    struct node *node = branch_node_new(name, judges, plan->count);
    free(judges);
    return node;
}

static int read_branch(struct plan_reader *reader, struct topology_node *node)
{
    struct branch_plan *plan = arena_new(&reader->script->arena, struct branch_plan);
    plan->count = plan_reader_list(reader, "arms");
    plan->arms = arena_array(&reader->script->arena, struct plan_condition, plan->count);
    for (size_t i = 0; i < plan->count; i++) {
        plan_reader_item(reader, i);
        plan->arms[i] = plan_condition_read(reader, node->place);
        lua_pop(reader->lua, 1);
    }
    lua_pop(reader->lua, 1);
    node->make = make_branch;
    node->owner = plan;
    return plan_reader_add(reader, node);
}

static struct node *make_pass(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new_pass(name);
}

static int read_pass(struct plan_reader *reader, struct topology_node *node)
{
    node->make = make_pass;
    return plan_reader_add(reader, node);
}

static struct node *make_keys(void *owner, const char *name)
{
    return key_node_new(name, owner);
}

static int read_keys(struct plan_reader *reader, struct topology_node *node)
{
    node->changes_key = true;
    struct key_node_options *options = arena_new(&reader->script->arena, struct key_node_options);
    options->paths = plan_reader_strings(reader, "paths", &options->path_count);
    options->is_grouping = plan_reader_boolean(reader, "is_grouping");
    if (options->path_count == 0) {
        node->make = script_node_make;
        node->owner = plan_reader_script(reader, SCRIPT_NODE_SELECT_KEY);
        return plan_reader_add(reader, node);
    }
    for (size_t i = 0; i < options->path_count; i++) {
        plan_reader_path(reader, options->paths[i], node->place);
    }
    node->make = make_keys;
    node->owner = options;
    return plan_reader_add(reader, node);
}

static int read_script_node(struct plan_reader *reader, struct topology_node *node,
                            enum script_node_kind kind)
{
    node->changes_key = kind == SCRIPT_NODE_MAP || kind == SCRIPT_NODE_FLAT_MAP;
    node->make = script_node_make;
    node->owner = plan_reader_script(reader, kind);
    return plan_reader_add(reader, node);
}

static int read_map(struct plan_reader *reader, struct topology_node *node)
{
    return read_script_node(reader, node, SCRIPT_NODE_MAP);
}

static int read_map_values(struct plan_reader *reader, struct topology_node *node)
{
    return read_script_node(reader, node, SCRIPT_NODE_MAP_VALUES);
}

static int read_flat_map(struct plan_reader *reader, struct topology_node *node)
{
    return read_script_node(reader, node, SCRIPT_NODE_FLAT_MAP);
}

static int read_flat_map_values(struct plan_reader *reader, struct topology_node *node)
{
    return read_script_node(reader, node, SCRIPT_NODE_FLAT_MAP_VALUES);
}

static int read_peek(struct plan_reader *reader, struct topology_node *node)
{
    return read_script_node(reader, node, SCRIPT_NODE_PEEK);
}

const struct plan_step plan_flow_steps[] = {
    {.kind = "filter", .read = read_filter},
    {.kind = "branch", .read = read_branch},
    {.kind = "arm", .read = read_pass},
    {.kind = "merge", .read = read_pass},
    {.kind = "select_key", .read = read_keys},
    {.kind = "group_by", .read = read_keys},
    {.kind = "map", .read = read_map},
    {.kind = "map_values", .read = read_map_values},
    {.kind = "flat_map", .read = read_flat_map},
    {.kind = "flat_map_values", .read = read_flat_map_values},
    {.kind = "peek", .read = read_peek},
    {0}};
