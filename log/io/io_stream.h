/* What every kind of stream and listener of the real world has: its functions.
 *
 * TCP (io_uv_stream.c) and the loopback inside the process (loopback.c) put this first in their
 * own structs, so that one `struct io` serves both. Only log/io includes it.
 * Thread: the stream's shard. */
#pragma once

#include "log/io/io.h"

struct io_stream_kind {
    void (*watch)(struct io_stream *stream, const struct io_stream_events *events, void *owner);
    void (*pause)(struct io_stream *stream, bool is_paused);
    void (*write)(struct io_stream *stream, struct io_request *request, const struct bytes *parts,
                  size_t count);
    /* NULL: cannot. */
    size_t (*send_file)(struct io_stream *stream, struct io_file *file, uint64_t position,
                        size_t size);
    void (*close)(struct io_stream *stream);
    void (*addresses)(struct io_stream *stream, char local[IO_ADDRESS_SIZE],
                      char peer[IO_ADDRESS_SIZE]);
};

struct io_stream {
    const struct io_stream_kind *kind;
};

struct io_listener_kind {
    void (*address)(struct io_listener *listener, char out[IO_ADDRESS_SIZE]);
    void (*close)(struct io_listener *listener);
};

struct io_listener {
    const struct io_listener_kind *kind;
};
