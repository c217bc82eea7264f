/* The library functions on tables that could run or grow without bound, within bounds.
 *
 * They take plain tables only: a false __len makes the library loop for ever. Those that go over a
 * whole table in one call end when the callback is late.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

/* Replaces concat, insert, move, remove, sort and unpack in the table at the top of the stack. */
void sandbox_table_open(lua_State *lua);
bool sandbox_table_has_metafield(lua_State *lua, int index, const char *name);
