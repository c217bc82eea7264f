/* Files of client properties as Java clients and librdkafka read them: NAME=VALUE a line, comments
 * behind # or !.
 *
 * Owns:   nothing.
 * Thread: the main thread; waits for the disk. */
#pragma once

#include "log/base/arena.h"
#include "runtime/cli/command.h"

struct property_file_row {
    const char *name;
    const char *value;
};

struct property_file {
    struct property_file_row *rows; /* in the arena, in the order of the lines */
    size_t count;
};

/* COMMAND_OK, or an exit code after a complaint with file and line. */
must_use int property_file_read(struct command_world *world, const char *path, struct arena *arena,
                                struct property_file *out);
