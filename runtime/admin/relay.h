/* What two processes of the program say to each other over a connected stream: frames.
 *
 *     0        4      5          13           17        18
 *     | size   | kind | number   | status     | count   | count times: size (4 bytes), bytes
 *
 * Integers are big-endian; `size` counts what follows it. What a kind, a number, a status and the
 * parts mean is the business of those who speak (runtime/main/isolation.h).
 *
 * Owns:   the stream, what arrived of a frame, and what is not written yet.
 * Keeps:  (1) frames arrive whole and in the order of sending;
 *         (2) what arrives is judged before it is believed: a frame that is too large or not well
 *             formed ends the stream;
 *         (3) `closed` comes once and last; after it nothing may be sent.
 * Thread: the shard of `io`. */
#pragma once

#include "log/io/io.h"

enum { RELAY_PART_MAX = 32, RELAY_SIZE_MAX = 256 << 20 };

struct relay_frame {
    uint8_t kind;
    uint64_t number;
    uint32_t status;
    struct bytes parts[RELAY_PART_MAX];
    size_t part_count;
};

struct relay_events {
    /* The parts are borrowed until it returns. */
    void (*arrived)(void *owner, const struct relay_frame *frame);
    void (*closed)(void *owner);
};

struct relay {
    struct io *io;
    struct io_stream *stream; /* NULL: closed */
    const struct relay_events *events;
    void *owner;
    struct buffer arrived;
    size_t sending_count; /* frames that the system did not take yet */
};

/* Appends a frame; ERROR_TOO_LARGE leaves `out` as it was. */
must_use int relay_write(const struct relay_frame *frame, struct buffer *out);
/* The bytes of the first frame in `from`, whose parts are borrowed from it; 0: it is not whole yet;
 * ERROR_TOO_LARGE or ERROR_MALFORMED. */
must_use int64_t relay_read(struct bytes from, struct relay_frame *out);
/* Takes a stream that nobody watches yet. */
void relay_open(struct relay *relay, struct io *io, struct io_stream *stream,
                const struct relay_events *events, void *owner);
/* ERROR_TOO_LARGE, and then nothing is sent. To a closed one: nothing happens. */
must_use int relay_send(struct relay *relay, const struct relay_frame *frame);
/* Bytes of a part as text; "" for one that is not there. Whoever calls frees it. */
char *relay_text(const struct relay_frame *frame, size_t part);
/* Asks for `closed`. */
void relay_close(struct relay *relay);
