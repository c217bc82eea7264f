/* Shows that windows are found by key and by time whatever bytes a key has, that their order is
 * end, key, start, and that nothing of an undone record is believed. */
#include "log/base/error.h"
#include "runtime/operators/window_rows.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void put(struct window_rows *rows, const char *key, size_t size, int64_t start_ms,
                int64_t end_ms, const char *stored)
{
    struct window_rows_entry row = {.start_ms = start_ms,
                                    .end_ms = end_ms,
                                    .key = bytes_make(key, size),
                                    .stored = bytes_from_string(stored)};
    assert_int_equal(window_rows_put(rows, &row), 0);
    window_rows_check(rows);
}

static void expect_walk(struct window_rows *rows, int64_t from_ms, int64_t to_ms,
                        const char *expected)
{
    char text[200] = "";
    size_t size = 0;
    struct window_rows_entry row;
    struct kv_iterator *iterator = window_rows_walk(rows, from_ms, to_ms);
    while (window_rows_next_walked(rows, iterator, &row) == 1) {
        size +=
            (size_t)snprintf(text + size, sizeof text - size, "%.*s ", BYTES_FORMAT(row.stored));
    }
    kv_iterator_free(iterator);
    assert_string_equal(text, expected);
}

static void windows_are_in_the_order_of_end_key_and_start(void **state)
{
    (void)state;
    struct window_rows rows;
    struct kv *kv = kv_new_memory("w");
    window_rows_init(&rows, true);
    assert_int_equal(window_rows_open(&rows, kv), 0);
    assert_int_equal(rows.end_ms_min, INT64_MAX);
    put(&rows, "b", 1, 0, 10, "2");
    put(&rows, "a\0b", 3, 0, 10, "1");
    put(&rows, "a", 1, 5, 10, "0b");
    put(&rows, "a", 1, -3, 10, "0a");
    put(&rows, "", 0, 0, 10, "0");
    put(&rows, "a", 1, -20, -10, "-1");
    put(&rows, "a", 1, 20, 30, "3");
    assert_int_equal(rows.end_ms_min, -10);
    expect_walk(&rows, INT64_MIN, INT64_MAX, "-1 0 0a 0b 1 2 3 ");
    expect_walk(&rows, -9, 10, "0 0a 0b 1 2 ");
    put(&rows, "a", 1, -20, -10, NULL);
    window_rows_settle(&rows);
    assert_int_equal(rows.end_ms_min, 10);
    assert_int_equal(window_rows_end_max(&rows), 30);
    window_rows_fini(&rows);
    kv_free(kv);
}

static void windows_of_a_key_are_found_and_no_others(void **state)
{
    (void)state;
    struct window_rows rows;
    struct kv *kv = kv_new_memory("w");
    window_rows_init(&rows, true);
    assert_int_equal(window_rows_open(&rows, kv), 0);
    put(&rows, "a", 1, 0, 10, "first");
    put(&rows, "a", 1, 10, 20, "second");
    put(&rows, "a\0", 2, 10, 20, "other");
    put(&rows, "a\0\xff", 3, 10, 20, "other");
    put(&rows, "aa", 2, 10, 20, "other");
    struct window_rows_entry row;
    struct bytes key = BYTES_LITERAL("a");
    struct kv_iterator *iterator = window_rows_find(&rows, key, 11);
    assert_int_equal(window_rows_next_found(&rows, iterator, key, &row), 1);
    assert_true(bytes_equal_string(row.stored, "second"));
    assert_int_equal(row.start_ms, 10);
    assert_int_equal(row.end_ms, 20);
    assert_int_equal(window_rows_next_found(&rows, iterator, key, &row), 0);
    kv_iterator_free(iterator);
    put(&rows, "a", 1, 10, 20, NULL); /* its place goes with it */
    iterator = window_rows_find(&rows, key, 11);
    assert_int_equal(window_rows_next_found(&rows, iterator, key, &row), 0);
    kv_iterator_free(iterator);
    window_rows_fini(&rows);
    kv_free(kv);
}

static void the_time_is_kept_and_undone_with_the_store(void **state)
{
    (void)state;
    struct window_rows rows;
    struct kv *kv = kv_new_memory("w");
    int64_t before_ms = 0;
    window_rows_init(&rows, false);
    assert_int_equal(window_rows_open(&rows, kv), 0);
    kv_savepoint(kv);
    assert_int_equal(window_rows_observe(&rows, 50, &before_ms), 0);
    assert_int_equal(before_ms, INT64_MIN);
    put(&rows, "a", 1, 40, 50, "1");
    kv_savepoint(kv);
    assert_int_equal(window_rows_observe(&rows, 90, &before_ms), 0);
    put(&rows, "a", 1, 0, 10, "1");
    kv_rollback(kv);
    assert_int_equal(window_rows_observe(&rows, 20, &before_ms), 0);
    assert_int_equal(before_ms, 50);
    assert_int_equal(rows.time_ms, 50);
    assert_int_equal(rows.end_ms_min, 50);
    struct window_rows again;
    window_rows_init(&again, false);
    assert_int_equal(window_rows_open(&again, kv), 0);
    assert_int_equal(again.time_ms, 50);
    window_rows_fini(&again);
    assert_int_equal(kv_put(kv, bytes_make("\0", 1), BYTES_LITERAL("junk")), 0);
    window_rows_init(&again, false);
    assert_int_equal(window_rows_open(&again, kv), ERROR_CORRUPT);
    window_rows_fini(&again);
    window_rows_fini(&rows);
    kv_free(kv);
}

static void a_key_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char key[KV_KEY_SIZE_MAX] = {0};
    struct window_rows rows;
    struct kv *kv = kv_new_memory("w");
    window_rows_init(&rows, true);
    assert_int_equal(window_rows_open(&rows, kv), 0);
    struct window_rows_entry row = {
        .end_ms = 1, .key = bytes_make(key, sizeof key), .stored = BYTES_LITERAL("1")};
    assert_int_equal(window_rows_put(&rows, &row), ERROR_TOO_LARGE);
    window_rows_fini(&rows);
    kv_free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_in_the_order_of_end_key_and_start),
        cmocka_unit_test(windows_of_a_key_are_found_and_no_others),
        cmocka_unit_test(the_time_is_kept_and_undone_with_the_store),
        cmocka_unit_test(a_key_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
