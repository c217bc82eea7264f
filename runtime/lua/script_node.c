/* Functions of the script as nodes; see script_node.h.
 *
 * One call: describe it in a struct on the C stack, and run a small C function that calls the
 * script's and reads its results into arena memory (script_call.h). */
#include "runtime/lua/script_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/lua/record_view.h"
#include "runtime/lua/script_call.h"
#include "runtime/lua/script_value.h"
#include "runtime/lua/store_view.h"
#include "runtime/lua/table_view.h"
#include "runtime/lua/version_view.h"
#include "runtime/lua/window_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script_node {
    struct node node;
    struct script_node_plan *plan;
    int ctx; /* a reference; LUA_NOREF before the first callback */
};

struct node_call {
    struct script *script;
    struct script_node *node; /* NULL for a judge */
    struct script_node_plan *plan;
    int function;
    int64_t now_ms; /* of a timer */
    bool is_same;   /* the record goes on as it came */
    bool is_yes;    /* of a judge */
};

/* Runs `body` with the call as its argument. */
static int run_call(struct node_call *call, lua_CFunction body, struct node *node,
                    struct node_context *context, const struct record *record)
{
    return script_call_run(call->script, body, call, node, context, record);
}

/* --- Emitting and forwarding ------------------------------------------------------------------ */

static void count_output(lua_State *lua, const struct record *record)
{
    struct script *script = script_of(lua);
    script->emit_count++;
    script->emit_size += record->key.size + record->value.size + record->headers_encoded.size;
    if (script->emit_count > script->limits.emit_count) {
        script_fail(lua, "emit", "the callback wrote more than %zu records",
                    script->limits.emit_count);
    }
    if (script->emit_size > script->limits.emit_size) {
        script_fail(lua, "emit", "the callback wrote more than %zu bytes",
                    script->limits.emit_size);
    }
}

static void add_pending(lua_State *lua, const struct record *record)
{
    struct script *script = script_of(lua);
    count_output(lua, record);
    if (script->pending_count == script->pending_capacity) {
        script->pending_capacity = script->pending_capacity * 2 + 8;
        script->pending =
            memory_resize(script->pending, script->pending_capacity * sizeof *script->pending);
    }
    script->pending[script->pending_count++] = *record;
}

static int emit(lua_State *lua, int topic_index)
{
    struct node_context *context = script_context(lua, "emit");
    size_t size = 0;
    if (lua_type(lua, topic_index) != LUA_TSTRING) {
        return luaL_error(lua, "emit needs the topic first, a string: emit(\"topic\", record)");
    }
    const char *topic = lua_tolstring(lua, topic_index, &size);
    if (size == 0 || size > 249 ||
        strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
            size) {
        return luaL_error(lua, "'%s' cannot be the name of a topic", topic);
    }
    struct record record;
    record_view_take(lua, topic_index + 1, &record);
    count_output(lua, &record);
    int error = context->emit(context, topic, &record);
    if (error != 0) {
        script_fail(lua, "emit", "cannot write to %s: %s", topic, error_text(error));
    }
    return 0;
}

static int global_emit(lua_State *lua)
{
    return emit(lua, 1);
}

static int ctx_emit(lua_State *lua)
{
    return emit(lua, 2);
}

static int ctx_forward(lua_State *lua)
{
    script_context(lua, "forward");
    struct record record;
    record_view_take(lua, 2, &record);
    add_pending(lua, &record);
    return 0;
}

static int ctx_now(lua_State *lua)
{
    lua_pushinteger(lua, node_wall_clock_ms(script_context(lua, "ctx:now()")));
    return 1;
}

static int ctx_stream_time(lua_State *lua)
{
    lua_pushinteger(lua, script_context(lua, "ctx:stream_time()")->stream_time_ms);
    return 1;
}

static int refuse_change(lua_State *lua)
{
    return luaL_error(lua, "ctx cannot be changed; remember things in a store");
}

static int refuse_name(lua_State *lua)
{
    return luaL_error(lua,
                      "ctx has no '%s': it has emit, forward, now, stream_time and the stores that "
                      "the step names, stores = { ... }",
                      luaL_tolstring(lua, 2, NULL));
}

/* Pushes the ctx of a node: its stores by name, and the methods. */
static void push_ctx(lua_State *lua, struct script_node *it)
{
    static const luaL_Reg methods[] = {{"emit", ctx_emit},
                                       {"forward", ctx_forward},
                                       {"now", ctx_now},
                                       {"stream_time", ctx_stream_time},
                                       {NULL, NULL}};
    if (it->ctx != LUA_NOREF) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, it->ctx);
        return;
    }
    lua_newtable(lua); /* ctx */
    lua_newtable(lua); /* its metatable */
    lua_newtable(lua); /* what it reads from */
    luaL_setfuncs(lua, methods, 0);
    for (size_t i = 0; i < it->plan->store_count; i++) {
        if (it->plan->are_tables[i]) {
            table_view_push(lua, it->plan->stores[i]);
        } else if (it->plan->stores[i]->history_ms > 0) {
            version_view_push(lua, it->plan->stores[i]);
        } else if (it->plan->stores[i]->retention_ms > 0) {
            window_view_push(lua, it->plan->stores[i]);
        } else {
            store_view_push(lua, it->plan->stores[i]);
        }
        lua_setfield(lua, -2, it->plan->store_names[i]);
    }
    lua_newtable(lua);
    lua_pushcfunction(lua, refuse_name);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, -2);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse_change);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
    lua_pushvalue(lua, -1);
    it->ctx = luaL_ref(lua, LUA_REGISTRYINDEX);
}

/* --- Bodies: inside lua_pcall ----------------------------------------------------------------- */

/* The returned record went on untouched, or is added to the pending ones. */
static void take_result(lua_State *lua, struct node_call *call, int index)
{
    struct script_record *current = &call->script->current;
    bool is_untouched = !current->is_changed && record_view_is(lua, index) &&
                        current->original != NULL &&
                        !(current->is_parsed && json_patch_is_changed(&current->json));
    if (is_untouched && call->script->pending_count == 0 && !call->is_same) {
        call->is_same = true;
        return;
    }
    struct record record;
    if (call->is_same) { /* another one came first */
        call->is_same = false;
        add_pending(lua, current->original);
    }
    record_view_take(lua, index, &record);
    add_pending(lua, &record);
}

static void take_results(lua_State *lua, struct node_call *call, int first)
{
    int last = lua_gettop(lua);
    for (int i = first; i <= last; i++) {
        if (!lua_isnil(lua, i)) {
            take_result(lua, call, i);
        }
    }
}

static int body_map(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, LUA_MULTRET);
    take_results(lua, call, 2);
    return 0;
}

static int body_process(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    push_ctx(lua, call->node);
    lua_call(lua, 2, LUA_MULTRET);
    take_results(lua, call, 2);
    return 0;
}

/* What takes one thing that the function returned, at an index. */
typedef void (*take_item)(lua_State *lua, struct node_call *call, int index);

/* Of a list that the function returned; what it holds is told in `example`. */
static int take_list(lua_State *lua, take_item take, const char *verb, const char *example)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    if (lua_isnil(lua, -1)) {
        return 0;
    }
    if (!lua_istable(lua, -1)) {
        return luaL_error(lua, "%s must return a list of %s, not a %s", verb,
                          take == take_result ? "records" : "values", luaL_typename(lua, -1));
    }
    lua_Integer count = (lua_Integer)lua_rawlen(lua, 2);
    if (count == 0) {
        lua_pushnil(lua);
        if (lua_next(lua, 2) != 0) {
            return luaL_error(lua, "%s must return a list: %s", verb, example);
        }
        return 0;
    }
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(lua, 2, i);
        take(lua, call, 3);
        lua_settop(lua, 2);
    }
    return 0;
}

static int body_flat_map(lua_State *lua)
{
    return take_list(lua, take_result, "flat_map", "{ { key =, value = }, ... }");
}

/* A value, or the record with another one; the key stays, whatever was done to it. */
static void take_value(lua_State *lua, struct node_call *call, int index)
{
    const struct record *original = call->script->current.original;
    struct record record = *original;
    if (!record_view_is(lua, index)) {
        record.value_format = VALUE_TEXT;
        script_value_read(lua, index, &record);
        add_pending(lua, &record);
        return;
    }
    size_t count = call->script->pending_count;
    take_result(lua, call, index);
    for (size_t i = count; i < call->script->pending_count; i++) {
        struct record *pending = &call->script->pending[i];
        pending->key = original->key;
        pending->is_windowed = original->is_windowed;
    }
}

static int body_map_values(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    if (!lua_isnil(lua, 2)) {
        take_value(lua, call, 2);
    }
    return 0;
}

static int body_flat_map_values(lua_State *lua)
{
    return take_list(lua, take_value, "flat_map_values", "{ value, ... }");
}

static int body_select_key(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    if (lua_isnil(lua, 2)) {
        return 0;
    }
    struct record record = *call->script->current.original;
    record.key = script_value_given_key(lua, 2, "the key");
    record.is_windowed = false;
    add_pending(lua, &record);
    return 0;
}

static int body_peek(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 0);
    call->is_same = true;
    return 0;
}

static int body_judge(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    call->is_yes = lua_toboolean(lua, -1);
    return 0;
}

static int body_ctx(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    push_ctx(lua, call->node);
    lua_call(lua, 1, 0);
    return 0;
}

static int body_timer(lua_State *lua)
{
    struct node_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    lua_pushinteger(lua, call->now_ms);
    push_ctx(lua, call->node);
    lua_call(lua, 2, LUA_MULTRET);
    take_results(lua, call, 2);
    return 0;
}

/* --- The node --------------------------------------------------------------------------------- */

static struct script_node *script_node_of(struct node *node)
{
    return (struct script_node *)(void *)node;
}

/* Forwards what the call left; children may call Lua and leave theirs, so it is copied first. */
static int forward_results(struct node_call *call, struct node *node, struct node_context *context,
                           const struct record *record)
{
    struct script *script = call->script;
    if (call->is_same) {
        return node_forward(node, context, record);
    }
    size_t count = script->pending_count;
    if (count == 0) {
        return 0;
    }
    if (count == 1) {
        struct record only = script->pending[0];
        return node_forward(node, context, &only);
    }
    struct record *records = arena_array(context->arena, struct record, count);
    memcpy(records, script->pending, count * sizeof *records);
    int error = 0;
    for (size_t i = 0; error == 0 && i < count; i++) {
        error = node_forward(node, context, &records[i]);
    }
    return error;
}

static int script_node_process(struct node *node, struct node_context *context,
                               const struct record *record)
{
    static const lua_CFunction bodies[] = {
        [SCRIPT_NODE_MAP] = body_map,
        [SCRIPT_NODE_MAP_VALUES] = body_map_values,
        [SCRIPT_NODE_FLAT_MAP] = body_flat_map,
        [SCRIPT_NODE_SELECT_KEY] = body_select_key,
        [SCRIPT_NODE_PEEK] = body_peek,
        [SCRIPT_NODE_PROCESS] = body_process,
        [SCRIPT_NODE_FLAT_MAP_VALUES] = body_flat_map_values,
    };
    struct script_node *it = script_node_of(node);
    struct script_node_plan *plan = it->plan;
    struct node_call call = {
        .script = plan->script, .node = it, .plan = plan, .function = plan->function};
    int error = run_call(&call, bodies[plan->kind], node, context, record);
    return error != 0 ? error : forward_results(&call, node, context, record);
}

static int script_node_tick(struct node *node, struct node_context *context, int timer,
                            int64_t scheduled_ms)
{
    struct script_node *it = script_node_of(node);
    check((size_t)timer < it->plan->timer_count);
    struct node_call call = {.script = it->plan->script,
                             .node = it,
                             .plan = it->plan,
                             .function = it->plan->timers[timer],
                             .now_ms = scheduled_ms};
    int error = run_call(&call, body_timer, node, context, NULL);
    return error != 0 ? error : forward_results(&call, node, context, NULL);
}

static int run_ctx_function(struct node *node, struct node_context *context, int function)
{
    struct script_node *it = script_node_of(node);
    struct node_call call = {
        .script = it->plan->script, .node = it, .plan = it->plan, .function = function};
    int error = run_call(&call, body_ctx, node, context, NULL);
    return error != 0 ? error : forward_results(&call, node, context, NULL);
}

static int script_node_start(struct node *node, struct node_context *context)
{
    struct script_node_plan *plan = script_node_of(node)->plan;
    return plan->kind != SCRIPT_NODE_PROCESS || plan->init == LUA_NOREF
               ? 0
               : run_ctx_function(node, context, plan->init);
}

static int script_node_stop(struct node *node, struct node_context *context)
{
    struct script_node_plan *plan = script_node_of(node)->plan;
    return plan->close == LUA_NOREF ? 0 : run_ctx_function(node, context, plan->close);
}

static void script_node_free(struct node *node)
{
    struct script_node *it = script_node_of(node);
    luaL_unref(it->plan->script->lua, LUA_REGISTRYINDEX, it->ctx);
    node_fini(node);
    free(it);
}

static const struct node_ops script_node_ops = {.process = script_node_process,
                                                .tick = script_node_tick,
                                                .free = script_node_free,
                                                .start = script_node_start,
                                                .stop = script_node_stop};

struct node *script_node_make(void *owner, const char *name)
{
    struct script_node *it = memory_new(struct script_node);
    node_init(&it->node, &script_node_ops, name);
    it->plan = owner;
    it->ctx = LUA_NOREF;
    return &it->node;
}

static int ask_script(void *owner, struct node *node, struct node_context *context,
                      const struct record *record)
{
    struct script_node_plan *plan = owner;
    struct node_call call = {.script = plan->script, .plan = plan, .function = plan->function};
    int error = run_call(&call, body_judge, node, context, record);
    return error != 0 ? error : call.is_yes;
}

struct judge script_node_judge(struct script_node_plan *plan)
{
    return (struct judge){.ask = ask_script, .owner = plan};
}

void script_node_open(lua_State *lua)
{
    script_push_registered(lua, SCRIPT_GLOBALS);
    lua_pushcfunction(lua, global_emit);
    lua_setfield(lua, -2, "emit");
    lua_pop(lua, 1);
}
