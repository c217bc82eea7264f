/* Feeds bytes to everything that looks at record batches.
 *
 * Promises: reading stays inside the bytes; what inflates stays inside its limit; records that
 * could be read are built into a batch that validates and holds the same records. */
#include "log/wire/batch.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { FUZZ_INFLATED_FACTOR = 100, FUZZ_INFLATED_MIN = 64 * 1024 };

/* Reads every byte, for the sanitizer. */
static uint64_t fuzz_touch(struct bytes view)
{
    uint64_t sum = view.size;
    for (size_t i = 0; i < view.size; i++) {
        sum = sum * 31 + view.data[i];
    }
    return sum;
}

static void fuzz_headers(const struct batch_record *record)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct batch_header header;
    for (int32_t i = 0; i < record->header_count; i++) {
        check(batch_header_next(&at, end, &header) == 1);
        check(!bytes_is_null(header.key));
        fuzz_touch(header.value);
    }
    check(batch_header_next(&at, end, &header) == 0);
}

static void fuzz_same(const struct batch_record *left, const struct batch_record *right)
{
    check(left->offset == right->offset);
    check(left->timestamp_ms == right->timestamp_ms);
    check(bytes_equal(left->key, right->key));
    check(bytes_equal(left->value, right->value));
    check(left->header_count == right->header_count);
    check(bytes_equal(left->headers_encoded, right->headers_encoded));
}

/* Walks both batches side by side. */
static void fuzz_compare(const struct batch *batch, const struct batch *rebuilt, size_t limit)
{
    struct batch_iterator left, right;
    struct batch_record left_record, right_record;
    check(batch_iterator_open(&left, batch, limit) == 0);
    check(batch_iterator_open(&right, rebuilt, limit * 4) == 0);
    while (batch_iterator_next(&left, &left_record) == 1) {
        check(batch_iterator_next(&right, &right_record) == 1);
        fuzz_same(&left_record, &right_record);
    }
    check(batch_iterator_next(&right, &right_record) == 0);
    batch_iterator_close(&left);
    batch_iterator_close(&right);
}

static void fuzz_rebuilt(const struct batch *batch, struct batch_builder *builder, size_t limit)
{
    struct buffer out;
    struct batch rebuilt;
    buffer_init(&out);
    check(batch_builder_finish(builder, &out) == 0);
    check(batch_read_header(buffer_bytes(&out), &rebuilt, NULL) == 0);
    check(rebuilt.bytes.size == out.size);
    check(batch_crc_matches(&rebuilt));
    check(rebuilt.record_count == batch->record_count);
    fuzz_compare(batch, &rebuilt, limit);
    buffer_fini(&out);
}

static void fuzz_walk(const struct batch *batch, size_t limit)
{
    struct batch_iterator iterator;
    struct batch_record record;
    struct batch_builder builder;
    int result = batch_iterator_open(&iterator, batch, limit);
    if (result != 0) {
        check(iterator.inflated.data == NULL);
        return;
    }
    check(iterator.inflated.capacity <= limit + 1);
    /* The same records with any codec. */
    batch_builder_init(&builder, (enum compress_codec)(batch->crc % COMPRESS_CODEC_COUNT));
    builder.base_offset = batch->base_offset;
    while ((result = batch_iterator_next(&iterator, &record)) == 1) {
        fuzz_touch(record.key);
        fuzz_touch(record.value);
        fuzz_touch(record.encoded);
        fuzz_headers(&record);
        batch_builder_add_record(&builder, &record);
    }
    if (result == 0 && builder.record_count > 0) {
        fuzz_rebuilt(batch, &builder, limit);
    }
    batch_builder_fini(&builder);
    batch_iterator_close(&iterator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch batch;
    size_t needed = 0;
    int error = batch_read_header(bytes_make(data, size), &batch, &needed);
    if (error != 0) {
        check(needed == 0 || needed > size);
        return 0;
    }
    check(batch.bytes.size <= size);
    if (batch_validate(&batch) == 0) {
        check(batch_crc_matches(&batch));
        check(batch_last_offset(&batch) - batch.base_offset + 1 == batch.record_count);
    }
    fuzz_walk(&batch, size * FUZZ_INFLATED_FACTOR + FUZZ_INFLATED_MIN);
    return 0;
}
