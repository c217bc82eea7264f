/* Stores in callbacks; see store_view.h. */
#include "runtime/lua/store_view.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/lua/script_migration.h"
#include "runtime/lua/script_value.h"
#include "runtime/state/kv_expiring.h"

#include <string.h>

enum {
    ROW_SIZE = 64,               /* what a row costs besides its bytes */
    ITERATION_COUNT_MAX = 10000, /* begun and not gone through to the end, by one callback */
};

struct iteration {
    struct store_view_hold hold;
    const struct topology_store *store;
    store_view_pusher *push;
};

static const struct topology_store *check_store(lua_State *lua)
{
    if (!script_has_meta(lua, 1, SCRIPT_STORE_META)) {
        luaL_error(lua, "call it with a colon: store:get(key)");
    }
    return *(const struct topology_store **)lua_touserdata(lua, 1);
}

struct kv *store_view_find(lua_State *lua, const char *name)
{
    struct node_context *context = script_context(lua, "a store");
    struct kv *kv = context->store(context, name);
    if (kv == NULL) {
        luaL_error(lua, "the store '%s' is not there", name);
    }
    return kv;
}

/* Good until the next one is looked for. */
static struct kv *find_store(lua_State *lua, const struct topology_store *view)
{
    struct script *script = script_of(lua);
    struct kv *kv = store_view_find(lua, view->name);
    if (view->ttl_ms == 0) {
        return kv;
    }
    if (script->expiring == NULL) {
        script->expiring = kv_new_expiring();
    }
    kv_expiring_point(script->expiring, kv, view->ttl_ms, script->context->stream_time_ms);
    return script->expiring;
}

struct bytes store_view_key(lua_State *lua, int index)
{
    size_t size = 0;
    if (lua_type(lua, index) == LUA_TSTRING) {
        const char *text = lua_tolstring(lua, index, &size);
        return bytes_make(text, size);
    }
    struct bytes key = script_value_key(lua, index);
    if (bytes_is_null(key)) {
        luaL_error(lua, "nil cannot be the key of a store");
    }
    return key;
}

void store_view_push_value(lua_State *lua, const struct topology_store *view, struct bytes stored)
{
    struct script *script = script_of(lua);
    if (view->value_format != VALUE_JSON) {
        lua_pushlstring(lua, (const char *)stored.data, stored.size);
        return;
    }
    struct script_migration migration = script_migration_find(script, view->name);
    script_migration_push(lua, &migration, stored);
}

static int store_get(lua_State *lua)
{
    const struct topology_store *view = check_store(lua);
    struct bytes stored;
    if (kv_get(find_store(lua, view), store_view_key(lua, 2), &stored)) {
        store_view_push_value(lua, view, stored);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

struct bytes store_view_take_value(lua_State *lua, const struct topology_store *view, int index)
{
    struct buffer *text = script_scratch(script_of(lua), 1);
    if (lua_isnil(lua, index)) {
        return (struct bytes){0};
    }
    if (view->value_format == VALUE_JSON) {
        script_migration_mark(text, view->version);
        script_value_write(lua, index, text, "the stored value");
        return buffer_bytes(text);
    }
    if (lua_type(lua, index) != LUA_TSTRING) {
        luaL_error(lua, "the store '%s' holds %s, so its values must be strings, not a %s",
                   view->name, value_format_name(view->value_format), luaL_typename(lua, index));
    }
    size_t size = 0;
    const char *bytes = lua_tolstring(lua, index, &size);
    return bytes_make(bytes, size);
}

void store_view_charge(lua_State *lua, struct bytes key, struct bytes value)
{
    struct script *script = script_of(lua);
    script->store_size += ROW_SIZE + key.size + value.size;
    if (script->store_size > script->limits.store_size) {
        script_fail(lua, "emit", "the callback wrote more than %zu bytes to stores",
                    script->limits.store_size);
    }
}

int64_t store_view_time(lua_State *lua, int index)
{
    const struct script *script = script_of(lua);
    if (!lua_isnoneornil(lua, index)) {
        return luaL_checkinteger(lua, index);
    }
    return script->current.original != NULL ? script->current.record.timestamp_ms
                                            : script_context(lua, "a store")->stream_time_ms;
}

static void put_value(lua_State *lua, const struct topology_store *view, int key_index, int value)
{
    struct kv *kv = find_store(lua, view);
    struct bytes stored = store_view_take_value(lua, view, value);
    struct bytes key = store_view_key(lua, key_index);
    store_view_charge(lua, key, stored);
    int error = kv_put(kv, key, stored);
    if (error == ERROR_CORRUPT) {
        luaL_error(lua, STORE_VIEW_FOREIGN, view->name);
    } else if (error != 0) {
        luaL_error(lua, "cannot write to the store '%s': %s", view->name, error_text(error));
    }
}

static int store_put(lua_State *lua)
{
    const struct topology_store *view = check_store(lua);
    luaL_checkany(lua, 3);
    put_value(lua, view, 2, 3);
    return 0;
}

static int store_delete(lua_State *lua)
{
    const struct topology_store *view = check_store(lua);
    lua_settop(lua, 2);
    lua_pushnil(lua);
    put_value(lua, view, 2, 3);
    return 0;
}

static int store_add(lua_State *lua)
{
    const struct topology_store *view = check_store(lua);
    lua_settop(lua, 3);
    if (lua_isnil(lua, 3)) {
        lua_pushinteger(lua, 1);
        lua_replace(lua, 3);
    }
    luaL_checknumber(lua, 3);
    struct bytes stored;
    if (kv_get(find_store(lua, view), store_view_key(lua, 2), &stored)) {
        store_view_push_value(lua, view, stored);
        if (lua_type(lua, -1) != LUA_TNUMBER) {
            return luaL_error(lua, "the store '%s' holds a %s at this key, not a number",
                              view->name, luaL_typename(lua, -1));
        }
        lua_pushvalue(lua, 3);
        lua_arith(lua, LUA_OPADD);
    }
    lua_settop(lua, lua_gettop(lua) > 3 ? 4 : 3);
    put_value(lua, view, 2, lua_gettop(lua));
    return 1;
}

static int store_count(lua_State *lua)
{
    lua_pushinteger(lua, kv_count(find_store(lua, check_store(lua))));
    return 1;
}

void store_view_reserve(lua_State *lua)
{
    struct script *script = script_of(lua);
    if (script->open_iterator_count == ITERATION_COUNT_MAX) {
        luaL_error(lua, "more than %d iterations are open", ITERATION_COUNT_MAX);
    }
    if (script->iterator_count == script->iterator_capacity) {
        script->iterator_capacity = script->iterator_capacity * 2 + 4;
        script->iterators = memory_resize(script->iterators,
                                          script->iterator_capacity * sizeof(struct kv_iterator *));
    }
}

struct store_view_hold store_view_hold(struct script *script, struct kv_iterator *iterator)
{
    check(script->iterator_count < script->iterator_capacity);
    script->iterators[script->iterator_count] = iterator;
    script->open_iterator_count++;
    return (struct store_view_hold){.callback = script->callback,
                                    .index = script->iterator_count++};
}

struct kv_iterator *store_view_held(lua_State *lua, const struct store_view_hold *hold)
{
    const struct script *script = script_of(lua);
    if (hold->callback != script->callback || script->context == NULL) {
        luaL_error(lua, "the iteration expired with its callback");
    }
    return script->iterators[hold->index];
}

void store_view_release(struct script *script, const struct store_view_hold *hold)
{
    script->open_iterator_count -= script->iterators[hold->index] != NULL;
    kv_iterator_free(script->iterators[hold->index]);
    script->iterators[hold->index] = NULL;
}

static int iteration_next(lua_State *lua)
{
    struct script *script = script_of(lua);
    struct iteration *it = lua_touserdata(lua, lua_upvalueindex(1));
    struct bytes key;
    struct bytes value;
    struct kv_iterator *iterator = store_view_held(lua, &it->hold);
    if (iterator == NULL || !kv_iterator_next(iterator, &key, &value)) {
        store_view_release(script, &it->hold);
        lua_pushnil(lua);
        return 1;
    }
    lua_pushlstring(lua, (const char *)key.data, key.size);
    it->push(lua, it->store, value);
    return 2;
}

static int iterate(lua_State *lua, const struct topology_store *view, store_view_pusher *push,
                   struct bytes from, struct bytes to)
{
    struct script *script = script_of(lua);
    struct kv *kv = find_store(lua, view);
    store_view_reserve(lua);
    struct iteration *it = lua_newuserdatauv(lua, sizeof *it, 0);
    lua_pushcclosure(lua, iteration_next, 1);
    *it = (struct iteration){
        .hold = store_view_hold(script, kv_iterate(kv, from, to)), .store = view, .push = push};
    return 1;
}

int store_view_pairs(lua_State *lua, const struct topology_store *store, store_view_pusher *push)
{
    return iterate(lua, store, push, (struct bytes){0}, (struct bytes){0});
}

int store_view_range(lua_State *lua, const struct topology_store *store, store_view_pusher *push)
{
    lua_settop(lua, 3);
    struct bytes from = {0};
    struct bytes to = {0};
    if (!lua_isnil(lua, 2)) {
        from = store_view_key(lua, 2);
    }
    if (!lua_isnil(lua, 3)) {
        to = store_view_key(lua, 3);
    }
    return iterate(lua, store, push, from, to);
}

int store_view_prefix(lua_State *lua, const struct topology_store *store, store_view_pusher *push)
{
    struct bytes prefix = store_view_key(lua, 2);
    uint8_t *end = (uint8_t *)(uintptr_t)script_copy(lua, prefix).data; /* ours to change */
    size_t size = bytes_end_of_prefix(end, prefix.size);
    return iterate(lua, store, push, prefix, size == 0 ? (struct bytes){0} : bytes_make(end, size));
}

static int store_pairs(lua_State *lua)
{
    return store_view_pairs(lua, check_store(lua), store_view_push_value);
}

static int store_range(lua_State *lua)
{
    return store_view_range(lua, check_store(lua), store_view_push_value);
}

static int store_prefix(lua_State *lua)
{
    return store_view_prefix(lua, check_store(lua), store_view_push_value);
}

/* Upvalue: the methods by name. */
static int store_index(lua_State *lua)
{
    if (lua_type(lua, 2) == LUA_TSTRING) {
        lua_pushvalue(lua, 2);
        if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
            return 1;
        }
        lua_pop(lua, 1);
    }
    return store_get(lua);
}

static int store_newindex(lua_State *lua)
{
    const struct topology_store *view = check_store(lua);
    lua_pushvalue(lua, 2);
    if (lua_type(lua, 2) == LUA_TSTRING && lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) {
        return luaL_error(lua,
                          "'%s' is a function of stores; for keys that come from data use "
                          "store:put(key, value) and store:get(key)",
                          lua_tostring(lua, 2));
    }
    put_value(lua, view, 2, 3);
    return 0;
}

void store_view_close_iterators(struct script *script)
{
    for (size_t i = 0; i < script->iterator_count; i++) {
        kv_iterator_free(script->iterators[i]);
    }
    script->iterator_count = 0;
    script->open_iterator_count = 0;
}

void store_view_push(lua_State *lua, const struct topology_store *store)
{
    *(const struct topology_store **)lua_newuserdatauv(lua, sizeof store, 0) = store;
    script_push_registered(lua, SCRIPT_STORE_META);
    lua_setmetatable(lua, -2);
}

void store_view_open(lua_State *lua)
{
    static const luaL_Reg methods[] = {
        {"get", store_get},     {"put", store_put},       {"delete", store_delete},
        {"add", store_add},     {"count", store_count},   {"pairs", store_pairs},
        {"range", store_range}, {"prefix", store_prefix}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"__index", store_index}, {"__newindex", store_newindex}, {NULL, NULL}};
    lua_newtable(lua);
    lua_newtable(lua);
    luaL_setfuncs(lua, methods, 0);
    luaL_setfuncs(lua, functions, 1);
    lua_pushcfunction(lua, store_pairs);
    lua_setfield(lua, -2, "__pairs");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    script_register(lua, SCRIPT_STORE_META);
}
