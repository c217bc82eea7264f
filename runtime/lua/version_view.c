/* Stores with history in callbacks; see version_view.h. */
#include "runtime/lua/version_view.h"

#include "log/base/error.h"
#include "runtime/lua/store_view.h"

static const struct topology_store *check_store(lua_State *lua)
{
    if (!script_has_meta(lua, 1, SCRIPT_VERSIONED_META)) {
        luaL_error(lua, "call it with a colon: store:as_of(key, ts)");
    }
    return *(const struct topology_store **)lua_touserdata(lua, 1);
}

bool version_view_find(lua_State *lua, const struct topology_store *store, int64_t as_of_ms,
                       struct history_version *out)
{
    struct kv *kv = store_view_find(lua, store->name);
    struct bytes key = store_view_key(lua, 2);
    struct buffer *value = script_scratch(script_of(lua), 1);
    struct history history;
    history_init(&history, kv, store->history_ms);
    int found = history_get(&history, key, as_of_ms, out);
    if (found == 1) {
        buffer_add_bytes(value, out->value);
        out->value = buffer_bytes(value);
    }
    history_fini(&history);
    if (found < 0) {
        script_fail(lua, "decode", "the store '%s' holds something else than a history",
                    store->name);
    }
    return found == 1;
}

/* Pushes value, from and to. */
static int find_version(lua_State *lua, int64_t as_of_ms)
{
    const struct topology_store *store = check_store(lua);
    struct history_version version;
    if (!version_view_find(lua, store, as_of_ms, &version)) {
        lua_pushnil(lua);
        return 1;
    }
    store_view_push_value(lua, store, version.value);
    lua_pushinteger(lua, version.from_ms);
    if (version.to_ms == INT64_MAX) {
        lua_pushnil(lua);
    } else {
        lua_pushinteger(lua, version.to_ms);
    }
    return 3;
}

static int version_get(lua_State *lua)
{
    return find_version(lua, INT64_MAX);
}

static int version_as_of(lua_State *lua)
{
    return find_version(lua, luaL_checkinteger(lua, 3));
}

/* The value at an index from a time on; pushes when it ends. */
static int put_version(lua_State *lua, int value_index, int64_t time_ms)
{
    const struct topology_store *store = check_store(lua);
    struct kv *kv = store_view_find(lua, store->name);
    struct bytes value = store_view_take_value(lua, store, value_index);
    struct bytes key = store_view_key(lua, 2);
    store_view_charge(lua, key, value);
    int64_t to_ms = 0;
    struct history history;
    history_init(&history, kv, store->history_ms);
    int result = history_put(&history, key, time_ms, value, &to_ms);
    history_fini(&history);
    if (result < 0) {
        return luaL_error(lua, "cannot write to the store '%s': %s", store->name,
                          error_text(result));
    }
    if (result == 0) {
        lua_pushboolean(lua, 0);
    } else if (to_ms == INT64_MAX) {
        lua_pushnil(lua);
    } else {
        lua_pushinteger(lua, to_ms);
    }
    return 1;
}

static int version_put(lua_State *lua)
{
    luaL_checkany(lua, 3);
    return put_version(lua, 3, store_view_time(lua, 4));
}

static int version_delete(lua_State *lua)
{
    int64_t time_ms = store_view_time(lua, 3);
    lua_settop(lua, 2);
    lua_pushnil(lua);
    return put_version(lua, 3, time_ms);
}

/* Upvalue: the methods by name. */
static int version_index(lua_State *lua)
{
    if (lua_type(lua, 2) == LUA_TSTRING) {
        lua_pushvalue(lua, 2);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            return 1;
        }
        lua_pop(lua, 1);
    }
    find_version(lua, INT64_MAX);
    lua_settop(lua, 3);
    return 1;
}

static int version_newindex(lua_State *lua)
{
    lua_pushvalue(lua, 2);
    if (lua_type(lua, 2) == LUA_TSTRING && lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
        return luaL_error(lua,
                          "'%s' is a function of stores; for keys that come from data use "
                          "store:put(key, value) and store:get(key)",
                          lua_tostring(lua, 2));
    }
    lua_settop(lua, 3);
    put_version(lua, 3, store_view_time(lua, 4));
    return 0;
}

void version_view_push(lua_State *lua, const struct topology_store *store)
{
    *(const struct topology_store **)lua_newuserdatauv(lua, sizeof store, 0) = store;
    script_push_registered(lua, SCRIPT_VERSIONED_META);
    lua_setmetatable(lua, -2);
}

void version_view_open(lua_State *lua)
{
    static const luaL_Reg methods[] = {{"get", version_get},
                                       {"as_of", version_as_of},
                                       {"put", version_put},
                                       {"delete", version_delete},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"__index", version_index}, {"__newindex", version_newindex}, {NULL, NULL}};
    lua_newtable(lua);
    lua_newtable(lua);
    luaL_setfuncs(lua, methods, 0);
    luaL_setfuncs(lua, functions, 1);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    script_register(lua, SCRIPT_VERSIONED_META);
}
