/* Shows that doubles are written as printf and strtod would have it, digit for digit. */
#include "runtime/format/decimal.h"
#include "tests/unit/runtime/format/random_json.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20000 };

static void assert_written(double value)
{
    char expected[40];
    char text[DECIMAL_SIZE_MAX + 1];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(expected, sizeof expected, "%.*g", precision, value);
        if (strtod(expected, NULL) == value) {
            break;
        }
    }
    size_t size = decimal_write(text, value);
    assert_in_range(size, 1, DECIMAL_SIZE_MAX);
    text[size] = 0;
    assert_string_equal(text, expected);
}

/* And those next to it. */
static void assert_around(double value)
{
    assert_written(value);
    assert_written(-value);
    if (value > 1e-4) {
        assert_written(nextafter(value, 0));
    }
    assert_written(nextafter(value, 1e13));
}

static uint64_t draw(uint64_t *seed)
{
    return (uint64_t)random_next(seed) << 32 | random_next(seed);
}

static void any_double_is_written_as_printf_does(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < ROUNDS; i++) {
        double fraction = (double)(draw(&seed) >> 11) / 9007199254740992.0;
        assert_written(pow(10, 17.9 * fraction - 3.95));
        assert_written(1e-3 + fraction);
        assert_written((1 + fraction) * ldexp(1, (int)(random_next(&seed) % 58) - 13));
    }
}

static void few_digits_stay_few(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < ROUNDS; i++) {
        double power = pow(10, random_next(&seed) % 8);
        assert_around((double)(1 + draw(&seed) % 10000000) / power + 0.001);
        assert_around((double)(1000 + random_next(&seed) % 100000) / power);
    }
}

/* Where a power of ten or two begins, and halfway between two texts of 15 or 16 digits. */
static void borders_and_ties_are_rounded_as_printf_does(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = -4; i < 14; i++) {
        assert_around(pow(10, i));
        assert_around(5 * pow(10, i));
    }
    for (int i = -13; i < 46; i++) {
        assert_around(ldexp(1, i));
    }
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t whole = draw(&seed) % (UINT64_C(1) << 46);
        assert_around((double)whole + 0.5);
        assert_around((double)whole + 0.25);
        assert_around((double)(whole >> 3) + 0.0625);
        assert_around((double)(whole >> 20) + 0.00000095367431640625);
    }
    assert_written(0.00010000000000000000479);
    assert_written(99999999999999.984);
}

static void what_it_is_not_made_for_is_left(void **state)
{
    (void)state;
    const double values[] = {0, -0.0, 9.9999999e-5, 1e14, -1e14, 1e300, 5e-324, INFINITY, NAN};
    char text[DECIMAL_SIZE_MAX];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(decimal_write(text, values[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_double_is_written_as_printf_does),
        cmocka_unit_test(few_digits_stay_few),
        cmocka_unit_test(borders_and_ties_are_rounded_as_printf_does),
        cmocka_unit_test(what_it_is_not_made_for_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
