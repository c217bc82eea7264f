/* Shows that timed values read back as written and that anything else is corrupt. */
#include "log/base/error.h"
#include "runtime/format/timed.h"
#include "tests/unit/unit.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    const int64_t times[] = {0, 1764000000000, -5, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct buffer stored;
        buffer_init(&stored);
        timed_write(&stored, times[i], BYTES_LITERAL("{\"n\":[1]}"));
        int64_t time_ms = 1;
        struct bytes value;
        assert_int_equal(timed_read(buffer_bytes(&stored), &time_ms, &value), 0);
        assert_int_equal(time_ms, times[i]);
        assert_true(bytes_equal_string(value, "{\"n\":[1]}"));
        buffer_fini(&stored);
    }
}

static void a_binary_value_is_read_too(void **state)
{
    (void)state;
    struct buffer stored;
    buffer_init(&stored);
    timed_write_binary(&stored, -7, bytes_make("\0[x", 3));
    int64_t time_ms = 1;
    struct bytes value;
    assert_int_equal(timed_read(buffer_bytes(&stored), &time_ms, &value), 0);
    assert_int_equal(time_ms, -7);
    assert_true(bytes_equal(value, bytes_make("\0[x", 3)));
    assert_int_equal(timed_read(bytes_make(stored.data, 8), &time_ms, &value), ERROR_CORRUPT);
    buffer_fini(&stored);
}

static void anything_else_is_corrupt(void **state)
{
    (void)state;
    const char *const bad[] = {"",       "[]",     "[1]",
                               "[1,]",   "1,2",    "[,2]",
                               "[x,2]",  "[-,22]", "[99999999999999999999,1]",
                               "[1 ,2]", "[1,2",   "[01,2]",
                               "[-0,2]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t time_ms = 0;
        struct bytes value;
        assert_int_equal(timed_read(bytes_from_string(bad[i]), &time_ms, &value), ERROR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_binary_value_is_read_too),
        cmocka_unit_test(anything_else_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
