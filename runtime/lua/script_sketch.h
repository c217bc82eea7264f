/* S.ddsketch: quantiles for scripts (runtime/format/sketch.h), kept as base64, so that they fit
 * into a store of JSON and count as memory of the script. Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

/* Pushes the table of functions. */
void script_sketch_push(lua_State *lua);
