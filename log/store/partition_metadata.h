/* The file partition.metadata: to which topic a log belongs.
 *
 *     version: 0
 *     topic_id: <22 characters of base64url>
 *
 * Owns:   nothing.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/io/io.h"
#include "log/wire/wire.h"

/* Writes the file of a new log, which is nobody's until partition_metadata_sync made the file and
 * its directory durable; in two steps so that many logs share the work of their file system. */
must_use int partition_metadata_write(struct io *io, const char *directory,
                                      struct wire_uuid topic_id);
must_use int partition_metadata_sync(struct io *io, const char *directory);
/* ERROR_NOT_FOUND, ERROR_CORRUPT, or an error of the disk. */
must_use int partition_metadata_read(struct io *io, const char *directory,
                                     struct wire_uuid *topic_id);
