/* Numbers for all partitions of a group's topics, so that assignors have arrays of them.
 *
 * Owns:   nothing; its lists live in the caller's arena, topics are borrowed.
 * Keeps:  numbers follow the names of topics, then partitions, in whatever order topics came.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor.h"

struct assignor_grid {
    const struct assignor_topic **topics; /* by name */
    size_t topic_count;
    size_t *starts; /* the number of a topic's first partition */
    size_t count;
};

enum { ASSIGNOR_GRID_NOWHERE = -1 };

void assignor_grid_init(struct assignor_grid *grid, struct arena *arena,
                        const struct assignor_topic *topics, size_t topic_count);
/* ASSIGNOR_GRID_NOWHERE when there is no such partition. */
ptrdiff_t assignor_grid_find(const struct assignor_grid *grid,
                             const struct assignor_partition *partition);
