/* One call of the script's functions; see script_call.h. */
#include "runtime/lua/script_call.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/lua/store_view.h"

#include <stdio.h>
#include <string.h>

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
                 "the callback ran longer than %lld ms", (long long)script->limits.callback_ms);
    } else if (status == LUA_ERRMEM) {
        snprintf(context->error_text, sizeof context->error_text,
                 "the script needs more memory than its limit of %zu bytes",
                 script->limits.memory_size);
        lua_gc(lua, LUA_GCCOLLECT, 0);
    }
    return error;
}

/* Tasks come and go; what their nodes of a name cost is one sum. */
static struct node_usage *find_usage(struct script *script, const char *name)
{
    for (size_t i = 0; i < script->usage_count; i++) {
        if (strcmp(script->usages[i]->name, name) == 0) {
            return script->usages[i];
        }
    }
    struct node_usage *usage = memory_new(struct node_usage);
    usage->name = memory_string(name);
    script->usages =
        memory_resize(script->usages, (script->usage_count + 1) * sizeof *script->usages);
    script->usages[script->usage_count++] = usage;
    return usage;
}

static void count_call(struct script *script, struct node *node)
{
    if (__builtin_expect(node->usage == NULL, 0)) {
        node->usage = find_usage(script, node->name);
    }
    node->usage->call_count++;
    node->usage->emit_count += (int64_t)script->emit_count;
    node->usage->time_ms += script->watchdog.ticks * WATCHDOG_TICK_MS;
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
    script->store_size = 0;
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
    count_call(script, script->node);
    script->heap.is_limited = false;
    script_trim(script);
    script_forget_record(script);
    script->context = NULL;
    script->node = NULL;
    script->generation++;
    if (script->iterator_count > 0) {
        store_view_close_iterators(script);
    }
    return was_late;
}

int script_call_run(struct script *script, lua_CFunction body, void *call, struct node *node,
                    struct node_context *context, const struct record *record)
{
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
        /* Past the limit of what it may write, and the error was caught by the script. */
        lua_pushliteral(lua, "the callback wrote more than its limit");
        return fail_call(script, context, node, LUA_ERRRUN, false);
    }
    return 0;
}
