/* Shows that a map finds what was put, forgets what was removed, and iterates in insertion order
 * whatever the keys are. */
#include "log/base/map.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct bytes key_of(int number, char out[16])
{
    snprintf(out, 16, "key-%d", number);
    return bytes_from_string(out);
}

static void removed_keys_are_gone_and_the_rest_stays_in_order(void **state)
{
    (void)state;
    struct map map;
    char text[16];
    static int values[1000];
    map_init(&map);
    for (int i = 0; i < 1000; i++) {
        values[i] = i;
        assert_null(map_put(&map, key_of(i, text), &values[i]));
    }
    for (int i = 0; i < 1000; i += 3) {
        assert_ptr_equal(map_remove(&map, key_of(i, text)), &values[i]);
    }
    int expected = 1;
    for (map_each (&map, entry)) {
        assert_int_equal(*(int *)entry->value, expected);
        expected += expected % 3 == 1 ? 1 : 2;
    }
    assert_int_equal(map.size, 666);
    for (int i = 0; i < 1000; i++) {
        void *found = map_find(&map, key_of(i, text));
        assert_ptr_equal(found, i % 3 == 0 ? NULL : &values[i]);
    }
    map_fini(&map, NULL);
}

static void a_key_put_again_replaces_its_value(void **state)
{
    (void)state;
    struct map map;
    int first = 1;
    int second = 2;
    map_init(&map);
    assert_null(map_put(&map, BYTES_LITERAL("k"), &first));
    assert_ptr_equal(map_put(&map, BYTES_LITERAL("k"), &second), &first);
    assert_ptr_equal(map_find_string(&map, "k"), &second);
    assert_int_equal(map.size, 1);
    map_fini(&map, NULL);
}

static void churn_does_not_grow_the_map(void **state)
{
    (void)state;
    struct map map;
    char text[16];
    int value = 0;
    map_init(&map);
    for (int i = 0; i < 100000; i++) {
        map_put(&map, key_of(i, text), &value);
        map_remove(&map, key_of(i, text));
    }
    assert_int_equal(map.size, 0);
    assert_true(map.entry_capacity <= 16);
    map_fini(&map, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_keys_are_gone_and_the_rest_stays_in_order),
        cmocka_unit_test(a_key_put_again_replaces_its_value),
        cmocka_unit_test(churn_does_not_grow_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
