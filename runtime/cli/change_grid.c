/* See change_grid.h. */
#include "runtime/cli/change_grid.h"

void change_grid_init(struct grid *grid)
{
    static const struct grid_column columns[] = {{"WHAT", "what", false},
                                                 {"NAME", "name", false},
                                                 {"BECOMES", "fate", false},
                                                 {"WHY", "why", false}};
    grid_init(grid, columns, sizeof columns / sizeof *columns);
}

void change_grid_add(struct grid *grid, struct bytes what, struct bytes name, struct bytes fate,
                     struct bytes why)
{
    grid_add(grid, what);
    grid_add(grid, name);
    grid_add(grid, fate);
    grid_add(grid, why);
}
