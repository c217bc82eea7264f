/* Small files that are whole or absent, and the text that Kafka puts into them.
 *
 * Owns:   nothing.
 * Keeps:  a reader sees the old content or the new one, never a mixture, whatever is interrupted:
 *         the new content is written beside the old, synced, renamed over it, and the directory is
 *         synced. One that is loose is not synced: after a power failure there is the old content,
 *         the new one, or some of it, and what is in it has to tell which.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/io/io.h"

enum { SMALL_FILE_SIZE_MAX = 256 << 20 };

must_use int small_file_write(struct io *io, const char *directory, const char *name,
                              struct bytes content);
must_use int small_file_write_loose(struct io *io, const char *directory, const char *name,
                                    struct bytes content);
/* Adds the whole file to an empty buffer. ERROR_NOT_FOUND, ERROR_TOO_LARGE. */
must_use int small_file_read(struct io *io, const char *directory, const char *name,
                             struct buffer *out);
/* Takes the next line, without its end, from the front of `text`; false when nothing is left. */
bool small_file_line(struct bytes *text, struct bytes *line);
/* Takes the next word of a line as a number. ERROR_MALFORMED when it is none. */
must_use int small_file_number(struct bytes *line, int64_t *out);
/* Takes the next word of a line; an empty one at the end. */
struct bytes small_file_word(struct bytes *line);
/* Reads the two lines that begin a checkpoint of Kafka: version 0 and the count of rows. */
must_use int small_file_head(struct bytes *text, int64_t *count);
