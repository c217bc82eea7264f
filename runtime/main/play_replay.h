/* tidemill replay: plays an application with real inputs and compares what it writes. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command play_replay_command;
