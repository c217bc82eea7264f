/* Record batches, version 2 (magic 2): the unit of the disk, of the wire and of work.
 *
 *      0  8  base offset            written by the broker, not in the CRC
 *      8  4  size of what follows
 *     12  4  partition leader epoch written by the broker, not in the CRC
 *     16  1  magic = 2
 *     17  4  CRC-32C of all that follows
 *     21  2  attributes: 0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
 *     23  4  last offset delta
 *     27  8  base timestamp
 *     35  8  max timestamp
 *     43  8  producer id (-1 none)
 *     51  2  producer epoch
 *     53  4  base sequence (-1 none)
 *     57  4  record count
 *     61     records, compressed as one blob if a codec is set
 *
 * Owns:   nothing.
 * Keeps:  a batch that passed batch_validate lies inside its bytes, has the CRC it claims and sane
 *         counts; its records are judged only when they are iterated.
 * Thread: any.
 * Source: protocol guide, "Record Batch"; KIP-98; KIP-534 for the delete horizon. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/wire/compress.h"

enum {
    BATCH_HEADER_SIZE = 61,
    BATCH_PREFIX_SIZE = 12, /* base offset and size */
    BATCH_CRC_PLACE = 17,
    BATCH_CRC_START = 21, /* what the CRC covers, to the end */
    BATCH_MAGIC = 2,
    BATCH_RECORD_SIZE_MIN = 7, /* six varints and the attributes */
    BATCH_MARKER_KEY_SIZE = 4,
    BATCH_MARKER_VALUE_SIZE = 6,

    BATCH_CODEC_MASK = 0x07,
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40,
};

struct batch {
    struct bytes bytes; /* the whole batch, borrowed */
    int64_t base_offset;
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

/* Reads the header of the first batch. ERROR_TRUNCATED when the bytes end before the batch does
 * (then *needed_size, if not NULL, is the whole batch's size, or the header's), ERROR_CORRUPT for
 * an impossible size, magic or range of offsets. Does not look at the CRC. */
must_use int batch_read_header(struct bytes bytes, struct batch *out, size_t *needed_size);
/* Whether what batch_read_header refused begins like a message set of format 0 or 1. */
bool batch_has_old_format(struct bytes bytes);
/* Judges a batch from a producer: CRC, codec, at least one record, as many as its offsets say, and
 * a sequence if there is a producer id. ERROR_CORRUPT_MESSAGE, ERROR_INVALID_RECORD or
 * ERROR_UNSUPPORTED_COMPRESSION_TYPE. A compacted batch has fewer records than offsets; to copy one
 * from a leader or the disk batch_crc_matches is what counts. */
must_use int batch_validate(const struct batch *batch);
bool batch_crc_matches(const struct batch *batch);

static inline int64_t batch_last_offset(const struct batch *batch)
{
    return batch->base_offset + batch->last_offset_delta;
}
static inline int64_t batch_next_offset(const struct batch *batch)
{
    return batch_last_offset(batch) + 1;
}
static inline enum compress_codec batch_codec(const struct batch *batch)
{
    return (enum compress_codec)(batch->attributes & BATCH_CODEC_MASK);
}
static inline bool batch_is_control(const struct batch *batch)
{
    return (batch->attributes & BATCH_CONTROL) != 0;
}
static inline bool batch_is_transactional(const struct batch *batch)
{
    return (batch->attributes & BATCH_TRANSACTIONAL) != 0;
}
/* The sequence of the last record; wraps from INT32_MAX to 0. */
int32_t batch_last_sequence(const struct batch *batch);

/* Patches what the broker decides; the CRC stays right. `data` is the batch's writable memory. */
void batch_set_base_offset(uint8_t *data, int64_t base_offset);
void batch_set_leader_epoch(uint8_t *data, int32_t leader_epoch);
/* Makes it a log-append-time batch and computes the CRC anew. */
void batch_set_append_time(uint8_t *data, size_t size, int64_t timestamp_ms);
/* Takes bits away from the attributes and computes the CRC anew. */
void batch_clear_attributes(uint8_t *data, size_t size, uint16_t bits);

struct batch_header {
    struct bytes key;   /* never null */
    struct bytes value; /* may be null */
};

struct batch_record {
    int64_t offset;
    int64_t timestamp_ms;
    struct bytes key;   /* may be null */
    struct bytes value; /* may be null: a tombstone */
    int32_t header_count;
    struct bytes headers_encoded; /* all headers as on the wire, without their count */
    struct bytes encoded;         /* the whole record as on the wire, its length included */
    struct bytes body;            /* of it key, value and headers, and their count */
};

/* Walks the records of one batch. Compressed records are inflated into a buffer the iterator owns;
 * records borrow from it or from the batch and are valid until the iterator is closed. */
struct batch_iterator {
    struct batch batch;
    const uint8_t *at;
    const uint8_t *end;
    int32_t index;
    int32_t offset_delta; /* of the last record; -1 before the first */
    struct buffer inflated;
};

/* `inflated_size_limit`: bytes; a batch that inflates beyond it is ERROR_TOO_LARGE (bombs). */
must_use int batch_iterator_open(struct batch_iterator *iterator, const struct batch *batch,
                                 size_t inflated_size_limit);
/* 1 with a record, 0 after the last, or a negative error: ERROR_INVALID_RECORD for a malformed
 * record, headers that do not fill their place, or offsets that do not rise within the batch's;
 * ERROR_CORRUPT_MESSAGE for a count that lies. Whether offsets are dense is left to the caller. */
must_use int batch_iterator_next(struct batch_iterator *iterator, struct batch_record *out);
void batch_iterator_close(struct batch_iterator *iterator);
/* Walks headers_encoded: advances `*at`; 1, 0 at the end, or ERROR_INVALID_RECORD. */
must_use int batch_header_next(const uint8_t **at, const uint8_t *end, struct batch_header *out);

/* What a record of a control batch says: false when it is no COMMIT or ABORT marker.
 *     key    int16 version, int16 type (0 ABORT, 1 COMMIT)
 *     value  int16 version, int32 coordinator epoch */
bool batch_record_read_marker(const struct batch_record *record, bool *is_commit,
                              int32_t *coordinator_epoch);

/* Builds one batch. Add records, then finish. Fields are set between init or clear and the first
 * record; with BATCH_DELETE_HORIZON among the attributes base_timestamp is the horizon and kept. */
struct batch_builder {
    struct buffer batch; /* empty, or room for the header and then the records, not compressed */
    enum compress_codec codec;
    int level; /* COMPRESS_LEVEL_DEFAULT */
    int64_t base_offset;
    int64_t base_timestamp;
    int64_t max_timestamp;
    int64_t last_offset;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int16_t attributes; /* flags beside the codec */
    int32_t leader_epoch;
    int32_t record_count;
};

void batch_builder_init(struct batch_builder *builder, enum compress_codec codec);
void batch_builder_fini(struct batch_builder *builder);
/* Empties it for the next batch; codec, level, producer id and epoch stay. */
void batch_builder_clear(struct batch_builder *builder);
/* Offsets count up from base_offset; `headers` may be NULL when count is 0. */
void batch_builder_add(struct batch_builder *builder, int64_t timestamp_ms, struct bytes key,
                       struct bytes value, const struct batch_header *headers, int32_t count);
/* As batch_builder_add with headers already encoded (batch_record.headers_encoded). */
void batch_builder_add_encoded(struct batch_builder *builder, int64_t timestamp_ms,
                               struct bytes key, struct bytes value, struct bytes headers_encoded,
                               int32_t header_count);
/* As batch_builder_add_encoded with what an iterator told as batch_record.body. */
void batch_builder_add_body(struct batch_builder *builder, int64_t timestamp_ms, struct bytes body);
/* As batch_builder_add_encoded with the record's own offset, which is past the last one and not
 * below base_offset: compaction leaves gaps. */
void batch_builder_add_record(struct batch_builder *builder, const struct batch_record *record);
/* Makes it the marker that ends the transaction of the builder's producer: its only record. */
void batch_builder_add_marker(struct batch_builder *builder, int64_t timestamp_ms, bool is_commit,
                              int32_t coordinator_epoch);
/* Bytes of the batch as it is, uncompressed. */
size_t batch_builder_size(const struct batch_builder *builder);
/* The largest size the batch could have uncompressed if one more record were added. */
size_t batch_builder_size_with(const struct batch_builder *builder, size_t key_size,
                               size_t value_size, size_t headers_size);
/* Appends the batch to `out`. ERROR_INVALID for no records or a level the codec does not have,
 * ERROR_TOO_LARGE beyond 2 GiB. The last offset is `last_offset`: compaction may raise it first. */
must_use int batch_builder_finish(const struct batch_builder *builder, struct buffer *out);
/* As batch_builder_finish into an empty buffer, whose memory may become the builder's, and the
 * other way round: without compression nothing is copied. Clears the builder unless it fails. */
must_use int batch_builder_take(struct batch_builder *builder, struct buffer *out);
/* Appends what is left of a batch whose records were all compacted away: its header with no record,
 * with its offsets, sequence and largest timestamp. An anonymous one keeps only its place: it names
 * no producer and belongs to no transaction. */
void batch_write_empty(const struct batch *batch, bool is_anonymous, struct buffer *out);
