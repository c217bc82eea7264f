/* Feeds bytes to the three passes of compaction as the batches of a log.
 *
 *      0  1  bit 0: batches get a good CRC; bit 1: producer 7 is alive; bit 2: a small map
 *      1  1  the last offset of the file that is made
 *      2  1  where the part begins that was not compacted before
 *      3  1  the time, in thousands of milliseconds
 *      4     batches
 *
 * Promises: what stays are whole batches with good CRCs and rising offsets, each at a place where
 * there was one; each record that stays was there, with its key and its value; nothing is kept
 * twice; the passes over what stays, later, keep no more. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/store/cleaner_filter.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

enum {
    FUZZ_HEAD_SIZE = 4,
    FUZZ_CRC = 1 << 0,
    FUZZ_ALIVE = 1 << 1,
    FUZZ_SMALL = 1 << 2,
    FUZZ_RECORDS_MAX = 1 << 28,
};

static void fuzz_write_crcs(struct buffer *batches)
{
    size_t at = 0;
    while (batches->size - at >= BATCH_HEADER_SIZE) {
        uint8_t *batch = batches->data + at;
        size_t size = (size_t)(uint32_t)endian_read_i32(batch + 8) + BATCH_PREFIX_SIZE;
        if (size > batches->size - at || size < BATCH_HEADER_SIZE) {
            return;
        }
        endian_write_u32(batch + BATCH_CRC_PLACE,
                         crc32c_update(0, batch + BATCH_CRC_START, size - BATCH_CRC_START));
        at += size;
    }
}

/* The next batch whose offsets follow, as the walk of a segment wants them; false at the end. */
static bool fuzz_next(struct bytes *rest, int64_t *next_offset, struct batch *out)
{
    if (batch_read_header(*rest, out, NULL) != 0 || out->base_offset < *next_offset) {
        return false;
    }
    *next_offset = batch_next_offset(out);
    *rest = bytes_make(rest->data + out->bytes.size, rest->size - out->bytes.size);
    return true;
}

/* What lies end to end with rising offsets at the front. */
static struct bytes fuzz_cut(struct bytes batches)
{
    struct bytes rest = batches;
    struct batch batch;
    int64_t next_offset = 0;
    while (fuzz_next(&rest, &next_offset, &batch)) {}
    return bytes_make(batches.data, batches.size - rest.size);
}

/* The original batch at the same place; there must be one. */
static struct batch fuzz_original(struct bytes batches, int64_t base_offset)
{
    struct batch batch = {.base_offset = -1};
    int64_t next_offset = 0;
    while (batch.base_offset != base_offset) {
        check(fuzz_next(&batches, &next_offset, &batch));
    }
    return batch;
}

static void fuzz_check_records(const struct batch *batch, const struct batch *original)
{
    struct batch_iterator left;
    struct batch_iterator all;
    struct batch_record record;
    struct batch_record other = {.offset = -1};
    if (batch->record_count == 0 || bytes_equal(batch->bytes, original->bytes)) {
        return;
    }
    check(batch_iterator_open(&left, batch, FUZZ_RECORDS_MAX) == 0);
    check(batch_iterator_open(&all, original, FUZZ_RECORDS_MAX) == 0);
    int result = 0;
    while ((result = batch_iterator_next(&left, &record)) > 0) {
        while (other.offset < record.offset) {
            check(batch_iterator_next(&all, &other) > 0);
        }
        check(other.offset == record.offset);
        check(other.timestamp_ms == record.timestamp_ms);
        check(bytes_equal(other.key, record.key) && bytes_equal(other.value, record.value));
    }
    check(result == 0);
    batch_iterator_close(&left);
    batch_iterator_close(&all);
}

static void fuzz_check(struct bytes left, struct bytes batches)
{
    struct batch batch;
    int64_t next_offset = 0;
    while (fuzz_next(&left, &next_offset, &batch)) {
        struct batch original = fuzz_original(batches, batch.base_offset);
        check(batch_crc_matches(&batch));
        check(batch_last_offset(&batch) == batch_last_offset(&original));
        fuzz_check_records(&batch, &original);
    }
    check(left.size == 0);
}

static int fuzz_pass(struct cleaner_filter *filter, enum cleaner_pass pass, struct bytes batches)
{
    size_t taken = 0;
    size_t needed = 0;
    filter->pass = pass;
    cleaner_filter_begin_file(filter, 0, INT64_MAX);
    return cleaner_filter_take(filter, batches, &taken, &needed);
}

/* All passes, as a run makes them; the size of what stays, or -1 when something is damaged. */
static int64_t fuzz_compact(const uint8_t *head, struct bytes batches, int64_t now_ms,
                            struct buffer *out)
{
    struct cleaner_filter filter;
    struct hash_secret secret = {{1, 2}};
    struct producer_state_entry alive = {.producer_id = 7, .epoch = 0, .batch_count = 1};
    alive.batches[0].last_offset = head[1];
    cleaner_filter_init(&filter);
    filter.dirty_offset = head[2];
    filter.end_offset = INT64_MAX;
    filter.now_ms = now_ms;
    filter.delete_retention_ms = 1000;
    filter.keep_offset = head[1];
    if (head[0] & FUZZ_ALIVE) {
        cleaner_producers_keep(&filter.producers, &alive);
    }
    int error = fuzz_pass(&filter, CLEANER_SCAN, batches);
    int64_t open_offset = cleaner_producers_open_offset(&filter.producers);
    filter.end_offset = open_offset;
    filter.map_end = open_offset;
    offset_map_init(&filter.map, head[0] & FUZZ_SMALL ? 50 : 1 << 16, 1000, &secret);
    error = error == 0 ? fuzz_pass(&filter, CLEANER_MAP, batches) : error;
    filter.is_full = false;
    error = error == 0 ? fuzz_pass(&filter, CLEANER_COPY, batches) : error;
    if (error == 0) {
        fuzz_check(buffer_bytes(&filter.out), batches);
        buffer_add_bytes(out, buffer_bytes(&filter.out));
    }
    cleaner_filter_fini(&filter);
    return error == 0 ? (int64_t)out->size : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer batches;
    struct buffer once;
    struct buffer twice;
    if (size < FUZZ_HEAD_SIZE) {
        return 0;
    }
    gauge_start(FUZZ_RECORDS_MAX + (16 << 20));
    buffer_init(&batches);
    buffer_init(&once);
    buffer_init(&twice);
    buffer_add(&batches, data + FUZZ_HEAD_SIZE, size - FUZZ_HEAD_SIZE);
    if (data[0] & FUZZ_CRC) {
        fuzz_write_crcs(&batches);
    }
    struct bytes whole = fuzz_cut(buffer_bytes(&batches));
    int64_t now_ms = data[3] * INT64_C(1000);
    if (fuzz_compact(data, whole, now_ms, &once) >= 0) {
        check(fuzz_compact(data, buffer_bytes(&once), now_ms + 2000, &twice) >= 0);
    }
    buffer_fini(&batches);
    buffer_fini(&once);
    buffer_fini(&twice);
    return 0;
}
