/* Shows that the map holds what it can, says when it is full, and keeps the larger offset. */
#include "log/store/offset_map.h"
#include "tests/unit/unit.h"

static const struct hash_secret secret = {{1, 2}};

static struct bytes key_of(const uint32_t *number)
{
    return bytes_make(number, sizeof *number);
}

static bool put(struct offset_map *map, struct bytes key, int64_t offset)
{
    return offset_map_put(map, offset_map_hash(map, key), offset);
}

static int64_t find(const struct offset_map *map, struct bytes key)
{
    return offset_map_find(map, offset_map_hash(map, key));
}

static void the_larger_offset_stays(void **state)
{
    (void)state;
    struct offset_map map;
    offset_map_init(&map, 1 << 20, 10, &secret);
    assert_int_equal(find(&map, BYTES_LITERAL("a")), -1);
    assert_true(put(&map, BYTES_LITERAL("a"), 0));
    assert_int_equal(find(&map, BYTES_LITERAL("a")), 0);
    assert_true(put(&map, BYTES_LITERAL("a"), 7));
    assert_true(put(&map, BYTES_LITERAL("a"), 3));
    assert_int_equal(find(&map, BYTES_LITERAL("a")), 7);
    assert_int_equal(find(&map, BYTES_LITERAL("")), -1);
    assert_int_equal(map.size, 1);
    offset_map_fini(&map);
}

static void every_key_that_was_announced_fits(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    struct offset_map map;
    offset_map_init(&map, SIZE_MAX / 32, KEYS, &secret);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_true(put(&map, key_of(&i), i));
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_int_equal(find(&map, key_of(&i)), i);
    }
    assert_true(map.place_count * sizeof *map.places < KEYS * 27);
    offset_map_fini(&map);
}

static void a_small_memory_takes_few_keys_and_known_ones_still(void **state)
{
    (void)state;
    struct offset_map map;
    offset_map_init(&map, 240, 1000, &secret);
    uint32_t i = 0;
    while (put(&map, key_of(&i), i)) {
        i++;
    }
    assert_int_equal(i, 9);
    uint32_t known = 4;
    assert_true(put(&map, key_of(&known), 100));
    assert_int_equal(find(&map, key_of(&known)), 100);
    assert_int_equal(find(&map, key_of(&i)), -1);
    offset_map_fini(&map);
    offset_map_init(&map, 0, 0, &secret);
    assert_true(put(&map, BYTES_LITERAL("one"), 1));
    assert_false(put(&map, BYTES_LITERAL("two"), 2));
    offset_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_larger_offset_stays),
        cmocka_unit_test(every_key_that_was_announced_fits),
        cmocka_unit_test(a_small_memory_takes_few_keys_and_known_ones_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
