/* Feeds a stream of bytes to the framer, cut into pieces as the input says.
 *
 *      0  1  n: how many cuts
 *      1  n  the sizes of the pieces; the rest of the stream is the last piece
 *      1+n   the stream
 *
 * Promises: however the stream is cut, the same frames come out, byte for byte, or the same error;
 * memory follows the bytes that arrived and never a size that was only announced. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/net/framer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

enum { FUZZ_LIMIT_SIZE = 100 << 20, FUZZ_MEMORY_FACTOR = 4, FUZZ_MEMORY_MIN = 16 * 1024 };

struct fuzz_frames {
    struct framer framer;
    struct buffer content; /* the frames with their sizes, as they stood in the stream */
    bool is_keeping;       /* every frame is made our own, as the server does */
    int error;
};

static int fuzz_take(void *owner, struct bytes frame)
{
    struct fuzz_frames *frames = owner;
    struct buffer kept;
    uint8_t prefix[FRAMER_PREFIX_SIZE];
    endian_write_u32(prefix, (uint32_t)frame.size);
    buffer_add(&frames->content, prefix, sizeof prefix);
    buffer_init(&kept);
    if (frames->is_keeping) {
        framer_keep(&frames->framer, frame, &kept);
        frame = buffer_bytes(&kept);
    }
    buffer_add_bytes(&frames->content, frame);
    buffer_fini(&kept);
    return 0;
}

static void fuzz_feed(struct fuzz_frames *frames, struct bytes *stream, size_t size)
{
    size = size < stream->size ? size : stream->size;
    if (frames->error == 0) {
        frames->error = framer_feed(&frames->framer, stream->data, size, fuzz_take, frames);
    }
    if (frames->error == 0) {
        framer_check(&frames->framer);
    }
    *stream = bytes_make(stream->data + size, stream->size - size);
}

static void fuzz_init(struct fuzz_frames *frames, bool is_keeping)
{
    *frames = (struct fuzz_frames){.is_keeping = is_keeping};
    framer_init(&frames->framer, FUZZ_LIMIT_SIZE);
    buffer_init(&frames->content);
}

static void fuzz_fini(struct fuzz_frames *frames)
{
    framer_fini(&frames->framer);
    buffer_fini(&frames->content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    struct fuzz_frames whole, cut;
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    size_t count = fuzz_take_byte(&input);
    count = count < input.size ? count : input.size;
    const uint8_t *sizes = input.data;
    struct bytes stream = bytes_make(input.data + count, input.size - count);
    struct bytes rest = stream;
    fuzz_init(&whole, false);
    fuzz_init(&cut, true);
    fuzz_feed(&whole, &rest, rest.size);
    rest = stream;
    for (size_t i = 0; i < count; i++) {
        fuzz_feed(&cut, &rest, sizes[i]);
    }
    fuzz_feed(&cut, &rest, rest.size);
    check(whole.error == cut.error);
    check(whole.error == 0 || whole.error == ERROR_MALFORMED || whole.error == ERROR_TOO_LARGE);
    check(bytes_equal(buffer_bytes(&whole.content), buffer_bytes(&cut.content)));
    check(whole.content.size <= stream.size);
    check(bytes_equal(buffer_bytes(&whole.content), bytes_make(stream.data, whole.content.size)));
    if (whole.error == 0) {
        size_t left = stream.size - whole.content.size;
        check(framer_held_size(&whole.framer) == left);
        check(framer_held_size(&cut.framer) == left);
    }
    fuzz_fini(&cut);
    fuzz_fini(&whole);
    return 0;
}
