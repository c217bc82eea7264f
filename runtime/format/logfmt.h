/* Values that are lines of key=value:
 *
 *     at=info method=GET path="/a b" ms=12 cached
 *
 * are seen as an object of strings; a key without '=' is true. A value in quotes has the escapes of
 * JSON. Keys in `numbers` are numbers, and null when empty. Written are the members in their order;
 * null is an empty value, an object or a list its JSON.
 * Thread: any. */
#pragma once

#include "runtime/format/value.h"

extern const struct value_ops logfmt_ops;
