/* Kafka's variable-length integers (protocol guide, "Protocol Primitive Types").
 *
 * Reading never passes `end` and refuses encodings that are too long.
 * Thread: any. */
#pragma once

#include "log/base/check.h"

#include <stddef.h>
#include <stdint.h>

enum { VARINT_SIZE_MAX = 5, VARLONG_SIZE_MAX = 10 };

/* Each reader advances `*at` and returns 0, ERROR_TRUNCATED or ERROR_MALFORMED. */
must_use int varint_read_unsigned(const uint8_t **at, const uint8_t *end, uint32_t *out);
must_use int varint_read(const uint8_t **at, const uint8_t *end, int32_t *out);  /* zigzag */
must_use int varlong_read(const uint8_t **at, const uint8_t *end, int64_t *out); /* zigzag */
/* Each writer needs room for the largest size and returns the bytes written. */
size_t varint_write_unsigned(uint8_t *out, uint32_t value);
size_t varint_write(uint8_t *out, int32_t value);
size_t varlong_write(uint8_t *out, int64_t value);
size_t varint_size_unsigned(uint32_t value);
size_t varint_size(int32_t value);
size_t varlong_size(int64_t value);
