/* pairs and next in the order of keys: booleans, numbers, strings. Lua's own order differs from run
 * to run. Keys that have no order come last, as they lie.
 *
 * Both look at the whole table in one call, which ends when the callback is late.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

int sandbox_order_pairs(lua_State *lua);
int sandbox_order_next(lua_State *lua);
