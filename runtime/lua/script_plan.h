/* Reads the tables that the library wrote into a plan and definitions of connectors.
 *
 * A script can forge these tables, so nothing in them is believed.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

/* A lua_CFunction: the app is argument 1, a light userdata with the report argument 2. Fills
 * script->topology (finished) and connectors; raises an error or fills the report. */
int script_plan_read(lua_State *lua);
