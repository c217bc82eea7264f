/* This machine as a broker meets it: disk, file system, descriptors, memory.
 * Thread: the main thread; waits for the disk. */
#pragma once

#include "log/io/io.h"
#include "runtime/main/diagnosis.h"

/* `data`: the data directory; NULL: ./tidemill-data if it is there. What needs no directory is
 * looked at in any case. With `is_read_only` nothing is written. */
void machine_visit(struct io *io, const char *data, bool is_read_only, struct diagnosis *diagnosis);
/* How full a disk is, here or where a broker is. Sizes that nobody knows (-1) are not judged. */
void machine_judge_space(const char *place, const struct io_space *space,
                         struct diagnosis *diagnosis);
