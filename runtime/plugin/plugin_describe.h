/* Writes what a plugin offers, for people and for programs, from its tables alone.
 *
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "runtime/plugin/plugin.h"

enum plugin_format { PLUGIN_TEXT, PLUGIN_JSON };

/* One kind with its options. JSON is one object without a newline:
 * {"name","type","alias","help","options":[{"name","type","required","default","allowed","help",
 * "alias"}]}. Deprecated options are left out of the text. */
void plugin_describe_kind(const struct tidemill_kind *kind, enum plugin_format format,
                          struct buffer *out);
/* The library and all its kinds. JSON: {"name","version","license","kinds":[...]}. */
void plugin_describe(const struct plugin *plugin, enum plugin_format format, struct buffer *out);
/* "string", "int", "bool", "duration", "size", "enum", "list" or "secret". */
const char *plugin_describe_type(uint32_t option_type);
