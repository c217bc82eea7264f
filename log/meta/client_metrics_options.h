/* What can be set per subscription to client metrics: a plain value made from the rows of
 * client_metrics_options.def.
 *
 * Owns:   the strings in the struct, until option_fini of its rows.
 * Thread: any; the struct's. */
#pragma once

#include "log/base/option.h"

struct client_metrics_options {
#define OPTION OPTION_FIELD
#include "log/meta/client_metrics_options.def"
#undef OPTION
};

extern const struct option_row client_metrics_options_rows[];
extern const size_t client_metrics_options_row_count;
