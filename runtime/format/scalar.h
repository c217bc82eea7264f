/* The one text of a string, a number or a boolean, however it was written in JSON: equal values
 * have equal texts. 1, 1.0 and 1e0 are the same number; a string is without escapes it does not
 * need.
 *
 * Thread: any. */
#pragma once

#include "runtime/format/json.h"

/* False for null, arrays and objects. */
bool scalar_is(const struct json *json, uint32_t token);
/* JSON, borrowed from the text or appended to `scratch`. */
struct bytes scalar_text(const struct json *json, uint32_t token, struct buffer *scratch);
