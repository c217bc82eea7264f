/* Keys of several parts; see row_key.h. */
#include "runtime/format/row_key.h"

#include "log/base/endian.h"
#include "log/base/error.h"

#include <string.h>

enum { ROW_KEY_ESCAPE = 255 };

void row_key_add(struct buffer *out, struct bytes key)
{
    static const uint8_t end[] = {0, 0};
    const uint8_t *zero;
    while (key.size > 0 && (zero = memchr(key.data, 0, key.size)) != NULL) {
        size_t size = (size_t)(zero + 1 - key.data);
        buffer_add(out, key.data, size);
        buffer_add_byte(out, ROW_KEY_ESCAPE);
        key = bytes_make(zero + 1, key.size - size);
    }
    buffer_add_bytes(out, key);
    buffer_add(out, end, sizeof end);
}

static void add_bits(struct buffer *out, uint64_t bits)
{
    uint8_t encoded[sizeof bits];
    endian_write_u64(encoded, bits);
    buffer_add(out, encoded, sizeof encoded);
}

static uint64_t flip_sign(uint64_t bits)
{
    return bits ^ (1ull << 63);
}

void row_key_add_time(struct buffer *out, int64_t time_ms)
{
    add_bits(out, flip_sign((uint64_t)time_ms));
}

void row_key_add_time_down(struct buffer *out, int64_t time_ms)
{
    add_bits(out, ~flip_sign((uint64_t)time_ms));
}

int row_key_take(struct bytes *rest, struct buffer *key)
{
    struct bytes left = *rest;
    const uint8_t *zero;
    while (left.size > 0 && (zero = memchr(left.data, 0, left.size)) != NULL) {
        size_t size = (size_t)(zero - left.data);
        if (size + 1 == left.size) {
            break;
        }
        buffer_add(key, left.data, size);
        left = bytes_make(zero + 2, left.size - size - 2);
        if (zero[1] == 0) {
            *rest = left;
            return 0;
        }
        if (zero[1] != ROW_KEY_ESCAPE) {
            break;
        }
        buffer_add_byte(key, 0);
    }
    return ERROR_CORRUPT;
}

static int take_bits(struct bytes *rest, uint64_t *bits)
{
    if (rest->size < sizeof *bits) {
        return ERROR_CORRUPT;
    }
    *bits = endian_read_u64(rest->data);
    *rest = bytes_make(rest->data + sizeof *bits, rest->size - sizeof *bits);
    return 0;
}

int row_key_take_time(struct bytes *rest, int64_t *time_ms)
{
    uint64_t bits = 0;
    int error = take_bits(rest, &bits);
    if (error == 0) {
        *time_ms = (int64_t)flip_sign(bits);
    }
    return error;
}

int row_key_take_time_down(struct bytes *rest, int64_t *time_ms)
{
    uint64_t bits = 0;
    int error = take_bits(rest, &bits);
    if (error == 0) {
        *time_ms = (int64_t)flip_sign(~bits);
    }
    return error;
}
