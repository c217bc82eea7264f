/* The command line: finds the command, reads its flags, runs it.
 *
 * Owns:   nothing.
 * Keeps:  0 is success, 1 a failure, 2 a misuse; what went wrong is one sentence on the error
 *         stream that names the nearest word for one that is not known.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/command.h"

/* argv[0] is the program's name. `extra` are commands known only to main. */
int cli_run(struct command_world *world, const struct command *const *extra, size_t extra_count,
            int argc, const char *const *argv);
/* The commands of this folder. */
struct command_list cli_own_commands(void);
