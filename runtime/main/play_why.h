/* tidemill why: what became of one record. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command play_why_command;
