/* Shows that equal scalars have equal texts. */
#include "runtime/format/scalar.h"
#include "tests/unit/unit.h"

static void equal_values_have_one_text(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\"a\"", "\"a\""},
        {"\"\\u0061\\/\\n\"", "\"a/\\n\""},
        {"1.0", "1"},
        {"1e0", "1"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"-12", "-12"},
        {"0.50", "0.5"},
        {"12345678901234567891", "12345678901234567891"},
        {"1.25e40", "1.25e+40"},
        {"1e999", "1e999"},
        {"true", "true"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json json;
        struct buffer scratch;
        json_init(&json);
        buffer_init(&scratch);
        assert_int_equal(json_parse(&json, bytes_from_string(rows[i][0])), 0);
        assert_true(scalar_is(&json, JSON_ROOT));
        struct bytes text = scalar_text(&json, JSON_ROOT, &scratch);
        if (!bytes_equal_string(text, rows[i][1])) {
            fail_msg("%s gives %.*s", rows[i][0], BYTES_FORMAT(text));
        }
        json_fini(&json);
        buffer_fini(&scratch);
    }
}

static void other_values_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"null", "[]", "{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json json;
        json_init(&json);
        assert_int_equal(json_parse(&json, bytes_from_string(texts[i])), 0);
        assert_false(scalar_is(&json, JSON_ROOT));
        json_fini(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_have_one_text),
        cmocka_unit_test(other_values_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
