/* Bounded functions on tables; see sandbox_table.h. */
#include "runtime/lua/sandbox_table.h"

#include <limits.h>

enum {
    MOVE_COUNT_MAX = 1000000, /* some ten milliseconds */
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

/* Stack of a sort: the table, the script's function or nil, a copy of the elements. */
enum { SORT_TABLE = 1, SORT_ORDER, SORT_ELEMENTS, SORT_INDEXES };

/* Whether the element at `left` belongs before the one at `right`, both as numbers of the copy. */
static bool is_before(lua_State *lua, uint32_t left, uint32_t right)
{
    bool has_order = !lua_isnil(lua, SORT_ORDER);
    watchdog_check(lua);
    if (has_order) {
        lua_pushvalue(lua, SORT_ORDER);
    }
    lua_rawgeti(lua, SORT_ELEMENTS, left);
    lua_rawgeti(lua, SORT_ELEMENTS, right);
    if (has_order) {
        lua_call(lua, 2, 1);
    }
    bool is = has_order ? lua_toboolean(lua, -1) : lua_compare(lua, -2, -1, LUA_OPLT);
    lua_settop(lua, SORT_INDEXES);
    return is;
}

/* Merges two runs that lie end to end: [0, middle) and [middle, count). Of equals the first comes
 * first. */
static void merge_indexes(lua_State *lua, const uint32_t *from, size_t middle, size_t count,
                          uint32_t *to)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < count; i++) {
        bool is_left =
            left < middle && (right == count || !is_before(lua, from[right], from[left]));
        to[i] = from[is_left ? left++ : right++];
    }
}

static uint32_t *sort_indexes(lua_State *lua, uint32_t *indexes, size_t count)
{
    uint32_t *spare = indexes + count;
    for (size_t i = 0; i < count; i++) {
        indexes[i] = (uint32_t)i + 1;
    }
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t at = 0; at < count; at += 2 * run) {
            size_t rest = count - at;
            merge_indexes(lua, indexes + at, rest < run ? rest : run,
                          rest < 2 * run ? rest : 2 * run, spare + at);
        }
        uint32_t *sorted = spare;
        spare = indexes;
        indexes = sorted;
    }
    return indexes;
}

/* Sorts by merging. The library's own takes the clock for the pivot of a large table, so that the
 * order of equals, and what the script's function is asked, would differ from run to run. The table
 * is written at the end: an error leaves it as it was. */
static int table_sort(lua_State *lua)
{
    check_plain(lua, SORT_TABLE);
    size_t count = lua_rawlen(lua, SORT_TABLE);
    if (!lua_isnoneornil(lua, SORT_ORDER)) {
        luaL_checktype(lua, SORT_ORDER, LUA_TFUNCTION);
    }
    luaL_argcheck(lua, count < INT_MAX, SORT_TABLE, "array too big");
    lua_settop(lua, SORT_ORDER);
    lua_createtable(lua, (int)count, 0);
    for (lua_Integer i = 1; i <= (lua_Integer)count; i++) {
        lua_rawgeti(lua, SORT_TABLE, i);
        lua_rawseti(lua, SORT_ELEMENTS, i);
    }
    uint32_t *indexes = lua_newuserdatauv(lua, count * 2 * sizeof *indexes + 1, 0);
    indexes = sort_indexes(lua, indexes, count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, SORT_ELEMENTS, indexes[i]);
        lua_rawseti(lua, SORT_TABLE, (lua_Integer)i + 1);
    }
    return 0;
}

void sandbox_table_open(lua_State *lua)
{
    static const luaL_Reg wrappers[] = {{"insert", call_on_plain_table},
                                        {"move", table_move},
                                        {"remove", call_on_plain_table},
                                        {"unpack", call_on_plain_table}};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        lua_getfield(lua, -1, wrappers[i].name);
        lua_pushcclosure(lua, wrappers[i].func, 1);
        lua_setfield(lua, -2, wrappers[i].name);
    }
    lua_pushcfunction(lua, table_concat);
    lua_setfield(lua, -2, "concat");
    lua_pushcfunction(lua, table_sort);
    lua_setfield(lua, -2, "sort");
}
