/* A text without a type, as formats of lines have it, to JSON and back.
 *
 * Thread: any. */
#pragma once

#include "runtime/format/json.h"

/* Appends the number that the text is, null for an empty text; ERROR_MALFORMED when it is none as
 * JSON writes them. */
must_use int cell_write_number(struct buffer *out, struct bytes text);
/* Appends a JSON value as a text: a string without its quotes, nothing for null, an object or a
 * list as JSON. */
void cell_read(const struct json *json, uint32_t token, struct buffer *out);
