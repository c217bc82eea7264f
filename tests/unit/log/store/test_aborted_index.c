/* Shows that rows are found by the place of their markers, that the file has Kafka's bytes, and
 * that a doubtful file is refused. */
#include "log/base/error.h"
#include "log/store/aborted_index.h"
#include "tests/unit/unit.h"

static void fill(struct aborted_index *index)
{
    aborted_index_init(index);
    for (int64_t i = 0; i < 10; i++) {
        struct aborted_index_row row = {.producer_id = i % 3,
                                        .first_offset = 100 + i * 10,
                                        .last_offset = 105 + i * 10,
                                        .stable_offset = 103 + i * 10};
        aborted_index_add(index, &row);
    }
    aborted_index_check(index);
    assert_int_equal(index->count, 10);
}

static void rows_are_found_by_their_markers(void **state)
{
    (void)state;
    struct aborted_index index;
    fill(&index);
    assert_int_equal(aborted_index_find(&index, 0), 0);
    assert_int_equal(aborted_index_find(&index, 105), 0);
    assert_int_equal(aborted_index_find(&index, 106), 1);
    assert_int_equal(aborted_index_find(&index, 195), 9);
    assert_int_equal(aborted_index_find(&index, 196), 10);
    assert_int_equal(aborted_index_truncate(&index, 150), 5);
    assert_int_equal(aborted_index_find(&index, 1000), 5);
    aborted_index_fini(&index);
}

static void a_row_that_cannot_be_is_not_taken(void **state)
{
    (void)state;
    static const struct aborted_index_row rows[] = {
        {1, 190, 195, 196},  {1, 10, 20, 20},    {1, 200, 200, 201},
        {-1, 200, 210, 211}, {1, 200, 210, 212}, {1, -1, 210, 211},
    };
    struct aborted_index index;
    fill(&index);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aborted_index_add(&index, &rows[i]);
        assert_int_equal(index.count, 10);
    }
    aborted_index_fini(&index);
}

static void the_file_has_kafkas_bytes(void **state)
{
    (void)state;
    /* version, producer id, first offset, last offset, last stable offset */
    static const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1,
                                       2, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 1, 3};
    struct aborted_index_row row = {7, 0x102, 0x105, 0x103};
    struct aborted_index index;
    struct buffer out;
    buffer_init(&out);
    aborted_index_init(&index);
    aborted_index_add(&index, &row);
    aborted_index_write(&index, &out);
    assert_int_equal(out.size, ABORTED_INDEX_ROW_SIZE);
    assert_memory_equal(out.data, expected, sizeof expected);
    aborted_index_fini(&index);
    buffer_fini(&out);
}

static void what_was_written_is_read_and_anything_doubtful_is_not(void **state)
{
    (void)state;
    struct aborted_index index;
    struct aborted_index copy;
    struct buffer out;
    fill(&index);
    buffer_init(&out);
    aborted_index_init(&copy);
    aborted_index_write(&index, &out);
    assert_int_equal(aborted_index_read(&copy, buffer_bytes(&out), 100, 196), 0);
    assert_true(aborted_index_equal(&index, &copy));
    assert_int_equal(aborted_index_read(&copy, buffer_bytes(&out), 100, 195), ERROR_CORRUPT);
    assert_int_equal(aborted_index_read(&copy, buffer_bytes(&out), 106, 196), ERROR_CORRUPT);
    assert_int_equal(aborted_index_read(&copy, bytes_make(out.data, out.size - 1), 100, 196),
                     ERROR_CORRUPT);
    for (size_t i = 0; i < 34; i++) {
        out.data[i] ^= 0x80; /* a sign or a high bit of each field, or a version */
        int error = aborted_index_read(&copy, buffer_bytes(&out), 100, 196);
        assert_true(error == ERROR_CORRUPT || !aborted_index_equal(&index, &copy));
        out.data[i] ^= 0x80;
    }
    out.data[1] = 1;
    assert_int_equal(aborted_index_read(&copy, buffer_bytes(&out), 100, 196), ERROR_CORRUPT);
    aborted_index_fini(&index);
    aborted_index_fini(&copy);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_their_markers),
        cmocka_unit_test(a_row_that_cannot_be_is_not_taken),
        cmocka_unit_test(the_file_has_kafkas_bytes),
        cmocka_unit_test(what_was_written_is_read_and_anything_doubtful_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
