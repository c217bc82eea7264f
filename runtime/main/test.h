/* tidemill test: runs the tests that scripts brought. */
#pragma once

#include "runtime/cli/command.h"

extern const struct command test_command;
