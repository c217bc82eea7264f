/* A format of values that is a plugin: value = { format = "pairs", separator = ";" } in a script.
 *
 * Keeps:  what is decoded is one JSON text of at most VALUE_DECODED_SIZE_MAX bytes, and what is
 *         encoded no larger.
 * Thread: that of who opens. */
#pragma once

#include "runtime/format/value.h"
#include "runtime/format/value_options.h"

/* Loads NAME.so from the first directory that has it. ERROR_NOT_FOUND when none has, or the name is
 * none of a plugin's; else ERROR_INVALID with the report filled. Closed by format_close. */
must_use int format_plugin_open(const char *const *directories, size_t directory_count,
                                const char *name, const struct value_options *options,
                                const struct value_format **out, struct report *report);
