/* What a table remembers of a key: its value, how that is seen, and the time it is from.
 *
 * JSON is kept as a timed value (timed.h), so that a changelog can be read with any tool; anything
 * else as a binary one: a letter for the format, then the value. Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "runtime/format/value.h"

struct kept_value {
    int64_t timestamp_ms;
    struct bytes value;                      /* null: nothing */
    const struct value_format *value_format; /* JSON, text or bytes */
};

/* Appends what is not null. */
void kept_value_write(struct buffer *out, const struct kept_value *kept);
/* `out->value` is borrowed from `stored`. ERROR_CORRUPT for anything that was not written here. */
must_use int kept_value_read(struct bytes stored, struct kept_value *out);
