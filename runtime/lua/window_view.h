/* A state store by key and window (runtime/state/kv_windows.h) as a callback sees it. A window
 * store knows where windows start:
 *
 *     store:put(k, v, start)  :get(k, start)      nil removes; start is the time of the record
 *     for start, v in store:fetch(k, from, to)
 *     for k, start, v in store:fetch_all(from, to)  :pairs()
 *
 * A session store knows where they end, too:
 *
 *     store:put(k, start, end, v)  :get(k, start, end)  :delete(k, start, end)
 *     for start, end, v in store:find(k, earliest_end, latest_start)
 *     for k, start, end, v in store:pairs()
 *
 * Times are milliseconds, both ends included. A put returns false when that is too long ago.
 * Thread: the script's. Functions may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"

/* Makes the metatables. */
void window_view_open(lua_State *lua);
/* Pushes a view; the store must live as long as the script. */
void window_view_push(lua_State *lua, const struct topology_store *store);
/* At the end of the script. */
void window_view_forget(struct script *script);
