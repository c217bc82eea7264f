/* Streams between shards of one process: "loopback:NAME".
 *
 * Owns:   the process-wide registry of names and what is under way between two ends.
 * Keeps:  (1) a write is handed over as it is: the other shard reads the writer's bytes in place
 *             and the write is done once they are read, so nothing is copied while the reader
 *             keeps up;
 *         (2) for a paused reader at most LOOPBACK_WINDOW_SIZE bytes are copied and their writes
 *             done, as a socket would; the rest waits and so does the writer;
 *         (3) each end is touched only by its own shard; they meet under the link's lock;
 *         (4) all writes of an end are called back before its `closed`.
 * Thread: the shard of the io that is given. */
#pragma once

#include "log/io/io.h"

enum { LOOPBACK_WINDOW_SIZE = 256 << 10 };

bool loopback_is_address(const char *address);
/* ERROR_BUSY when the name is taken, ERROR_INVALID when it is empty or too long. */
must_use int loopback_listen(struct io *io, const char *address,
                             void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                             struct io_listener **out);
/* ERROR_REFUSED when nobody listens. */
void loopback_connect(struct io *io, struct io_request *request, const char *address,
                      struct io_stream **out);
