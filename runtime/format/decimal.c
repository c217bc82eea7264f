/* Doubles as text; see decimal.h.
 *
 * A double of 2^52 <= m < 2^53 is m * 2^e, and ten to the k is 5^k * 2^k. So value * 10^k is
 * m * 5^k shifted right by -(e + k), and m * 5^k fits 128 bits for k <= 20: each question that
 * rounding asks, and whether a text reads back, is answered on integers, without an error. */
#include "runtime/format/decimal.h"

#include "log/base/check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    DIGITS_MIN = 15, /* enough for each text of so many digits that was read */
    DIGITS_MAX = 17, /* enough for each double */
    EXPONENT_MIN = -4,
    EXPONENT_MAX = 13,
    FRACTION_BITS = 52,
    EXPONENT_BIAS = 1023 + FRACTION_BITS,
};

/* 17 digits of a number: the number is (whole + part / 2^shift) / 10^(16 - exponent). */
struct scaled {
    int exponent;   /* of the first digit */
    unsigned shift; /* bits that `part` counts in */
    uint64_t whole; /* 10^16 to 10^17 - 1 */
    uint64_t part;  /* below 2^shift */
    uint64_t gap;   /* to the next double, in units of `part` */
};

static int exponent_of(double magnitude)
{
    /* Doubles next to 0.1, 0.01, 0.001 and 0.0001, all of them above the exact number. */
    static const double powers[] = {1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1,  1e2,  1e3,  1e4,
                                    1e5,  1e6,  1e7,  1e8,  1e9, 1e10, 1e11, 1e12, 1e13};
    int exponent = EXPONENT_MIN;
    while (exponent < EXPONENT_MAX && magnitude >= powers[exponent + 1 - EXPONENT_MIN]) {
        exponent++;
    }
    return exponent;
}

static uint64_t power_of_five(int k)
{
    static const uint64_t powers[] = {
        125,         625,          3125,         15625,         78125,          390625,
        1953125,     9765625,      48828125,     244140625,     1220703125,     6103515625,
        30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125, 95367431640625};
    return powers[k - 3];
}

static struct scaled scale(double magnitude)
{
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    uint64_t hidden = UINT64_C(1) << FRACTION_BITS;
    uint64_t mantissa = (bits & (hidden - 1)) | hidden;
    int exponent = exponent_of(magnitude);
    int k = DIGITS_MAX - 1 - exponent;
    int shift = EXPONENT_BIAS - (int)(bits >> FRACTION_BITS) - k;
    uint64_t gap = power_of_five(k);
    check(shift > 0);
    check(shift < 50);
    unsigned __int128 product = (unsigned __int128)mantissa * gap;
    return (struct scaled){.exponent = exponent,
                           .shift = (unsigned)shift,
                           .whole = (uint64_t)(product >> shift),
                           .part = (uint64_t)product & ((UINT64_C(1) << shift) - 1),
                           .gap = gap};
}

/* The nearest number whose last digit is worth `unit`, a tie to the even one, in units. True when
 * it reads back as the number: it lies less than half a gap away. It never lies just half a gap
 * away, for a gap is a power of five and odd; and that the gap below a power of two is half as
 * large does not matter, for all of them have at most 14 digits here. */
static bool round_to(const struct scaled *it, uint64_t unit, uint64_t *out)
{
    uint64_t size = unit << it->shift; /* at most 100 * 2^49 */
    uint64_t rest = ((it->whole % unit) << it->shift) + it->part;
    uint64_t digits = it->whole / unit;
    bool is_up = rest > size / 2 || (rest == size / 2 && (digits & 1) == 1);
    *out = digits + is_up;
    return 2 * (is_up ? size - rest : rest) < it->gap;
}

static size_t write_digits(char *out, uint64_t digits, int decimals)
{
    char text[DECIMAL_SIZE_MAX];
    size_t at = sizeof text;
    while (decimals > 0 && digits % 10 == 0) {
        digits /= 10;
        decimals--;
    }
    for (int i = 0; i <= decimals || digits > 0; i++) {
        if (i > 0 && i == decimals) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + digits % 10);
        digits /= 10;
    }
    memcpy(out, text + at, sizeof text - at);
    return sizeof text - at;
}

size_t decimal_write(char *out, double value)
{
    size_t sign = value < 0;
    double magnitude = sign == 1 ? -value : value;
    if (!(magnitude >= 1e-4 && magnitude < 1e14)) {
        return 0;
    }
    struct scaled scaled = scale(magnitude);
    uint64_t digits = 0;
    uint64_t unit = 100;
    int count = DIGITS_MIN;
    while (!round_to(&scaled, unit, &digits) && count < DIGITS_MAX) {
        unit /= 10;
        count++;
    }
    *out = '-';
    return sign + write_digits(out + sign, digits, count - 1 - scaled.exponent);
}
