/* Base64 with padding (RFC 4648 §4).
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

void base64_write(struct buffer *out, struct bytes data);
/* Appends what the text says; ERROR_MALFORMED, with `out` as it was, for anything base64_write does
 * not write. */
must_use int base64_read(struct buffer *out, struct bytes text);
