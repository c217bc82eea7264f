/* Every format there is, by name: the only place that knows them all.
 *
 * Thread: that of who opens. */
#pragma once

#include "runtime/format/value.h"
#include "runtime/format/value_options.h"

/* `options` is JSON: "csv", or {"format":"csv","columns":["a","b"]}. `files` may be NULL. The
 * report says what is wrong at `place` (may be NULL). */
must_use int format_open(struct bytes options, const struct value_files *files, const char *place,
                         struct report *report, const struct value_format **out);
/* NULL and what has no options are fine. Nobody may use it any more. */
void format_close(const struct value_format *format);
