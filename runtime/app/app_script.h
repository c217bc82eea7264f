/* Reads the file of a script through the io seam, the modules beside it, and its plugins.
 *
 * Thread: that of the io. */
#pragma once

#include "runtime/app/app.h"

/* As script_open; the report also says why a file cannot be read, or a plugin not be used. */
must_use int app_script_open(struct io *io, const struct app_options *options,
                             struct report *report, struct script **out);
