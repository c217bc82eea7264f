/* A state store with history (runtime/state/history.h) as a callback sees it:
 *
 *     store[k]  store[k] = v                  the newest value; nil removes the key
 *     value, from, to = store:get(k)          to is nil while it is the newest
 *     value, from, to = store:as_of(k, ts)    what it was at a time
 *     to = store:put(k, v, ts)  :delete(k, ts)    false when that is too long ago
 *
 * Without ts the time is that of the record, in timers stream time.
 * Thread: the script's. Functions may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"
#include "runtime/state/history.h"

/* Makes the metatable. */
void version_view_open(lua_State *lua);
/* Pushes a view; the store must live as long as the script. */
void version_view_push(lua_State *lua, const struct topology_store *store);
/* For other views: what a key, the second argument, had at a time (INT64_MAX: has). Its value lies
 * in scratch 1; nothing else may be alive that an error would leave behind. */
bool version_view_find(lua_State *lua, const struct topology_store *store, int64_t as_of_ms,
                       struct history_version *out);
