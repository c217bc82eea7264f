/* Writes one record as a line of text, JSON or CSV.
 *
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "connectors/shared/builder.h"
#include "runtime/plugin/tidemill.h"

enum format { FORMAT_LINES, FORMAT_JSONL, FORMAT_CSV };

struct format_fields {
    const char *const *names;
    size_t count;
};

/* Appends the record. NULL, or a sentence that tells why it cannot be written; `out` is then as it
 * was. CSV takes the named members of a JSON object, nested ones as text (RFC 4180). */
const char *format_write(enum format format, struct format_fields fields,
                         const struct tidemill_record *record, struct builder *out);
/* Appends what a new file begins with: the names of the fields, for CSV. */
void format_write_header(enum format format, struct format_fields fields, struct builder *out);
