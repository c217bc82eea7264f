/* Tables in callbacks; see table_view.h. */
#include "runtime/lua/table_view.h"

#include "runtime/format/kept_value.h"
#include "runtime/lua/script_map.h"
#include "runtime/lua/store_view.h"
#include "runtime/lua/version_view.h"

static const struct topology_store *check_table(lua_State *lua)
{
    if (!script_has_meta(lua, 1, SCRIPT_TABLE_META)) {
        luaL_error(lua, "call it with a colon: table:get(key)");
    }
    return *(const struct topology_store **)lua_touserdata(lua, 1);
}

/* What a table keeps under a key, as a value of Lua. */
static void push_stored(lua_State *lua, const struct topology_store *store, struct bytes stored)
{
    struct kept_value kept;
    if (kept_value_read(stored, &kept) != 0) {
        script_fail(lua, "decode", "the store '%s' holds something else than a table", store->name);
    }
    script_map_push_kept(lua, &kept);
}

static int get_version(lua_State *lua, const struct topology_store *store, int64_t as_of_ms)
{
    struct history_version version;
    if (version_view_find(lua, store, as_of_ms, &version)) {
        push_stored(lua, store, version.value);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

static int table_get(lua_State *lua)
{
    const struct topology_store *store = check_table(lua);
    struct bytes stored;
    if (store->history_ms > 0) {
        return get_version(lua, store, INT64_MAX);
    }
    if (kv_get(store_view_find(lua, store->name), store_view_key(lua, 2), &stored)) {
        push_stored(lua, store, stored);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

static int table_as_of(lua_State *lua)
{
    const struct topology_store *store = check_table(lua);
    int64_t time_ms = luaL_checkinteger(lua, 3);
    if (store->history_ms == 0) {
        return luaL_error(lua,
                          "the table '%s' knows only what is: app:table(topic, { versioned = "
                          "\"24h\" }) knows what was",
                          store->name);
    }
    return get_version(lua, store, time_ms);
}

static const struct topology_store *check_plain(lua_State *lua)
{
    const struct topology_store *store = check_table(lua);
    if (store->history_ms > 0) {
        luaL_error(lua, "the versioned table '%s' is asked for one key: get and as_of",
                   store->name);
    }
    return store;
}

static int table_pairs(lua_State *lua)
{
    return store_view_pairs(lua, check_plain(lua), push_stored);
}

static int table_range(lua_State *lua)
{
    return store_view_range(lua, check_plain(lua), push_stored);
}

static int table_prefix(lua_State *lua)
{
    return store_view_prefix(lua, check_plain(lua), push_stored);
}

/* Upvalue: the methods by name. */
static int table_index(lua_State *lua)
{
    if (lua_type(lua, 2) == LUA_TSTRING) {
        lua_pushvalue(lua, 2);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            return 1;
        }
        lua_pop(lua, 1);
    }
    return table_get(lua);
}

static int table_refuse(lua_State *lua)
{
    return luaL_error(lua, "the table '%s' is only read here: it is written by its topic",
                      check_table(lua)->name);
}

void table_view_push(lua_State *lua, const struct topology_store *store)
{
    *(const struct topology_store **)lua_newuserdatauv(lua, sizeof store, 0) = store;
    script_push_registered(lua, SCRIPT_TABLE_META);
    lua_setmetatable(lua, -2);
}

void table_view_open(lua_State *lua)
{
    static const luaL_Reg methods[] = {
        {"get", table_get},       {"as_of", table_as_of},   {"pairs", table_pairs},
        {"range", table_range},   {"prefix", table_prefix}, {"put", table_refuse},
        {"delete", table_refuse}, {"add", table_refuse},    {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"__index", table_index}, {"__newindex", table_refuse}, {NULL, NULL}};
    lua_newtable(lua);
    lua_newtable(lua);
    luaL_setfuncs(lua, methods, 0);
    luaL_setfuncs(lua, functions, 1);
    lua_pushcfunction(lua, table_pairs);
    lua_setfield(lua, -2, "__pairs");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    script_register(lua, SCRIPT_TABLE_META);
}
