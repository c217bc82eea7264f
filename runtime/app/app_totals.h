/* The figures of an application, summed up over its workers.
 *
 * Owns:   the names of nodes.
 * Thread: any, one at a time; app_totals_add the shard of that application. */
#pragma once

#include "runtime/app/app.h"

struct app_totals_node {
    char *name;
    int64_t call_count;
    int64_t emit_count;
    int64_t time_ms;
};

struct app_totals {
    struct task_counts counts;
    int64_t task_count;
    int64_t pending_count;
    int64_t restoring_count;
    int64_t standby_count;
    int64_t warmup_count;          /* of the copies, those whose tasks come once they caught up */
    int64_t standby_unknown_count; /* of the copies, those whose lag is not known */
    int64_t standby_lag;
    int64_t commit_count;
    int64_t rollback_count;
    uint64_t commit_ns;
    uint64_t process_ns;
    int64_t memory_size; /* of the scripts */
    int64_t memory_most;
    bool has_canary;
    struct canary_sample canary_trial; /* of the other version's tasks, */
    struct canary_sample canary_rest;  /* and of those beside them */
    struct app_totals_node *nodes;     /* in the order in which they were met */
    size_t node_count;
};

/* An empty one is all zeroes. */
void app_totals_fini(struct app_totals *totals);
void app_totals_add(struct app_totals *totals, const struct app *app);
