/* tidemill app reset: what a stopped application remembers is forgotten. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command app_reset_command;
