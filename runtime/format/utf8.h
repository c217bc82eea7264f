/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

/* The size of the sequence of two or more bytes at `at`, or 0 when it is none. */
size_t utf8_size(const uint8_t *at, const uint8_t *end);
void utf8_append(struct buffer *out, uint32_t point);
bool utf8_is_valid(struct bytes text);
