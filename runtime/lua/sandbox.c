/* The whitelisted environment; see sandbox.h. */
#include "runtime/lua/sandbox.h"

#include "log/base/hash.h"
#include "log/base/trace.h"
#include "runtime/lua/library.h"
#include "runtime/lua/sandbox_order.h"
#include "runtime/lua/sandbox_string.h"
#include "runtime/lua/sandbox_table.h"
#include "runtime/lua/script_test.h"
#include "runtime/lua/script_value.h"

#include <lualib.h>
#include <string.h>

/* --- Protected calls -------------------------------------------------------------------------- */

/* What a pcall returns; passes the error of a late callback on. */
static int finish_pcall(lua_State *lua, int status, lua_KContext extra)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        watchdog_check(lua);
        lua_pushboolean(lua, 0);
        lua_pushvalue(lua, -2);
        return 2;
    }
    return lua_gettop(lua) - (int)extra;
}

static int base_pcall(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_pushboolean(lua, 1);
    lua_insert(lua, 1);
    int status = lua_pcallk(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0, 0, finish_pcall);
    return finish_pcall(lua, status, 0);
}

/* The handler is called when the error has unwound: inside it, hooks would be off. */
static int finish_xpcall(lua_State *lua, int status, lua_KContext extra)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        watchdog_check(lua);
        lua_pushboolean(lua, 0);
        lua_pushvalue(lua, 1);
        lua_pushvalue(lua, -3);
        lua_call(lua, 1, 1);
        return 2;
    }
    return lua_gettop(lua) - (int)extra;
}

static int base_xpcall(lua_State *lua)
{
    int count = lua_gettop(lua);
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    lua_pushvalue(lua, 2);
    lua_insert(lua, 1); /* the handler first, then f, the handler again, the arguments */
    lua_remove(lua, 3);
    lua_pushboolean(lua, 1);
    lua_insert(lua, 2); /* handler, true, f, arguments */
    int status = lua_pcallk(lua, count - 2, LUA_MULTRET, 0, 1, finish_xpcall);
    return finish_xpcall(lua, status, 1);
}

/* --- Coroutines ------------------------------------------------------------------------------- */

/* Moves what the coroutine gave to the caller's stack; a negative count: the error is moved. */
static int resume(lua_State *lua, lua_State *coroutine, int argument_count)
{
    struct watchdog *watchdog = watchdog_of(lua);
    if (!lua_checkstack(coroutine, argument_count)) {
        lua_pushliteral(lua, "too many arguments to resume");
        return -1;
    }
    lua_xmove(lua, coroutine, argument_count);
    int result_count = 0;
    watchdog->running = coroutine;
    int status = lua_resume(coroutine, lua, argument_count, &result_count);
    watchdog->running = lua;
    watchdog_check(lua);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(coroutine, lua, 1);
        return -1;
    }
    if (!lua_checkstack(lua, result_count + 1)) {
        lua_pop(coroutine, result_count);
        lua_pushliteral(lua, "too many results to resume");
        return -1;
    }
    lua_xmove(coroutine, lua, result_count);
    return result_count;
}

static int coroutine_resume(lua_State *lua)
{
    lua_State *coroutine = lua_tothread(lua, 1);
    luaL_argexpected(lua, coroutine != NULL, 1, "coroutine");
    int count = resume(lua, coroutine, lua_gettop(lua) - 1);
    lua_pushboolean(lua, count >= 0);
    lua_insert(lua, -2 - (count < 0 ? 0 : count - 1));
    return count < 0 ? 2 : count + 1;
}

static int wrap_step(lua_State *lua)
{
    lua_State *coroutine = lua_tothread(lua, lua_upvalueindex(1));
    int count = resume(lua, coroutine, lua_gettop(lua));
    return count < 0 ? lua_error(lua) : count;
}

static int coroutine_wrap(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_State *coroutine = lua_newthread(lua);
    lua_pushvalue(lua, 1);
    lua_xmove(lua, coroutine, 1);
    lua_pushcclosure(lua, wrap_step, 1);
    return 1;
}

/* --- Metatables ------------------------------------------------------------------------------- */

static int base_setmetatable(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    if (lua_istable(lua, 2)) {
        lua_pushliteral(lua, "__gc");
        if (lua_rawget(lua, 2) != LUA_TNIL) {
            return luaL_error(lua, "setmetatable refuses __gc: finalizers run at no known time");
        }
        lua_pop(lua, 1);
    } else {
        luaL_argexpected(lua, lua_isnil(lua, 2), 2, "nil or table");
    }
    if (sandbox_table_has_metafield(lua, 1, "__metatable")) {
        return luaL_error(lua, "cannot change a protected metatable");
    }
    lua_settop(lua, 2);
    lua_setmetatable(lua, 1);
    return 1;
}

static int base_rawset(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    luaL_checkany(lua, 3);
    if (sandbox_table_has_metafield(lua, 1, "__metatable")) {
        return luaL_error(lua, "cannot change a protected table");
    }
    lua_settop(lua, 3);
    lua_rawset(lua, 1);
    return 1;
}

/* --- The rest --------------------------------------------------------------------------------- */

static int base_tostring(lua_State *lua)
{
    luaL_checkany(lua, 1);
    sandbox_string_push(lua, 1);
    return 1;
}

static int base_collectgarbage(lua_State *lua)
{
    const char *what = luaL_optstring(lua, 1, "collect");
    if (strcmp(what, "count") != 0) {
        return luaL_error(lua, "collectgarbage knows only \"count\" here");
    }
    lua_pushnumber(lua, (lua_Number)script_of(lua)->heap.used_size / 1024);
    return 1;
}

static int base_print(lua_State *lua)
{
    int count = lua_gettop(lua);
    luaL_Buffer line;
    luaL_buffinit(lua, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) {
            luaL_addchar(&line, '\t');
        }
        sandbox_string_push(lua, i);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    const struct script *script = script_of(lua);
    const char *text = lua_tostring(lua, -1);
    trace(TRACE_INFO, "script.print", TRACE_STRING("script", script->name),
          TRACE_STRING("text", text));
    if (script->options.print != NULL) {
        script->options.print(script->options.print_owner, text);
    }
    return 0;
}

int sandbox_load(lua_State *lua, struct bytes text, const char *chunk_name)
{
    int status = luaL_loadbufferx(lua, (const char *)text.data, text.size, chunk_name, "t");
    if (status == LUA_OK) {
        script_push_registered(lua, SCRIPT_ENVIRONMENT);
        lua_setupvalue(lua, -2, 1);
    }
    return status;
}

static bool is_module_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return size > 0 && size <= 64 && name[size] == 0;
}

/* The module of scripts/lib that "tidemill.<name>" means, or NULL. */
static const struct library_file *find_module(const char *name)
{
    static const char prefix[] = "tidemill.";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return NULL;
    }
    name += sizeof prefix - 1;
    size_t size = strlen(name);
    const struct library_file *file = library_modules;
    while (file->name != NULL &&
           (strncmp(file->name, name, size) != 0 || strcmp(file->name + size, ".lua") != 0)) {
        file++;
    }
    return file->name == NULL ? NULL : file;
}

static void load_beside(lua_State *lua, const char *name)
{
    struct script *script = script_of(lua);
    const char *file_name = lua_pushfstring(lua, "%s.lua", name);
    struct buffer *text = script_scratch(script, 0);
    if (script->options.read_file == NULL ||
        script->options.read_file(script->options.owner, file_name, text) != 0) {
        luaL_error(lua, "module '%s' not found: there is no %s beside the script", name, file_name);
    }
    if (text->size > SCRIPT_TEXT_SIZE_MAX) {
        luaL_error(lua, "%s is too large", file_name);
    }
    const char *chunk_name = lua_pushfstring(lua, "@%s", file_name);
    if (sandbox_load(lua, buffer_bytes(text), chunk_name) != LUA_OK) {
        lua_error(lua);
    }
}

static void load_module(lua_State *lua, const char *name)
{
    const struct library_file *file = find_module(name);
    if (file == NULL) {
        load_beside(lua, name);
    } else if (sandbox_load(lua, bytes_make(file->text, file->size),
                            lua_pushfstring(lua, "=%s", name)) != LUA_OK) {
        lua_error(lua);
    }
    bool is_test = strcmp(name, "tidemill.test") == 0;
    if (is_test) {
        script_test_push(lua);
    }
    lua_call(lua, is_test, 1);
    if (lua_isnil(lua, -1)) {
        lua_pushboolean(lua, 1);
        lua_replace(lua, -2);
    }
}

static int base_require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    lua_settop(lua, 1);
    if (strcmp(name, "tidemill") == 0) {
        script_push_registered(lua, SCRIPT_LIBRARY);
        return 1;
    }
    script_push_registered(lua, SCRIPT_MODULES);
    int kind = lua_getfield(lua, 2, name);
    if (script_value_is_null(lua, -1)) {
        return luaL_error(lua, "module '%s' requires itself", name);
    }
    if (kind != LUA_TNIL) {
        return 1;
    }
    if (!is_module_name(name) && find_module(name) == NULL) {
        return luaL_error(
            lua,
            "module '%s' not found: only \"tidemill\", its modules (tidemill.logs, "
            "tidemill.metrics, tidemill.test) and files beside the script can be required",
            name);
    }
    if (script_of(lua)->is_loaded) {
        return luaL_error(lua, "require works only while the script is loaded");
    }
    script_value_push_null(lua);
    lua_setfield(lua, 2, name);
    load_module(lua, name);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 2, name);
    return 1;
}

static int refuse_change(lua_State *lua)
{
    return luaL_error(lua, "the library cannot be changed");
}

static int set_global(lua_State *lua)
{
    if (script_of(lua)->is_loaded) {
        return luaL_error(lua,
                          "the global '%s' cannot be set while records are processed: use local, "
                          "or a store for what must be remembered",
                          luaL_tolstring(lua, 2, NULL));
    }
    script_push_registered(lua, SCRIPT_GLOBALS);
    lua_insert(lua, 1);
    lua_remove(lua, 2);
    lua_settop(lua, 3);
    lua_rawset(lua, 1);
    return 0;
}

/* Replaces the table at the top by an empty one that reads from it. */
static void protect(lua_State *lua, lua_CFunction on_change)
{
    lua_newtable(lua);
    lua_newtable(lua);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, on_change);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
    lua_remove(lua, -2);
}

static void seed_random(lua_State *lua)
{
    uint64_t seed = hash_bytes(bytes_from_string(script_of(lua)->name));
    lua_getfield(lua, -1, "randomseed");
    lua_pushinteger(lua, (lua_Integer)seed);
    lua_call(lua, 1, 0);
    lua_pushnil(lua);
    lua_setfield(lua, -2, "randomseed");
}

/* A field that strings do not have: most often the value of a stream whose format was forgotten,
 * which Lua would take for nil. */
static int refuse_string_field(lua_State *lua)
{
    return luaL_error(lua,
                      "a string has no field '%s'; value = \"json\" of a stream makes r.value of "
                      "its JSON, and r.json reads it in any case",
                      luaL_tolstring(lua, 2, NULL));
}

/* Strings find their methods in a table of their own, which refuses what it does not have. */
static void protect_string_meta(lua_State *lua)
{
    lua_pushliteral(lua, "");
    lua_getmetatable(lua, -1);
    lua_newtable(lua);
    lua_getfield(lua, -2, "__index");
    for (lua_pushnil(lua); lua_next(lua, -2) != 0;) {
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, -5);
    }
    lua_pop(lua, 1);
    lua_newtable(lua);
    lua_pushcfunction(lua, refuse_string_field);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, -2);
    lua_setfield(lua, -2, "__index");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
}

/* Opens a library, changes it by `change`, and puts it under its name into the globals at 1. */
static void open_library(lua_State *lua, const char *name, lua_CFunction open,
                         void (*change)(lua_State *lua))
{
    luaL_requiref(lua, name, open, 0);
    if (change != NULL) {
        change(lua);
    }
    protect(lua, refuse_change);
    lua_setfield(lua, 1, name);
}

static void change_coroutine(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {NULL, NULL}};
    luaL_setfuncs(lua, functions, 0);
    lua_pushnil(lua);
    lua_setfield(lua, -2, "close");
}

/* Takes what is harmless from the base library. */
static void copy_base(lua_State *lua)
{
    static const char *const names[] = {"assert",   "error",  "getmetatable", "ipairs",
                                        "rawequal", "rawget", "rawlen",       "select",
                                        "tonumber", "type",   "_VERSION"};
    static const luaL_Reg ours[] = {{"collectgarbage", base_collectgarbage},
                                    {"next", sandbox_order_next},
                                    {"pairs", sandbox_order_pairs},
                                    {"pcall", base_pcall},
                                    {"print", base_print},
                                    {"rawset", base_rawset},
                                    {"require", base_require},
                                    {"setmetatable", base_setmetatable},
                                    {"tostring", base_tostring},
                                    {"xpcall", base_xpcall},
                                    {NULL, NULL}};
    luaL_requiref(lua, "_G", luaopen_base, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getfield(lua, -1, names[i]);
        lua_setfield(lua, 1, names[i]);
    }
    lua_pop(lua, 1);
    luaL_setfuncs(lua, ours, 0);
    sandbox_string_open_base(lua);
}

void sandbox_open(lua_State *lua)
{
    lua_settop(lua, 0);
    lua_newtable(lua);
    copy_base(lua);
    open_library(lua, "string", luaopen_string, sandbox_string_open);
    open_library(lua, "table", luaopen_table, sandbox_table_open);
    open_library(lua, "math", luaopen_math, seed_random);
    open_library(lua, "utf8", luaopen_utf8, sandbox_string_open_utf8);
    open_library(lua, "coroutine", luaopen_coroutine, change_coroutine);
    protect_string_meta(lua);
    lua_pushvalue(lua, 1);
    script_register(lua, SCRIPT_GLOBALS);
    lua_pushvalue(lua, 1);
    protect(lua, set_global); /* leaves the environment above the globals */
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 1, "_G");
    script_register(lua, SCRIPT_ENVIRONMENT);
    lua_newtable(lua);
    script_register(lua, SCRIPT_MODULES);
    lua_settop(lua, 0);
}
