/* Shows that pack strings read numbers as kcat -s does, and reals are written as Java writes them.
 */
#include "log/base/error.h"
#include "runtime/cli/unpack.h"
#include "tests/unit/unit.h"

#include <string.h>

static void expect(const char *pack, const void *content, size_t size, const char *text)
{
    struct report report = {0};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(unpack_validate(pack, &report), 0);
    assert_int_equal(unpack_write(pack, bytes_make(content, size), &out, &report), 0);
    assert_string_equal(buffer_string(&out), text);
    buffer_fini(&out);
}

static void refuse(const char *pack, const char *content, const char *sentence)
{
    struct report report = {0};
    struct buffer out;
    buffer_init(&out);
    buffer_add_string(&out, "before");
    assert_int_equal(unpack_write(pack, bytes_from_string(content), &out, &report), ERROR_INVALID);
    assert_non_null(strstr(report.text, sentence));
    assert_string_equal(buffer_string(&out), "before");
    buffer_fini(&out);
}

static void numbers_have_a_size_a_sign_and_an_order(void **state)
{
    (void)state;
    expect("bB", "\xff\xff", 2, "-1255");
    expect("h<h>H", "\xff\xfe\xfe\xff\xff\xfe", 6, "-2-265534");
    expect("i I", "\xff\xff\xff\xfe\xff\xff\xff\xfe", 8, "-2 4294967294");
    expect("<i", "\x01\x02\x00\x00", 4, "513");
    expect("q", "\xff\xff\xff\xff\xff\xff\xff\xfe", 8, "-2");
    expect("Q", "\xff\xff\xff\xff\xff\xff\xff\xfe", 8, "18446744073709551614");
    expect("ccs$", "abcd", 4, "abcd");
    expect("s", "", 0, "");
    expect(">i", "\0\0\0\x07more", 8, "7");
    expect("??", "\0\x01", 2, "falsetrue");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct report report = {0};
    refuse("q", "abc", "'q' takes 8 bytes, 3 are left");
    refuse("b$", "ab", "1 bytes are left over");
    refuse("ss$b", "ab", "'b' takes 1 bytes, 0 are left");
    assert_int_equal(unpack_validate("avro", &report), ERROR_INVALID);
    assert_non_null(strstr(report.text, "'avro' is no pack string"));
    assert_int_equal(unpack_validate("", &report), ERROR_INVALID);
}

static void expect_double(double value, const char *text)
{
    uint64_t bits;
    uint8_t octets[8];
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++) {
        octets[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    expect("d", octets, sizeof octets, text);
}

/* As Double.toString of Java 17 says. */
static void reals_look_as_in_java(void **state)
{
    (void)state;
    expect_double(0, "0.0");
    expect_double(-0.0, "-0.0");
    expect_double(1, "1.0");
    expect_double(-1, "-1.0");
    expect_double(0.1, "0.1");
    expect_double(100, "100.0");
    expect_double(1e7, "1.0E7");
    expect_double(12345678.9, "1.23456789E7");
    expect_double(123456.789, "123456.789");
    expect_double(1e-3, "0.001");
    expect_double(0.00123, "0.00123");
    expect_double(1e-4, "1.0E-4");
    expect_double(1e300, "1.0E300");
    expect_double(1 / 0.0, "Infinity");
    expect("f", "\x3d\xcc\xcc\xcd", 4, "0.1");
    expect("f", "\x7f\xc0\x00\x00", 4, "NaN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_a_size_a_sign_and_an_order),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(reals_look_as_in_java),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
