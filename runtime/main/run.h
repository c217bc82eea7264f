/* `tidemill run APP.lua...`: applications, with a log of their own or with --bootstrap on a
 * cluster's.
 *
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command run_command;
