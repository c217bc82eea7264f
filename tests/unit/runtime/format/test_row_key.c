/* Shows that keys of several parts keep the order of their parts and can be taken apart again. */
#include "log/base/error.h"
#include "runtime/format/row_key.h"
#include "tests/unit/unit.h"

static void parts_are_in_order_and_come_back(void **state)
{
    (void)state;
    const struct bytes keys[] = {BYTES_LITERAL(""),     BYTES_LITERAL("\0"), BYTES_LITERAL("\0\0"),
                                 BYTES_LITERAL("\0\1"), BYTES_LITERAL("a"),  BYTES_LITERAL("a\0"),
                                 BYTES_LITERAL("a\1"),  BYTES_LITERAL("ab"), BYTES_LITERAL("\xff")};
    const int64_t times[] = {INT64_MIN, -1, 0, 1, 1764000000000, INT64_MAX};
    struct buffer last;
    struct buffer row;
    struct buffer key;
    buffer_init(&last);
    buffer_init(&row);
    buffer_init(&key);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        for (size_t j = 0; j < sizeof times / sizeof *times; j++) {
            buffer_clear(&row);
            row_key_add(&row, keys[i]);
            row_key_add_time(&row, times[j]);
            row_key_add_time_down(&row, times[j]);
            assert_true(bytes_compare(buffer_bytes(&last), buffer_bytes(&row)) < 0);
            struct bytes rest = buffer_bytes(&row);
            int64_t time_ms = 5;
            buffer_clear(&key);
            assert_int_equal(row_key_take(&rest, &key), 0);
            assert_true(bytes_equal(buffer_bytes(&key), keys[i]));
            assert_int_equal(row_key_take_time(&rest, &time_ms), 0);
            assert_true(time_ms == times[j]);
            assert_int_equal(row_key_take_time_down(&rest, &time_ms), 0);
            assert_true(time_ms == times[j] && rest.size == 0);
            assert_int_equal(row_key_take_time(&rest, &time_ms), ERROR_CORRUPT);
            buffer_clear(&last);
            buffer_add_bytes(&last, buffer_bytes(&row));
        }
    }
    struct bytes broken = BYTES_LITERAL("a\0b\0\0");
    assert_int_equal(row_key_take(&broken, &key), ERROR_CORRUPT);
    broken = BYTES_LITERAL("a");
    assert_int_equal(row_key_take(&broken, &key), ERROR_CORRUPT);
    buffer_fini(&last);
    buffer_fini(&row);
    buffer_fini(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_are_in_order_and_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
