/* Functions that give values and keys; see script_map.h. */
#include "runtime/lua/script_map.h"

#include "runtime/lua/record_view.h"
#include "runtime/lua/script_call.h"
#include "runtime/lua/script_value.h"

struct map_call {
    const struct script_map_plan *plan;
    struct record *out;
    bool is_made;
    struct bytes key; /* of a join */
    const struct kept_value *left;
    const struct kept_value *right;
};

/* The value at an index of the stack; nil leaves nothing. */
static void take_value(lua_State *lua, struct map_call *call, int index)
{
    call->is_made = !lua_isnil(lua, index);
    if (!call->is_made) {
        return;
    }
    if (record_view_is(lua, index)) {
        struct record taken;
        record_view_take(lua, index, &taken);
        call->out->value = taken.value;
        call->out->value_format = taken.value_format;
        return;
    }
    call->out->value_format = VALUE_TEXT;
    script_value_read(lua, index, call->out);
}

static int body_value(lua_State *lua)
{
    struct map_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->plan->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    take_value(lua, call, 2);
    return 0;
}

/* The key, and the value if it is asked for and there is one. */
static int body_key(lua_State *lua)
{
    struct map_call *call = lua_touserdata(lua, 1);
    bool is_pair = call->plan->kind == SCRIPT_MAP_PAIR;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->plan->function);
    record_view_push(lua);
    lua_call(lua, 1, is_pair ? 2 : 1);
    if (lua_isnil(lua, 2)) {
        return 0;
    }
    call->out->key = script_value_given_key(
        lua, 2, is_pair ? "the key and, behind it, the value: return key, value" : "the key");
    call->out->is_windowed = false; /* the window belonged to the key before */
    call->is_made = true;
    if (is_pair && !lua_isnil(lua, 3)) {
        take_value(lua, call, 3);
    }
    return 0;
}

static int map_record(void *owner, struct node *node, struct node_context *context,
                      const struct record *record, struct record *out)
{
    struct script_map_plan *plan = owner;
    struct map_call call = {.plan = plan, .out = out};
    int error =
        script_call_run(plan->script, plan->kind == SCRIPT_MAP_VALUE ? body_value : body_key, &call,
                        node, context, record);
    return error == 0 ? call.is_made : error;
}

struct mapper script_map_make(struct script_map_plan *plan)
{
    return (struct mapper){.map = map_record, .owner = plan};
}

/* --- Joiners ---------------------------------------------------------------------------------- */

void script_map_push_kept(lua_State *lua, const struct kept_value *kept)
{
    struct script *script = script_of(lua);
    if (bytes_is_null(kept->value)) {
        lua_pushnil(lua);
    } else if (value_format_is_string(kept->value_format)) {
        lua_pushlstring(lua, (const char *)kept->value.data, kept->value.size);
    } else if (script_parse(lua, kept->value) == 0) {
        script_value_push(lua, &script->stored, JSON_ROOT);
    } else {
        script_fail(lua, "decode", "a value to join is not JSON: %s at byte %d",
                    script->stored.error_text, (int)script->stored.error_position);
    }
}

static int body_join(lua_State *lua)
{
    struct map_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->plan->function);
    script_map_push_kept(lua, call->left);
    script_map_push_kept(lua, call->right);
    if (bytes_is_null(call->key)) {
        lua_pushnil(lua);
    } else {
        lua_pushlstring(lua, (const char *)call->key.data, call->key.size);
    }
    lua_call(lua, 3, 1);
    take_value(lua, call, 2);
    return 0;
}

static int join_values(void *owner, struct node *node, struct node_context *context,
                       const struct kept_value *left, const struct kept_value *right,
                       struct record *out)
{
    struct script_map_plan *plan = owner;
    struct map_call call = {
        .plan = plan, .out = out, .key = out->key, .left = left, .right = right};
    int error = script_call_run(plan->script, body_join, &call, node, context, NULL);
    return error == 0 ? call.is_made : error;
}

struct joiner script_map_make_joiner(struct script_map_plan *plan)
{
    return (struct joiner){.join = join_values, .owner = plan};
}
