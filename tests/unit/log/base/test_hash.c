/* Shows that keys and groups fall on the partitions that other Kafka clients and brokers choose. */
#include "log/base/hash.h"
#include "tests/unit/unit.h"

static int32_t murmur2(const char *text)
{
    return (int32_t)hash_murmur2(bytes_from_string(text));
}

static void murmur2_agrees_with_the_java_client(void **state)
{
    (void)state;
    assert_int_equal(murmur2(""), 275646681);
    assert_int_equal(murmur2("21"), -973932308);
    assert_int_equal(murmur2("abc"), 479470107);
    assert_int_equal(murmur2("foobar"), -790332482);
    assert_int_equal(murmur2("a-little-bit-long-string"), -985981536);
    assert_int_equal(murmur2("a-little-bit-longer-string"), -1486304829);
    assert_int_equal(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
}

static void java_strings_hash_as_java_does(void **state)
{
    (void)state;
    assert_int_equal(hash_java_string(BYTES_LITERAL("")), 0);
    assert_int_equal(hash_java_string(BYTES_LITERAL("a")), 97);
    assert_int_equal(hash_java_string(BYTES_LITERAL("hello")), 99162322);
    assert_int_equal(hash_java_string(BYTES_LITERAL("polygenelubricants")), INT32_MIN);
}

static void every_byte_and_the_size_count(void **state)
{
    (void)state;
    uint8_t data[33] = {0};
    uint64_t seen[34];
    for (size_t size = 0; size <= sizeof data; size++) {
        seen[size] = hash_bytes(bytes_make(data, size));
        for (size_t i = 0; i < size; i++) {
            assert_true(seen[i] != seen[size]);
            data[i] = 1;
            assert_true(hash_bytes(bytes_make(data, size)) != seen[size]);
            data[i] = 0;
        }
    }
}

static void the_low_bits_are_spread(void **state)
{
    (void)state;
    enum { BUCKETS = 64, KEYS = 6400 };
    int counts[BUCKETS] = {0};
    for (uint32_t key = 0; key < KEYS; key++) {
        counts[hash_bytes(bytes_make(&key, sizeof key)) % BUCKETS]++;
    }
    for (int i = 0; i < BUCKETS; i++) {
        assert_in_range(counts[i], 50, 150);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_agrees_with_the_java_client),
        cmocka_unit_test(java_strings_hash_as_java_does),
        cmocka_unit_test(every_byte_and_the_size_count),
        cmocka_unit_test(the_low_bits_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
