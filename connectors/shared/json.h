/* A small JSON reader and writer for connectors (RFC 8259).
 *
 * A document is judged as a whole by json_parse; after that its parts are slices of the same text,
 * and walking them cannot fail. Numbers stay text until somebody asks, so integers are exact.
 * Owns:   nothing; slices live as long as the text.
 * Thread: any. */
#pragma once

#include "connectors/shared/builder.h"

#include <stdbool.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_type type;
    const char *text; /* as written, with quotes or brackets */
    size_t size;
};

/* Walks the members of an object or the items of an array. */
struct json_cursor {
    const char *at;
    const char *end;
};

enum { JSON_DEPTH_MAX = 100 };

/* False when the text is not exactly one JSON value (or nests deeper than JSON_DEPTH_MAX). */
bool json_parse(const void *text, size_t size, struct json_value *out);
struct json_cursor json_start(struct json_value container);
/* The next item of an array, or member of an object (`key` is then a string; NULL for arrays). */
bool json_next(struct json_cursor *cursor, struct json_value *key, struct json_value *value);
/* The last member with this name. */
bool json_find(struct json_value object, const char *name, struct json_value *out);
/* Whether a number is an integer of 64 bits. */
bool json_integer(struct json_value value, int64_t *out);
/* The same of a member; `fallback` when there is none, or it is no such number. */
int64_t json_find_integer(struct json_value object, const char *name, int64_t fallback);
bool json_real(struct json_value value, double *out);
/* Appends the decoded text of a string; lone surrogates become U+FFFD. */
void json_decode(struct json_value string, struct builder *out);
/* Appends a quoted string; bytes that are not UTF-8 are kept. */
void json_write_text(struct builder *out, const void *text, size_t size);
