/* What can be set per group: a plain value made from the rows of group_options.def.
 *
 * Owns:   the strings in the struct, until option_fini of its rows.
 * Thread: any; the struct's. */
#pragma once

#include "log/base/option.h"

struct group_options {
#define OPTION OPTION_FIELD
#include "log/meta/group_options.def"
#undef OPTION
};

extern const struct option_row group_options_rows[];
extern const size_t group_options_row_count;
