/* Values that are rows of comma-separated cells (RFC 4180).
 *
 *     columns = { "id", "ms" }   a value is one row, seen as an object with these members
 *     header = true              the first row of a value has the names, the value is a list
 *     (neither)                  a value is one row, seen as a list of strings
 *     numbers = { "ms" }         these columns are numbers, and null when empty; others are strings
 *     separator = ";" quote = "'"
 *
 * Written are those members of an object that are columns, in their order; what is absent or null
 * is an empty cell, an object or a list its JSON.
 * Thread: any. */
#pragma once

#include "runtime/format/value.h"

extern const struct value_ops csv_ops;
