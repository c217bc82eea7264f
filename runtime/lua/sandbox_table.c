/* Bounded functions on tables; see sandbox_table.h. */
#include "runtime/lua/sandbox_table.h"

enum {
    MOVE_COUNT_MAX = 1000000, /* some ten milliseconds */
    SORT_COUNT_QUICK = 10000, /* so many the library may compare by itself */
};

bool sandbox_table_has_metafield(lua_State *lua, int index, const char *name)
{
    if (luaL_getmetafield(lua, index, name) == LUA_TNIL) {
        return false;
    }
    lua_pop(lua, 1);
    return true;
}

static void check_plain(lua_State *lua, int index)
{
    luaL_checktype(lua, index, LUA_TTABLE);
    if (sandbox_table_has_metafield(lua, index, "__len") ||
        sandbox_table_has_metafield(lua, index, "__index") ||
        sandbox_table_has_metafield(lua, index, "__newindex")) {
        luaL_error(lua, "functions of table need a plain table; S.table(v) makes one");
    }
}

/* Upvalue: the library's function. */
static int call_on_plain_table(lua_State *lua)
{
    check_plain(lua, 1);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
    return lua_gettop(lua);
}

static int table_move(lua_State *lua)
{
    lua_Integer from = luaL_checkinteger(lua, 2);
    lua_Integer to = luaL_checkinteger(lua, 3);
    if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from > MOVE_COUNT_MAX) {
        return luaL_error(lua, "too many elements to move");
    }
    if (!lua_isnoneornil(lua, 5)) {
        check_plain(lua, 5);
    }
    return call_on_plain_table(lua);
}

static int table_concat(lua_State *lua)
{
    check_plain(lua, 1);
    size_t separator_size = 0;
    const char *separator = luaL_optlstring(lua, 2, "", &separator_size);
    lua_Integer at = luaL_optinteger(lua, 3, 1);
    lua_Integer last = luaL_optinteger(lua, 4, (lua_Integer)lua_rawlen(lua, 1));
    luaL_Buffer out;
    lua_settop(lua, 2);
    luaL_buffinit(lua, &out);
    for (; at <= last; at++) {
        watchdog_check(lua);
        lua_rawgeti(lua, 1, at);
        if (!lua_isstring(lua, -1)) {
            return luaL_error(lua, "invalid value (at index %I) in table for 'concat'",
                              (LUAI_UACINT)at);
        }
        luaL_addvalue(&out);
        if (at == last) {
            break; /* it may be the largest integer */
        }
        luaL_addlstring(&out, separator, separator_size);
    }
    luaL_pushresult(&out);
    return 1;
}

static int is_less(lua_State *lua)
{
    watchdog_check(lua);
    lua_pushboolean(lua, lua_compare(lua, 1, 2, LUA_OPLT));
    return 1;
}

/* A function of the script is watched; the library's own comparison is not. */
static int table_sort(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    if (lua_isnoneornil(lua, 2) && lua_rawlen(lua, 1) > SORT_COUNT_QUICK) {
        lua_settop(lua, 1);
        lua_pushcfunction(lua, is_less);
    }
    return call_on_plain_table(lua);
}

void sandbox_table_open(lua_State *lua)
{
    static const luaL_Reg wrappers[] = {{"insert", call_on_plain_table},
                                        {"move", table_move},
                                        {"remove", call_on_plain_table},
                                        {"sort", table_sort},
                                        {"unpack", call_on_plain_table}};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        lua_getfield(lua, -1, wrappers[i].name);
        lua_pushcclosure(lua, wrappers[i].func, 1);
        lua_setfield(lua, -2, wrappers[i].name);
    }
    lua_pushcfunction(lua, table_concat);
    lua_setfield(lua, -2, "concat");
}
