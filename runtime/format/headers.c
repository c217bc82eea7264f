/* Reading and writing encoded record headers; see headers.h. */
#include "runtime/format/headers.h"

#include "log/base/error.h"
#include "log/base/varint.h"

static int read_bytes(const uint8_t **at, const uint8_t *end, struct bytes *out)
{
    int32_t size = 0;
    int error = varint_read(at, end, &size);
    if (error != 0) {
        return error;
    }
    if (size < 0) {
        *out = (struct bytes){0};
        return size == -1 ? 0 : ERROR_MALFORMED;
    }
    if (size > end - *at) {
        return ERROR_TRUNCATED;
    }
    *out = bytes_make(*at, (size_t)size);
    *at += size;
    return 0;
}

int headers_next(const uint8_t **at, const uint8_t *end, struct headers_entry *out)
{
    if (*at == end) {
        return 0;
    }
    struct headers_entry entry;
    int error = read_bytes(at, end, &entry.key);
    if (error == 0) {
        error = read_bytes(at, end, &entry.value);
    }
    if (error != 0) {
        return error;
    }
    if (bytes_is_null(entry.key)) {
        return ERROR_MALFORMED;
    }
    *out = entry;
    return 1;
}

int headers_find(struct bytes encoded, struct bytes key, struct headers_entry *out)
{
    const uint8_t *at = encoded.data;
    const uint8_t *end = encoded.data + encoded.size;
    struct headers_entry entry;
    int found = 0;
    int result = 0;
    while ((result = headers_next(&at, end, &entry)) > 0) {
        if (bytes_equal(entry.key, key)) {
            *out = entry;
            found = 1;
        }
    }
    return result < 0 ? result : found;
}

int headers_count(struct bytes encoded)
{
    const uint8_t *at = encoded.data;
    const uint8_t *end = encoded.data + encoded.size;
    struct headers_entry entry;
    int count = 0;
    int result = 0;
    while ((result = headers_next(&at, end, &entry)) > 0) {
        count++;
    }
    return result < 0 ? result : count;
}

static void append_bytes(struct buffer *encoded, struct bytes view)
{
    uint8_t *size = buffer_reserve(encoded, VARINT_SIZE_MAX);
    encoded->size += varint_write(size, bytes_is_null(view) ? -1 : (int32_t)view.size);
    if (view.size > 0) {
        buffer_add_bytes(encoded, view);
    }
}

void headers_append(struct buffer *encoded, struct bytes key, struct bytes value)
{
    check(!bytes_is_null(key));
    append_bytes(encoded, key);
    append_bytes(encoded, value);
}

int headers_copy_without(struct buffer *out, struct bytes encoded, struct bytes key)
{
    const uint8_t *at = encoded.data;
    const uint8_t *end = encoded.data + encoded.size;
    struct headers_entry entry;
    int count = 0;
    int result = 0;
    while ((result = headers_next(&at, end, &entry)) > 0) {
        if (!bytes_equal(entry.key, key)) {
            headers_append(out, entry.key, entry.value);
            count++;
        }
    }
    return result < 0 ? result : count;
}
