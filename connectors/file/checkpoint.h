/* The saved offset of a stream, as JSON.
 *
 *     {"offset":1170,"inode":12,"device":2049,"head_size":1024,"head_hash":"8a..",
 *      "tail_hash":"03..","line":40,"modified":1764000000000,"skipping":true,
 *      "rotated":[{...},{...}]}
 *
 * The members stand for the newest file that was begun; `rotated` holds the same members for older
 * ones that are being drained or were drained lately, oldest first. Hashes are hexadecimal text,
 * because JSON numbers lose bits in many programs. A person may write {"offset":1170} alone.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "connectors/file/stream.h"
#include "connectors/shared/builder.h"

/* Appends the offset of a stream that has begun. */
void checkpoint_write(const struct stream *stream, struct builder *out);
/* Adds the generations of a saved offset to an empty stream, closed. False when the text is no
 * offset of ours; the stream is then untouched. */
bool checkpoint_read(const char *source_offset, struct stream *stream);
/* The path in a source partition, allocated; NULL when there is none. */
char *checkpoint_read_path(const char *source_partition);
