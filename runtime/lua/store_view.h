/* A state store as a callback sees it:
 *
 *    store[k]  store[k] = v        for keys that are no name below
 *    store:get(k)  :put(k, v)  :delete(k)  :add(k, n)  :count()
 *    for k, v in store:pairs() / :range(from, to) / :prefix(p) do ... end
 *
 * Values are copied in and out in the store's format: change v and put it again. Iteration sees a
 * snapshot. Writes are undone when the record fails.
 * Thread: the script's. Functions may raise errors; call them protected. */
#pragma once

#include "runtime/lua/script_state.h"

/* Makes the metatables. */
void store_view_open(lua_State *lua);
/* Pushes a view; the store must live as long as the script. */
void store_view_push(lua_State *lua, const struct topology_store *store);
/* Ends all iterations of the callback; they are expired afterwards. */
void store_view_close_iterators(struct script *script);

/* Of a store with a ttl or windows that was filled before it had them. */
#define STORE_VIEW_FOREIGN                                                                         \
    "the store '%s' was filled without the ttl, windows or sessions that it has now: give it a "   \
    "new name"
/* For other views: the store of the task; a key; a stored value, pushed; a value to be stored, null
 * for nil, in scratch 1. */
struct kv *store_view_find(lua_State *lua, const char *name);
struct bytes store_view_key(lua_State *lua, int index);
void store_view_push_value(lua_State *lua, const struct topology_store *store, struct bytes stored);
struct bytes store_view_take_value(lua_State *lua, const struct topology_store *store, int index);
/* Push an iterator over all keys, those from <= key < to (arguments 2 and 3, nil: open), or those
 * with a prefix (2). `push` makes a value of what is stored. */
typedef void store_view_pusher(lua_State *lua, const struct topology_store *store,
                               struct bytes stored);
int store_view_pairs(lua_State *lua, const struct topology_store *store, store_view_pusher *push);
int store_view_range(lua_State *lua, const struct topology_store *store, store_view_pusher *push);
int store_view_prefix(lua_State *lua, const struct topology_store *store, store_view_pusher *push);
/* What is about to be written counts against the limit of the callback; raises an error past it. */
void store_view_charge(lua_State *lua, struct bytes key, struct bytes value);
/* The argument, or the time of what is processed: of the record, in timers stream time. */
int64_t store_view_time(lua_State *lua, int index);

/* An iterator that lives no longer than the callback. */
struct store_view_hold {
    uint64_t callback;
    size_t index; /* in script->iterators */
};
/* First: room for one; raises an error when too many are open. Nothing is raised by what follows
 * but by store_view_held, when the callback is over. */
void store_view_reserve(lua_State *lua);
struct store_view_hold store_view_hold(struct script *script, struct kv_iterator *iterator);
/* NULL when it was released, as it is at its end. */
struct kv_iterator *store_view_held(lua_State *lua, const struct store_view_hold *hold);
void store_view_release(struct script *script, const struct store_view_hold *hold);
