/* A value with the time of the newest record that went into it, as aggregates keep it in a store:
 *
 *     [1764000000000,{"n":3}]
 *
 * It is JSON, so that a changelog can be read with any tool. A value that is not JSON (a sketch,
 * say) is kept as a zero byte, the time as eight bytes, big endian, and the value. Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

/* `value` is JSON; it is appended to `out` together with the time. */
void timed_write(struct buffer *out, int64_t timestamp_ms, struct bytes value);
void timed_write_binary(struct buffer *out, int64_t timestamp_ms, struct bytes value);
/* *value is borrowed from `stored`. ERROR_CORRUPT for anything that was not written here. */
must_use int timed_read(struct bytes stored, int64_t *timestamp_ms, struct bytes *value);
