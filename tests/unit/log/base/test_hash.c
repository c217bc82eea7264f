/* Shows that keys and groups fall on the partitions that other Kafka clients and brokers choose,
 * and that the secure hash is what it says. */
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
    assert_int_equal(hash_partition(bytes_from_string("21"), 1000), 340); /* never negative */
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

/* Bytes that count up, under the key 00 01 .. 0f; what `openssl mac SIPHASH` says with size 16. */
static void the_secure_hash_is_siphash(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        struct hash_wide hash;
    } cases[] = {
        {0, {{0xe6a825ba047f81a3u, 0x930255c71472f66du}}},
        {1, {{0x44af996bd8c187dau, 0x45fc229b11597634u}}},
        {8, {{0x61f55862baa9623bu, 0xb49714f364e2830fu}}},
        {15, {{0x11a8b03399e99354u, 0xd9c3cf970fec087eu}}},
        {63, {{0x4a83502f77d15051u, 0x7cbd3f979a063e50u}}},
    };
    const struct hash_secret secret = {{0x0706050403020100u, 0x0f0e0d0c0b0a0908u}};
    uint8_t data[64];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hash_wide hash = hash_secure(&secret, bytes_make(data, cases[i].size));
        assert_int_equal(hash.words[0], cases[i].hash.words[0]);
        assert_int_equal(hash.words[1], cases[i].hash.words[1]);
    }
}

/* Names chosen to fall on one place of a table do not, once there is a secret. */
static void a_secret_scatters_what_was_chosen_to_collide(void **state)
{
    (void)state;
    enum { PLACES = 1024, CHOSEN = 200 };
    static const uint64_t secret[2] = {0x1234567890abcdefu, 0xfedcba0987654321u};
    static const uint64_t none[2] = {0, 0};
    uint64_t chosen[CHOSEN];
    size_t count = 0;
    for (uint64_t key = 0; count < CHOSEN; key++) {
        if (hash_table(bytes_make(&key, sizeof key)) % PLACES == 7) {
            chosen[count++] = key;
        }
    }
    hash_set_secret(secret);
    int hits[PLACES] = {0};
    int most = 0;
    for (size_t i = 0; i < CHOSEN; i++) {
        int *hit = &hits[hash_table(bytes_make(&chosen[i], sizeof chosen[i])) % PLACES];
        most = ++*hit > most ? *hit : most;
    }
    hash_set_secret(none);
    assert_true(most < 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_agrees_with_the_java_client),
        cmocka_unit_test(java_strings_hash_as_java_does),
        cmocka_unit_test(every_byte_and_the_size_count),
        cmocka_unit_test(the_low_bits_are_spread),
        cmocka_unit_test(a_secret_scatters_what_was_chosen_to_collide),
        cmocka_unit_test(the_secure_hash_is_siphash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
