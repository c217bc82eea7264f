/* A table of cells that is printed in columns, or as a JSON array of objects.
 *
 * Owns:   its cells.
 * Keeps:  cells are added row by row, as many per row as there are columns.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

struct grid_column {
    const char *title; /* "CURRENT-OFFSET" */
    const char *name;  /* "current_offset", in JSON */
    bool is_number;    /* written without quotes in JSON */
};

struct grid {
    const struct grid_column *columns;
    size_t column_count;
    char **cells; /* NULL: there is no value; "-" in columns, null in JSON */
    size_t cell_count;
};

void grid_init(struct grid *grid, const struct grid_column *columns, size_t count);
void grid_fini(struct grid *grid);
void grid_add(struct grid *grid, struct bytes text); /* null: no value */
void grid_add_string(struct grid *grid, const char *text);
void grid_add_number(struct grid *grid, int64_t number);
void grid_add_nothing(struct grid *grid);
void grid_print(const struct grid *grid, bool is_json, struct buffer *out);
/* As Kafka's newer tools print tables: every cell filled up to its column's width and followed by a
 * tab; no value is "None". */
void grid_print_tabs(const struct grid *grid, struct buffer *out);
