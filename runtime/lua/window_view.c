/* Stores with windows in callbacks; see window_view.h. */
#include "runtime/lua/window_view.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/lua/store_view.h"
#include "runtime/state/kv_windows.h"

#include <stdlib.h>

struct window_iteration {
    struct store_view_hold hold;
    const struct topology_store *store;
    int64_t start_ms_max;
    bool has_key; /* what it tells besides start and value */
    bool has_end;
};

static const struct topology_store *check_windows(lua_State *lua)
{
    if (!script_has_meta(lua, 1, SCRIPT_WINDOW_META)) {
        luaL_error(lua, "call it with a colon: store:fetch(key, from, to)");
    }
    return *(const struct topology_store **)lua_touserdata(lua, 1);
}

static const struct topology_store *check_sessions(lua_State *lua)
{
    if (!script_has_meta(lua, 1, SCRIPT_SESSION_META)) {
        luaL_error(lua, "call it with a colon: store:find(key, earliest_end, latest_start)");
    }
    return *(const struct topology_store **)lua_touserdata(lua, 1);
}

/* Good until the next one is looked for. */
static struct kv_windows *find_windows(lua_State *lua, const struct topology_store *store)
{
    struct script *script = script_of(lua);
    struct kv *kv = store_view_find(lua, store->name);
    if (script->windows == NULL) {
        script->windows = memory_new(struct kv_windows);
        kv_windows_init(script->windows);
    }
    kv_windows_point(script->windows, kv, store->retention_ms, script->context->stream_time_ms);
    return script->windows;
}

static int64_t take_time(lua_State *lua, int index, const char *what)
{
    int is_integer = 0;
    lua_Integer time_ms = lua_tointegerx(lua, index, &is_integer);
    if (lua_type(lua, index) != LUA_TNUMBER) {
        luaL_error(lua, "%s must be an integer, milliseconds, not %s", what,
                   lua_isnoneornil(lua, index) ? "nil" : luaL_typename(lua, index));
    }
    if (!is_integer) {
        luaL_error(lua, "%s must be an integer, milliseconds, not %s", what,
                   lua_tostring(lua, index));
    }
    return time_ms;
}

/* Start and end of a session, from the argument on. */
static struct kv_windows_entry take_session(lua_State *lua, int index)
{
    int64_t start_ms = take_time(lua, index, "the start of a session");
    int64_t end_ms = take_time(lua, index + 1, "the end of a session");
    if (end_ms < start_ms) {
        luaL_error(lua, "a session that starts at %I cannot end at %I, before that",
                   (LUAI_UACINT)start_ms, (LUAI_UACINT)end_ms);
    }
    return (struct kv_windows_entry){.start_ms = start_ms, .end_ms = end_ms};
}

/* --- Putting and getting ---------------------------------------------------------------------- */

static int put_entry(lua_State *lua, const struct topology_store *store,
                     struct kv_windows_entry *entry, int value_index)
{
    struct kv_windows *windows = find_windows(lua, store);
    entry->value = store_view_take_value(lua, store, value_index);
    entry->key = store_view_key(lua, 2);
    store_view_charge(lua, entry->key, entry->value);
    int result = kv_windows_put(windows, entry);
    if (result == ERROR_CORRUPT) {
        return luaL_error(lua, STORE_VIEW_FOREIGN, store->name);
    }
    if (result < 0) {
        return luaL_error(lua, "cannot write to the store '%s': %s", store->name,
                          error_text(result));
    }
    lua_pushboolean(lua, result);
    return 1;
}

static int get_entry(lua_State *lua, const struct topology_store *store,
                     struct kv_windows_entry *entry)
{
    struct kv_windows *windows = find_windows(lua, store);
    entry->key = store_view_key(lua, 2);
    if (kv_windows_get(windows, entry)) {
        store_view_push_value(lua, store, entry->value);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

static int window_put(lua_State *lua)
{
    const struct topology_store *store = check_windows(lua);
    luaL_checkany(lua, 3);
    int64_t start_ms = lua_isnoneornil(lua, 4) ? store_view_time(lua, 4)
                                               : take_time(lua, 4, "the start of a window");
    struct kv_windows_entry entry = {.start_ms = start_ms, .end_ms = start_ms};
    return put_entry(lua, store, &entry, 3);
}

static int window_get(lua_State *lua)
{
    const struct topology_store *store = check_windows(lua);
    int64_t start_ms = take_time(lua, 3, "the start of a window");
    struct kv_windows_entry entry = {.start_ms = start_ms, .end_ms = start_ms};
    return get_entry(lua, store, &entry);
}

static int session_put(lua_State *lua)
{
    const struct topology_store *store = check_sessions(lua);
    struct kv_windows_entry entry = take_session(lua, 3);
    luaL_checkany(lua, 5);
    return put_entry(lua, store, &entry, 5);
}

static int session_get(lua_State *lua)
{
    const struct topology_store *store = check_sessions(lua);
    struct kv_windows_entry entry = take_session(lua, 3);
    return get_entry(lua, store, &entry);
}

static int session_delete(lua_State *lua)
{
    const struct topology_store *store = check_sessions(lua);
    struct kv_windows_entry entry = take_session(lua, 3);
    lua_settop(lua, 4);
    lua_pushnil(lua);
    return put_entry(lua, store, &entry, 5);
}

/* --- Iteration -------------------------------------------------------------------------------- */

/* The next one that starts early enough. */
static int find_next(lua_State *lua, const struct window_iteration *it, struct kv_iterator *from,
                     struct kv_windows_entry *out)
{
    struct kv_windows *windows = find_windows(lua, it->store);
    int result = kv_windows_next(windows, from, out);
    while (result == 1 && out->start_ms > it->start_ms_max) {
        result = kv_windows_next(windows, from, out);
    }
    return result;
}

static int iteration_next(lua_State *lua)
{
    struct window_iteration *it = lua_touserdata(lua, lua_upvalueindex(1));
    struct kv_iterator *iterator = store_view_held(lua, &it->hold);
    struct kv_windows_entry entry;
    int result = iterator == NULL ? 0 : find_next(lua, it, iterator, &entry);
    if (result != 1) {
        store_view_release(script_of(lua), &it->hold);
    }
    if (result < 0) {
        script_fail(lua, "decode", "the store '%s' holds something else than windows",
                    it->store->name);
    }
    lua_settop(lua, 0);
    if (result == 0) {
        lua_pushnil(lua);
        return 1;
    }
    if (it->has_key) {
        lua_pushlstring(lua, (const char *)entry.key.data, entry.key.size);
    }
    lua_pushinteger(lua, entry.start_ms);
    if (it->has_end) {
        lua_pushinteger(lua, entry.end_ms);
    }
    store_view_push_value(lua, it->store, entry.value);
    return lua_gettop(lua);
}

/* Pushes the iterator; what is held is filled in by iterate_with. */
static struct window_iteration *push_iteration(lua_State *lua, const struct topology_store *store)
{
    store_view_reserve(lua);
    struct window_iteration *it = lua_newuserdatauv(lua, sizeof *it, 0);
    lua_pushcclosure(lua, iteration_next, 1);
    *it = (struct window_iteration){
        .store = store, .start_ms_max = INT64_MAX, .has_key = true, .has_end = store->has_sessions};
    return it;
}

static int iterate_with(lua_State *lua, struct window_iteration *it, struct kv_iterator *iterator)
{
    it->hold = store_view_hold(script_of(lua), iterator);
    return 1;
}

static int window_fetch(lua_State *lua)
{
    const struct topology_store *store = check_windows(lua);
    int64_t from_ms = take_time(lua, 3, "where fetch begins");
    int64_t to_ms = take_time(lua, 4, "where fetch ends");
    struct bytes key = store_view_key(lua, 2);
    struct kv_windows *windows = find_windows(lua, store);
    struct window_iteration *it = push_iteration(lua, store);
    it->has_key = false;
    return iterate_with(lua, it, kv_windows_find(windows, key, from_ms, to_ms));
}

static int window_fetch_all(lua_State *lua)
{
    const struct topology_store *store = check_windows(lua);
    int64_t from_ms = take_time(lua, 2, "where fetch_all begins");
    int64_t to_ms = take_time(lua, 3, "where fetch_all ends");
    struct kv_windows *windows = find_windows(lua, store);
    return iterate_with(lua, push_iteration(lua, store), kv_windows_walk(windows, from_ms, to_ms));
}

static int session_find(lua_State *lua)
{
    const struct topology_store *store = check_sessions(lua);
    int64_t end_ms_min = take_time(lua, 3, "the earliest end of sessions");
    int64_t start_ms_max = take_time(lua, 4, "the latest start of sessions");
    struct bytes key = store_view_key(lua, 2);
    struct kv_windows *windows = find_windows(lua, store);
    struct window_iteration *it = push_iteration(lua, store);
    it->has_key = false;
    it->start_ms_max = start_ms_max;
    return iterate_with(lua, it, kv_windows_find(windows, key, end_ms_min, INT64_MAX));
}

static int iterate_all(lua_State *lua, const struct topology_store *store)
{
    struct kv_windows *windows = find_windows(lua, store);
    return iterate_with(lua, push_iteration(lua, store), kv_windows_iterate(windows));
}

static int window_pairs(lua_State *lua)
{
    return iterate_all(lua, check_windows(lua));
}

static int session_pairs(lua_State *lua)
{
    return iterate_all(lua, check_sessions(lua));
}

/* --- The views -------------------------------------------------------------------------------- */

/* Upvalues: the methods by name, what to say of others. */
static int view_index(lua_State *lua)
{
    lua_settop(lua, 2);
    if (lua_type(lua, 2) == LUA_TSTRING) {
        lua_pushvalue(lua, 2);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            return 1;
        }
    }
    return luaL_error(lua, "%s, not '%s'", lua_tostring(lua, lua_upvalueindex(2)),
                      luaL_tolstring(lua, 2, NULL));
}

static void register_view(lua_State *lua, enum script_key key, const luaL_Reg *methods,
                          lua_CFunction pairs, const char *others)
{
    static const luaL_Reg functions[] = {
        {"__index", view_index}, {"__newindex", view_index}, {NULL, NULL}};
    lua_newtable(lua);
    lua_newtable(lua);
    luaL_setfuncs(lua, methods, 0);
    lua_pushstring(lua, others);
    luaL_setfuncs(lua, functions, 2);
    lua_pushcfunction(lua, pairs);
    lua_setfield(lua, -2, "__pairs");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    script_register(lua, key);
}

void window_view_open(lua_State *lua)
{
    static const luaL_Reg windows[] = {{"put", window_put},     {"get", window_get},
                                       {"fetch", window_fetch}, {"fetch_all", window_fetch_all},
                                       {"pairs", window_pairs}, {NULL, NULL}};
    static const luaL_Reg sessions[] = {{"put", session_put},     {"get", session_get},
                                        {"find", session_find},   {"delete", session_delete},
                                        {"pairs", session_pairs}, {NULL, NULL}};
    register_view(lua, SCRIPT_WINDOW_META, windows, window_pairs,
                  "a window store has put, get, fetch, fetch_all and pairs");
    register_view(lua, SCRIPT_SESSION_META, sessions, session_pairs,
                  "a session store has put, get, find, delete and pairs");
}

void window_view_push(lua_State *lua, const struct topology_store *store)
{
    *(const struct topology_store **)lua_newuserdatauv(lua, sizeof store, 0) = store;
    script_push_registered(lua, store->has_sessions ? SCRIPT_SESSION_META : SCRIPT_WINDOW_META);
    lua_setmetatable(lua, -2);
}

void window_view_forget(struct script *script)
{
    if (script->windows != NULL) {
        kv_windows_fini(script->windows);
        free(script->windows);
        script->windows = NULL;
    }
}
