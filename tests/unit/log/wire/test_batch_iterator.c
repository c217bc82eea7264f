/* Shows that the records of batches written by another client are read with every codec, and that
 * no record, however damaged, is read past its batch or passes for another. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/wire/batch.h"
#include "tests/unit/log/wire/golden_batches.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1024 * 1024, GOLDEN_SIZE = sizeof golden_none };

static struct batch read_header(struct bytes bytes)
{
    struct batch batch;
    assert_int_equal(batch_read_header(bytes, &batch, NULL), 0);
    return batch;
}

static void expect_golden_record(const struct batch_record *record, int index)
{
    char key[16], value[128];
    snprintf(key, sizeof key, "key-%d", index);
    snprintf(value, sizeof value, "%s%s%d", "a value that repeats, a value that repeats, ",
             "a value that repeats, a value that repeats, ", index);
    assert_int_equal(record->offset, 1000 + index);
    assert_int_equal(record->timestamp_ms, 1700000000000 + (index == 5 ? 0 : 1000 * index));
    assert_true(bytes_equal(record->key, bytes_from_string(index == 2 ? NULL : key)));
    assert_true(bytes_equal(record->value, bytes_from_string(index == 3 ? NULL : value)));
    assert_int_equal(record->header_count, index == 4 ? 2 : 0);
}

static void expect_golden_headers(const struct batch_record *record)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct batch_header header;
    assert_int_equal(batch_header_next(&at, end, &header), 1);
    assert_true(bytes_equal_string(header.key, "trace"));
    assert_true(bytes_equal(header.value, bytes_make("\x01\x02", 2)));
    assert_int_equal(batch_header_next(&at, end, &header), 1);
    assert_true(bytes_equal_string(header.key, "empty"));
    assert_true(bytes_is_null(header.value));
    assert_int_equal(batch_header_next(&at, end, &header), 0);
}

static void expect_golden(const uint8_t *data, size_t size, enum compress_codec codec)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    batch_set_base_offset(copy, 1000);
    struct batch batch = read_header(bytes_make(copy, size));
    struct batch_iterator iterator;
    struct batch_record record;
    assert_int_equal(batch_validate(&batch), 0);
    assert_int_equal(batch_codec(&batch), codec);
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(batch_iterator_next(&iterator, &record), 1);
        expect_golden_record(&record, i);
        if (i == 4) {
            expect_golden_headers(&record);
        }
    }
    assert_int_equal(batch_iterator_next(&iterator, &record), 0);
    assert_int_equal(batch_iterator_next(&iterator, &record), 0);
    batch_iterator_close(&iterator);
    assert_int_equal(batch_iterator_next(&iterator, &record), 0);
    free(copy);
}

static void batches_of_another_client_are_read(void **state)
{
    (void)state;
    expect_golden(golden_none, sizeof golden_none, COMPRESS_NONE);
    expect_golden(golden_gzip, sizeof golden_gzip, COMPRESS_GZIP);
    expect_golden(golden_snappy, sizeof golden_snappy, COMPRESS_SNAPPY);
    expect_golden(golden_snappy_raw, sizeof golden_snappy_raw, COMPRESS_SNAPPY);
    expect_golden(golden_lz4, sizeof golden_lz4, COMPRESS_LZ4);
    expect_golden(golden_zstd, sizeof golden_zstd, COMPRESS_ZSTD);
}

static void encoded_records_lie_end_to_end(void **state)
{
    (void)state;
    struct batch batch = read_header(bytes_make(golden_none, GOLDEN_SIZE));
    struct batch_iterator iterator;
    struct batch_record record;
    const uint8_t *at = golden_none + BATCH_HEADER_SIZE;
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    while (batch_iterator_next(&iterator, &record) == 1) {
        assert_ptr_equal(record.encoded.data, at);
        at += record.encoded.size;
    }
    assert_ptr_equal(at, golden_none + GOLDEN_SIZE);
    batch_iterator_close(&iterator);
}

static void append_time_stands_for_every_records_time(void **state)
{
    (void)state;
    uint8_t copy[GOLDEN_SIZE];
    struct batch_iterator iterator;
    struct batch_record record;
    memcpy(copy, golden_none, sizeof copy);
    batch_set_append_time(copy, sizeof copy, 42);
    struct batch batch = read_header(bytes_make(copy, sizeof copy));
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    while (batch_iterator_next(&iterator, &record) == 1) {
        assert_int_equal(record.timestamp_ms, 42);
    }
    batch_iterator_close(&iterator);
}

/* Walks to the end and says how it ended; reads every byte that the records point at. */
static int walk(struct bytes bytes)
{
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    int result = batch_read_header(bytes, &batch, NULL);
    if (result == 0) {
        result = batch_iterator_open(&iterator, &batch, LIMIT);
    }
    if (result != 0) {
        return result;
    }
    uint64_t sum = 0;
    while ((result = batch_iterator_next(&iterator, &record)) == 1) {
        struct bytes views[] = {record.key, record.value, record.headers_encoded, record.encoded};
        for (size_t i = 0; i < 4; i++) {
            for (size_t j = 0; j < views[i].size; j++) {
                sum += views[i].data[j];
            }
        }
        const uint8_t *at = record.headers_encoded.data;
        const uint8_t *end = at + record.headers_encoded.size;
        struct batch_header header;
        for (int32_t i = 0; i < record.header_count; i++) {
            assert_int_equal(batch_header_next(&at, end, &header), 1);
        }
        assert_int_equal(batch_header_next(&at, end, &header), 0);
    }
    batch_iterator_close(&iterator);
    return sum == UINT64_MAX ? 1 : result;
}

static void mutated_batches_are_walked_inside_their_bytes(void **state)
{
    (void)state;
    static const struct bytes goldens[] = {
        {golden_none, sizeof golden_none},     {golden_gzip, sizeof golden_gzip},
        {golden_snappy, sizeof golden_snappy}, {golden_snappy_raw, sizeof golden_snappy_raw},
        {golden_lz4, sizeof golden_lz4},       {golden_zstd, sizeof golden_zstd},
    };
    static const uint8_t masks[] = {0x01, 0x02, 0x10, 0x80, 0xff};
    int refused = 0;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        uint8_t *copy = malloc(goldens[i].size);
        for (size_t place = 0; place < goldens[i].size; place++) {
            for (size_t mask = 0; mask < sizeof masks; mask++) {
                memcpy(copy, goldens[i].data, goldens[i].size);
                copy[place] ^= masks[mask];
                int result = walk(bytes_make(copy, goldens[i].size));
                assert_true(result <= 0);
                refused += result < 0;
            }
        }
        free(copy);
    }
    assert_true(refused > 1000);
}

/* One record in a batch of its own that claims `count` records; no CRC is needed to iterate. */
static int walk_record(struct bytes record, int32_t count, int32_t last_offset_delta)
{
    size_t size = BATCH_HEADER_SIZE + record.size;
    uint8_t *data = malloc(size);
    memcpy(data, golden_none, BATCH_HEADER_SIZE);
    memcpy(data + BATCH_HEADER_SIZE, record.data, record.size);
    endian_write_i32(data + 8, (int32_t)(size - BATCH_PREFIX_SIZE));
    endian_write_i32(data + 23, last_offset_delta);
    endian_write_i32(data + 57, count);
    int result = walk(bytes_make(data, size));
    free(data);
    return result;
}

#define WALK(count, last_delta, ...)                                                               \
    walk_record(                                                                                   \
        bytes_make(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})),      \
        (count), (last_delta))

static void malformed_records_are_refused(void **state)
{
    (void)state;
    /* size, attributes, time, offset, key, value, headers */
    assert_int_equal(WALK(1, 0, 12, 0, 0, 0, 1, 1, 0), 0);
    assert_int_equal(WALK(1, 0, 14, 0, 0, 0, 1, 1, 0), ERROR_INVALID_RECORD); /* too long */
    assert_int_equal(WALK(1, 0, 10, 0, 0, 0, 1, 1, 0), ERROR_INVALID_RECORD); /* too short */
    assert_int_equal(WALK(1, 0, 11, 0, 0, 0, 1, 1, 0), ERROR_INVALID_RECORD); /* negative */
    assert_int_equal(WALK(1, 0, 0, 0, 0, 0, 1, 1, 0), ERROR_INVALID_RECORD);
    assert_int_equal(WALK(1, 0, 12, 0, 0, 0, 3, 1, 0), ERROR_INVALID_RECORD); /* key size -2 */
    assert_int_equal(WALK(1, 0, 12, 0, 0, 0, 1, 8, 0), ERROR_INVALID_RECORD); /* value size 4 */
    assert_int_equal(WALK(1, 0, 12, 0, 0, 0, 1, 1, 1), ERROR_INVALID_RECORD); /* -1 headers */
    assert_int_equal(WALK(1, 0, 12, 0, 0, 0, 1, 1, 2), ERROR_INVALID_RECORD); /* no header */
    assert_int_equal(WALK(1, 0, 14, 0, 0, 0, 1, 1, 0, 7), ERROR_INVALID_RECORD);
}

static void headers_must_fill_their_place(void **state)
{
    (void)state;
    assert_int_equal(WALK(1, 0, 18, 0, 0, 0, 1, 1, 2, 2, 'k', 1), 0);
    assert_int_equal(WALK(1, 0, 16, 0, 0, 0, 1, 1, 2, 0, 1), 0);                    /* empty key */
    assert_int_equal(WALK(1, 0, 16, 0, 0, 0, 1, 1, 2, 1, 1), ERROR_INVALID_RECORD); /* null key */
    assert_int_equal(WALK(1, 0, 18, 0, 0, 0, 1, 1, 2, 0, 1, 9), ERROR_INVALID_RECORD);
    assert_int_equal(WALK(1, 0, 16, 0, 0, 0, 1, 1, 4, 0, 1), ERROR_INVALID_RECORD);
}

static void offsets_rise_within_the_batch(void **state)
{
    (void)state;
    assert_int_equal(WALK(2, 5, 12, 0, 0, 2, 1, 1, 0, 12, 0, 0, 10, 1, 1, 0), 0);
    assert_int_equal(WALK(2, 5, 12, 0, 0, 2, 1, 1, 0, 12, 0, 0, 12, 1, 1, 0), ERROR_INVALID_RECORD);
    assert_int_equal(WALK(2, 5, 12, 0, 0, 2, 1, 1, 0, 12, 0, 0, 2, 1, 1, 0), ERROR_INVALID_RECORD);
    assert_int_equal(WALK(1, 5, 12, 0, 0, 1, 1, 1, 0), ERROR_INVALID_RECORD);
}

static void counts_that_lie_are_corrupt(void **state)
{
    (void)state;
    assert_int_equal(WALK(2, 5, 12, 0, 0, 0, 1, 1, 0), ERROR_CORRUPT_MESSAGE);
    assert_int_equal(WALK(-1, 5, 12, 0, 0, 0, 1, 1, 0), ERROR_CORRUPT_MESSAGE);
    assert_int_equal(WALK(1, 5, 12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 2, 1, 1, 0), ERROR_CORRUPT_MESSAGE);
    assert_int_equal(WALK(2, 5, 14, 0, 0, 0, 2, 'k', 1, 0, 12, 0, 0, 0, 0, 0),
                     ERROR_INVALID_RECORD);
}

static void an_inflated_batch_past_its_limit_is_too_large(void **state)
{
    (void)state;
    struct batch_iterator iterator;
    struct batch batch = read_header(bytes_make(golden_zstd, sizeof golden_zstd));
    size_t size = GOLDEN_SIZE - BATCH_HEADER_SIZE;
    assert_int_equal(batch_iterator_open(&iterator, &batch, size - 1), ERROR_TOO_LARGE);
    assert_int_equal(batch_iterator_open(&iterator, &batch, size), 0);
    batch_iterator_close(&iterator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_another_client_are_read),
        cmocka_unit_test(encoded_records_lie_end_to_end),
        cmocka_unit_test(append_time_stands_for_every_records_time),
        cmocka_unit_test(mutated_batches_are_walked_inside_their_bytes),
        cmocka_unit_test(malformed_records_are_refused),
        cmocka_unit_test(headers_must_fill_their_place),
        cmocka_unit_test(offsets_rise_within_the_batch),
        cmocka_unit_test(counts_that_lie_are_corrupt),
        cmocka_unit_test(an_inflated_batch_past_its_limit_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
