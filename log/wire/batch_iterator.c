/* Walking the records of a batch; see batch.h.
 *
 *      varint   size of what follows
 *      1        attributes, unused
 *      varlong  timestamp - base timestamp
 *      varint   offset - base offset
 *      varint   key size (-1 null), key
 *      varint   value size (-1 null), value
 *      varint   header count
 *      headers: varint key size, key, varint value size (-1 null), value
 *
 * This is the hottest loop of the runtime. Hardly a varint of it has more than three bytes, so they
 * are read inline here; longer ones go to base/varint. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/varint.h"
#include "log/wire/batch.h"

enum { BATCH_HEADER_PAIR_SIZE_MIN = 2 };

static inline int32_t batch_unzigzag(uint32_t value)
{
    return (int32_t)(value >> 1) ^ -(int32_t)(value & 1);
}

/* One of at most three bytes; false, and *at anywhere, when it is longer or ends too early. */
static inline bool batch_read_short(const uint8_t **at, const uint8_t *end, int32_t *out)
{
    const uint8_t *place = *at;
    if (__builtin_expect(place < end && place[0] < 0x80, 1)) {
        *out = batch_unzigzag(place[0]);
        *at = place + 1;
        return true;
    }
    if (__builtin_expect(end - place < 3, 0)) {
        return false;
    }
    uint32_t value = (place[0] & 0x7fu) | (place[1] & 0x7fu) << 7;
    bool is_longer = place[1] >= 0x80;
    value |= is_longer ? (uint32_t)place[2] << 14 : 0;
    *out = batch_unzigzag(value);
    *at = place + 2 + is_longer;
    return !is_longer || place[2] < 0x80;
}

static inline bool batch_read_varint(const uint8_t **at, const uint8_t *end, int32_t *out)
{
    const uint8_t *place = *at;
    if (__builtin_expect(batch_read_short(&place, end, out), 1)) {
        *at = place;
        return true;
    }
    return varint_read(at, end, out) == 0;
}

static inline bool batch_read_varlong(const uint8_t **at, const uint8_t *end, int64_t *out)
{
    const uint8_t *place = *at;
    int32_t value;
    if (__builtin_expect(batch_read_short(&place, end, &value), 1)) {
        *out = value;
        *at = place;
        return true;
    }
    return varlong_read(at, end, out) == 0;
}

/* A size of -1 stands for null. */
static inline bool batch_read_view(const uint8_t **at, const uint8_t *end, struct bytes *out)
{
    int32_t size = 0;
    if (!batch_read_varint(at, end, &size) || size < -1 || size > end - *at) {
        return false;
    }
    if (size < 0) {
        *out = (struct bytes){NULL, 0};
    } else {
        *out = bytes_make(*at, (size_t)size);
        *at += size;
    }
    return true;
}

int batch_header_next(const uint8_t **at, const uint8_t *end, struct batch_header *out)
{
    if (*at == end) {
        return 0;
    }
    const uint8_t *place = *at;
    struct batch_header header;
    if (!batch_read_view(&place, end, &header.key) || bytes_is_null(header.key) ||
        !batch_read_view(&place, end, &header.value)) {
        return ERROR_INVALID_RECORD;
    }
    *at = place;
    *out = header;
    return 1;
}

static bool batch_has_headers(struct bytes encoded, int32_t count)
{
    const uint8_t *at = encoded.data;
    const uint8_t *end = at + encoded.size;
    struct batch_header header;
    if (count < 0 || (size_t)count > encoded.size / BATCH_HEADER_PAIR_SIZE_MIN) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        if (batch_header_next(&at, end, &header) != 1) {
            return false;
        }
    }
    return at == end;
}

static int batch_iterator_inflate(struct batch_iterator *iterator, size_t inflated_size_limit)
{
    const struct batch *batch = &iterator->batch;
    struct bytes records = {batch->bytes.data + BATCH_HEADER_SIZE,
                            batch->bytes.size - BATCH_HEADER_SIZE};
    if (batch_codec(batch) >= COMPRESS_CODEC_COUNT) {
        return ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    if (batch_codec(batch) != COMPRESS_NONE && batch->record_count > 0) {
        int error =
            compress_inflate(batch_codec(batch), records, inflated_size_limit, &iterator->inflated);
        if (error != 0) {
            return error;
        }
        records = buffer_bytes(&iterator->inflated);
    }
    if (batch->record_count < 0 ||
        (size_t)batch->record_count > records.size / BATCH_RECORD_SIZE_MIN) {
        return ERROR_CORRUPT_MESSAGE;
    }
    iterator->at = records.data;
    iterator->end = records.data + records.size;
    return 0;
}

int batch_iterator_open(struct batch_iterator *iterator, const struct batch *batch,
                        size_t inflated_size_limit)
{
    *iterator = (struct batch_iterator){.batch = *batch, .offset_delta = -1};
    int error = batch_iterator_inflate(iterator, inflated_size_limit);
    if (error != 0) {
        batch_iterator_close(iterator);
    }
    return error;
}

void batch_iterator_close(struct batch_iterator *iterator)
{
    buffer_fini(&iterator->inflated);
    iterator->at = iterator->end = NULL;
    iterator->index = iterator->batch.record_count;
}

static int batch_iterator_end(const struct batch_iterator *iterator)
{
    bool has_rest = iterator->at != iterator->end && iterator->batch.record_count > 0;
    return has_rest ? ERROR_CORRUPT_MESSAGE : 0;
}

/* Sums of what a client sent may wrap; they must not be undefined. */
static inline int64_t batch_sum(int64_t base, int64_t delta)
{
    return (int64_t)((uint64_t)base + (uint64_t)delta);
}

int batch_iterator_next(struct batch_iterator *iterator, struct batch_record *out)
{
    const struct batch *batch = &iterator->batch;
    const uint8_t *at = iterator->at;
    const uint8_t *start = at;
    int32_t size = 0;
    int64_t timestamp_delta = 0;
    int32_t offset_delta = 0;
    if (iterator->index >= batch->record_count) {
        return batch_iterator_end(iterator);
    }
    if (at == iterator->end) {
        return ERROR_CORRUPT_MESSAGE;
    }
    if (!batch_read_varint(&at, iterator->end, &size) || size < 1 || size > iterator->end - at) {
        return ERROR_INVALID_RECORD;
    }
    const uint8_t *end = at + size;
    at++; /* attributes */
    if (!batch_read_varlong(&at, end, &timestamp_delta) ||
        !batch_read_varint(&at, end, &offset_delta)) {
        return ERROR_INVALID_RECORD;
    }
    out->body = bytes_make(at, (size_t)(end - at));
    if (!batch_read_view(&at, end, &out->key) || !batch_read_view(&at, end, &out->value) ||
        !batch_read_varint(&at, end, &out->header_count)) {
        return ERROR_INVALID_RECORD;
    }
    out->headers_encoded = bytes_make(at, (size_t)(end - at));
    bool has_headers = out->header_count == 0
                           ? at == end
                           : batch_has_headers(out->headers_encoded, out->header_count);
    bool has_offset =
        offset_delta > iterator->offset_delta && offset_delta <= batch->last_offset_delta;
    if (!has_headers || !has_offset) {
        return ERROR_INVALID_RECORD;
    }
    out->encoded = bytes_make(start, (size_t)(end - start));
    out->offset = batch->base_offset + offset_delta;
    out->timestamp_ms = (batch->attributes & BATCH_LOG_APPEND_TIME) != 0
                            ? batch->max_timestamp
                            : batch_sum(batch->base_timestamp, timestamp_delta);
    iterator->offset_delta = offset_delta;
    iterator->at = end;
    iterator->index++;
    return 1;
}

bool batch_record_read_marker(const struct batch_record *record, bool *is_commit,
                              int32_t *coordinator_epoch)
{
    if (record->key.size < BATCH_MARKER_KEY_SIZE || record->value.size < BATCH_MARKER_VALUE_SIZE) {
        return false;
    }
    int16_t type = endian_read_i16(record->key.data + 2);
    *is_commit = type == 1;
    *coordinator_epoch = endian_read_i32(record->value.data + 2);
    return type == 0 || type == 1;
}
