/* Numbers that lie in keys and values, as text: the pack strings of kcat -s.
 *
 *     < little-endian  > big-endian (at first)  b B 8 bits  h H 16  i I 32  q Q 64, small letters
 *     with a sign  c a character  s the rest as text  $ nothing may be left  and a space
 *
 * and, for the deserializers of Kafka's console consumer, which write as Java does:
 *
 *     f d a float or double  ? a boolean
 *
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/report.h"

/* ERROR_INVALID with a sentence for what is no pack string. */
must_use int unpack_validate(const char *pack, struct report *report);
/* Appends the text; ERROR_INVALID, with a sentence and nothing appended, where the content does not
 * fit. */
must_use int unpack_write(const char *pack, struct bytes content, struct buffer *out,
                          struct report *report);
