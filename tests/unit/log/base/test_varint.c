/* Shows that varints come back as they were written, in the size that was promised, and that
 * nothing is read past the end or taken from an encoding that is too long. */
#include "log/base/error.h"
#include "log/base/varint.h"
#include "tests/unit/unit.h"

#include <string.h>

static void known_encodings_come_out(void **state)
{
    (void)state;
    const struct {
        int64_t value;
        const char *bytes;
        size_t size;
    } cases[] = {
        {0, "\x00", 1},
        {-1, "\x01", 1},
        {1, "\x02", 1},
        {63, "\x7e", 1},
        {-64, "\x7f", 1},
        {64, "\x80\x01", 2},
        {INT32_MAX, "\xfe\xff\xff\xff\x0f", 5},
        {INT32_MIN, "\xff\xff\xff\xff\x0f", 5},
        {INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
        {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[VARLONG_SIZE_MAX];
        assert_int_equal(varlong_write(out, cases[i].value), cases[i].size);
        assert_memory_equal(out, cases[i].bytes, cases[i].size);
        if (cases[i].value >= INT32_MIN && cases[i].value <= INT32_MAX) {
            assert_int_equal(varint_write(out, (int32_t)cases[i].value), cases[i].size);
            assert_memory_equal(out, cases[i].bytes, cases[i].size);
        }
    }
}

static void expect_round_trip(int64_t value)
{
    uint8_t out[VARLONG_SIZE_MAX];
    const uint8_t *at = out;
    int64_t long_read = 0;
    int32_t read = 0;
    uint32_t unsigned_read = 0;
    size_t size = varlong_write(out, value);
    assert_int_equal(size, varlong_size(value));
    assert_int_equal(varlong_read(&at, out + size, &long_read), 0);
    assert_int_equal(long_read, value);
    assert_ptr_equal(at, out + size);

    size = varint_write(out, (int32_t)value);
    assert_int_equal(size, varint_size((int32_t)value));
    at = out;
    assert_int_equal(varint_read(&at, out + size, &read), 0);
    assert_int_equal(read, (int32_t)value);
    assert_ptr_equal(at, out + size);

    size = varint_write_unsigned(out, (uint32_t)value);
    assert_int_equal(size, varint_size_unsigned((uint32_t)value));
    at = out;
    assert_int_equal(varint_read_unsigned(&at, out + size, &unsigned_read), 0);
    assert_int_equal(unsigned_read, (uint32_t)value);
    assert_ptr_equal(at, out + size);
}

static void values_around_every_power_of_two_come_back(void **state)
{
    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        for (int64_t delta = -2; delta <= 2; delta++) {
            int64_t value = (int64_t)(((uint64_t)1 << bit) + (uint64_t)delta);
            expect_round_trip(value);
            expect_round_trip((int64_t)(0 - (uint64_t)value));
        }
    }
}

static void an_encoding_cut_anywhere_is_truncated(void **state)
{
    (void)state;
    uint8_t out[VARLONG_SIZE_MAX];
    size_t size = varlong_write(out, INT64_MIN);
    for (size_t cut = 0; cut < size; cut++) {
        const uint8_t *at = out;
        int64_t value = 4711;
        assert_int_equal(varlong_read(&at, out + cut, &value), ERROR_TRUNCATED);
        assert_ptr_equal(at, out);
        assert_int_equal(value, 4711);
    }
    size = varint_write(out, INT32_MIN);
    for (size_t cut = 0; cut < size; cut++) {
        const uint8_t *at = out;
        int32_t value = 4711;
        assert_int_equal(varint_read(&at, out + cut, &value), ERROR_TRUNCATED);
        assert_ptr_equal(at, out);
        assert_int_equal(value, 4711);
    }
}

static void an_encoding_with_too_many_bits_is_malformed(void **state)
{
    (void)state;
    const char *const too_long[] = {"\xff\xff\xff\xff\x10", "\x80\x80\x80\x80\x80\x00",
                                    "\xff\xff\xff\xff\x7f", "\xff\xff\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof too_long / sizeof *too_long; i++) {
        const uint8_t *start = (const uint8_t *)too_long[i];
        const uint8_t *at = start;
        int32_t value = 4711;
        uint32_t unsigned_value = 4711;
        assert_int_equal(varint_read(&at, start + 6, &value), ERROR_MALFORMED);
        assert_int_equal(varint_read_unsigned(&at, start + 6, &unsigned_value), ERROR_MALFORMED);
        assert_ptr_equal(at, start);
        assert_int_equal(value, 4711);
    }
    uint8_t bytes[11];
    memset(bytes, 0xff, sizeof bytes);
    for (int last = 2; last < 256; last++) {
        const uint8_t *at = bytes;
        int64_t value = 4711;
        bytes[9] = (uint8_t)last;
        assert_int_equal(varlong_read(&at, bytes + 11, &value), ERROR_MALFORMED);
        assert_ptr_equal(at, bytes);
    }
}

static void padding_inside_the_limit_is_read(void **state)
{
    (void)state;
    const uint8_t padded[] = {0x82, 0x80, 0x80, 0x00};
    const uint8_t *at = padded;
    int32_t value = 0;
    assert_int_equal(varint_read(&at, padded + sizeof padded, &value), 0);
    assert_int_equal(value, 1);
    assert_ptr_equal(at, padded + sizeof padded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_encodings_come_out),
        cmocka_unit_test(values_around_every_power_of_two_come_back),
        cmocka_unit_test(an_encoding_cut_anywhere_is_truncated),
        cmocka_unit_test(an_encoding_with_too_many_bits_is_malformed),
        cmocka_unit_test(padding_inside_the_limit_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
