/* Judging and writing UTF-8; see utf8.h. */
#include "runtime/format/utf8.h"

static inline bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_size(const uint8_t *at, const uint8_t *end)
{
    size_t room = (size_t)(end - at);
    uint8_t first = at[0];
    if (first >= 0xc2 && first <= 0xdf) {
        return room >= 2 && is_tail(at[1]) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        if (room < 3 || !is_tail(at[1]) || !is_tail(at[2])) {
            return 0;
        }
        bool is_short = first == 0xe0 && at[1] < 0xa0;
        bool is_surrogate = first == 0xed && at[1] >= 0xa0;
        return is_short || is_surrogate ? 0 : 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (room < 4 || !is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3])) {
            return 0;
        }
        bool is_short = first == 0xf0 && at[1] < 0x90;
        bool is_beyond = first == 0xf4 && at[1] >= 0x90;
        return is_short || is_beyond ? 0 : 4;
    }
    return 0;
}

void utf8_append(struct buffer *out, uint32_t point)
{
    if (point < 0x80) {
        buffer_add_byte(out, (uint8_t)point);
    } else if (point < 0x800) {
        buffer_add_byte(out, (uint8_t)(0xc0 | point >> 6));
        buffer_add_byte(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        buffer_add_byte(out, (uint8_t)(0xe0 | point >> 12));
        buffer_add_byte(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        buffer_add_byte(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else {
        buffer_add_byte(out, (uint8_t)(0xf0 | point >> 18));
        buffer_add_byte(out, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
        buffer_add_byte(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        buffer_add_byte(out, (uint8_t)(0x80 | (point & 0x3f)));
    }
}

bool utf8_is_valid(struct bytes text)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.size;
    while (at < end) {
        size_t size = *at < 0x80 ? 1 : utf8_size(at, end);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}
