/* Scripts that complete a command line in bash, zsh and fish, made from the tables of commands and
 * flags. Names of topics and groups are asked of a running broker.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "runtime/cli/command.h"

/* What a value or an argument is, by its name in the help ("TOPIC...", "FILE", "text|json"). */
enum completion_kind {
    COMPLETION_NONE,
    COMPLETION_TOPIC,
    COMPLETION_GROUP,
    COMPLETION_FILE,
    COMPLETION_WORDS, /* "text|json" */
};
enum completion_kind completion_kind_of(const char *value_name);

void completion_print_bash(const struct command_list *commands, struct buffer *out);
void completion_print_zsh(const struct command_list *commands, struct buffer *out);
void completion_print_fish(const struct command_list *commands, struct buffer *out);
