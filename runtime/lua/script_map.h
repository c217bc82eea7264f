/* Functions of the script as mappers and joiners: they give a value, a key, or both, and nothing
 * goes on by itself.
 *
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"
#include "runtime/operators/joiner.h"
#include "runtime/operators/mapper.h"

enum script_map_kind {
    SCRIPT_MAP_VALUE, /* record -> value; nil: none */
    SCRIPT_MAP_KEY,   /* record -> key; nil: none */
    SCRIPT_MAP_PAIR,  /* record -> key, value; without a value the record's */
};

/* Lives in the script's arena; the function is a reference to the registry. */
struct script_map_plan {
    struct script *script;
    enum script_map_kind kind;
    int function;
};

/* Both take nothing; the plan must live as long as the script. */
struct mapper script_map_make(struct script_map_plan *plan);
/* Pushes what a table keeps, or a side of a join; nil for nothing. Raises an error when it is no
 * JSON though it should be. */
void script_map_push_kept(lua_State *lua, const struct kept_value *kept);
/* fn(left, right, key) -> value; nil: none. The kind is not looked at. */
struct joiner script_map_make_joiner(struct script_map_plan *plan);
