/* Shows that bytes read back as written, and that anything else is refused. */
#include "log/base/error.h"
#include "runtime/format/base64.h"
#include "tests/unit/unit.h"

static void bytes_read_back_as_written(void **state)
{
    (void)state;
    static const struct {
        struct bytes data;
        const char *text;
    } rows[] = {
        {BYTES_LITERAL(""), ""},
        {BYTES_LITERAL("f"), "Zg=="},
        {BYTES_LITERAL("fo"), "Zm8="},
        {BYTES_LITERAL("foo"), "Zm9v"},
        {BYTES_LITERAL("foob"), "Zm9vYg=="},
        {BYTES_LITERAL("\xff\xfe\xfd\0"), "//79AA=="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer text, data;
        buffer_init(&text);
        buffer_init(&data);
        base64_write(&text, rows[i].data);
        assert_string_equal(buffer_string(&text), rows[i].text);
        assert_int_equal(base64_read(&data, buffer_bytes(&text)), 0);
        assert_true(bytes_equal(buffer_bytes(&data), rows[i].data));
        buffer_fini(&text);
        buffer_fini(&data);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9?", "Zg==Zg==", "Z m9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buffer data;
        buffer_init(&data);
        assert_int_equal(base64_read(&data, bytes_from_string(bad[i])), ERROR_MALFORMED);
        assert_int_equal(data.size, 0);
        buffer_fini(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_read_back_as_written),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
