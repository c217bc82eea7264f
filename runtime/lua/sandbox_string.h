/* The library functions on strings that could run or grow without bound, within bounds.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

/* Each replaces functions in the table at the top of the stack: find, match, gmatch, gsub, rep,
 * upper, lower, reverse and format; len and offset; tonumber. The first one replaces arithmetic on
 * strings as well. */
void sandbox_string_open(lua_State *lua);
void sandbox_string_open_utf8(lua_State *lua);
void sandbox_string_open_base(lua_State *lua);
/* tostring without addresses: "table", "function". Pushes the string. */
void sandbox_string_push(lua_State *lua, int index);
