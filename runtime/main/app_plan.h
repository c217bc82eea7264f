/* tidemill app plan: the topology of an application, of a file or of what runs. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command app_plan_command;
