/* Lanes of a cogroup; see plan_lane.h. */
#include "runtime/lua/plan_lane.h"

#include "runtime/operators/hook_node.h"

struct lane_plan {
    int32_t lane;
};

static int mark_record(void *owner, struct node *node, struct node_context *context,
                       struct record *record)
{
    const struct lane_plan *plan = owner;
    (void)node;
    (void)context;
    record->lane = plan->lane;
    return 1;
}

static struct node *make_lane(void *owner, const char *name)
{
    return hook_node_new(name, &(struct hook_node){.on_record = mark_record, .owner = owner});
}

/* Behind the topic that brings equal keys together, which would lose the mark. */
static int read_lane(struct plan_reader *reader, struct topology_node *node)
{
    struct lane_plan *plan = arena_new(&reader->script->arena, struct lane_plan);
    int64_t lane = plan_reader_integer(reader, "lane", -1);
    luaL_argcheck(reader->lua, lane >= 0 && lane < INT32_MAX, 1, "a broken plan");
    luaL_argcheck(reader->lua, node->name != NULL && node->parent_count == 1, 1, "a broken plan");
    plan->lane = (int32_t)lane;
    node->make = make_lane;
    node->owner = plan;
    return plan_reader_add_grouped(reader, node);
}

const struct plan_step plan_lane_steps[] = {{.kind = "lane", .read = read_lane}, {0}};
