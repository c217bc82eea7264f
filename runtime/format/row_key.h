/* Keys of stores that are made of several parts, in the order of their parts.
 *
 *     key    its bytes, where a zero is followed by 255, then two zeros
 *     time   eight bytes, big endian, the sign bit flipped; downwards: all bits flipped
 *
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

void row_key_add(struct buffer *out, struct bytes key);
void row_key_add_time(struct buffer *out, int64_t time_ms);
void row_key_add_time_down(struct buffer *out, int64_t time_ms);
/* Each takes a part off the front of *rest. The key is appended to `key`. ERROR_CORRUPT for
 * anything that was not written here. */
must_use int row_key_take(struct bytes *rest, struct buffer *key);
must_use int row_key_take_time(struct bytes *rest, int64_t *time_ms);
must_use int row_key_take_time_down(struct bytes *rest, int64_t *time_ms);
