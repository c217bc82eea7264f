/* What becomes of inputs and stores with another version of an application, as a table for people.
 *
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/grid.h"

void change_grid_init(struct grid *grid);
/* `what`: "input" or "store"; `fate`: "kept", … (runtime/topology/topology_diff.h). */
void change_grid_add(struct grid *grid, struct bytes what, struct bytes name, struct bytes fate,
                     struct bytes why);
