/* Shows that an index leads to a place at or before what is wanted, and that a doubtful file is
 * refused. */
#include "log/base/error.h"
#include "log/store/sparse_index.h"
#include "tests/unit/unit.h"

static void fill(struct sparse_index *index)
{
    sparse_index_init(index);
    for (int32_t i = 1; i <= 20; i++) {
        sparse_index_add(index, i * 10 + 9, i * 1000);
        sparse_index_add_time(index, i * 100, i * 10 + 9);
    }
    sparse_index_check(index);
}

static void a_lookup_never_goes_past_what_is_wanted(void **state)
{
    (void)state;
    struct sparse_index index;
    fill(&index);
    assert_int_equal(sparse_index_find(&index, 0), 0);
    assert_int_equal(sparse_index_find(&index, 18), 0);
    assert_int_equal(sparse_index_find(&index, 19), 1000);
    assert_int_equal(sparse_index_find(&index, 5000), 20000);
    assert_int_equal(sparse_index_find_place(&index, 0), 0);
    assert_int_equal(sparse_index_find_place(&index, 999), 0);
    assert_int_equal(sparse_index_find_place(&index, 1000), 1000);
    assert_int_equal(sparse_index_find_place(&index, 19999), 19000);
    assert_int_equal(sparse_index_find_place(&index, INT32_MAX), 20000);
    assert_null(sparse_index_find_time(&index, 100));
    assert_int_equal(sparse_index_find_time(&index, 101)->relative_offset, 19);
    assert_int_equal(sparse_index_find_time(&index, 99999)->relative_offset, 209);
    sparse_index_truncate(&index, 100);
    assert_int_equal(sparse_index_find(&index, 5000), 9000);
    sparse_index_check(&index);
    sparse_index_fini(&index);
}

static void what_was_written_is_read_and_anything_doubtful_is_not(void **state)
{
    (void)state;
    struct sparse_index index;
    struct sparse_index copy;
    struct buffer entries;
    struct buffer times;
    fill(&index);
    sparse_index_init(&copy);
    buffer_init(&entries);
    buffer_init(&times);
    sparse_index_write(&index, &entries, &times);
    struct bytes good = buffer_bytes(&entries);
    struct bytes good_times = buffer_bytes(&times);
    assert_int_equal(sparse_index_read(&copy, good, good_times, 20001, 210), 0);
    assert_int_equal(copy.entry_count, 20);
    assert_int_equal(copy.time_count, 20);

    assert_int_equal(sparse_index_read(&copy, bytes_make(good.data, 9), good_times, 20001, 210),
                     ERROR_CORRUPT);
    assert_int_equal(sparse_index_read(&copy, good, bytes_make(good_times.data, 13), 20001, 210),
                     ERROR_CORRUPT);
    assert_int_equal(sparse_index_read(&copy, good, good_times, 20000, 210), ERROR_CORRUPT);
    assert_int_equal(sparse_index_read(&copy, good, good_times, 20001, 209), ERROR_CORRUPT);
    assert_int_equal(sparse_index_read(&copy, good, bytes_make("", 0), 20001, 210), ERROR_CORRUPT);
    /* Zeros where a page was lost. */
    for (size_t i = 32; i < 64; i++) {
        entries.data[i] = 0;
    }
    assert_int_equal(sparse_index_read(&copy, good, good_times, 20001, 210), ERROR_CORRUPT);
    assert_int_equal(copy.entry_count, 20);
    buffer_fini(&entries);
    buffer_fini(&times);
    sparse_index_fini(&index);
    sparse_index_fini(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_never_goes_past_what_is_wanted),
        cmocka_unit_test(what_was_written_is_read_and_anything_doubtful_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
