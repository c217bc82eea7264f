/* Reads what an aggregation does; see plan_fold.h. */
#include "runtime/lua/plan_fold.h"

#include "log/base/memory.h"
#include "runtime/lua/script_fold.h"
#include "runtime/operators/fold_count.h"
#include "runtime/operators/fold_native.h"
#include "runtime/operators/predicate.h"

#include <math.h>
#include <string.h>

static struct fold *make_count(void *owner)
{
    (void)owner;
    return fold_count_new();
}

static struct plan_fold read_count(struct plan_reader *reader, const char *place)
{
    (void)reader;
    (void)place;
    return (struct plan_fold){.make = make_count, .can_merge = true, .layout = "counts"};
}

/* --- Functions of the script ------------------------------------------------------------------ */

/* The functions of a cogroup's streams; none of anything else. */
static void read_lanes(struct plan_reader *reader, struct script_fold_plan *plan)
{
    plan->lane_count = plan_reader_list(reader, "lanes");
    int *lanes = arena_array(&reader->script->arena, int, plan->lane_count);
    for (size_t i = 0; i < plan->lane_count; i++) {
        plan_reader_item(reader, i);
        lanes[i] = plan_reader_reference(reader, "fn");
        luaL_argcheck(reader->lua, lanes[i] != LUA_NOREF, 1, "a broken plan");
        lua_pop(reader->lua, 1);
    }
    lua_pop(reader->lua, 1);
    plan->lanes = lanes;
}

static struct plan_fold read_functions(struct plan_reader *reader, bool is_reduce)
{
    struct script_fold_plan *plan = arena_new(&reader->script->arena, struct script_fold_plan);
    *plan = (struct script_fold_plan){.script = reader->script,
                                      .is_reduce = is_reduce,
                                      .init = plan_reader_reference(reader, "init"),
                                      .add = plan_reader_reference(reader, "fn"),
                                      .subtract = plan_reader_reference(reader, "sub"),
                                      .merge = plan_reader_reference(reader, "merge")};
    plan->migration = (struct script_migration){
        .store = plan_reader_string(reader, "name"),
        .version = (int32_t)plan_reader_number(reader, "version", 1),
        .function = plan_reader_reference(reader, "migrate")}; /* the store's are judged */
    read_lanes(reader, plan);
    luaL_argcheck(reader->lua, plan->add != LUA_NOREF, 1, "a broken plan");
    luaL_argcheck(reader->lua, is_reduce || plan->init != LUA_NOREF, 1, "a broken plan");
    if (plan->init != LUA_NOREF) {
        plan->has_value = lua_rawgeti(reader->lua, LUA_REGISTRYINDEX, plan->init) != LUA_TFUNCTION;
        lua_pop(reader->lua, 1);
    }
    if (is_reduce) {
        plan->merge = plan->add;
    }
    return (struct plan_fold){.make = script_fold_make,
                              .owner = plan,
                              .can_merge = plan->merge != LUA_NOREF,
                              .layout = "what functions made"};
}

static struct plan_fold read_aggregate(struct plan_reader *reader, const char *place)
{
    (void)place;
    return read_functions(reader, false);
}

static struct plan_fold read_reduce(struct plan_reader *reader, const char *place)
{
    (void)place;
    return read_functions(reader, true);
}

/* --- Native aggregators ----------------------------------------------------------------------- */

struct native_plan {
    struct aggregation_field *fields;
    size_t count;
};

static struct fold *make_native(void *owner)
{
    const struct native_plan *plan = owner;
    return fold_native_new(plan->fields, plan->count);
}

static void judge_condition(struct plan_reader *reader, const char *text, const char *place)
{
    struct predicate *predicate = NULL;
    plan_reader_check(reader, predicate_new(text, place, reader->report, &predicate));
    predicate_free(predicate);
}

/* S.plugin(name, path, {...}): an aggregator of its own. */
static void open_plugin(struct plan_reader *reader, struct aggregation_field *field,
                        const char *plugin, const char *place)
{
    struct script *script = reader->script;
    const struct script_options *given = &script->options;
    struct script_aggregator wanted = {.name = plugin, .field = field->name};
    struct script_aggregator_owner opened = {0};
    wanted.options = plan_reader_options(reader, &wanted.option_count);
    if (given->open_aggregator == NULL) {
        report_add(reader->report, place, "plugins cannot be used here");
        plan_reader_stop(reader);
    }
    plan_reader_check(
        reader, given->open_aggregator(given->owner, &wanted, place, &opened, reader->report));
    script->aggregators = memory_resize(script->aggregators, (script->aggregator_count + 1) *
                                                                 sizeof *script->aggregators);
    script->aggregators[script->aggregator_count++] = opened;
    field->aggregator = opened.aggregator;
    field->owner = opened.owner;
}

static void read_field(struct plan_reader *reader, struct aggregation_field *field,
                       const char *place)
{
    const char *name = plan_reader_string(reader, "aggregator");
    *field = (struct aggregation_field){.name = plan_reader_string(reader, "field"),
                                        .path = plan_reader_string(reader, "path"),
                                        .condition = plan_reader_string(reader, "condition"),
                                        .parameter = plan_reader_number(reader, "parameter", NAN)};
    const char *plugin = plan_reader_string(reader, "plugin");
    luaL_argcheck(reader->lua, name != NULL && field->name != NULL, 1, "a broken plan");
    if (plugin != NULL) {
        open_plugin(reader, field, plugin, place);
    } else {
        field->aggregator = aggregator_find(name);
    }
    luaL_argcheck(reader->lua, field->aggregator != NULL, 1, "a broken plan");
    plan_reader_check(reader, aggregation_validate(field, place, reader->report));
    if (field->path != NULL) {
        plan_reader_path(reader, field->path, place);
    }
    if (field->condition != NULL) {
        judge_condition(reader, field->condition, place);
    }
}

/* What the steps around the aggregate allow. */
static void judge_native(struct plan_reader *reader, const struct native_plan *plan,
                         const char *place)
{
    bool has_window = plan_reader_push(reader, "window") == LUA_TTABLE;
    lua_pop(reader->lua, 1);
    bool is_of_table = plan_reader_boolean(reader, "is_table");
    for (size_t i = 0; i < plan->count; i++) {
        const struct aggregator *aggregator = plan->fields[i].aggregator;
        if (is_of_table && aggregator->summary->subtract == NULL) {
            report_add(reader->report, place,
                       "%s cannot be used on a table: it cannot take an old value away",
                       aggregator->name);
            plan_reader_stop(reader);
        }
        if (!has_window && aggregator->needs_window) {
            report_add(reader->report, place,
                       "%s needs windows, whose length it divides by; put :window(...) before it",
                       aggregator->name);
            plan_reader_stop(reader);
        }
    }
}

static struct plan_fold read_native(struct plan_reader *reader, const char *place)
{
    struct arena *arena = &reader->script->arena;
    struct native_plan *plan = arena_new(arena, struct native_plan);
    plan->count = plan_reader_list(reader, "aggregators");
    if (plan->count > AGGREGATION_FIELDS_MAX) {
        report_add(reader->report, place, "an aggregate has at most %d fields",
                   AGGREGATION_FIELDS_MAX);
        plan_reader_stop(reader);
    }
    plan->fields = arena_array(arena, struct aggregation_field, plan->count);
    for (size_t i = 0; i < plan->count; i++) {
        plan_reader_item(reader, i);
        read_field(reader, &plan->fields[i], place);
        lua_pop(reader->lua, 1);
    }
    lua_pop(reader->lua, 1);
    judge_native(reader, plan, place);
    struct aggregation *aggregation = aggregation_new(plan->fields, plan->count);
    const char *layout = arena_printf(arena, "aggregates %08x", (unsigned)aggregation->layout);
    aggregation_free(aggregation);
    return (struct plan_fold){
        .make = make_native, .owner = plan, .can_merge = true, .layout = layout};
}

struct plan_fold plan_fold_read(struct plan_reader *reader, const char *place)
{
    static const struct {
        const char *name;
        struct plan_fold (*read)(struct plan_reader *reader, const char *place);
    } rows[] = {{"count", read_count},
                {"aggregate", read_aggregate},
                {"reduce", read_reduce},
                {"native", read_native}};
    const char *name = plan_reader_string(reader, "fold");
    for (size_t i = 0; name != NULL && i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].read(reader, place);
        }
    }
    luaL_error(reader->lua, "a broken plan");
    return (struct plan_fold){0};
}
