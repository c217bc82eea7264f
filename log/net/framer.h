/* Splits a stream of bytes into frames: four bytes of size, then as many bytes.
 *
 *     0  4  size of what follows, big-endian, signed
 *     4     the frame
 *
 * Owns:   the bytes of the one frame that is not whole yet.
 * Keeps:  (1) a size below zero or above limit_size is refused before memory is taken for it;
 *         (2) memory grows with the bytes that arrived, never to a size that was only announced;
 *         (3) a frame that arrived whole is handed over where it lies, without a copy.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum { FRAMER_PREFIX_SIZE = 4 };

struct framer {
    size_t limit_size; /* of a frame, without its prefix */
    uint8_t prefix[FRAMER_PREFIX_SIZE];
    size_t prefix_size;    /* bytes of the prefix that arrived; below 4 while it is not whole */
    size_t frame_size;     /* as announced; of use when the prefix is whole */
    struct buffer partial; /* what arrived of the frame */
};

/* Takes one whole frame, without its prefix. The bytes are borrowed until it returns. A result
 * other than 0 stops the feeding. */
typedef int framer_taker(void *owner, struct bytes frame);

void framer_init(struct framer *framer, size_t limit_size);
void framer_fini(struct framer *framer);
/* Calls `take` for every frame that became whole. 0, or ERROR_MALFORMED for a size below zero,
 * ERROR_TOO_LARGE for one above the limit, or what `take` answered: then the framer is not touched
 * any more (the taker may have ended it) and must not be fed again. */
must_use int framer_feed(struct framer *framer, const uint8_t *data, size_t size,
                         framer_taker *take, void *owner);
/* Inside `take`: makes the frame the caller's own, in an empty buffer. Does not copy, and leaves
 * the bytes at their address, when the frame came in pieces; else it copies. */
void framer_keep(struct framer *framer, struct bytes frame, struct buffer *out);
/* Bytes held for the frame that is not whole. */
size_t framer_held_size(const struct framer *framer);
void framer_check(const struct framer *framer);
