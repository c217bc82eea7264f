/* The store of a table, or of a global table, as a function of process sees it: to be read.
 *
 *     table[k]  table:get(k)                  the value of a key, as joins see it
 *     table:as_of(k, ts)                      of a versioned table: what it was at a time
 *     for k, v in table:pairs() / :range(from, to) / :prefix(p) do ... end    not of a versioned
 * one
 *
 * It is written by its topic alone: an assignment is refused.
 * Thread: the script's. Functions may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"

/* Makes the metatable. */
void table_view_open(lua_State *lua);
/* Pushes a view; the store must live as long as the script. */
void table_view_push(lua_State *lua, const struct topology_store *store);
