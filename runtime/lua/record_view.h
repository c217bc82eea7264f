/* What a callback sees of its record: r.key, r.value, r.json.a.b, r.headers.x, without a table
 * being built. Assignments change a copy; nothing but this node sees them until it forwards.
 *
 * Keeps:  a view used after its callback raises "record expired".
 * Thread: the script's. Functions that take a lua_State may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"

/* Makes the metatables. */
void record_view_open(lua_State *lua);
/* Pushes the view of script->current. */
void record_view_push(lua_State *lua);
bool record_view_is(lua_State *lua, int index);
/* The current record with all changes. */
void record_view_read(lua_State *lua, int index, struct record *out);
/* The place of a JSON view; false when the value is none. */
bool record_view_get_place(lua_State *lua, int index, struct json_place *out);
/* Pushes r.value: what the format of the value says it is. */
void record_view_push_value(lua_State *lua);
/* Reads what a callback returned or emits: the record view, or a table with some of key, value, ts,
 * headers and partition, whose other fields are those of the current record. */
void record_view_take(lua_State *lua, int index, struct record *out);
