/* How the bytes of a value are read.
 *
 * Bytes and text are both seen as a string by scripts; JSON is seen as what it says.
 * Thread: any. */
#pragma once

#include "log/base/check.h"

#include <stdbool.h>
#include <stddef.h>

enum value_format { VALUE_BYTES, VALUE_TEXT, VALUE_JSON };

/* "bytes", "text" or "json"; false for another name. */
must_use bool value_format_find(const char *name, enum value_format *out);
const char *value_format_name(enum value_format format);
