/* The files of a log that are no segments, as text: indexes, snapshots, checkpoints.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

/* Appends the content of a file of this name in the words of Kafka's own dump tool. 0;
 * ERROR_NOT_FOUND when a file of this name is none of ours; ERROR_CORRUPT, after what could be
 * read, with a sentence in `out`. */
must_use int file_dump_print(const char *path, struct bytes content, struct buffer *out);
