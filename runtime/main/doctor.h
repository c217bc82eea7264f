/* tidemill doctor: looks at a broker and at this machine, and says what to change.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command doctor_command;
