/* Cuts frames out of a stream; see framer.h. */
#include "log/net/framer.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <string.h>

/* A buffer larger than this is given back after its frame, so that an idle connection is small. */
enum { FRAMER_KEPT_CAPACITY = 64 * 1024, FRAMER_FIRST_CAPACITY = 4 * 1024 };

void framer_init(struct framer *framer, size_t limit_size)
{
    check(limit_size <= INT32_MAX);
    *framer = (struct framer){.limit_size = limit_size};
    buffer_init(&framer->partial);
}

void framer_fini(struct framer *framer)
{
    buffer_fini(&framer->partial);
}

static size_t framer_smaller(size_t left, size_t right)
{
    return left < right ? left : right;
}

must_use static int framer_judge_size(const struct framer *framer, const uint8_t *prefix,
                                      size_t *out)
{
    int32_t size = endian_read_i32(prefix);
    if (size < 0) {
        return ERROR_MALFORMED;
    }
    if ((size_t)size > framer->limit_size) {
        return ERROR_TOO_LARGE;
    }
    *out = (size_t)size;
    return 0;
}

/* Completes the prefix with what arrived; 1 when it is whole, 0 when it is not, or an error. */
must_use static int framer_add_prefix(struct framer *framer, const uint8_t **data, size_t *size)
{
    size_t part = framer_smaller(FRAMER_PREFIX_SIZE - framer->prefix_size, *size);
    memcpy(framer->prefix + framer->prefix_size, *data, part);
    framer->prefix_size += part;
    *data += part;
    *size -= part;
    if (framer->prefix_size < FRAMER_PREFIX_SIZE) {
        return 0;
    }
    int error = framer_judge_size(framer, framer->prefix, &framer->frame_size);
    return error == 0 ? 1 : error;
}

/* Twice what is needed, but never beyond the frame. */
static void framer_grow(struct framer *framer, size_t needed_size)
{
    struct buffer *partial = &framer->partial;
    if (needed_size <= partial->capacity) {
        return;
    }
    size_t capacity = framer_smaller(needed_size * 2, framer->frame_size);
    if (capacity < FRAMER_FIRST_CAPACITY) {
        capacity = FRAMER_FIRST_CAPACITY;
    }
    partial->data = memory_resize(partial->data, capacity);
    partial->capacity = capacity;
}

static void framer_add_partial(struct framer *framer, const uint8_t **data, size_t *size)
{
    struct buffer *partial = &framer->partial;
    size_t part = framer_smaller(framer->frame_size - partial->size, *size);
    if (part == 0) {
        return;
    }
    framer_grow(framer, partial->size + part);
    memcpy(partial->data + partial->size, *data, part);
    partial->size += part;
    *data += part;
    *size -= part;
}

static void framer_forget_frame(struct framer *framer)
{
    framer->prefix_size = 0;
    framer->frame_size = 0;
    buffer_clear(&framer->partial);
    if (framer->partial.capacity > FRAMER_KEPT_CAPACITY) {
        buffer_fini(&framer->partial);
    }
}

/* Goes on with a frame that came in pieces. */
must_use static int framer_feed_partial(struct framer *framer, const uint8_t **data, size_t *size,
                                        framer_taker *take, void *owner)
{
    if (framer->prefix_size < FRAMER_PREFIX_SIZE) {
        int whole = framer_add_prefix(framer, data, size);
        if (whole != 1) {
            return whole;
        }
    }
    framer_add_partial(framer, data, size);
    if (framer->partial.size < framer->frame_size) {
        return 0;
    }
    int error = take(owner, buffer_bytes(&framer->partial));
    if (error == 0) {
        framer_forget_frame(framer);
    }
    return error;
}

int framer_feed(struct framer *framer, const uint8_t *data, size_t size, framer_taker *take,
                void *owner)
{
    while (size > 0) {
        size_t frame_size = 0;
        int error = 0;
        bool is_start = framer->prefix_size == 0 && size >= FRAMER_PREFIX_SIZE;
        if (is_start) {
            error = framer_judge_size(framer, data, &frame_size);
        }
        if (error == 0 && is_start && size - FRAMER_PREFIX_SIZE >= frame_size) {
            error = take(owner, bytes_make(data + FRAMER_PREFIX_SIZE, frame_size));
            data += FRAMER_PREFIX_SIZE + frame_size;
            size -= FRAMER_PREFIX_SIZE + frame_size;
        } else if (error == 0) {
            error = framer_feed_partial(framer, &data, &size, take, owner);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

void framer_keep(struct framer *framer, struct bytes frame, struct buffer *out)
{
    check(out->data == NULL);
    if (frame.size > 0 && frame.data == framer->partial.data) {
        *out = framer->partial;
        buffer_init(&framer->partial);
        return;
    }
    buffer_add_bytes(out, frame);
}

size_t framer_held_size(const struct framer *framer)
{
    return framer->prefix_size + framer->partial.size;
}

void framer_check(const struct framer *framer)
{
    check(framer->prefix_size <= FRAMER_PREFIX_SIZE);
    check(framer->frame_size <= framer->limit_size);
    check(framer->partial.size <= framer->frame_size);
    if (framer->prefix_size < FRAMER_PREFIX_SIZE) {
        check(framer->partial.size == 0);
    }
    size_t allowed = framer->partial.size * 2;
    check(framer->partial.capacity <= FRAMER_KEPT_CAPACITY || framer->partial.capacity <= allowed);
}
