/* What makes a key, a value, or one value of two, as a script wrote it: paths for C, or a function.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_reader.h"
#include "runtime/lua/script_map.h"
#include "runtime/operators/key_node.h"

/* Lives in the script's arena. */
struct plan_mapper {
    struct key_node_options keys;  /* without paths: `script` */
    struct script_map_plan script; /* without a function: none was written */
};

/* Of the fields `paths` and `fn` of the table on top, both optional. */
void plan_mapper_read(struct plan_reader *reader, enum script_map_kind kind, const char *place,
                      struct plan_mapper *out);
bool plan_mapper_is_written(const struct plan_mapper *plan);
/* What was written. */
struct mapper plan_mapper_make(struct plan_mapper *plan);
/* Of a function, or { left =, right = } without one. */
struct joiner plan_mapper_make_joiner(struct plan_mapper *plan);
