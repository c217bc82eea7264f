/* Shows that a batch's header is read and judged: sizes, CRC, counts, sequences; and that what the
 * broker patches leaves the CRC right. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/wire/batch.h"
#include "tests/unit/log/wire/golden_batches.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { GOLDEN_SIZE = sizeof golden_none };

static struct bytes golden(void)
{
    return bytes_make(golden_none, GOLDEN_SIZE);
}

/* A golden batch with `size` bytes at `place` replaced and the CRC made right again. */
static int validate_with(size_t place, const void *data, size_t size)
{
    uint8_t copy[GOLDEN_SIZE];
    struct batch batch;
    memcpy(copy, golden_none, sizeof copy);
    memcpy(copy + place, data, size);
    endian_write_u32(copy + BATCH_CRC_PLACE,
                     crc32c_update(0, copy + BATCH_CRC_START, sizeof copy - BATCH_CRC_START));
    int error = batch_read_header(bytes_make(copy, sizeof copy), &batch, NULL);
    return error != 0 ? error : batch_validate(&batch);
}

static void the_header_is_read(void **state)
{
    (void)state;
    struct batch batch;
    assert_int_equal(batch_read_header(golden(), &batch, NULL), 0);
    assert_int_equal(batch.bytes.size, GOLDEN_SIZE);
    assert_int_equal(batch.base_offset, 0);
    assert_int_equal(batch.attributes, 0);
    assert_int_equal(batch.last_offset_delta, 5);
    assert_int_equal(batch.base_timestamp, 1700000000000);
    assert_int_equal(batch.max_timestamp, 1700000004000);
    assert_int_equal(batch.producer_id, 4711);
    assert_int_equal(batch.producer_epoch, 3);
    assert_int_equal(batch.base_sequence, 100);
    assert_int_equal(batch.record_count, 6);
    assert_int_equal(batch_last_offset(&batch), 5);
    assert_int_equal(batch_next_offset(&batch), 6);
    assert_int_equal(batch_last_sequence(&batch), 105);
    assert_false(batch_is_control(&batch));
    assert_false(batch_is_transactional(&batch));
    assert_int_equal(batch_validate(&batch), 0);
}

static void a_batch_cut_short_says_what_it_needs(void **state)
{
    (void)state;
    struct batch batch;
    for (size_t size = 0; size < GOLDEN_SIZE; size++) {
        uint8_t *copy = malloc(size + 1);
        size_t needed = 0;
        memcpy(copy, golden_none, size);
        assert_int_equal(batch_read_header(bytes_make(copy, size), &batch, &needed),
                         ERROR_TRUNCATED);
        assert_int_equal(needed, size < 12 ? (size_t)BATCH_HEADER_SIZE : (size_t)GOLDEN_SIZE);
        free(copy);
    }
}

static void what_follows_the_first_batch_is_not_its_own(void **state)
{
    (void)state;
    uint8_t two[2 * GOLDEN_SIZE];
    struct batch batch;
    memcpy(two, golden_none, GOLDEN_SIZE);
    memcpy(two + GOLDEN_SIZE, golden_none, GOLDEN_SIZE);
    assert_int_equal(batch_read_header(bytes_make(two, sizeof two), &batch, NULL), 0);
    assert_int_equal(batch.bytes.size, GOLDEN_SIZE);
    assert_int_equal(batch_validate(&batch), 0);
}

static void impossible_headers_are_corrupt(void **state)
{
    (void)state;
    assert_int_equal(validate_with(8, "\x00\x00\x00\x30", 4), ERROR_CORRUPT); /* size */
    assert_int_equal(validate_with(8, "\xff\xff\xff\xff", 4), ERROR_CORRUPT);
    assert_int_equal(validate_with(16, "\x01", 1), ERROR_CORRUPT);             /* magic */
    assert_int_equal(validate_with(23, "\xff\xff\xff\xff", 4), ERROR_CORRUPT); /* offsets */
    assert_int_equal(validate_with(0, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8), ERROR_CORRUPT);
}

static void every_changed_byte_under_the_crc_is_seen(void **state)
{
    (void)state;
    for (size_t place = BATCH_CRC_PLACE; place < GOLDEN_SIZE; place++) {
        uint8_t copy[GOLDEN_SIZE];
        struct batch batch;
        memcpy(copy, golden_none, sizeof copy);
        copy[place] ^= 0x10;
        int error = batch_read_header(bytes_make(copy, sizeof copy), &batch, NULL);
        assert_int_equal(error != 0 ? ERROR_CORRUPT_MESSAGE : batch_validate(&batch),
                         ERROR_CORRUPT_MESSAGE);
    }
}

static void counts_that_lie_are_invalid(void **state)
{
    (void)state;
    assert_int_equal(validate_with(57, "\x00\x00\x00\x06", 4), 0);
    assert_int_equal(validate_with(57, "\x00\x00\x00\x05", 4), ERROR_INVALID_RECORD);
    assert_int_equal(validate_with(57, "\x00\x00\x00\x00", 4), ERROR_INVALID_RECORD);
    assert_int_equal(validate_with(57, "\x80\x00\x00\x00", 4), ERROR_INVALID_RECORD);
    assert_int_equal(validate_with(23, "\x00\x00\x00\x06", 4), ERROR_INVALID_RECORD);
    /* More records than bytes. */
    uint8_t fields[38];
    memcpy(fields, golden_none + 23, sizeof fields);
    endian_write_i32(fields, 9999);
    endian_write_i32(fields + 34, 10000);
    assert_int_equal(validate_with(23, fields, sizeof fields), ERROR_INVALID_RECORD);
}

static void codecs_we_do_not_know_are_unsupported(void **state)
{
    (void)state;
    for (uint8_t codec = 5; codec < 8; codec++) {
        const uint8_t attributes[] = {0, codec};
        assert_int_equal(validate_with(21, attributes, 2), ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    }
}

static void a_producer_needs_its_epoch_and_sequence(void **state)
{
    (void)state;
    assert_int_equal(validate_with(51, "\xff\xff", 2), ERROR_INVALID_RECORD);
    assert_int_equal(validate_with(53, "\xff\xff\xff\xff", 4), ERROR_INVALID_RECORD);
    assert_int_equal(validate_with(43, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 0);
    /* A transaction needs a producer. */
    uint8_t fields[32];
    memcpy(fields, golden_none + 21, sizeof fields);
    fields[1] |= BATCH_TRANSACTIONAL;
    assert_int_equal(validate_with(21, fields, sizeof fields), 0);
    endian_write_i64(fields + 22, -1);
    assert_int_equal(validate_with(21, fields, sizeof fields), ERROR_INVALID_RECORD);
}

static void the_last_sequence_wraps(void **state)
{
    (void)state;
    struct batch batch = {.base_sequence = INT32_MAX - 1, .last_offset_delta = 3};
    assert_int_equal(batch_last_sequence(&batch), 1);
    batch.base_sequence = -1;
    assert_int_equal(batch_last_sequence(&batch), -1);
}

static void the_broker_patches_without_breaking_the_crc(void **state)
{
    (void)state;
    uint8_t copy[GOLDEN_SIZE];
    struct batch batch;
    memcpy(copy, golden_none, sizeof copy);
    batch_set_base_offset(copy, 123456789012);
    batch_set_leader_epoch(copy, 17);
    assert_int_equal(batch_read_header(bytes_make(copy, sizeof copy), &batch, NULL), 0);
    assert_int_equal(batch.base_offset, 123456789012);
    assert_int_equal(batch.leader_epoch, 17);
    assert_int_equal(batch_last_offset(&batch), 123456789017);
    assert_true(batch_crc_matches(&batch));

    batch_set_append_time(copy, sizeof copy, 1800000000000);
    assert_false(batch_crc_matches(&batch));
    assert_int_equal(batch_read_header(bytes_make(copy, sizeof copy), &batch, NULL), 0);
    assert_true(batch_crc_matches(&batch));
    assert_int_equal(batch.attributes, BATCH_LOG_APPEND_TIME);
    assert_int_equal(batch.max_timestamp, 1800000000000);
    assert_int_equal(batch.base_timestamp, 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_read),
        cmocka_unit_test(a_batch_cut_short_says_what_it_needs),
        cmocka_unit_test(what_follows_the_first_batch_is_not_its_own),
        cmocka_unit_test(impossible_headers_are_corrupt),
        cmocka_unit_test(every_changed_byte_under_the_crc_is_seen),
        cmocka_unit_test(counts_that_lie_are_invalid),
        cmocka_unit_test(codecs_we_do_not_know_are_unsupported),
        cmocka_unit_test(a_producer_needs_its_epoch_and_sequence),
        cmocka_unit_test(the_last_sequence_wraps),
        cmocka_unit_test(the_broker_patches_without_breaking_the_crc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
