/* One call of the script's functions: protected, watched, limited.
 *
 * Whatever is raised on the way ends as an error of the node, with the place in the script.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_state.h"

/* Runs `body`, a small function in C that calls the script's, inside lua_pcall; its argument is
 * `call`, a light userdata. `record` is what views show meanwhile, or NULL. 0, or an error with the
 * context filled for `node`. */
must_use int script_call_run(struct script *script, lua_CFunction body, void *call,
                             struct node *node, struct node_context *context,
                             const struct record *record);
