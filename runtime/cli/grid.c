/* See grid.h. An empty cell is printed as a dash, so that scripts can count words. */
#include "runtime/cli/grid.h"

#include "log/base/memory.h"
#include "runtime/cli/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void grid_init(struct grid *grid, const struct grid_column *columns, size_t count)
{
    *grid = (struct grid){.columns = columns, .column_count = count};
}

void grid_fini(struct grid *grid)
{
    for (size_t i = 0; i < grid->cell_count; i++) {
        free(grid->cells[i]);
    }
    free(grid->cells);
    grid->cells = NULL;
}

void grid_add(struct grid *grid, struct bytes text)
{
    grid->cells = memory_resize(grid->cells, (grid->cell_count + 1) * sizeof(*grid->cells));
    grid->cells[grid->cell_count++] = bytes_to_string(text);
}

void grid_add_string(struct grid *grid, const char *text)
{
    grid_add(grid, bytes_from_string(text));
}

void grid_add_number(struct grid *grid, int64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    grid_add_string(grid, text);
}

void grid_add_nothing(struct grid *grid)
{
    grid_add(grid, bytes_make(NULL, 0));
}

static const char *cell_text(const struct grid *grid, size_t index)
{
    const char *text = grid->cells[index];
    return text == NULL || text[0] == '\0' ? "-" : text;
}

static const char *cell_tab_text(const struct grid *grid, size_t index)
{
    return grid->cells[index] == NULL ? "None" : grid->cells[index];
}

/* Of each column, with its title; the caller frees them. */
static int *column_widths(const struct grid *grid,
                          const char *(*text)(const struct grid *grid, size_t index))
{
    int *widths = memory_zero(grid->column_count, sizeof(*widths));
    for (size_t i = 0; i < grid->column_count; i++) {
        widths[i] = (int)strlen(grid->columns[i].title);
    }
    for (size_t i = 0; i < grid->cell_count; i++) {
        int size = (int)strlen(text(grid, i)), *width = &widths[i % grid->column_count];
        *width = size > *width ? size : *width;
    }
    return widths;
}

static void print_columns(const struct grid *grid, struct buffer *out)
{
    int *widths = column_widths(grid, cell_text);
    widths[grid->column_count - 1] = 0;
    for (size_t i = 0; i < grid->column_count; i++) {
        bool is_last = i + 1 == grid->column_count;
        buffer_printf(out, "%-*s%s", widths[i], grid->columns[i].title, is_last ? "\n" : "  ");
    }
    for (size_t i = 0; i < grid->cell_count; i++) {
        bool is_last = (i + 1) % grid->column_count == 0;
        buffer_printf(out, "%-*s%s", widths[i % grid->column_count], cell_text(grid, i),
                      is_last ? "\n" : "  ");
    }
    free(widths);
}

static void print_json(const struct grid *grid, struct buffer *out)
{
    buffer_add_byte(out, '[');
    for (size_t i = 0; i < grid->cell_count; i++) {
        const struct grid_column *column = &grid->columns[i % grid->column_count];
        bool is_first = i % grid->column_count == 0;
        const char *text = grid->cells[i];
        buffer_printf(out, "%s\"%s\":", is_first ? i == 0 ? "{" : "},\n {" : ",", column->name);
        if (column->is_number && text != NULL) {
            buffer_add_string(out, text);
        } else {
            envelope_write_json_string(bytes_from_string(text), out);
        }
    }
    buffer_add_string(out, grid->cell_count == 0 ? "]\n" : "}]\n");
}

void grid_print(const struct grid *grid, bool is_json, struct buffer *out)
{
    check(grid->cell_count % grid->column_count == 0);
    if (is_json) {
        print_json(grid, out);
    } else {
        print_columns(grid, out);
    }
}

void grid_print_tabs(const struct grid *grid, struct buffer *out)
{
    int *widths = column_widths(grid, cell_tab_text);
    for (size_t i = 0; i < grid->column_count; i++) {
        buffer_printf(out, "%-*s\t", widths[i], grid->columns[i].title);
    }
    for (size_t i = 0; i < grid->cell_count; i++) {
        buffer_printf(out, "%s%-*s\t", i % grid->column_count == 0 ? "\n" : "",
                      widths[i % grid->column_count], cell_tab_text(grid, i));
    }
    buffer_add_byte(out, '\n');
    free(widths);
}
