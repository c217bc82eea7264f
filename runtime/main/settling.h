/* Waits until the applications of a host have begun.
 *
 * Who reads "ready" writes to the topics that a script declares. If they were not there yet the
 * broker would make them by itself, with other partitions than the script says.
 *
 * Thread: the one that runs the world. */
#pragma once

#include "runtime/cli/command.h"
#include "runtime/host/host.h"

/* Until each application runs, was paused or failed; not longer than some seconds, as one that
 * waits for something holds up nobody, and not after a signal or *is_over. */
void settling_await(struct command_world *world, struct host *host, const bool *is_over);
