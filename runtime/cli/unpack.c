/* See unpack.h. What is left over is no mistake unless the string ends in '$'. */
#include "runtime/cli/unpack.h"

#include "log/base/endian.h"
#include "log/base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "<>bBhHiIqQcs$ fd?";

int unpack_validate(const char *pack, struct report *report)
{
    size_t size = strspn(pack, letters);
    return pack[size] == '\0' && size > 0
               ? 0
               : report_add(report, NULL,
                            "'%s' is no pack string; its letters are < > b B h H i I q Q c s $ and "
                            "a space",
                            pack);
}

static size_t size_of(char letter)
{
    switch (letter) {
    case 'b':
    case 'B':
    case 'c':
    case '?':
        return 1;
    case 'h':
    case 'H':
        return 2;
    case 'i':
    case 'I':
    case 'f':
        return 4;
    case 'q':
    case 'Q':
    case 'd':
        return 8;
    default:
        return 0;
    }
}

/* Puts a point into digits that are 0.DIGITS * 10^(exponent + 1), as Double.toString. */
static void write_digits(const char *digits, int exponent, struct buffer *out)
{
    int count = (int)strlen(digits);
    if (exponent >= -3 && exponent < 0) {
        buffer_printf(out, "0.%.*s%s", -exponent - 1, "00", digits);
    } else if (exponent >= 0 && exponent < 7 && count <= exponent + 1) {
        buffer_printf(out, "%s%.*s.0", digits, exponent + 1 - count, "0000000");
    } else if (exponent >= 0 && exponent < 7) {
        buffer_printf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    } else {
        buffer_printf(out, "%c.%sE%d", digits[0], count == 1 ? "0" : digits + 1, exponent);
    }
}

/* The fewest digits that read back as the same number. */
static void write_real(double value, bool is_float, struct buffer *out)
{
    char text[40];
    if (isnan(value) || isinf(value)) {
        buffer_add_string(out, isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        bool is_same = is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
        if (is_same) {
            break;
        }
    }
    char digits[24], *e = strchr(text, 'e');
    size_t count = 0;
    for (const char *at = text; at < e; at++) {
        if (*at >= '0' && *at <= '9') {
            digits[count++] = *at;
        }
    }
    digits[count] = '\0';
    buffer_add_string(out, signbit(value) ? "-" : "");
    write_digits(digits, (int)strtol(e + 1, NULL, 10), out);
}

static void write_letter(char letter, const uint8_t *at, bool is_little, struct buffer *out)
{
    uint8_t octets[8] = {0};
    size_t size = size_of(letter);
    for (size_t i = 0; i < size; i++) { /* to the end of eight, the highest first */
        octets[8 - size + i] = at[is_little ? size - 1 - i : i];
    }
    uint64_t bits = endian_read_u64(octets);
    uint32_t low = (uint32_t)bits;
    double number;
    float half;
    switch (letter) {
    case 'b':
        buffer_printf(out, "%d", (int8_t)bits);
        break;
    case 'h':
        buffer_printf(out, "%d", (int16_t)bits);
        break;
    case 'i':
        buffer_printf(out, "%d", (int32_t)low);
        break;
    case 'q':
        buffer_printf(out, "%lld", (long long)bits);
        break;
    case 'c':
        buffer_add_byte(out, at[0]);
        break;
    case '?':
        buffer_add_string(out, at[0] == 0 ? "false" : "true");
        break;
    case 'f':
        memcpy(&half, &low, sizeof half);
        write_real((double)half, true, out);
        break;
    case 'd':
        memcpy(&number, &bits, sizeof number);
        write_real(number, false, out);
        break;
    default: /* without a sign */
        buffer_printf(out, "%llu", (unsigned long long)bits);
        break;
    }
}

int unpack_write(const char *pack, struct bytes content, struct buffer *out, struct report *report)
{
    const uint8_t *at = content.data, *end = content.data + content.size;
    size_t before = out->size;
    bool is_little = false;
    for (; *pack != '\0'; pack++) {
        size_t left = (size_t)(end - at), size = size_of(*pack);
        if (size > left || (*pack == '$' && left > 0)) {
            out->size = before;
            return *pack == '$' ? report_add(report, NULL, "%zu bytes are left over", left)
                                : report_add(report, NULL, "'%c' takes %zu bytes, %zu are left",
                                             *pack, size, left);
        }
        if (*pack == '<' || *pack == '>') {
            is_little = *pack == '<';
        } else if (*pack == ' ') {
            buffer_add_byte(out, ' ');
        } else if (*pack == 's') {
            buffer_add(out, at, left);
            at = end;
        } else if (size > 0) {
            write_letter(*pack, at, is_little, out);
            at += size;
        }
    }
    return 0;
}
