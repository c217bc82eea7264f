/* Writes JSON scalars with the escapes and digits that RFC 8259 asks for.
 *
 * Braces, commas and colons are the caller's. A failed call leaves the buffer as it was.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

/* ERROR_MALFORMED when the bytes are not UTF-8. */
must_use int json_writer_string(struct buffer *out, struct bytes text);
/* The same without the quotes, for strings that are written in pieces; none may cut a character. */
must_use int json_writer_content(struct buffer *out, struct bytes text);
void json_writer_int64(struct buffer *out, int64_t value);
/* The shortest digits that read back as the same double, always with a point or an exponent.
 * ERROR_INVALID for infinities and not-a-number, which JSON cannot say. */
must_use int json_writer_double(struct buffer *out, double value);
