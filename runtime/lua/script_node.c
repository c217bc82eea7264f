/* Functions of the script as nodes; see script_node.h.
 *
 * One call: describe it in a struct on the C stack, enter the watchdog, lua_pcall a small C
 * function that calls the script's and reads its results into arena memory, leave. Whatever is
 * raised on the way ends here as an error of the node. */
#include "runtime/lua/script_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/timed.h"
#include "runtime/lua/record_view.h"
#include "runtime/lua/script_value.h"
#include "runtime/lua/store_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script_node {
    struct node node;
    struct script_node_plan *plan;
    int ctx; /* a reference; LUA_NOREF before the first callback */
};

struct script_call {
    struct script *script;
    struct script_node *node; /* NULL for a judge */
    struct script_node_plan *plan;
    int function;
    int64_t now_ms;      /* of a timer */
    bool is_same;        /* the record goes on as it came */
    bool is_yes;         /* of a judge */
    struct kv *kv;       /* of an aggregate */
    struct bytes stored; /* what it held; null: nothing */
};

/* --- Around a call ---------------------------------------------------------------------------- */

static int fail_call(struct script *script, struct node_context *context, struct node *node,
                     int status, bool was_late)
{
    lua_State *lua = script->lua;
    int error = ERROR_INVALID;
    context->error_kind = script->error_kind == NULL ? "process" : script->error_kind;
    if (was_late) {
        context->error_kind = "timeout";
        error = ERROR_TIMEOUT;
    } else if (status == LUA_ERRMEM) {
        context->error_kind = "memory";
        error = ERROR_NO_MEMORY;
    }
    if (lua_type(lua, -1) == LUA_TSTRING) {
        const char *text = script_split_message(lua_tostring(lua, -1), context->error_place,
                                                sizeof context->error_place);
        snprintf(context->error_text, sizeof context->error_text, "%s", text);
    } else {
        context->error_place[0] = 0;
        snprintf(context->error_text, sizeof context->error_text, "the error is a %s",
                 luaL_typename(lua, -1));
    }
    context->error_node = node;
    lua_settop(lua, 0);
    if (was_late) {
        snprintf(context->error_text, sizeof context->error_text,
                 "the callback ran longer than %d ms", (int)script->limits.callback_ms);
    } else if (status == LUA_ERRMEM) {
        snprintf(context->error_text, sizeof context->error_text,
                 "the script needs more memory than its limit of %zu bytes",
                 script->limits.memory_size);
        lua_gc(lua, LUA_GCCOLLECT, 0);
    }
    return error;
}

static void begin_call(struct script *script, struct node *node, struct node_context *context,
                       const struct record *record)
{
    check(script->context == NULL);
    script->context = context;
    script->node = node;
    script->generation++;
    script->callback++;
    script->emit_count = 0;
    script->emit_size = 0;
    script->copy_size = 0;
    script->error_kind = NULL;
    script->pending_count = 0;
    struct script_record *current = &script->current;
    current->original = record;
    current->is_changed = false;
    current->is_parsed = false;
    if (record != NULL) {
        current->record = *record;
    }
    script->heap.is_limited = true;
    watchdog_enter(&script->watchdog, script->lua);
}

static bool end_call(struct script *script)
{
    bool was_late = watchdog_leave(&script->watchdog, script->lua);
    script->heap.is_limited = false;
    script->context = NULL;
    script->node = NULL;
    script->generation++;
    if (script->iterator_count > 0) {
        store_view_close_iterators(script);
    }
    return was_late;
}

/* Runs `body` with the call as its argument. */
static int run_call(struct script_call *call, lua_CFunction body, struct node *node,
                    struct node_context *context, const struct record *record)
{
    struct script *script = call->script;
    lua_State *lua = script->lua;
    begin_call(script, node, context, record);
    lua_pushcfunction(lua, body);
    lua_pushlightuserdata(lua, call);
    int status = lua_pcall(lua, 1, 0, 0);
    bool was_late = end_call(script);
    if (__builtin_expect(status != LUA_OK || was_late, 0)) {
        if (status == LUA_OK) {
            lua_pushliteral(lua, "late"); /* in its last instruction */
        }
        return fail_call(script, context, node, status, was_late);
    }
    if (script->error_kind != NULL && strcmp(script->error_kind, "emit") == 0) {
        /* Past the limit of emits, and the error was caught by the script. */
        lua_pushliteral(lua, "the callback wrote more than its limit");
        return fail_call(script, context, node, LUA_ERRRUN, false);
    }
    return 0;
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
    const char *topic = luaL_checklstring(lua, topic_index, &size);
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
    lua_pushinteger(lua, script_context(lua, "ctx:now()")->wall_clock_ms);
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
        store_view_push(lua, it->plan->stores[i]->name, it->plan->stores[i]->value_format);
        lua_setfield(lua, -2, it->plan->store_names[i]);
    }
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
static void take_result(lua_State *lua, struct script_call *call, int index)
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

static void take_results(lua_State *lua, struct script_call *call, int first)
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
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, LUA_MULTRET);
    take_results(lua, call, 2);
    return 0;
}

static int body_process(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    push_ctx(lua, call->node);
    lua_call(lua, 2, LUA_MULTRET);
    take_results(lua, call, 2);
    return 0;
}

static int body_flat_map(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    if (lua_isnil(lua, -1)) {
        return 0;
    }
    if (!lua_istable(lua, -1)) {
        return luaL_error(lua, "flat_map must return a list of records, not a %s",
                          luaL_typename(lua, -1));
    }
    lua_Integer count = (lua_Integer)lua_rawlen(lua, 2);
    if (count == 0) {
        lua_pushnil(lua);
        if (lua_next(lua, 2) != 0) {
            return luaL_error(lua, "flat_map must return a list: { { key =, value = }, ... }");
        }
        return 0;
    }
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(lua, 2, i);
        take_result(lua, call, 3);
        lua_settop(lua, 2);
    }
    return 0;
}

static int body_map_values(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    if (lua_isnil(lua, 2)) {
        return 0;
    }
    if (record_view_is(lua, 2)) {
        take_result(lua, call, 2);
        return 0;
    }
    struct record record = *call->script->current.original;
    record.value_format = VALUE_TEXT;
    script_value_read(lua, 2, &record);
    add_pending(lua, &record);
    return 0;
}

static int body_select_key(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    if (lua_isnil(lua, 2)) {
        return 0;
    }
    struct record record = *call->script->current.original;
    record.key = script_value_key(lua, 2);
    add_pending(lua, &record);
    return 0;
}

static int body_peek(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 0);
    call->is_same = true;
    return 0;
}

static int body_judge(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    record_view_push(lua);
    lua_call(lua, 1, 1);
    call->is_yes = lua_toboolean(lua, -1);
    return 0;
}

static int body_ctx(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    push_ctx(lua, call->node);
    lua_call(lua, 1, 0);
    return 0;
}

static int body_timer(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    lua_pushinteger(lua, call->now_ms);
    push_ctx(lua, call->node);
    lua_call(lua, 2, LUA_MULTRET);
    take_results(lua, call, 2);
    return 0;
}

/* Pushes what the store holds; *time_ms becomes its time if that is newer. */
static bool push_accumulator(lua_State *lua, struct script_call *call, int64_t *time_ms)
{
    if (bytes_is_null(call->stored)) {
        return false;
    }
    int64_t stored_ms = 0;
    struct bytes value;
    struct script *script = call->script;
    if (timed_read(call->stored, &stored_ms, &value) != 0 ||
        json_parse(&script->stored, value) != 0) {
        script_fail(lua, "decode", "the store '%s' holds something else than an aggregate",
                    call->plan->stores[0]->name);
    }
    *time_ms = stored_ms > *time_ms ? stored_ms : *time_ms;
    script_value_push(lua, &script->stored, JSON_ROOT);
    return true;
}

/* Stores and forwards the accumulator at the top. */
static void finish_aggregate(lua_State *lua, struct script_call *call, int64_t time_ms)
{
    struct script *script = call->script;
    struct record record = *script->current.original;
    record.timestamp_ms = time_ms;
    if (lua_isnil(lua, -1)) {
        luaL_error(lua, "an aggregate must return the accumulator (S.null deletes it)");
    }
    struct bytes stored = {0};
    record.value = (struct bytes){0};
    if (!script_value_is_null(lua, -1)) {
        struct buffer *text = script_scratch(script, 0);
        script_value_write(lua, -1, text, "the accumulator");
        record.value = script_copy(lua, buffer_bytes(text));
        record.value_format = VALUE_JSON;
        struct buffer *timed = script_scratch(script, 1);
        timed_write(timed, time_ms, record.value);
        stored = buffer_bytes(timed);
    }
    int error = kv_put(call->kv, record.key, stored);
    if (error != 0) {
        luaL_error(lua, "the key does not fit the store: %s", error_text(error));
    }
    add_pending(lua, &record);
}

static int body_aggregate(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    int64_t time_ms = call->script->current.original->timestamp_ms;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    if (!push_accumulator(lua, call, &time_ms)) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, call->plan->init);
        if (!call->plan->has_value) {
            lua_call(lua, 0, 1);
        } else if (lua_istable(lua, -1)) { /* a fresh copy for each key */
            struct buffer *text = script_scratch(call->script, 0);
            script_value_write(lua, -1, text, "init");
            check(json_parse(&call->script->stored, buffer_bytes(text)) == 0);
            script_value_push(lua, &call->script->stored, JSON_ROOT);
            lua_remove(lua, -2);
        }
    }
    record_view_push(lua);
    lua_call(lua, 2, 1);
    finish_aggregate(lua, call, time_ms);
    return 0;
}

static void push_plain_value(lua_State *lua)
{
    struct json_place place;
    record_view_push_value(lua);
    if (record_view_get_place(lua, -1, &place)) {
        script_value_push_place(lua, place);
        lua_remove(lua, -2);
    }
}

static int body_reduce(lua_State *lua)
{
    struct script_call *call = lua_touserdata(lua, 1);
    int64_t time_ms = call->script->current.original->timestamp_ms;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call->function);
    if (push_accumulator(lua, call, &time_ms)) {
        push_plain_value(lua);
        record_view_push(lua);
        lua_call(lua, 3, 1);
    } else {
        push_plain_value(lua);
    }
    finish_aggregate(lua, call, time_ms);
    return 0;
}

/* --- The node --------------------------------------------------------------------------------- */

static struct script_node *script_node_of(struct node *node)
{
    return (struct script_node *)(void *)node;
}

/* Forwards what the call left; children may call Lua and leave theirs, so it is copied first. */
static int forward_results(struct script_call *call, struct node *node,
                           struct node_context *context, const struct record *record)
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

static int find_stored(struct script_call *call, struct node_context *context,
                       const struct record *record)
{
    struct node *node = &call->node->node;
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be aggregated");
    }
    call->kv = context->store(context, call->plan->stores[0]->name);
    check(call->kv != NULL);
    if (kv_get(call->kv, record->key, &call->stored)) {
        call->stored =
            arena_copy(context->arena, call->stored); /* the script may write meanwhile */
    }
    return 0;
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
        [SCRIPT_NODE_AGGREGATE] = body_aggregate,
        [SCRIPT_NODE_REDUCE] = body_reduce,
    };
    struct script_node *it = script_node_of(node);
    struct script_node_plan *plan = it->plan;
    struct script_call call = {
        .script = plan->script, .node = it, .plan = plan, .function = plan->function};
    int error = 0;
    if (plan->kind == SCRIPT_NODE_AGGREGATE || plan->kind == SCRIPT_NODE_REDUCE) {
        error = find_stored(&call, context, record);
    }
    if (error == 0) {
        error = run_call(&call, bodies[plan->kind], node, context, record);
    }
    return error != 0 ? error : forward_results(&call, node, context, record);
}

static int script_node_tick(struct node *node, struct node_context *context, int timer,
                            int64_t scheduled_ms)
{
    struct script_node *it = script_node_of(node);
    check((size_t)timer < it->plan->timer_count);
    struct script_call call = {.script = it->plan->script,
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
    struct script_call call = {
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
    struct script_call call = {.script = plan->script, .plan = plan, .function = plan->function};
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
