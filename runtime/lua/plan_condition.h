/* A condition that a script wrote: a text for C, a function, or none, which always holds.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_reader.h"
#include "runtime/operators/predicate.h"

struct plan_condition {
    const char *text; /* NULL: `plan` says it, or always when that is NULL too */
    struct script_node_plan *plan;
};

/* The condition in the table on top, judged if it is a text. */
struct plan_condition plan_condition_read(struct plan_reader *reader, const char *place);
struct judge plan_condition_judge(const struct plan_condition *condition);
