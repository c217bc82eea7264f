/* Shows that windows in a store agree with a model: in whatever way they are asked for, after
 * rollbacks too, what ended too long ago is not there, and after a while its rows are gone. */
#include "log/base/error.h"
#include "runtime/state/kv_windows.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { KEYS = 4, TIMES = 60, LENGTHS = 3, RETENTION_MS = 20, MANY = 2500 };

/* By key, end and length; 0: none. */
struct model {
    int values[KEYS][TIMES][LENGTHS];
};

static uint32_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16);
}

/* In order. */
static struct bytes key_of(int key)
{
    static const char *const keys[] = {"", "a", "a\0b", "b"};
    static const size_t sizes[] = {0, 1, 3, 1};
    return bytes_make(keys[key], sizes[key]);
}

static struct kv_windows_entry entry_of(int key, int end, int length)
{
    return (struct kv_windows_entry){.key = key_of(key), .start_ms = end - length, .end_ms = end};
}

static void expect_number(struct bytes value, int expected)
{
    int read = 0;
    assert_int_equal(value.size, sizeof read);
    memcpy(&read, value.data, sizeof read);
    assert_int_equal(read, expected);
}

static void expect_next(struct kv_windows *windows, struct kv_iterator *iterator, int key, int end,
                        int length, int value)
{
    struct kv_windows_entry found;
    assert_int_equal(kv_windows_next(windows, iterator, &found), 1);
    assert_true(bytes_equal(found.key, key_of(key)));
    assert_int_equal(found.end_ms, end);
    assert_int_equal(found.start_ms, end - length);
    expect_number(found.value, value);
}

static void expect_end(struct kv_windows *windows, struct kv_iterator *iterator)
{
    struct kv_windows_entry found;
    assert_int_equal(kv_windows_next(windows, iterator, &found), 0);
    kv_iterator_free(iterator);
}

/* Those of one key by end and start; and from all keys, in the order of `all`. */
static void expect_key(struct kv_windows *windows, const struct model *model, int key, int from,
                       int to, int64_t now_ms, struct kv_iterator *all)
{
    struct kv_iterator *some = kv_windows_find(windows, key_of(key), from, to);
    for (int end = 0; end < TIMES; end++) {
        for (int length = LENGTHS - 1; length >= 0; length--) {
            struct kv_windows_entry entry = entry_of(key, end, length);
            bool is_there = model->values[key][end][length] != 0 && end > now_ms - RETENTION_MS;
            int value = model->values[key][end][length];
            assert_int_equal(kv_windows_get(windows, &entry), is_there);
            if (!is_there) {
                continue;
            }
            expect_number(entry.value, value);
            expect_next(windows, all, key, end, length, value);
            if (from <= end && end <= to) {
                expect_next(windows, some, key, end, length, value);
            }
        }
    }
    expect_end(windows, some);
}

static void expect_walk(struct kv_windows *windows, const struct model *model, int from, int to,
                        int64_t now_ms)
{
    struct kv_iterator *walk = kv_windows_walk(windows, from, to);
    for (int end = from; end <= to; end++) {
        for (int key = 0; end > now_ms - RETENTION_MS && key < KEYS; key++) {
            for (int length = LENGTHS - 1; length >= 0; length--) {
                int value = model->values[key][end][length];
                if (value != 0) {
                    expect_next(windows, walk, key, end, length, value);
                }
            }
        }
    }
    expect_end(windows, walk);
}

static void random_use_agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 20; round++) {
        uint64_t seed = round * 2654435761;
        struct model model = {0};
        struct model saved = model;
        struct kv *kv = kv_new_memory("windows");
        struct kv_windows windows;
        kv_windows_init(&windows);
        kv_savepoint(kv);
        for (int step = 1; step <= 400; step++) {
            int64_t now_ms = step < 10 ? INT64_MIN : step / 8;
            int key = (int)(next_random(&seed) % KEYS);
            int end = (int)(next_random(&seed) % TIMES);
            int length = (int)(next_random(&seed) % LENGTHS);
            uint32_t choice = next_random(&seed) % 10;
            struct kv_windows_entry entry = entry_of(key, end, length);
            kv_windows_point(&windows, kv, RETENTION_MS, now_ms);
            if (choice < 8) {
                bool is_late = step >= 10 && end <= now_ms - RETENTION_MS;
                int value = choice < 6 ? step : 0;
                entry.value = value == 0 ? (struct bytes){0} : bytes_make(&value, sizeof value);
                assert_int_equal(kv_windows_put(&windows, &entry), !is_late);
                model.values[key][end][length] = is_late ? 0 : value;
            } else if (choice < 9) {
                kv_savepoint(kv);
                saved = model;
            } else {
                kv_rollback(kv);
                model = saved;
            }
            kv_windows_check(&windows);
            int from = (int)(next_random(&seed) % TIMES);
            int to = (int)(next_random(&seed) % TIMES); /* at times before: nothing */
            struct kv_iterator *all = kv_windows_iterate(&windows);
            now_ms = step < 10 ? -1000 : now_ms;
            for (int i = 0; i < KEYS; i++) {
                expect_key(&windows, &model, i, from, to, now_ms, all);
            }
            expect_end(&windows, all);
            expect_walk(&windows, &model, from, to, now_ms);
        }
        kv_windows_fini(&windows);
        kv_free(kv);
    }
}

static void put(struct kv_windows *windows, int64_t time_ms, const char *value)
{
    struct kv_windows_entry entry = {.key = BYTES_LITERAL("k"),
                                     .start_ms = time_ms,
                                     .end_ms = time_ms,
                                     .value = value == NULL ? (struct bytes){0}
                                                            : bytes_from_string(value)};
    assert_int_equal(kv_windows_put(windows, &entry), 1);
}

static void rows_of_what_ended_long_ago_are_removed(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("windows");
    struct kv_windows windows;
    kv_windows_init(&windows);
    kv_windows_point(&windows, kv, 16000, 0);
    for (int i = 0; i < MANY; i++) {
        put(&windows, -i, "");
    }
    assert_int_equal(kv_count(kv), 2 * MANY + 1); /* an empty value is one */
    kv_windows_point(&windows, kv, 16000, 16000);
    for (int puts = 1; puts <= 3; puts++) { /* at most a thousand by one */
        put(&windows, 16000, "new");
        int left = puts * 1000 < MANY ? MANY - puts * 1000 : 0;
        assert_int_equal(kv_count(kv), 2 * left + 2 + 1);
    }
    kv_windows_point(&windows, kv, 16000, 16999);
    put(&windows, 17000, "next");
    kv_windows_point(&windows, kv, 16000, 32001); /* the first is gone */
    assert_int_equal(kv_count(kv), 5);
    put(&windows, 40000, NULL);
    assert_int_equal(kv_count(kv), 3);
    kv_windows_check(&windows);
    kv_windows_fini(&windows);
    kv_free(kv);
}

static void iterators_show_what_was_there_when_they_began(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("windows");
    struct kv_windows windows;
    struct kv_windows_entry found;
    kv_windows_init(&windows);
    kv_windows_point(&windows, kv, 1000, 0);
    for (int i = 1; i <= 3; i++) {
        put(&windows, i, "old");
    }
    struct kv_iterator *of_key = kv_windows_find(&windows, BYTES_LITERAL("k"), 0, 9);
    struct kv_iterator *walk = kv_windows_walk(&windows, 0, 9);
    put(&windows, 1, "new");
    put(&windows, 2, NULL);
    put(&windows, 4, "new");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(kv_windows_next(&windows, of_key, &found), 1);
        assert_int_equal(found.start_ms, i);
        assert_true(bytes_equal_string(found.value, "old"));
    }
    expect_end(&windows, of_key);
    assert_int_equal(kv_windows_next(&windows, walk, &found), 1);
    assert_true(bytes_equal_string(found.value, "new"));
    assert_int_equal(kv_windows_next(&windows, walk, &found), 1);
    assert_int_equal(found.start_ms, 3);
    expect_end(&windows, walk);
    kv_windows_fini(&windows);
    kv_free(kv);
}

static void what_is_too_large_or_foreign_is_told(void **state)
{
    (void)state;
    static uint8_t bytes[KV_VALUE_SIZE_MAX + 1];
    struct kv *kv = kv_new_memory("windows");
    struct kv_windows windows;
    struct kv_windows_entry found;
    memset(bytes, 'k', sizeof bytes);
    kv_windows_init(&windows);
    kv_windows_point(&windows, kv, 1000, 0);
    struct kv_windows_entry entry = {.key = bytes_make(bytes, KV_KEY_SIZE_MAX - 18),
                                     .value = BYTES_LITERAL("1")};
    assert_int_equal(kv_windows_put(&windows, &entry), ERROR_TOO_LARGE);
    entry.key.size--;
    entry.value = bytes_make(bytes, sizeof bytes);
    assert_int_equal(kv_windows_put(&windows, &entry), ERROR_TOO_LARGE);
    assert_int_equal(kv_count(kv), 0);
    entry.value.size--;
    assert_int_equal(kv_windows_put(&windows, &entry), 1);
    kv_windows_check(&windows);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("\1key"), BYTES_LITERAL("1")), 0);
    struct kv_iterator *iterator = kv_windows_iterate(&windows);
    assert_int_equal(kv_windows_next(&windows, iterator, &found), ERROR_CORRUPT);
    kv_iterator_free(iterator);
    assert_int_equal(kv_windows_read(&windows, BYTES_LITERAL("key"), BYTES_LITERAL("1"), &found),
                     ERROR_CORRUPT);
    /* Values that were there before the store had windows: */
    struct kv *filled = kv_new_memory("filled");
    assert_int_equal(kv_put(filled, BYTES_LITERAL("old"), BYTES_LITERAL("1")), 0);
    kv_windows_point(&windows, filled, 1000, 0);
    entry = (struct kv_windows_entry){.key = BYTES_LITERAL("k"), .value = BYTES_LITERAL("1")};
    assert_int_equal(kv_windows_put(&windows, &entry), ERROR_CORRUPT);
    assert_int_equal(kv_count(filled), 1);
    kv_free(filled);
    kv_windows_fini(&windows);
    kv_free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_use_agrees_with_a_model),
        cmocka_unit_test(rows_of_what_ended_long_ago_are_removed),
        cmocka_unit_test(iterators_show_what_was_there_when_they_began),
        cmocka_unit_test(what_is_too_large_or_foreign_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
