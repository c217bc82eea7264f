/* Shows that keys come in order whatever they begin with, how long they are and how many there are,
 * against the order that comparing them gives. */
#include "runtime/state/kv_sort.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 3000, KEY_SIZE_MAX = 24 };

struct item {
    uint8_t data[KEY_SIZE_MAX];
    size_t size;
};

static struct bytes key_of(const void *item)
{
    const struct item *it = item;
    return bytes_make(it->data, it->size);
}

static uint32_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16);
}

/* A prefix that all have, then bytes of which there are few or many, some of them 0. */
static struct item make_item(uint64_t *seed, size_t shared_size, size_t own_size_max,
                             uint32_t byte_count)
{
    struct item item = {.size = shared_size + next_random(seed) % (own_size_max + 1)};
    memset(item.data, 'p', sizeof item.data);
    for (size_t i = shared_size; i < item.size; i++) {
        item.data[i] = (uint8_t)(next_random(seed) % byte_count);
    }
    return item;
}

static int compare_items(const void *left, const void *right)
{
    const struct item *const *a = left;
    const struct item *const *b = right;
    return bytes_compare(key_of(*a), key_of(*b));
}

static void try_keys(uint64_t seed, const struct item *items, size_t count)
{
    const struct item *expected[KEYS_MAX];
    struct kv_sort sort;
    kv_sort_init(&sort, key_of);
    for (size_t i = 0; i < count; i++) {
        expected[i] = &items[i];
        kv_sort_add(&sort, &items[i]);
    }
    qsort(expected, count, sizeof *expected, compare_items);
    kv_sort_run(&sort);
    kv_sort_check(&sort);
    assert_int_equal(sort.count, count);
    for (size_t i = 0; i < count; i++) {
        if (compare_items(&expected[i], &sort.rows[i].item) != 0) {
            fail_msg("seed %llu: row %zu is another one", (unsigned long long)seed, i);
        }
    }
    kv_sort_fini(&sort);
}

static void keys_come_in_order(void **state)
{
    (void)state;
    static struct item items[KEYS_MAX];
    for (uint64_t round = 1; round <= 300; round++) {
        uint64_t seed = round * 7919;
        size_t shared_size = next_random(&seed) % 12;
        size_t own_size_max = next_random(&seed) % (KEY_SIZE_MAX - 12 + 1);
        uint32_t byte_count = round % 3 == 0 ? 2 : 256;
        size_t count = next_random(&seed) % (round % 10 == 0 ? KEYS_MAX : 150);
        for (size_t i = 0; i < count; i++) {
            items[i] = make_item(&seed, shared_size, own_size_max, byte_count);
        }
        try_keys(round, items, count);
    }
}

static void what_is_in_order_stays(void **state)
{
    (void)state;
    static struct item items[KEYS_MAX];
    for (size_t i = 0; i < KEYS_MAX; i++) {
        items[i].size = (size_t)snprintf((char *)items[i].data, KEY_SIZE_MAX, "key-%06zu", i);
    }
    try_keys(0, items, KEYS_MAX);
    try_keys(0, items, 0);
    try_keys(0, items, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_in_order),
        cmocka_unit_test(what_is_in_order_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
