/* Values of Lua as JSON and back.
 *
 * Integers are exact both ways; a table with the keys 1..n is an array, one with strings an object
 * with its members in the order of their bytes, an empty one {} unless it came from S.array. Null
 * is S.null, a light userdata.
 * Thread: the script's. All may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"

/* S.null. */
void script_value_push_null(lua_State *lua);
bool script_value_is_null(lua_State *lua, int index);
/* A parsed value as plain tables. */
void script_value_push(lua_State *lua, const struct json *json, uint32_t token);
/* The same for a place in a patched text, changes included. */
void script_value_push_place(lua_State *lua, struct json_place place);
/* Appends a value as JSON. `what` names it in errors: "the value". */
void script_value_write(lua_State *lua, int index, struct buffer *out, const char *what);
/* The value of a record: a string as it is, null for S.null, anything else as JSON. What is new
 * lies in the context's arena. */
void script_value_read(lua_State *lua, int index, struct record *record);
/* A key of a record or a store: a string, a number as its digits, null for nil and S.null. */
struct bytes script_value_key(lua_State *lua, int index);
/* The same of what a function returned for a key, which is hardly meant to be a table of key and
 * value, as map takes it. `wanted`: what it returns instead. */
struct bytes script_value_given_key(lua_State *lua, int index, const char *wanted);
