/* One call of the script's functions; see script_call.h. */
#include "runtime/lua/script_call.h"

#include "log/base/error.h"
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
    script->heap.is_limited = false;
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
