/* The library functions on strings that could run or grow without bound, within bounds.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

/* Replaces find, match, gmatch, gsub, rep and format in the table at the top of the stack. */
void sandbox_string_open(lua_State *lua);
/* tostring without addresses: "table", "function". Pushes the string. */
void sandbox_string_push(lua_State *lua, int index);
