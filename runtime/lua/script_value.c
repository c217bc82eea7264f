/* Values of Lua as JSON and back; see script_value.h. */
#include "runtime/lua/script_value.h"

#include "log/base/error.h"
#include "runtime/format/json_writer.h"
#include "runtime/lua/record_view.h"

#include <stdlib.h>
#include <string.h>

enum { VALUE_DEPTH_MAX = 100 };

void script_value_push_null(lua_State *lua)
{
    lua_pushlightuserdata(lua, NULL);
}

bool script_value_is_null(lua_State *lua, int index)
{
    return lua_islightuserdata(lua, index) && lua_touserdata(lua, index) == NULL;
}

static void push_array_meta(lua_State *lua)
{
    script_push_registered(lua, SCRIPT_ARRAY_META);
    lua_setmetatable(lua, -2);
}

static void push_number(lua_State *lua, const struct json *json, uint32_t token)
{
    int64_t integer = 0;
    double number = 0;
    if (json_int64(json, token, &integer)) {
        lua_pushinteger(lua, integer);
    } else {
        check(json_double(json, token, &number));
        lua_pushnumber(lua, number);
    }
}

static void push_string(lua_State *lua, const struct json *json, uint32_t token)
{
    if (!json_token(json, token)->has_escapes) {
        struct bytes raw = json_raw(json, token);
        lua_pushlstring(lua, (const char *)raw.data + 1, raw.size - 2);
        return;
    }
    struct buffer *scratch = script_scratch(script_of(lua), 2);
    struct bytes text = json_string(json, token, scratch);
    lua_pushlstring(lua, (const char *)text.data, text.size);
}

void script_value_push(lua_State *lua, const struct json *json, uint32_t token)
{
    const struct json_token *it = json_token(json, token);
    luaL_checkstack(lua, 4, "a value is nested too deeply");
    switch ((enum json_kind)it->kind) {
    case JSON_NULL:
        script_value_push_null(lua);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        lua_pushboolean(lua, it->kind == JSON_TRUE);
        break;
    case JSON_NUMBER:
        push_number(lua, json, token);
        break;
    case JSON_STRING:
        push_string(lua, json, token);
        break;
    case JSON_ARRAY: {
        lua_createtable(lua, (int)it->count, 0);
        push_array_meta(lua);
        lua_Integer index = 1;
        for (uint32_t at = token + 1; at < it->next; at = json_token(json, at)->next) {
            watchdog_check(lua);
            script_value_push(lua, json, at);
            lua_rawseti(lua, -2, index++);
        }
        break;
    }
    case JSON_OBJECT:
        lua_createtable(lua, 0, (int)it->count);
        for (uint32_t at = token + 1; at < it->next; at = json_token(json, at + 1)->next) {
            watchdog_check(lua);
            push_string(lua, json, at);
            script_value_push(lua, json, at + 1);
            lua_rawset(lua, -3);
        }
        break;
    }
}

void script_value_push_place(lua_State *lua, struct json_place place)
{
    if (!json_patch_is_changed(place.patch)) {
        script_value_push(lua, &place.patch->json, place.token);
        return;
    }
    struct script *script = script_of(lua);
    struct buffer *text = script_scratch(script, 0);
    json_place_write(place, text);
    script_count_scratch(lua);
    if (script_parse(lua, buffer_bytes(text)) != 0) {
        script_fail(lua, "encode", "the changed JSON is nested too deeply");
    }
    script_value_push(lua, &script->stored, JSON_ROOT);
}

struct member {
    const char *name;
    size_t size;
};

static int compare_members(const void *left, const void *right)
{
    const struct member *a = left;
    const struct member *b = right;
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->name, b->name, size);
    return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size;
}

static void write_value(lua_State *lua, int index, struct buffer *out, const char *what, int depth);

/* Tables that share parts are small, and endless when written out. */
static void check_writing(lua_State *lua, const struct buffer *out, const char *what)
{
    size_t limit = script_of(lua)->limits.emit_size;
    watchdog_check(lua);
    if (out->capacity > SCRIPT_SCRATCH_SIZE) {
        script_count_scratch(lua);
    }
    if (out->size > limit) {
        script_fail(lua, "emit", "%s is larger than %zu bytes", what, limit);
    }
}

/* Of a long string: what is written before somebody looks again. No character of UTF-8 is cut. */
static struct bytes first_piece(struct bytes text)
{
    enum { PIECE_SIZE = 1 << 16, CHARACTER_SIZE_MAX = 4 };
    if (text.size <= PIECE_SIZE) {
        return text;
    }
    size_t size = PIECE_SIZE;
    while (size > PIECE_SIZE - CHARACTER_SIZE_MAX && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return bytes_make(text.data, size);
}

static void write_string(lua_State *lua, int index, struct buffer *out, const char *what)
{
    size_t size = 0;
    const char *text = lua_tolstring(lua, index, &size);
    struct bytes rest = bytes_make(text, size);
    buffer_add_byte(out, '"');
    for (;;) {
        struct bytes piece = first_piece(rest);
        if (json_writer_content(out, piece) != 0) {
            script_fail(lua, "encode", "%s holds a string that is not UTF-8, which JSON cannot say",
                        what);
        }
        if (piece.size == rest.size) {
            break;
        }
        rest = bytes_make(rest.data + piece.size, rest.size - piece.size);
        check_writing(lua, out, what);
    }
    buffer_add_byte(out, '"');
}

static void write_array(lua_State *lua, int index, lua_Integer count, struct buffer *out,
                        const char *what, int depth)
{
    buffer_add_byte(out, '[');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) {
            buffer_add_byte(out, ',');
        }
        lua_rawgeti(lua, index, i);
        write_value(lua, lua_gettop(lua), out, what, depth);
        lua_pop(lua, 1);
    }
    buffer_add_byte(out, ']');
}

/* Strings stay where they are while the table holds them, so their addresses can be sorted. */
static void write_object(lua_State *lua, int index, size_t count, struct buffer *out,
                         const char *what, int depth)
{
    struct member *members = lua_newuserdatauv(lua, count * sizeof *members + 1, 0);
    size_t filled = 0;
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        lua_pop(lua, 1);
        members[filled].name = lua_tolstring(lua, -1, &members[filled].size);
        filled++;
    }
    qsort(members, filled, sizeof *members, compare_members);
    buffer_add_byte(out, '{');
    for (size_t i = 0; i < filled; i++) {
        if (i > 0) {
            buffer_add_byte(out, ',');
        }
        lua_pushlstring(lua, members[i].name, members[i].size);
        write_string(lua, lua_gettop(lua), out, what);
        buffer_add_byte(out, ':');
        lua_rawget(lua, index);
        write_value(lua, lua_gettop(lua), out, what, depth);
        lua_pop(lua, 1);
    }
    buffer_add_byte(out, '}');
    lua_pop(lua, 1);
}

static void write_table(lua_State *lua, int index, struct buffer *out, const char *what, int depth)
{
    size_t strings = 0;
    size_t places = 0;
    lua_Integer length = (lua_Integer)lua_rawlen(lua, index);
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        lua_pop(lua, 1);
        watchdog_check(lua);
        bool is_place = lua_isinteger(lua, -1) && lua_tointeger(lua, -1) >= 1 &&
                        lua_tointeger(lua, -1) <= length;
        bool is_string = lua_type(lua, -1) == LUA_TSTRING;
        if (!is_place && !is_string) {
            script_fail(lua, "encode",
                        "%s holds a table with a key that is neither a string nor a place in a "
                        "list (%s); use tostring(key)",
                        what, luaL_typename(lua, -1));
        }
        places += is_place;
        strings += is_string;
    }
    if (places > 0 && strings > 0) {
        script_fail(lua, "encode", "%s holds a table that is both a list and an object", what);
    }
    if (places != (size_t)length) {
        script_fail(lua, "encode", "%s holds a list with holes; use S.null for nothing", what);
    }
    if (places > 0 || (strings == 0 && script_has_meta(lua, index, SCRIPT_ARRAY_META))) {
        write_array(lua, index, length, out, what, depth);
    } else {
        write_object(lua, index, strings, out, what, depth);
    }
}

static void write_value(lua_State *lua, int index, struct buffer *out, const char *what, int depth)
{
    if (depth == VALUE_DEPTH_MAX) {
        script_fail(lua, "encode", "%s is nested too deeply, or holds itself", what);
    }
    luaL_checkstack(lua, 8, "a value is nested too deeply");
    check_writing(lua, out, what);
    struct json_place place;
    switch (lua_type(lua, index)) {
    case LUA_TBOOLEAN:
        buffer_add_string(out, lua_toboolean(lua, index) ? "true" : "false");
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(lua, index)) {
            json_writer_int64(out, lua_tointeger(lua, index));
        } else if (json_writer_double(out, lua_tonumber(lua, index)) != 0) {
            script_fail(lua, "encode", "%s holds a number that JSON cannot say (%f)", what,
                        lua_tonumber(lua, index));
        }
        return;
    case LUA_TSTRING:
        write_string(lua, index, out, what);
        return;
    case LUA_TTABLE:
        write_table(lua, index, out, what, depth + 1);
        return;
    default:
        break;
    }
    if (script_value_is_null(lua, index)) {
        buffer_add_string(out, "null");
    } else if (record_view_get_place(lua, index, &place)) {
        json_place_write(place, out);
    } else {
        script_fail(lua, "encode", "%s holds a %s, which JSON cannot say", what,
                    luaL_typename(lua, index));
    }
}

void script_value_write(lua_State *lua, int index, struct buffer *out, const char *what)
{
    write_value(lua, lua_absindex(lua, index), out, what, 0);
}

static struct bytes copy(lua_State *lua, struct bytes view)
{
    struct script *script = script_of(lua);
    if (view.size > script->limits.emit_size) {
        script_fail(lua, "emit", "a key or value is larger than %zu bytes",
                    script->limits.emit_size);
    }
    return script_copy(lua, view);
}

void script_value_read(lua_State *lua, int index, struct record *record)
{
    if (lua_type(lua, index) == LUA_TSTRING) {
        size_t size = 0;
        const char *text = lua_tolstring(lua, index, &size);
        record->value = copy(lua, bytes_make(text, size));
        if (!value_format_is_string(record->value_format)) {
            record->value_format = VALUE_TEXT;
        }
        return;
    }
    if (script_value_is_null(lua, index)) {
        record->value = (struct bytes){0};
        return;
    }
    struct buffer *text = script_scratch(script_of(lua), 0);
    script_value_write(lua, index, text, "the value");
    record->value = copy(lua, buffer_bytes(text));
    record->value_format = VALUE_JSON;
}

struct bytes script_value_key(lua_State *lua, int index)
{
    if (lua_isnil(lua, index) || script_value_is_null(lua, index)) {
        return (struct bytes){0};
    }
    size_t size = 0;
    if (lua_type(lua, index) == LUA_TSTRING) {
        const char *text = lua_tolstring(lua, index, &size);
        return copy(lua, bytes_make(text, size));
    }
    struct buffer *text = script_scratch(script_of(lua), 0);
    if (lua_type(lua, index) == LUA_TNUMBER || lua_type(lua, index) == LUA_TTABLE ||
        lua_isboolean(lua, index)) {
        script_value_write(lua, index, text, "the key");
        return copy(lua, buffer_bytes(text));
    }
    script_fail(lua, "encode", "a key must be a string or a number, not a %s",
                luaL_typename(lua, index));
}

/* { key =, value = } and nothing else. */
static bool is_pair(lua_State *lua, int index)
{
    int top = lua_gettop(lua);
    int count = 0;
    int named_count = 0;
    lua_pushnil(lua);
    while (count <= 2 && lua_next(lua, index) != 0) {
        lua_pop(lua, 1);
        const char *name = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "";
        named_count += strcmp(name, "key") == 0 || strcmp(name, "value") == 0;
        count++;
    }
    lua_settop(lua, top);
    return count == 2 && named_count == 2;
}

struct bytes script_value_given_key(lua_State *lua, int index, const char *wanted)
{
    if (lua_istable(lua, index) && is_pair(lua, index)) {
        luaL_error(lua, "the function returned { key =, value = } as a key; return %s", wanted);
    }
    return script_value_key(lua, index);
}
