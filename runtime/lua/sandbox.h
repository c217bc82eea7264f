/* The environment of a script: a whitelist, with our own versions of what could escape a limit or
 * tell one run from another.
 *
 * Missing on purpose: io, os, debug, package, load, loadfile, dofile, string.dump, coroutine.close,
 * math.randomseed, and collectgarbage but for "count". Ours: pcall, xpcall, coroutine.resume and
 * wrap (they pass a late callback's error on), setmetatable (refuses __gc), pairs and next (in the
 * order of keys, as Lua's own order differs from run to run; sandbox_order.h), tostring and
 * string.format (no addresses), the functions of string that match patterns or repeat (bounded),
 * those of table (sandbox_table.h), print (to the trace), require. Random numbers are seeded with
 * the name of the script. string, math, table, utf8 and coroutine cannot be changed; globals are
 * frozen after loading. Thread: the script's. May raise errors; call it protected. */
#pragma once

#include "runtime/lua/script_state.h"

void sandbox_open(lua_State *lua);
/* Pushes a text chunk as a function with the script's environment; LUA_OK or a status of Lua with
 * its message pushed. */
int sandbox_load(lua_State *lua, struct bytes text, const char *chunk_name);
