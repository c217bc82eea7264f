/* The rows of group options; see group_options.h. */
#include "log/meta/group_options.h"

const struct option_row group_options_rows[] = {
#define OPTION(...) OPTION_ROW(struct group_options, __VA_ARGS__)
#include "log/meta/group_options.def"
#undef OPTION
};
const size_t group_options_row_count = sizeof group_options_rows / sizeof *group_options_rows;
