/* Iteration in the order of keys; see sandbox_order.h. */
#include "runtime/lua/sandbox_order.h"

#include <string.h>

/* Booleans, numbers, strings, in this order; 0 for keys that have none. */
struct sort_key {
    int kind;
    bool is_integer;
    lua_Integer integer;
    lua_Number number;
    const char *text;
    size_t size;
    lua_Integer index; /* where the key stands in the list of keys */
};

static void read_sort_key(lua_State *lua, int index, struct sort_key *out)
{
    *out = (struct sort_key){.kind = 4};
    switch (lua_type(lua, index)) {
    case LUA_TBOOLEAN:
        out->kind = 1;
        out->integer = lua_toboolean(lua, index);
        break;
    case LUA_TNUMBER:
        out->kind = 2;
        out->is_integer = lua_isinteger(lua, index);
        out->integer = lua_tointeger(lua, index);
        out->number = lua_tonumber(lua, index);
        break;
    case LUA_TSTRING:
        out->kind = 3;
        out->text = lua_tolstring(lua, index, &out->size);
        break;
    default:
        break;
    }
}

static int compare_sort_keys(const void *left, const void *right)
{
    const struct sort_key *a = left;
    const struct sort_key *b = right;
    if (a->kind != b->kind) {
        return a->kind - b->kind;
    }
    if (a->kind == 3) {
        size_t size = a->size < b->size ? a->size : b->size;
        int order = memcmp(a->text, b->text, size);
        return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size;
    }
    if (a->kind == 2 && (!a->is_integer || !b->is_integer)) {
        return a->number < b->number ? -1 : a->number > b->number;
    }
    return a->integer < b->integer ? -1 : a->integer > b->integer;
}

/* Upvalues: the table, the list of its keys in order, the place in it. */
static int pairs_step(lua_State *lua)
{
    lua_Integer index = lua_tointeger(lua, lua_upvalueindex(3));
    for (;;) {
        if (lua_rawgeti(lua, lua_upvalueindex(2), ++index) == LUA_TNIL) {
            return 1;
        }
        lua_pushvalue(lua, -1);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(lua, index);
            lua_replace(lua, lua_upvalueindex(3));
            return 2;
        }
        lua_pop(lua, 2); /* removed since */
    }
}

/* Merges two runs that lie end to end: [0, middle) and [middle, count). */
static void merge(const struct sort_key *from, size_t middle, size_t count, struct sort_key *to)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < count; i++) {
        bool is_left =
            left < middle && (right == count || compare_sort_keys(&from[left], &from[right]) <= 0);
        to[i] = from[is_left ? left++ : right++];
    }
}

/* Sorts by merging, in `keys` or `spare`, whichever it returns. The library's qsort could not be
 * left by an error. */
static struct sort_key *sort_keys(lua_State *lua, struct sort_key *keys, struct sort_key *spare,
                                  size_t count)
{
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t at = 0; at < count; at += 2 * run) {
            size_t rest = count - at;
            watchdog_check(lua);
            merge(keys + at, rest < run ? rest : run, rest < 2 * run ? rest : 2 * run, spare + at);
        }
        struct sort_key *sorted = spare;
        spare = keys;
        keys = sorted;
    }
    return keys;
}

/* Puts the keys in the list at `list` into order. */
static void sort_list(lua_State *lua, int list, lua_Integer count)
{
    struct sort_key *keys = lua_newuserdatauv(lua, (size_t)count * 2 * sizeof *keys + 1, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(lua, list, i + 1);
        read_sort_key(lua, -1, &keys[i]);
        keys[i].index = i + 1;
        lua_pop(lua, 1);
    }
    keys = sort_keys(lua, keys, keys + count, (size_t)count);
    lua_createtable(lua, (int)count, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(lua, list, keys[i].index);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_replace(lua, list);
    lua_pop(lua, 1);
}

int sandbox_order_pairs(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (luaL_getmetafield(lua, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(lua, 1);
        lua_call(lua, 1, 3);
        return 3;
    }
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 1);
    lua_newtable(lua);
    lua_Integer count = 0;
    bool is_sequence = true;
    lua_pushnil(lua);
    while (lua_next(lua, 1) != 0) {
        lua_pop(lua, 1);
        watchdog_check(lua);
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, 2, ++count);
        is_sequence = is_sequence && lua_isinteger(lua, -1) && lua_tointeger(lua, -1) == count;
    }
    if (!is_sequence) {
        sort_list(lua, 2, count);
    }
    lua_settop(lua, 2);
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, pairs_step, 3);
    return 1;
}

/* The smallest key above the given one, by looking at all of them. */
int sandbox_order_next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
    bool has_after = !lua_isnil(lua, 2);
    bool has_best = false;
    struct sort_key after;
    struct sort_key best = {0};
    read_sort_key(lua, 2, &after);
    lua_pushnil(lua); /* 3: the best so far */
    lua_pushnil(lua);
    while (lua_next(lua, 1) != 0) {
        lua_pop(lua, 1);
        watchdog_check(lua);
        struct sort_key key;
        read_sort_key(lua, -1, &key);
        if (has_after && compare_sort_keys(&key, &after) <= 0) {
            continue;
        }
        if (!has_best || compare_sort_keys(&key, &best) < 0) {
            best = key;
            has_best = true;
            lua_copy(lua, -1, 3);
        }
    }
    if (!has_best) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushvalue(lua, 3);
    lua_rawget(lua, 1);
    return 2;
}
