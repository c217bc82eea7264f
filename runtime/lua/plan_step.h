/* What a method of the library writes down, and how it becomes nodes of a plan: one row per kind of
 * step. A family of steps is a file that exports its rows; script_plan.c lists the families.
 *
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_reader.h"

struct plan_step {
    const char *kind; /* NULL ends the rows */
    /* The step's table is on top of the stack; name, kind, detail, place and parents are filled.
     * The id of the node that comes last, or an error with the report filled. */
    int (*read)(struct plan_reader *reader, struct topology_node *node);
    bool is_root; /* it has no parents */
};
