/* Shows that every way to the sum (the table, the instruction, three streams at once) agrees with
 * the polynomial divided bit by bit, at every size, alignment and split.
 *
 * The file is included, not linked, so that the table is tested where the instruction is used. */
#include "log/base/crc32c.c"
#include "tests/unit/unit.h"

enum { SIZE_MAX_TESTED = 3 * 3 * CRC32C_BLOCK_SIZE + 100 };

static uint8_t noise[SIZE_MAX_TESTED + 16];

static int make_noise(void **state)
{
    (void)state;
    uint32_t seed = 12345;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = (uint8_t)(seed >> 24);
    }
    return 0;
}

static uint32_t divide(uint32_t sum, uint8_t byte)
{
    sum ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        sum = (sum & 1) != 0 ? sum >> 1 ^ 0x82f63b78u : sum >> 1;
    }
    return sum;
}

static void known_sums_come_out(void **state)
{
    (void)state;
    uint8_t block[32] = {0};
    assert_int_equal(crc32c_update(0, "", 0), 0);
    assert_int_equal(crc32c_update(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_update(0, block, sizeof block), 0x8a9136aa); /* RFC 3720 §B.4 */
    memset(block, 0xff, sizeof block);
    assert_int_equal(crc32c_update(0, block, sizeof block), 0x62a8ab43);
    for (int i = 0; i < 32; i++) {
        block[i] = (uint8_t)i;
    }
    assert_int_equal(crc32c_update(0, block, sizeof block), 0x46dd794e);
}

static void every_size_gives_the_same_sum_each_way(void **state)
{
    (void)state;
    uint32_t expected = ~0u;
    for (size_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        assert_int_equal(crc32c_update(0, noise, size), ~expected);
        assert_int_equal(~crc32c_plain(~0u, noise, size), ~expected);
        expected = divide(expected, noise[size]);
    }
}

static void any_alignment_and_any_split_give_the_same_sum(void **state)
{
    (void)state;
    const size_t size = 3 * CRC32C_BLOCK_SIZE + 50;
    for (size_t start = 0; start < 16; start++) {
        uint32_t whole = crc32c_update(0, noise + start, size);
        assert_int_equal(whole, ~crc32c_plain(~0u, noise + start, size));
        for (size_t split = 0; split <= size; split += 37) {
            uint32_t crc = crc32c_update(0, noise + start, split);
            assert_int_equal(crc32c_update(crc, noise + start + split, size - split), whole);
        }
    }
}

static void one_changed_bit_changes_the_sum(void **state)
{
    (void)state;
    uint32_t whole = crc32c_update(0, noise, 4000);
    for (size_t i = 0; i < 4000; i += 13) {
        noise[i] ^= 1;
        assert_int_not_equal(crc32c_update(0, noise, 4000), whole);
        noise[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_sums_come_out),
        cmocka_unit_test(every_size_gives_the_same_sum_each_way),
        cmocka_unit_test(any_alignment_and_any_split_give_the_same_sum),
        cmocka_unit_test(one_changed_bit_changes_the_sum),
    };
    return cmocka_run_group_tests(tests, make_noise, NULL);
}
