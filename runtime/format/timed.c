/* Values with a time; see timed.h. */
#include "runtime/format/timed.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "runtime/format/json_writer.h"

void timed_write(struct buffer *out, int64_t timestamp_ms, struct bytes value)
{
    buffer_add_byte(out, '[');
    json_writer_int64(out, timestamp_ms);
    buffer_add_byte(out, ',');
    buffer_add_bytes(out, value);
    buffer_add_byte(out, ']');
}

enum { TIMED_BINARY_HEAD = 1 + (int)sizeof(int64_t) };

void timed_write_binary(struct buffer *out, int64_t timestamp_ms, struct bytes value)
{
    uint8_t head[TIMED_BINARY_HEAD] = {0};
    endian_write_i64(head + 1, timestamp_ms);
    buffer_add(out, head, sizeof head);
    buffer_add_bytes(out, value);
}

int timed_read(struct bytes stored, int64_t *timestamp_ms, struct bytes *value)
{
    if (stored.size >= TIMED_BINARY_HEAD && stored.data[0] == 0) {
        *timestamp_ms = endian_read_i64(stored.data + 1);
        *value = bytes_make(stored.data + TIMED_BINARY_HEAD, stored.size - TIMED_BINARY_HEAD);
        return 0;
    }
    const uint8_t *at = stored.data;
    const uint8_t *end = stored.data + stored.size;
    if (stored.size < 5 || *at != '[' || end[-1] != ']') {
        return ERROR_CORRUPT;
    }
    at++;
    bool is_negative = *at == '-';
    at += is_negative;
    const uint8_t *digits = at;
    uint64_t time = 0;
    while (at < end && *at >= '0' && *at <= '9' && at - digits < 19) {
        time = time * 10 + (uint64_t)(*at++ - '0');
    }
    bool is_plain = *digits != '0' || (at == digits + 1 && !is_negative);
    if (at == digits || at + 1 >= end || *at != ',' || !is_plain ||
        time > (uint64_t)INT64_MAX + is_negative) {
        return ERROR_CORRUPT;
    }
    *timestamp_ms = (int64_t)(is_negative ? 0 - time : time);
    *value = bytes_make(at + 1, (size_t)(end - 1 - (at + 1)));
    return 0;
}
