/* Random JSON text for property tests: every kind of value, space, escape, number and encoding that
 * the grammar allows. The seed alone decides. */
#pragma once

#include "log/base/bytes.h"

#include <stdio.h>
#include <string.h>

static inline uint32_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16);
}

static inline void random_space(uint64_t *seed, struct buffer *out)
{
    while (random_next(seed) % 4 == 0) {
        buffer_add_byte(out, (uint8_t) " \t\r\n"[random_next(seed) % 4]);
    }
}

static inline void random_string(uint64_t *seed, struct buffer *out)
{
    static const char *const parts[] = {
        "a",
        "bc",
        "key",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u0000",
        "\\ud83d\\ude00",
        "\\ud800",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        " ",
        "{",
        "}",
        ",",
        ":",
        "[",
        "long plain text here",
    };
    buffer_add_byte(out, '"');
    for (uint32_t i = random_next(seed) % 4; i > 0; i--) {
        buffer_add_string(out, parts[random_next(seed) % (sizeof parts / sizeof *parts)]);
    }
    buffer_add_byte(out, '"');
}

static inline void random_scalar(uint64_t *seed, struct buffer *out)
{
    static const char *const scalars[] = {
        "0",
        "-0",
        "1",
        "-17",
        "9223372036854775807",
        "-9223372036854775808",
        "1e3",
        "1E-7",
        "0.100",
        "1.50",
        "123456789012345678901234567890",
        "true",
        "null",
        "false",
        "-1.5e+300",
        "0.1000000000000000055511151231257827",
    };
    if (random_next(seed) % 3 == 0) {
        random_string(seed, out);
    } else {
        buffer_add_string(out, scalars[random_next(seed) % (sizeof scalars / sizeof *scalars)]);
    }
}

static inline void random_value(uint64_t *seed, struct buffer *out, int depth)
{
    uint32_t kind = depth == 0 ? 0 : random_next(seed) % 4;
    random_space(seed, out);
    if (kind < 2) {
        random_scalar(seed, out);
    } else {
        bool is_object = kind == 2;
        uint32_t count = random_next(seed) % 5;
        buffer_add_byte(out, is_object ? '{' : '[');
        random_space(seed, out);
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0) {
                buffer_add_byte(out, ',');
            }
            if (is_object) {
                random_space(seed, out);
                random_string(seed, out);
                random_space(seed, out);
                buffer_add_byte(out, ':');
            }
            random_value(seed, out, depth - 1);
        }
        buffer_add_byte(out, is_object ? '}' : ']');
    }
    random_space(seed, out);
}
