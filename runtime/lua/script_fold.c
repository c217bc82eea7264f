/* Functions of the script as aggregates; see script_fold.h. */
#include "runtime/lua/script_fold.h"

#include "log/base/memory.h"
#include "runtime/lua/record_view.h"
#include "runtime/lua/script_call.h"
#include "runtime/lua/script_value.h"

#include <stdlib.h>

struct script_fold {
    struct fold fold;
    const struct script_fold_plan *plan;
};

struct fold_call {
    const struct script_fold_plan *plan;
    int function;
    struct bytes left; /* accumulators; null: none */
    struct bytes right;
    struct bytes key;
    struct bytes out;
};

static const struct script_fold *script_fold_of(const struct fold *fold)
{
    return (const struct script_fold *)(const void *)fold;
}

/* A fresh copy of a value for each key, or what the function gives. */
static void push_init(lua_State *lua, const struct script_fold_plan *plan)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, plan->init);
    if (!plan->has_value) {
        lua_call(lua, 0, 1);
    } else if (lua_istable(lua, -1)) {
        struct buffer *text = script_scratch(plan->script, 0);
        script_value_write(lua, -1, text, "init");
        check(script_parse(lua, buffer_bytes(text)) == 0);
        script_value_push(lua, &plan->script->stored, JSON_ROOT);
        lua_remove(lua, -2);
    }
}

static void push_plain_value(lua_State *lua)
{
    struct json_place place;
    record_view_push_value(lua);
    if (record_view_get_place(lua, -1, &place)) {
        script_value_push_place(lua, place);
        lua_remove(lua, -2);
    } else if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        script_value_push_null(lua);
    }
}

/* The accumulator at the top. */
static void take_accumulator(lua_State *lua, struct fold_call *call)
{
    if (lua_isnil(lua, -1)) {
        luaL_error(lua, "an aggregate must return the accumulator (S.null deletes it)");
    }
    call->out = (struct bytes){0};
    if (!script_value_is_null(lua, -1)) {
        struct buffer *text = script_scratch(call->plan->script, 0);
        script_migration_mark(text, call->plan->migration.version);
        script_value_write(lua, -1, text, "the accumulator");
        call->out = script_copy(lua, buffer_bytes(text));
    }
}

static int body_aggregate(lua_State *lua)
{
    struct fold_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    if (bytes_is_null(call->left)) {
        push_init(lua, call->plan);
    } else {
        script_migration_push(lua, &call->plan->migration, call->left);
    }
    record_view_push(lua);
    lua_call(lua, 2, 1);
    take_accumulator(lua, call);
    return 0;
}

static int body_reduce(lua_State *lua)
{
    struct fold_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    if (bytes_is_null(call->left)) {
        push_plain_value(lua);
    } else {
        script_migration_push(lua, &call->plan->migration, call->left);
        push_plain_value(lua);
        record_view_push(lua);
        lua_call(lua, 3, 1);
    }
    take_accumulator(lua, call);
    return 0;
}

static int body_merge(lua_State *lua)
{
    struct fold_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    if (bytes_is_null(call->left)) {
        push_init(lua, call->plan);
    } else {
        script_migration_push(lua, &call->plan->migration, call->left);
    }
    script_migration_push(lua, &call->plan->migration, call->right);
    lua_pushlstring(lua, (const char *)call->key.data, call->key.size);
    lua_call(lua, 3, 1);
    take_accumulator(lua, call);
    return 0;
}

static int run_fold(struct fold_call *call, lua_CFunction body, struct node *node,
                    struct node_context *context, const struct record *record, struct bytes *out)
{
    int error = script_call_run(call->plan->script, body, call, node, context, record);
    if (error == 0) {
        *out = call->out;
    }
    return error;
}

static int script_fold_add(struct fold *fold, struct node *node, struct node_context *context,
                           const struct record *record, struct bytes accumulator, struct bytes *out)
{
    const struct script_fold_plan *plan = script_fold_of(fold)->plan;
    struct fold_call call = {.plan = plan, .function = plan->add, .left = accumulator};
    if (plan->lane_count > 0) {
        check(record->lane >= 0 && (size_t)record->lane < plan->lane_count);
        call.function = plan->lanes[record->lane];
    }
    return run_fold(&call, plan->is_reduce ? body_reduce : body_aggregate, node, context, record,
                    out);
}

static int script_fold_subtract(struct fold *fold, struct node *node, struct node_context *context,
                                const struct record *record, struct bytes accumulator,
                                struct bytes *out)
{
    const struct script_fold_plan *plan = script_fold_of(fold)->plan;
    struct fold_call call = {.plan = plan, .function = plan->subtract, .left = accumulator};
    return run_fold(&call, plan->is_reduce ? body_reduce : body_aggregate, node, context, record,
                    out);
}

static int script_fold_merge(struct fold *fold, struct node *node, struct node_context *context,
                             struct bytes key, struct bytes left, struct bytes right,
                             struct bytes *out)
{
    const struct script_fold_plan *plan = script_fold_of(fold)->plan;
    struct fold_call call = {
        .plan = plan, .function = plan->merge, .left = left, .right = right, .key = key};
    if (plan->is_reduce && bytes_is_null(left)) {
        *out = right;
        return 0;
    }
    return run_fold(&call, body_merge, node, context, NULL, out);
}

/* What the accumulator is in this version, without its mark. */
static int body_result(lua_State *lua)
{
    struct fold_call *call = lua_touserdata(lua, 1);
    struct buffer *text = script_scratch(call->plan->script, 0);
    script_migration_push(lua, &call->plan->migration, call->left);
    script_value_write(lua, -1, text, "the migrated accumulator");
    call->out = script_copy(lua, buffer_bytes(text));
    return 0;
}

static int script_fold_result(struct fold *fold, struct node *node, struct node_context *context,
                              struct bytes accumulator, struct record *record)
{
    const struct script_fold_plan *plan = script_fold_of(fold)->plan;
    struct bytes value = accumulator;
    if (script_migration_read(&value) != plan->migration.version) {
        struct fold_call call = {.plan = plan, .left = accumulator};
        int error = run_fold(&call, body_result, node, context, NULL, &value);
        if (error != 0) {
            return error;
        }
    }
    record->value = arena_copy(context->arena, value);
    record->value_format = VALUE_JSON;
    return 0;
}

static void script_fold_free(struct fold *fold)
{
    free(fold);
}

struct fold *script_fold_make(void *owner)
{
    static const struct fold_ops ops = {.add = script_fold_add,
                                        .subtract = script_fold_subtract,
                                        .merge = script_fold_merge,
                                        .result = script_fold_result,
                                        .free = script_fold_free};
    struct script_fold *it = memory_new(struct script_fold);
    it->fold.ops = &ops;
    it->plan = owner;
    return &it->fold;
}
