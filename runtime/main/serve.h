/* tidemill serve: one broker in this process.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command serve_command;
