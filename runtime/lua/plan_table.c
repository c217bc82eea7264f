/* Steps of tables; see plan_table.h. */
#include "runtime/lua/plan_table.h"

#include "runtime/lua/plan_condition.h"
#include "runtime/lua/plan_mapper.h"
#include "runtime/operators/hook_node.h"
#include "runtime/operators/table_group_node.h"
#include "runtime/operators/table_map_node.h"
#include "runtime/operators/table_node.h"

struct table_store_options plan_table_read_store(struct plan_reader *reader,
                                                 struct topology_node *node)
{
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count > 0, 1, "a broken plan");
    return (struct table_store_options){
        .name = node->stores[0],
        .history_ms = plan_reader_span(reader, "versioned", node->place, TABLE_STORE_NO_HISTORY)};
}

static struct node *make_table(void *owner, const char *name)
{
    return table_node_new(name, owner);
}

static int read_table(struct plan_reader *reader, struct topology_node *node)
{
    struct table_node_options *options =
        arena_new(&reader->script->arena, struct table_node_options);
    options->store = plan_table_read_store(reader, node);
    options->late_topic = plan_reader_late(reader);
    node->late_topic = options->store.history_ms >= 0 ? options->late_topic : NULL;
    luaL_argcheck(reader->lua, node->name != NULL, 1, "a broken plan");
    node->layout = "a table";
    node->make = make_table;
    node->owner = options;
    return plan_reader_add_grouped(reader, node);
}

struct table_filter_plan {
    struct plan_condition condition;
    bool is_inverted;
    bool knows_old;
};

static struct node *make_filter(void *owner, const char *name)
{
    struct table_filter_plan *plan = owner;
    struct table_map_node_filter filter = {.judge = plan_condition_judge(&plan->condition),
                                           .is_inverted = plan->is_inverted,
                                           .knows_old = plan->knows_old};
    return table_map_node_new_filter(name, &filter);
}

static int read_filter(struct plan_reader *reader, struct topology_node *node)
{
    struct table_filter_plan *plan = arena_new(&reader->script->arena, struct table_filter_plan);
    plan->condition = plan_condition_read(reader, node->place);
    plan->is_inverted = plan_reader_boolean(reader, "is_inverted");
    plan->knows_old = plan_reader_boolean(reader, "knows_old");
    node->make = make_filter;
    node->owner = plan;
    return plan_reader_add(reader, node);
}

static struct plan_mapper *read_mapper(struct plan_reader *reader, enum script_map_kind kind,
                                       const char *place)
{
    struct plan_mapper *plan = arena_new(&reader->script->arena, struct plan_mapper);
    plan_mapper_read(reader, kind, place, plan);
    luaL_argcheck(reader->lua, plan_mapper_is_written(plan), 1, "a broken plan");
    return plan;
}

static struct node *make_map_values(void *owner, const char *name)
{
    struct mapper mapper = plan_mapper_make(owner);
    return table_map_node_new(name, &mapper);
}

static int read_map_values(struct plan_reader *reader, struct topology_node *node)
{
    node->owner = read_mapper(reader, SCRIPT_MAP_VALUE, node->place);
    node->make = make_map_values;
    return plan_reader_add(reader, node);
}

static struct node *make_group(void *owner, const char *name)
{
    struct mapper mapper = plan_mapper_make(owner);
    return table_group_node_new(name, &mapper);
}

static int read_group(struct plan_reader *reader, struct topology_node *node)
{
    node->owner = read_mapper(reader, SCRIPT_MAP_PAIR, node->place);
    node->make = make_group;
    node->changes_key = true;
    return plan_reader_add(reader, node);
}

/* A stream does not know what was there before. */
static int forget_old(void *owner, struct node *node, struct node_context *context,
                      struct record *record)
{
    (void)owner;
    (void)node;
    (void)context;
    record->is_change = false;
    record->is_past = false;
    record->old_value = (struct bytes){0};
    return 1;
}

static struct node *make_stream(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new(name, &(struct hook_node){.on_record = forget_old});
}

static int read_stream(struct plan_reader *reader, struct topology_node *node)
{
    node->make = make_stream;
    return plan_reader_add(reader, node);
}

const struct plan_step plan_table_steps[] = {{.kind = "table", .read = read_table},
                                             {.kind = "table_filter", .read = read_filter},
                                             {.kind = "table_map_values", .read = read_map_values},
                                             {.kind = "table_group_by", .read = read_group},
                                             {.kind = "to_stream", .read = read_stream},
                                             {0}};
