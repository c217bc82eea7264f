/* Shows that frames come back as they were written, piece by piece, and that nothing else is
 * believed. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "runtime/admin/relay.h"
#include "tests/unit/unit.h"

#include <string.h>

static void write_sample(struct buffer *out)
{
    struct relay_frame frame = {
        .kind = 3,
        .number = UINT64_C(1) << 60 | 7,
        .status = 503,
        .parts = {bytes_from_string("GET"), bytes_make("a\0b", 3), bytes_make("", 0)},
        .part_count = 3};
    assert_int_equal(relay_write(&frame, out), 0);
}

static void a_frame_comes_back_as_it_was(void **state)
{
    (void)state;
    struct buffer bytes;
    struct relay_frame frame;
    buffer_init(&bytes);
    write_sample(&bytes);
    size_t size = bytes.size;
    buffer_add_string(&bytes, "more");
    assert_int_equal(relay_read(buffer_bytes(&bytes), &frame), size);
    assert_int_equal(frame.kind, 3);
    assert_true(frame.number == (UINT64_C(1) << 60 | 7));
    assert_int_equal(frame.status, 503);
    assert_int_equal(frame.part_count, 3);
    assert_true(bytes_equal(frame.parts[0], bytes_from_string("GET")));
    assert_true(bytes_equal(frame.parts[1], bytes_make("a\0b", 3)));
    assert_int_equal(frame.parts[2].size, 0);
    buffer_fini(&bytes);
}

static void a_frame_that_is_not_whole_is_waited_for(void **state)
{
    (void)state;
    struct buffer bytes;
    struct relay_frame frame;
    buffer_init(&bytes);
    write_sample(&bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(relay_read(bytes_make(bytes.data, size), &frame), 0);
    }
    buffer_fini(&bytes);
}

/* Each row writes a number over a byte of the sample, or over the size of it or of a part. */
static void what_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        bool is_byte;
        uint32_t value;
        int error;
    } rows[] = {
        {0, false, UINT32_MAX, ERROR_TOO_LARGE}, {0, false, RELAY_SIZE_MAX, ERROR_TOO_LARGE},
        {0, false, 13, ERROR_MALFORMED},  /* less than a head */
        {0, false, 14, ERROR_MALFORMED},  /* no room for its parts */
        {17, true, 2, ERROR_MALFORMED},   /* bytes behind the last part */
        {17, true, 4, ERROR_MALFORMED},   /* a part behind the last byte */
        {17, true, 255, ERROR_MALFORMED}, /* more parts than there may be */
        {18, false, 1000, ERROR_MALFORMED},      {18, false, UINT32_MAX, ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer bytes;
        struct relay_frame frame;
        buffer_init(&bytes);
        write_sample(&bytes);
        if (rows[i].is_byte) {
            bytes.data[rows[i].at] = (uint8_t)rows[i].value;
        } else {
            endian_write_u32(bytes.data + rows[i].at, rows[i].value);
        }
        assert_int_equal(relay_read(buffer_bytes(&bytes), &frame), rows[i].error);
        buffer_fini(&bytes);
    }
}

static void what_is_too_large_is_not_written(void **state)
{
    (void)state;
    struct buffer bytes;
    struct relay_frame frame = {.parts = {bytes_make("", RELAY_SIZE_MAX)}, .part_count = 1};
    buffer_init(&bytes);
    assert_int_equal(relay_write(&frame, &bytes), ERROR_TOO_LARGE);
    assert_int_equal(bytes.size, 0);
    buffer_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_comes_back_as_it_was),
        cmocka_unit_test(a_frame_that_is_not_whole_is_waited_for),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(what_is_too_large_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
