/* Sorts and numbers; see assignor_grid.h. */
#include "runtime/client/assignor_grid.h"

#include <stdlib.h>

static int assignor_grid_compare(const void *left, const void *right)
{
    const struct assignor_topic *a = *(const struct assignor_topic *const *)left;
    const struct assignor_topic *b = *(const struct assignor_topic *const *)right;
    return bytes_compare(a->name, b->name);
}

void assignor_grid_init(struct assignor_grid *grid, struct arena *arena,
                        const struct assignor_topic *topics, size_t topic_count)
{
    *grid = (struct assignor_grid){
        .topics = arena_array(arena, const struct assignor_topic *, topic_count),
        .topic_count = topic_count,
        .starts = arena_array(arena, size_t, topic_count)};
    for (size_t i = 0; i < topic_count; i++) {
        grid->topics[i] = &topics[i];
    }
    qsort(grid->topics, topic_count, sizeof *grid->topics, assignor_grid_compare);
    for (size_t i = 0; i < topic_count; i++) {
        grid->starts[i] = grid->count;
        grid->count += (size_t)grid->topics[i]->partition_count;
    }
}

ptrdiff_t assignor_grid_find(const struct assignor_grid *grid,
                             const struct assignor_partition *partition)
{
    size_t low = 0;
    size_t high = grid->topic_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = bytes_compare(grid->topics[middle]->name, partition->topic);
        if (order == 0) {
            bool is_there = partition->partition >= 0 &&
                            partition->partition < grid->topics[middle]->partition_count;
            return is_there ? (ptrdiff_t)(grid->starts[middle] + (size_t)partition->partition)
                            : ASSIGNOR_GRID_NOWHERE;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return ASSIGNOR_GRID_NOWHERE;
}
