/* The header of a record batch; see batch.h for its format. */
#include "log/wire/batch.h"

#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"

enum {
    BATCH_SIZE_START = 8,
    BATCH_LEADER_EPOCH_START = 12,
    BATCH_MAGIC_START = 16,
    BATCH_ATTRIBUTES_START = 21,
    BATCH_MAX_TIMESTAMP_START = 35,
    BATCH_OLD_SIZE_MIN = 14, /* crc, magic, attributes, sizes of key and value */
};

static struct batch batch_decode(const uint8_t *at, size_t size)
{
    return (struct batch){
        .bytes = bytes_make(at, size),
        .base_offset = endian_read_i64(at),
        .leader_epoch = endian_read_i32(at + BATCH_LEADER_EPOCH_START),
        .crc = endian_read_u32(at + BATCH_CRC_PLACE),
        .attributes = endian_read_i16(at + BATCH_ATTRIBUTES_START),
        .last_offset_delta = endian_read_i32(at + 23),
        .base_timestamp = endian_read_i64(at + 27),
        .max_timestamp = endian_read_i64(at + BATCH_MAX_TIMESTAMP_START),
        .producer_id = endian_read_i64(at + 43),
        .producer_epoch = endian_read_i16(at + 51),
        .base_sequence = endian_read_i32(at + 53),
        .record_count = endian_read_i32(at + 57),
    };
}

int batch_read_header(struct bytes bytes, struct batch *out, size_t *needed_size)
{
    size_t needed = BATCH_HEADER_SIZE;
    if (bytes.size >= BATCH_PREFIX_SIZE) {
        int32_t size = endian_read_i32(bytes.data + BATCH_SIZE_START);
        if (size < BATCH_HEADER_SIZE - BATCH_PREFIX_SIZE) {
            return ERROR_CORRUPT;
        }
        needed = (size_t)size + BATCH_PREFIX_SIZE;
    }
    if (bytes.size > BATCH_MAGIC_START && bytes.data[BATCH_MAGIC_START] != BATCH_MAGIC) {
        return ERROR_CORRUPT;
    }
    if (bytes.size < needed) {
        if (needed_size != NULL) {
            *needed_size = needed;
        }
        return ERROR_TRUNCATED;
    }
    struct batch batch = batch_decode(bytes.data, needed);
    bool has_offsets =
        batch.last_offset_delta >= 0 && batch.base_offset < INT64_MAX - batch.last_offset_delta;
    if (!has_offsets) {
        return ERROR_CORRUPT;
    }
    *out = batch;
    return 0;
}

bool batch_has_old_format(struct bytes bytes)
{
    return bytes.size > BATCH_MAGIC_START && bytes.data[BATCH_MAGIC_START] < BATCH_MAGIC &&
           endian_read_i32(bytes.data + BATCH_SIZE_START) >= BATCH_OLD_SIZE_MIN;
}

bool batch_crc_matches(const struct batch *batch)
{
    return crc32c_update(0, batch->bytes.data + BATCH_CRC_START,
                         batch->bytes.size - BATCH_CRC_START) == batch->crc;
}

static bool batch_has_sane_count(const struct batch *batch)
{
    size_t records_size = batch->bytes.size - BATCH_HEADER_SIZE;
    return batch->record_count >= 1 && batch->record_count - 1 == batch->last_offset_delta &&
           (batch_codec(batch) != COMPRESS_NONE ||
            (size_t)batch->record_count <= records_size / BATCH_RECORD_SIZE_MIN);
}

/* Markers of the coordinator have a producer but no sequence; so have batches without producer. */
static bool batch_has_sane_producer(const struct batch *batch)
{
    if (batch->producer_id < 0) {
        return !batch_is_transactional(batch);
    }
    return batch->producer_epoch >= 0 && (batch->base_sequence >= 0 || batch_is_control(batch));
}

int batch_validate(const struct batch *batch)
{
    if (!batch_crc_matches(batch)) {
        return ERROR_CORRUPT_MESSAGE;
    }
    if (batch_codec(batch) >= COMPRESS_CODEC_COUNT) {
        return ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    if (!batch_has_sane_count(batch) || !batch_has_sane_producer(batch)) {
        return ERROR_INVALID_RECORD;
    }
    return 0;
}

int32_t batch_last_sequence(const struct batch *batch)
{
    if (batch->base_sequence < 0) {
        return -1;
    }
    uint32_t sum = (uint32_t)batch->base_sequence + (uint32_t)batch->last_offset_delta;
    return (int32_t)(sum & INT32_MAX);
}

void batch_set_base_offset(uint8_t *data, int64_t base_offset)
{
    endian_write_i64(data, base_offset);
}

void batch_set_leader_epoch(uint8_t *data, int32_t leader_epoch)
{
    endian_write_i32(data + BATCH_LEADER_EPOCH_START, leader_epoch);
}

static void batch_seal(uint8_t *data, size_t size)
{
    uint32_t crc = crc32c_update(0, data + BATCH_CRC_START, size - BATCH_CRC_START);
    endian_write_u32(data + BATCH_CRC_PLACE, crc);
}

void batch_clear_attributes(uint8_t *data, size_t size, uint16_t bits)
{
    check(size >= BATCH_HEADER_SIZE);
    uint16_t attributes = endian_read_u16(data + BATCH_ATTRIBUTES_START);
    endian_write_u16(data + BATCH_ATTRIBUTES_START, (uint16_t)(attributes & ~bits));
    batch_seal(data, size);
}

void batch_set_append_time(uint8_t *data, size_t size, int64_t timestamp_ms)
{
    check(size >= BATCH_HEADER_SIZE);
    uint16_t attributes = endian_read_u16(data + BATCH_ATTRIBUTES_START);
    endian_write_u16(data + BATCH_ATTRIBUTES_START, attributes | BATCH_LOG_APPEND_TIME);
    endian_write_i64(data + BATCH_MAX_TIMESTAMP_START, timestamp_ms);
    batch_seal(data, size);
}
