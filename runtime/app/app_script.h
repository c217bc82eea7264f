/* Reads the file of a script through the io seam, and the modules beside it.
 *
 * Thread: that of the io. */
#pragma once

#include "log/io/io.h"
#include "runtime/lua/script.h"

/* As script_open; the report also says why a file cannot be read. */
must_use int app_script_open(struct io *io, const char *path, const struct script_limits *limits,
                             struct report *report, struct script **out);
