/* Manual pages in the words of man(7): tidemill(1) from the tables of commands and flags,
 * tidemill.properties(5) from those of the options.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "runtime/cli/command.h"

void manual_print_commands(const struct command_list *commands, const char *version,
                           struct buffer *out);
void manual_print_properties(const char *version, struct buffer *out);
