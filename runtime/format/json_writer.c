/* Writing JSON scalars; see json_writer.h. */
#include "runtime/format/json_writer.h"

#include "log/base/error.h"
#include "runtime/format/decimal.h"
#include "runtime/format/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_escape(struct buffer *out, uint8_t byte)
{
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = byte == 0 ? NULL : strchr(special, byte);
    if (found != NULL) {
        buffer_add_byte(out, '\\');
        buffer_add_byte(out, (uint8_t)letters[found - special]);
    } else {
        buffer_printf(out, "\\u%04x", byte);
    }
}

int json_writer_content(struct buffer *out, struct bytes text)
{
    size_t before = out->size;
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.size;
    buffer_reserve(out, text.size);
    while (at < end) {
        const uint8_t *plain = at;
        while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
            at++;
        }
        buffer_add(out, plain, (size_t)(at - plain));
        if (at == end) {
            break;
        }
        if (*at < 0x80) {
            add_escape(out, *at++);
            continue;
        }
        size_t size = utf8_size(at, end);
        if (size == 0) {
            out->size = before;
            return ERROR_MALFORMED;
        }
        buffer_add(out, at, size);
        at += size;
    }
    return 0;
}

int json_writer_string(struct buffer *out, struct bytes text)
{
    buffer_reserve(out, text.size + 2);
    buffer_add_byte(out, '"');
    int error = json_writer_content(out, text);
    if (error != 0) {
        out->size--;
        return error;
    }
    buffer_add_byte(out, '"');
    return 0;
}

/* The numbers from 0 to 99 in two digits each. */
static const char json_writer_pairs[] = "00010203040506070809101112131415161718192021222324"
                                        "25262728293031323334353637383940414243444546474849"
                                        "50515253545556575859606162636465666768697071727374"
                                        "75767778798081828384858687888990919293949596979899";

static void put_pair(uint8_t *place, uint32_t number)
{
    memcpy(place, json_writer_pairs + (size_t)2 * number, 2);
}

/* Of a number below 10^8, the first ones 0. No digit waits for the one before it. */
static void put_eight(uint8_t *place, uint32_t number)
{
    uint32_t high = number / 10000;
    uint32_t low = number % 10000;
    put_pair(place, high / 100);
    put_pair(place + 2, high % 100);
    put_pair(place + 4, low / 100);
    put_pair(place + 6, low % 100);
}

void json_writer_int64(struct buffer *out, int64_t value)
{
    enum { PART = 100000000, DIGITS_MAX = 24, PART_DIGITS = 8 };
    uint8_t digits[DIGITS_MAX];
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t start = DIGITS_MAX;
    do {
        start -= PART_DIGITS;
        put_eight(digits + start, (uint32_t)(rest % PART));
        rest /= PART;
    } while (rest > 0);
    while (start < DIGITS_MAX - 1 && digits[start] == '0') {
        start++;
    }
    if (value < 0) {
        buffer_add_byte(out, '-');
    }
    buffer_add(out, digits + start, DIGITS_MAX - start);
}

int json_writer_double(struct buffer *out, double value)
{
    if (!isfinite(value)) {
        return ERROR_INVALID;
    }
    char text[40];
    size_t size = decimal_write(text, value);
    text[size] = 0;
    for (int precision = 15; size == 0 && precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    buffer_add_string(out, text);
    if (strpbrk(text, ".e") == NULL) {
        buffer_add_string(out, ".0");
    }
    return 0;
}
