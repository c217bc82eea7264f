/* Sentences at once, rows at the end; see outcome.h. */
#include "runtime/cli/outcome.h"

#include "log/base/error.h"

#include <stdarg.h>

void outcome_open(struct outcome *outcome, struct errand *errand, const char *kind)
{
    *outcome = (struct outcome){
        .errand = errand,
        .columns = {{"", kind, false}, {"", "status", false}, {"", "error", false}}};
    grid_init(&outcome->grid, outcome->columns, OUTCOME_COLUMNS);
}

void outcome_close(struct outcome *outcome, int code)
{
    if (outcome->errand->is_json && (code == COMMAND_OK || outcome->grid.cell_count > 0)) {
        grid_print(&outcome->grid, true, &outcome->errand->out);
    }
    grid_fini(&outcome->grid);
}

void outcome_add(struct outcome *outcome, struct bytes subject, const char *status)
{
    grid_add(&outcome->grid, subject);
    grid_add_string(&outcome->grid, status);
    grid_add_nothing(&outcome->grid);
}

void outcome_say(struct outcome *outcome, const char *format, ...)
{
    va_list arguments;
    if (outcome->errand->is_json) {
        return;
    }
    va_start(arguments, format);
    buffer_vprintf(&outcome->errand->out, format, arguments);
    va_end(arguments);
}

int outcome_refuse(struct outcome *outcome, struct bytes subject, int16_t code,
                   struct bytes message)
{
    grid_add(&outcome->grid, subject);
    grid_add_string(&outcome->grid, "failed");
    grid_add_string(&outcome->grid, error_name(error_from_code(code)));
    return errand_refuse(outcome->errand, arena_string(&outcome->errand->arena, subject), code,
                         message);
}
