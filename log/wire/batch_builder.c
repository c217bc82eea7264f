/* Building a batch record by record; see batch.h, and batch_iterator.c for a record's format.
 *
 * Records are encoded as they come, into one growing buffer, behind room for the header; finishing
 * compresses if asked to, fills the header in, and computes the CRC. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/varint.h"
#include "log/wire/batch.h"

#include <string.h>

enum {
    /* Record size, attributes, deltas, key and value sizes, header count. */
    BATCH_RECORD_OVERHEAD_MAX = 5 * VARINT_SIZE_MAX + VARLONG_SIZE_MAX + 1,
};

static inline uint8_t *batch_put_varint(uint8_t *at, int32_t value)
{
    uint32_t zigzag = (uint32_t)value << 1 ^ (uint32_t)(value >> 31);
    while (zigzag > 0x7f) {
        *at++ = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *at++ = (uint8_t)zigzag;
    return at;
}

static inline size_t batch_varint_size(int32_t value)
{
    uint32_t zigzag = (uint32_t)value << 1 ^ (uint32_t)(value >> 31);
    return (size_t)(31 - __builtin_clz(zigzag | 1)) / 7 + 1;
}

static inline int32_t batch_view_length(struct bytes view)
{
    check(view.size <= INT32_MAX / 4);
    return view.data == NULL ? -1 : (int32_t)view.size;
}

static inline size_t batch_view_size(struct bytes view)
{
    return batch_varint_size(batch_view_length(view)) + view.size;
}

static inline uint8_t *batch_put_view(uint8_t *at, struct bytes view)
{
    at = batch_put_varint(at, batch_view_length(view));
    if (view.size > 0) {
        memcpy(at, view.data, view.size);
    }
    return at + view.size;
}

void batch_builder_init(struct batch_builder *builder, enum compress_codec codec)
{
    *builder = (struct batch_builder){
        .codec = codec,
        .level = COMPRESS_LEVEL_DEFAULT,
        .producer_id = -1,
        .producer_epoch = -1,
    };
    batch_builder_clear(builder);
}

void batch_builder_fini(struct batch_builder *builder)
{
    buffer_fini(&builder->batch);
}

void batch_builder_clear(struct batch_builder *builder)
{
    buffer_clear(&builder->batch);
    builder->base_offset = 0;
    builder->base_timestamp = -1;
    builder->max_timestamp = -1;
    builder->last_offset = -1;
    builder->base_sequence = -1;
    builder->attributes = 0;
    builder->leader_epoch = -1;
    builder->record_count = 0;
}

struct batch_deltas {
    int64_t timestamp;
    int32_t offset;
};

/* Counts the record in and says what its deltas are. */
static struct batch_deltas batch_builder_count(struct batch_builder *builder, int64_t offset,
                                               int64_t timestamp_ms)
{
    bool is_first = builder->record_count == 0;
    check(offset >= builder->base_offset);
    check(is_first || offset > builder->last_offset);
    check(offset - builder->base_offset <= INT32_MAX);
    if (is_first && (builder->attributes & BATCH_DELETE_HORIZON) == 0) {
        builder->base_timestamp = timestamp_ms;
    }
    if (is_first || timestamp_ms > builder->max_timestamp) {
        builder->max_timestamp = timestamp_ms;
    }
    builder->last_offset = offset;
    builder->record_count++;
    return (struct batch_deltas){
        .timestamp = (int64_t)((uint64_t)timestamp_ms - (uint64_t)builder->base_timestamp),
        .offset = (int32_t)(offset - builder->base_offset)};
}

/* Writes what stands before the body and returns where that goes, which has `size` bytes. */
static uint8_t *batch_builder_start(struct batch_builder *builder, struct batch_deltas deltas,
                                    size_t size)
{
    size_t rest_size = 1 + varlong_size(deltas.timestamp) + batch_varint_size(deltas.offset) + size;
    check(rest_size <= INT32_MAX);
    size_t header_size = builder->batch.size == 0 ? BATCH_HEADER_SIZE : 0;
    uint8_t *room =
        buffer_reserve(&builder->batch, header_size + VARINT_SIZE_MAX + rest_size) + header_size;
    uint8_t *rest = batch_put_varint(room, (int32_t)rest_size);
    uint8_t *at = rest;
    *at++ = 0;
    at += varlong_write(at, deltas.timestamp);
    at = batch_put_varint(at, deltas.offset);
    check(at + size == rest + rest_size);
    builder->batch.size += header_size + (size_t)(rest - room) + rest_size;
    return at;
}

/* The same for the headers, without their count. */
static uint8_t *batch_builder_start_headers(struct batch_builder *builder,
                                            struct batch_deltas deltas, struct bytes key,
                                            struct bytes value, int32_t header_count,
                                            size_t headers_size)
{
    size_t size = batch_view_size(key) + batch_view_size(value) + batch_varint_size(header_count) +
                  headers_size;
    uint8_t *at = batch_builder_start(builder, deltas, size);
    at = batch_put_view(at, key);
    at = batch_put_view(at, value);
    return batch_put_varint(at, header_count);
}

static int64_t batch_builder_next_offset(const struct batch_builder *builder)
{
    return builder->record_count == 0 ? builder->base_offset : builder->last_offset + 1;
}

void batch_builder_add(struct batch_builder *builder, int64_t timestamp_ms, struct bytes key,
                       struct bytes value, const struct batch_header *headers, int32_t count)
{
    size_t headers_size = 0;
    for (int32_t i = 0; i < count; i++) {
        check(!bytes_is_null(headers[i].key));
        headers_size += batch_view_size(headers[i].key) + batch_view_size(headers[i].value);
    }
    struct batch_deltas deltas =
        batch_builder_count(builder, batch_builder_next_offset(builder), timestamp_ms);
    uint8_t *at = batch_builder_start_headers(builder, deltas, key, value, count, headers_size);
    for (int32_t i = 0; i < count; i++) {
        at = batch_put_view(at, headers[i].key);
        at = batch_put_view(at, headers[i].value);
    }
}

static void batch_builder_add_at(struct batch_builder *builder, int64_t offset,
                                 int64_t timestamp_ms, struct bytes key, struct bytes value,
                                 struct bytes headers_encoded, int32_t header_count)
{
    struct batch_deltas deltas = batch_builder_count(builder, offset, timestamp_ms);
    uint8_t *at = batch_builder_start_headers(builder, deltas, key, value, header_count,
                                              headers_encoded.size);
    if (headers_encoded.size > 0) {
        memcpy(at, headers_encoded.data, headers_encoded.size);
    }
}

void batch_builder_add_encoded(struct batch_builder *builder, int64_t timestamp_ms,
                               struct bytes key, struct bytes value, struct bytes headers_encoded,
                               int32_t header_count)
{
    batch_builder_add_at(builder, batch_builder_next_offset(builder), timestamp_ms, key, value,
                         headers_encoded, header_count);
}

void batch_builder_add_body(struct batch_builder *builder, int64_t timestamp_ms, struct bytes body)
{
    struct batch_deltas deltas =
        batch_builder_count(builder, batch_builder_next_offset(builder), timestamp_ms);
    memcpy(batch_builder_start(builder, deltas, body.size), body.data, body.size);
}

void batch_builder_add_record(struct batch_builder *builder, const struct batch_record *record)
{
    batch_builder_add_at(builder, record->offset, record->timestamp_ms, record->key, record->value,
                         record->headers_encoded, record->header_count);
}

size_t batch_builder_size(const struct batch_builder *builder)
{
    return builder->batch.size == 0 ? BATCH_HEADER_SIZE : builder->batch.size;
}

size_t batch_builder_size_with(const struct batch_builder *builder, size_t key_size,
                               size_t value_size, size_t headers_size)
{
    return batch_builder_size(builder) + BATCH_RECORD_OVERHEAD_MAX + key_size + value_size +
           headers_size;
}

static void batch_builder_write_header(const struct batch_builder *builder, uint8_t *at,
                                       size_t size)
{
    int16_t flags = (int16_t)(builder->attributes & ~BATCH_CODEC_MASK);
    endian_write_i64(at, builder->base_offset);
    endian_write_i32(at + 8, (int32_t)(size - BATCH_PREFIX_SIZE));
    endian_write_i32(at + 12, builder->leader_epoch);
    at[16] = BATCH_MAGIC;
    endian_write_i16(at + 21, (int16_t)(flags | (int16_t)builder->codec));
    endian_write_i32(at + 23, (int32_t)(builder->last_offset - builder->base_offset));
    endian_write_i64(at + 27, builder->base_timestamp);
    endian_write_i64(at + 35, builder->max_timestamp);
    endian_write_i64(at + 43, builder->producer_id);
    endian_write_i16(at + 51, builder->producer_epoch);
    endian_write_i32(at + 53, builder->base_sequence);
    endian_write_i32(at + 57, builder->record_count);
    uint32_t crc = crc32c_update(0, at + BATCH_CRC_START, size - BATCH_CRC_START);
    endian_write_u32(at + BATCH_CRC_PLACE, crc);
}

int batch_builder_finish(const struct batch_builder *builder, struct buffer *out)
{
    if (builder->record_count == 0) {
        return ERROR_INVALID;
    }
    struct bytes records = {builder->batch.data + BATCH_HEADER_SIZE,
                            builder->batch.size - BATCH_HEADER_SIZE};
    size_t start = out->size;
    buffer_reserve(out, builder->batch.size);
    out->size += BATCH_HEADER_SIZE;
    int error = compress_deflate(builder->codec, builder->level, records, out);
    size_t size = out->size - start;
    if (error == 0 && size > INT32_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error != 0) {
        out->size = start;
        return error;
    }
    batch_builder_write_header(builder, out->data + start, size);
    return 0;
}

int batch_builder_take(struct batch_builder *builder, struct buffer *out)
{
    check(out->size == 0);
    bool is_as_it_is = builder->codec == COMPRESS_NONE && builder->record_count > 0 &&
                       builder->batch.size <= INT32_MAX;
    if (is_as_it_is) {
        struct buffer spare = *out;
        batch_builder_write_header(builder, builder->batch.data, builder->batch.size);
        *out = builder->batch;
        builder->batch = spare;
    }
    int error = is_as_it_is ? 0 : batch_builder_finish(builder, out);
    if (error == 0) {
        batch_builder_clear(builder);
    }
    return error;
}

void batch_write_empty(const struct batch *batch, bool is_anonymous, struct buffer *out)
{
    int16_t kept = is_anonymous ? BATCH_LOG_APPEND_TIME
                                : BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL;
    const struct batch_builder builder = {
        .codec = COMPRESS_NONE,
        .base_offset = batch->base_offset,
        .base_timestamp = -1,
        .max_timestamp = batch->max_timestamp,
        .last_offset = batch_last_offset(batch),
        .producer_id = is_anonymous ? -1 : batch->producer_id,
        .producer_epoch = is_anonymous ? (int16_t)-1 : batch->producer_epoch,
        .base_sequence = is_anonymous ? -1 : batch->base_sequence,
        .attributes = (int16_t)(batch->attributes & kept),
        .leader_epoch = batch->leader_epoch,
    };
    uint8_t *at = buffer_reserve(out, BATCH_HEADER_SIZE);
    out->size += BATCH_HEADER_SIZE;
    batch_builder_write_header(&builder, at, BATCH_HEADER_SIZE);
}

void batch_builder_add_marker(struct batch_builder *builder, int64_t timestamp_ms, bool is_commit,
                              int32_t coordinator_epoch)
{
    uint8_t key[BATCH_MARKER_KEY_SIZE] = {0};
    uint8_t value[BATCH_MARKER_VALUE_SIZE] = {0};
    check(builder->record_count == 0);
    endian_write_i16(key + 2, is_commit ? 1 : 0);
    endian_write_i32(value + 2, coordinator_epoch);
    builder->attributes |= BATCH_CONTROL | BATCH_TRANSACTIONAL;
    batch_builder_add(builder, timestamp_ms, bytes_make(key, sizeof key),
                      bytes_make(value, sizeof value), NULL, 0);
}
