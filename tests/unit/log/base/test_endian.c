/* Shows that integers are stored with their highest byte first, at any address. */
#include "log/base/endian.h"
#include "tests/unit/unit.h"

static void the_highest_byte_comes_first(void **state)
{
    (void)state;
    uint8_t bytes[9] = {0};
    endian_write_u16(bytes + 1, 0x0102);
    assert_memory_equal(bytes, "\0\1\2\0", 4);
    endian_write_u32(bytes + 1, 0x01020304);
    assert_memory_equal(bytes, "\0\1\2\3\4\0", 6);
    endian_write_u64(bytes + 1, 0x0102030405060708);
    assert_memory_equal(bytes, "\0\1\2\3\4\5\6\7\10", 9);
    assert_int_equal(endian_read_u16(bytes + 1), 0x0102);
    assert_int_equal(endian_read_u32(bytes + 1), 0x01020304);
    assert_int_equal(endian_read_u64(bytes + 1), 0x0102030405060708);
}

static void signs_survive(void **state)
{
    (void)state;
    uint8_t bytes[8];
    endian_write_i16(bytes, -2);
    assert_int_equal(endian_read_i16(bytes), -2);
    endian_write_i32(bytes, INT32_MIN);
    assert_int_equal(endian_read_i32(bytes), INT32_MIN);
    endian_write_i64(bytes, -1);
    assert_int_equal(endian_read_i64(bytes), -1);
    assert_int_equal(endian_read_u64(bytes), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_byte_comes_first),
        cmocka_unit_test(signs_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
