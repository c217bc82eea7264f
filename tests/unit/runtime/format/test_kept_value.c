/* Shows that what a table remembers comes back as it was, and that anything else is refused. */
#include "log/base/error.h"
#include "runtime/format/kept_value.h"
#include "tests/unit/unit.h"

static void values_of_every_format_come_back(void **state)
{
    (void)state;
    const struct kept_value values[] = {{1764000000000, BYTES_LITERAL("{\"n\":3}"), VALUE_JSON},
                                        {-1, BYTES_LITERAL("x"), VALUE_TEXT},
                                        {0, BYTES_LITERAL(""), VALUE_TEXT},
                                        {0, BYTES_LITERAL(""), VALUE_JSON},
                                        {5, BYTES_LITERAL("\0]"), VALUE_BYTES}};
    struct buffer stored;
    buffer_init(&stored);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct kept_value kept = {0};
        buffer_clear(&stored);
        kept_value_write(&stored, &values[i]);
        assert_int_equal(kept_value_read(buffer_bytes(&stored), &kept), 0);
        assert_int_equal(kept.timestamp_ms, values[i].timestamp_ms);
        assert_ptr_equal(kept.value_format, values[i].value_format);
        assert_true(bytes_equal(kept.value, values[i].value));
        assert_false(bytes_is_null(kept.value));
    }
    struct kept_value kept = {0};
    assert_int_equal(kept_value_read(BYTES_LITERAL("{}"), &kept), ERROR_CORRUPT);
    assert_int_equal(kept_value_read(BYTES_LITERAL("\0\0\0\0\0\0\0\0\0"), &kept), ERROR_CORRUPT);
    assert_int_equal(kept_value_read(BYTES_LITERAL("\0\0\0\0\0\0\0\0\0q"), &kept), ERROR_CORRUPT);
    buffer_fini(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_of_every_format_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
