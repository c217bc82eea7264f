/* Every native aggregate; see aggregator.h. */
#include "runtime/aggregate/aggregator.h"

#include <string.h>

static const struct aggregator *const aggregator_families[] = {
    aggregator_count_rows,    aggregator_total_rows,  aggregator_extreme_rows,
    aggregator_edge_rows,     aggregator_spread_rows, aggregator_quantile_rows,
    aggregator_distinct_rows, aggregator_top_rows,    aggregator_list_rows};

const struct aggregator *aggregator_at(size_t index)
{
    for (size_t i = 0; i < sizeof aggregator_families / sizeof *aggregator_families; i++) {
        for (const struct aggregator *row = aggregator_families[i]; row->name != NULL; row++) {
            if (index-- == 0) {
                return row;
            }
        }
    }
    return NULL;
}

const struct aggregator *aggregator_find(const char *name)
{
    const struct aggregator *row;
    for (size_t i = 0; (row = aggregator_at(i)) != NULL; i++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}
