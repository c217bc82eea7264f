/* Nodes whose work is a function of the script, and judges that ask one.
 *
 * A node calls Lua once per record, protected and watched; what the function returned goes on to
 * the children only after Lua has returned.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"
#include "runtime/operators/judge.h"

enum script_node_kind {
    SCRIPT_NODE_MAP,             /* record -> records */
    SCRIPT_NODE_MAP_VALUES,      /* record -> value */
    SCRIPT_NODE_FLAT_MAP,        /* record -> list of records */
    SCRIPT_NODE_FLAT_MAP_VALUES, /* record -> list of values */
    SCRIPT_NODE_SELECT_KEY,      /* record -> key */
    SCRIPT_NODE_PEEK,
    SCRIPT_NODE_PROCESS, /* record, ctx -> records */
};

/* The owner in the plan: what each instance of a node shares. Lives in the script's arena; the
 * functions are references to the registry, LUA_NOREF for none. */
struct script_node_plan {
    struct script *script;
    enum script_node_kind kind;
    int function;
    int init;    /* (ctx) */
    int close;   /* (ctx) */
    int *timers; /* (now, ctx) */
    size_t timer_count;
    const char *const *store_names; /* as the script calls them */
    const struct topology_store *const *stores;
    const bool *are_tables; /* kept by another step; only read here */
    size_t store_count;
};

/* A maker of the plan; `owner` is a script_node_plan. */
struct node *script_node_make(void *owner, const char *name);
/* Takes nothing; the function must live as long as the script. */
struct judge script_node_judge(struct script_node_plan *plan);
/* Makes emit() and the methods of ctx. */
void script_node_open(lua_State *lua);
