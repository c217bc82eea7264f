/* The native aggregates by name: count, sum, avg, quantile, …
 *
 * An aggregator is a kind of summary and a way to tell its result. Those that keep the same of the
 * same path share one summary: p50 and p99, sum and avg. A family that shares a kind is one file,
 * with its rows; aggregator.c lists the files. Nobody else knows which there are: scripts get their
 * functions from the rows.
 *
 * Thread: any. */
#pragma once

#include "runtime/aggregate/summary.h"

enum aggregator_argument {
    AGGREGATOR_PATH,              /* S.sum "$.ms" */
    AGGREGATOR_PATH_OR_NONE,      /* without one every record counts as the number 1 */
    AGGREGATOR_CONDITION_OR_NONE, /* records that it does not hold for are not added */
};

/* A number beside the argument; `name` is NULL when there is none. */
struct aggregator_parameter {
    const char *name;
    bool is_option; /* S.collect("$.a", { limit = 10 }), not S.quantile("$.ms", 0.5) */
    bool is_integer;
    bool is_kept; /* the summary depends on it */
    double min;
    double max;
};

struct aggregator {
    const char *name; /* in scripts; NULL ends the rows */
    enum aggregator_argument argument;
    struct aggregator_parameter parameter;
    bool needs_window;
    const struct summary_kind *summary;
    /* Appends the result of a summary as JSON. `span_ms` is the length of the window. 0,
     * ERROR_CORRUPT, or as the kind's `reason` says. */
    int (*tell)(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                struct buffer *json);
};

extern const struct aggregator aggregator_count_rows[];
extern const struct aggregator aggregator_total_rows[];
extern const struct aggregator aggregator_extreme_rows[];
extern const struct aggregator aggregator_edge_rows[];
extern const struct aggregator aggregator_spread_rows[];
extern const struct aggregator aggregator_quantile_rows[];
extern const struct aggregator aggregator_distinct_rows[];
extern const struct aggregator aggregator_top_rows[];
extern const struct aggregator aggregator_list_rows[];

/* NULL when there is none. */
const struct aggregator *aggregator_find(const char *name);
/* From index 0; NULL behind the last one. */
const struct aggregator *aggregator_at(size_t index);
