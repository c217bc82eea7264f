/* Files and directories that are out of use and disappear a little later.
 *
 * Readers that opened them may still read. What is left at a crash is removed at the next opening,
 * which knows it by its name (.deleted, -delete).
 * Owns:   the paths and one timer.
 * Keeps:  the timer runs if and only if something waits.
 * Thread: the shard's. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

struct graveyard {
    struct io *io;
    struct list graves; /* in the order of their time */
    struct io_timer timer;
};

void graveyard_init(struct graveyard *graveyard, struct io *io);
/* Forgets what waits; the files stay. */
void graveyard_fini(struct graveyard *graveyard);
/* Removes the file, or the directory with the files in it, after the delay. */
void graveyard_add(struct graveyard *graveyard, const char *path, bool is_directory,
                   int64_t delay_ms);
/* Removes a directory with the files in it now; what resists stays and is traced. Whether the
 * directory is gone: 0, or why it is not. */
int graveyard_remove_directory(struct io *io, const char *path);
