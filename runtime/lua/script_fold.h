/* Aggregates whose work is done by functions of the script; accumulators are JSON.
 *
 *     aggregate  init is a value or a function; add(accumulator, r) gives the new one, and so do
 *                sub(accumulator, r) and merge(left, right, key)
 *     reduce     the first value is the accumulator; fn(accumulator, value, r), and sub likewise;
 *                two accumulators are merged by fn too
 *
 * S.null as a result deletes the accumulator. Thread: the script's. */
#pragma once

#include "runtime/lua/script_migration.h"
#include "runtime/operators/fold.h"

/* Lives in the script's arena; the functions are references, LUA_NOREF for none. */
struct script_fold_plan {
    struct script *script;
    bool is_reduce;
    int init;
    bool has_value; /* `init` is a value, not a function */
    int add;
    const int *lanes; /* instead of add, by the lane of the record */
    size_t lane_count;
    int subtract;
    int merge;
    struct script_migration migration; /* of accumulators */
};

/* A fold_maker; the owner is a plan. */
struct fold *script_fold_make(void *owner);
