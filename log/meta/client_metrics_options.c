/* The rows of client metrics options; see client_metrics_options.h. */
#include "log/meta/client_metrics_options.h"

const struct option_row client_metrics_options_rows[] = {
#define OPTION(...) OPTION_ROW(struct client_metrics_options, __VA_ARGS__)
#include "log/meta/client_metrics_options.def"
#undef OPTION
};
const size_t client_metrics_options_row_count =
    sizeof client_metrics_options_rows / sizeof *client_metrics_options_rows;
