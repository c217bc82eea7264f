/* Joins; see plan_join.h. */
#include "runtime/lua/plan_join.h"

#include "runtime/lua/plan_mapper.h"
#include "runtime/lua/plan_table.h"
#include "runtime/operators/foreign_left_node.h"
#include "runtime/operators/foreign_right_node.h"
#include "runtime/operators/lookup_node.h"
#include "runtime/operators/meeting_node.h"
#include "runtime/operators/table_join_node.h"

#include <string.h>

struct join_plan {
    struct plan_mapper joiner;
    struct plan_mapper on;
    bool is_left;
    union {
        struct table_join_node_options tables;
        struct lookup_node_options lookup;
        struct meeting_node_options meeting;
        struct foreign_left_node_options left;
        struct foreign_right_node_options right;
    };
};

/* What all joins have: a function, a side, and what they keep. */
static struct join_plan *read_join(struct plan_reader *reader, struct topology_node *node)
{
    struct join_plan *plan = arena_new(&reader->script->arena, struct join_plan);
    *plan = (struct join_plan){0};
    luaL_argcheck(reader->lua, node->name != NULL, 1, "a broken plan");
    plan_mapper_read(reader, SCRIPT_MAP_VALUE, node->place, &plan->joiner);
    plan->on.script.function = LUA_NOREF;
    plan_reader_push(reader, "on");
    if (lua_istable(reader->lua, -1)) {
        plan_mapper_read(reader, SCRIPT_MAP_KEY, node->place, &plan->on);
    }
    lua_pop(reader->lua, 1);
    const char *side = plan_reader_string(reader, "side");
    plan->is_left = side == NULL || strcmp(side, "left") == 0;
    node->owner = plan;
    return plan;
}

static struct node *make_table_join(void *owner, const char *name)
{
    struct join_plan *plan = owner;
    struct table_join_node_options options = plan->tables;
    options.joiner = plan_mapper_make_joiner(&plan->joiner);
    return table_join_node_new(name, &options);
}

static int read_table_join(struct plan_reader *reader, struct topology_node *node)
{
    struct join_plan *plan = read_join(reader, node);
    plan->tables =
        (struct table_join_node_options){.other = plan_table_read_store(reader, node),
                                         .is_left = plan->is_left,
                                         .keeps_left = plan_reader_boolean(reader, "keeps_left"),
                                         .keeps_right = plan_reader_boolean(reader, "keeps_right")};
    node->make = make_table_join;
    return plan_reader_add(reader, node);
}

static struct node *make_lookup(void *owner, const char *name)
{
    struct join_plan *plan = owner;
    struct lookup_node_options options = plan->lookup;
    options.joiner = plan_mapper_make_joiner(&plan->joiner);
    if (options.has_mapper) {
        options.mapper = plan_mapper_make(&plan->on);
    }
    return lookup_node_new(name, &options);
}

static int read_lookup(struct plan_reader *reader, struct topology_node *node)
{
    struct join_plan *plan = read_join(reader, node);
    plan->lookup =
        (struct lookup_node_options){.table = plan_table_read_store(reader, node),
                                     .keeps_unmatched = plan_reader_boolean(reader, "keeps_left"),
                                     .grace_ms = plan_reader_span(reader, "grace", node->place, 0)};
    plan->lookup.waiting_store = node->store_count > 1 ? node->stores[1] : NULL;
    plan->lookup.has_mapper = plan_mapper_is_written(&plan->on);
    node->make = make_lookup;
    if (plan_reader_boolean(reader, "is_global")) {
        node->is_keyed = false; /* any key is there, in every task */
        return plan_reader_add(reader, node);
    }
    return plan_reader_add_grouped(reader, node);
}

static struct node *make_meeting(void *owner, const char *name)
{
    struct join_plan *plan = owner;
    struct meeting_node_options options = plan->meeting;
    options.joiner = plan_mapper_make_joiner(&plan->joiner);
    return meeting_node_new(name, &options);
}

static int read_meeting(struct plan_reader *reader, struct topology_node *node)
{
    struct join_plan *plan = read_join(reader, node);
    plan_reader_stores(reader, node, NULL);
    luaL_argcheck(reader->lua, node->store_count == 1, 1, "a broken plan");
    struct meeting_node_options *options = &plan->meeting;
    *options = (struct meeting_node_options){
        .store = node->stores[0],
        .side = plan->is_left ? MEETING_LEFT : MEETING_RIGHT,
        .keeps_left = plan_reader_boolean(reader, "keeps_left"),
        .keeps_right = plan_reader_boolean(reader, "keeps_right"),
        .before_ms = plan_reader_signed_span(reader, "before", node->place, 0),
        .after_ms = plan_reader_signed_span(reader, "after", node->place, 0),
        .grace_ms = plan_reader_span(reader, "grace", node->place, 0),
        .late_topic = plan_reader_late(reader)};
    node->late_topic = options->late_topic;
    if (options->before_ms + options->after_ms < 0) {
        report_add(reader->report, node->place,
                   "before and after leave no time in which two records could meet");
        plan_reader_stop(reader);
    }
    node->make = make_meeting;
    return plan_reader_add_grouped(reader, node);
}

/* --- Foreign keys: four steps, see runtime/operators/foreign.h -------------------------------- */

static struct node *make_subscribe(void *owner, const char *name)
{
    struct join_plan *plan = owner;
    struct foreign_left_node_options options = plan->left;
    options.on = plan_mapper_make(&plan->on);
    return foreign_left_node_new(name, &options);
}

static int read_subscribe(struct plan_reader *reader, struct topology_node *node)
{
    struct join_plan *plan = read_join(reader, node);
    luaL_argcheck(reader->lua, plan_mapper_is_written(&plan->on), 1, "a broken plan");
    plan->left = (struct foreign_left_node_options){
        .keeps_left = plan_reader_boolean(reader, "keeps_left"),
        .left = {.name = "", .history_ms = TABLE_STORE_NO_HISTORY},
        .result = {.name = "", .history_ms = TABLE_STORE_NO_HISTORY}};
    node->changes_key = true;
    node->make = make_subscribe;
    return plan_reader_add(reader, node);
}

static struct node *make_answer(void *owner, const char *name)
{
    struct join_plan *plan = owner;
    struct foreign_left_node_options options = plan->left;
    options.joiner = plan_mapper_make_joiner(&plan->joiner);
    return foreign_left_node_new_answer(name, &options);
}

static int read_answer(struct plan_reader *reader, struct topology_node *node)
{
    struct join_plan *plan = read_join(reader, node);
    plan->left =
        (struct foreign_left_node_options){.keeps_left = plan_reader_boolean(reader, "keeps_left"),
                                           .left = plan_table_read_store(reader, node)};
    luaL_argcheck(reader->lua, node->store_count == 2, 1, "a broken plan");
    plan->left.result =
        (struct table_store_options){.name = node->stores[1], .history_ms = TABLE_STORE_NO_HISTORY};
    node->make = make_answer;
    return plan_reader_add(reader, node);
}

static struct node *make_lookups(void *owner, const char *name)
{
    return foreign_right_node_new(name, &((struct join_plan *)owner)->right);
}

static struct node *make_changes(void *owner, const char *name)
{
    return foreign_right_node_new_change(name, &((struct join_plan *)owner)->right);
}

/* Stores: the right table's, that of the subscriptions; of changes the second one alone. */
static int read_right(struct plan_reader *reader, struct topology_node *node, size_t store_count,
                      struct node *(*make)(void *owner, const char *name))
{
    struct join_plan *plan = read_join(reader, node);
    plan->right.right = plan_table_read_store(reader, node);
    luaL_argcheck(reader->lua, node->store_count == store_count, 1, "a broken plan");
    plan->right.subscriptions = node->stores[store_count - 1];
    node->changes_key = true;
    node->make = make;
    return plan_reader_add(reader, node);
}

static int read_lookups(struct plan_reader *reader, struct topology_node *node)
{
    return read_right(reader, node, 2, make_lookups);
}

static int read_changes(struct plan_reader *reader, struct topology_node *node)
{
    return read_right(reader, node, 1, make_changes);
}

const struct plan_step plan_join_steps[] = {{.kind = "table_join", .read = read_table_join},
                                            {.kind = "lookup", .read = read_lookup},
                                            {.kind = "meeting", .read = read_meeting},
                                            {.kind = "foreign_subscribe", .read = read_subscribe},
                                            {.kind = "foreign_lookup", .read = read_lookups},
                                            {.kind = "foreign_change", .read = read_changes},
                                            {.kind = "foreign_answer", .read = read_answer},
                                            {0}};
