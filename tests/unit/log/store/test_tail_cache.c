/* Shows that blocks hold what was noted, for those who follow, within the limit of all, and as long
 * as anybody holds them. */
#include "log/store/tail_cache.h"
#include "tests/unit/unit.h"

#include <string.h>

static void note(struct tail_cache *cache, struct tail_cache_tail *tail, int64_t position,
                 size_t size)
{
    uint8_t data[8192];
    memset(data, (int)(position % 251), sizeof data);
    tail_cache_note(cache, tail, 100, position, bytes_make(data, size));
    tail_cache_check(cache);
}

static bool has(struct tail_cache_tail *tail, int64_t segment_offset, int64_t position, size_t size)
{
    struct tail_cache_block *block = tail_cache_hold(tail, segment_offset, position, size);
    if (block == NULL) {
        return false;
    }
    assert_int_equal(block->data[position - block->position], position % 251);
    tail_cache_release(block);
    return true;
}

static void only_what_is_followed_and_small_is_kept(void **state)
{
    (void)state;
    struct tail_cache cache;
    struct tail_cache_tail tail = {.patience = 0};
    tail_cache_init(&cache, 1 << 20);
    note(&cache, &tail, 0, 100);
    assert_false(has(&tail, 100, 0, 100));
    tail_cache_follow(&tail);
    note(&cache, &tail, 100, 100);
    note(&cache, &tail, 200, 100);
    assert_true(has(&tail, 100, 100, 200));
    assert_true(has(&tail, 100, 200, 100));
    assert_false(has(&tail, 100, 0, 100));
    assert_false(has(&tail, 100, 200, 101));
    assert_false(has(&tail, 99, 200, 100));
    note(&cache, &tail, 300, TAIL_CACHE_BATCH_MAX + 1);
    assert_false(has(&tail, 100, 200, 100));
    assert_int_equal(cache.size, 0);
    tail_cache_fini(&cache);
}

static void what_nobody_reads_is_let_go(void **state)
{
    (void)state;
    struct tail_cache cache;
    struct tail_cache_tail tail = {.patience = 0};
    tail_cache_init(&cache, 1 << 20);
    tail_cache_follow(&tail);
    for (int64_t i = 0; i < TAIL_CACHE_PATIENCE - 1; i++) {
        note(&cache, &tail, i * 10, 10);
        assert_true(has(&tail, 100, i * 10, 10));
    }
    note(&cache, &tail, 2000, 10);
    assert_int_equal(cache.size, 0);
    note(&cache, &tail, 2010, 10);
    assert_int_equal(cache.size, 0);
    tail_cache_fini(&cache);
}

static void all_blocks_share_a_limit(void **state)
{
    (void)state;
    struct tail_cache cache;
    struct tail_cache_tail tails[20] = {{.patience = 0}};
    tail_cache_init(&cache, 10000);
    for (int i = 0; i < 20; i++) {
        tail_cache_follow(&tails[i]);
        note(&cache, &tails[i], 0, 100);
        assert_true(has(&tails[i], 100, 0, 100));
        has(&tails[0], 100, 0, 100); /* used again and again: it stays */
    }
    assert_true(has(&tails[0], 100, 0, 100));
    assert_false(has(&tails[1], 100, 0, 100));
    for (int i = 0; i < 20; i++) {
        tail_cache_drop(&tails[i]);
    }
    assert_int_equal(cache.size, 0);
    tail_cache_fini(&cache);
}

/* Held blocks count, so that slow readers cannot make the cache grow. */
static void what_is_held_stays_and_counts(void **state)
{
    (void)state;
    struct tail_cache cache;
    struct tail_cache_tail tail = {.patience = 0};
    struct tail_cache_block *held[4];
    tail_cache_init(&cache, 4 * (sizeof(struct tail_cache_block) + TAIL_CACHE_BLOCK_MIN));
    for (int64_t i = 0; i < 4; i++) {
        tail_cache_follow(&tail);
        note(&cache, &tail, i * 10000, 100);
        held[i] = tail_cache_hold(&tail, 100, i * 10000, 100);
        assert_non_null(held[i]);
        tail_cache_drop(&tail);
    }
    tail_cache_follow(&tail);
    note(&cache, &tail, 50000, 100);
    assert_false(has(&tail, 100, 50000, 100));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(held[i]->data[50], i * 10000 % 251);
        tail_cache_release(held[i]);
    }
    note(&cache, &tail, 50100, 100);
    assert_true(has(&tail, 100, 50100, 100));
    tail_cache_drop(&tail);
    tail_cache_fini(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_followed_and_small_is_kept),
        cmocka_unit_test(what_nobody_reads_is_let_go),
        cmocka_unit_test(all_blocks_share_a_limit),
        cmocka_unit_test(what_is_held_stays_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
