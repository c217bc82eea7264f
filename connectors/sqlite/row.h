/* One record as a row: names and values of columns, before a table is known.
 *
 * Owns:   decoded names and texts, until row_clear.
 * Keeps:  the first key_count values are the key; a later value of the same name is ignored.
 * Thread: the task's. */
#pragma once

#include "connectors/shared/json.h"
#include "runtime/plugin/tidemill.h"

enum { ROW_COLUMN_MAX = 1000, ROW_NAME_MAX = 256 };

enum row_type { ROW_NULL, ROW_INTEGER, ROW_REAL, ROW_TEXT, ROW_BLOB };

struct row_value {
    size_t name; /* a place in `text`; the name ends with a NUL */
    bool is_key;
    enum row_type type;
    int64_t integer;
    double real;
    bool is_borrowed; /* data points at the record, else at `text` + place */
    const void *data;
    size_t place;
    size_t size;
};

struct row {
    struct row_value *values;
    size_t count;
    size_t capacity;
    size_t key_count;
    struct row_value ignored; /* where values go that must not replace a key */
    struct builder text;
};

void row_clear(struct row *row);
void row_fini(struct row *row);
/* Makes what was added so far the key. */
void row_end_key(struct row *row);
const char *row_name(const struct row *row, size_t index);
const void *row_data(const struct row *row, size_t index);
/* -1 when there is none. */
int row_find(const struct row *row, const char *name);
/* "INTEGER", "REAL", "TEXT" or "BLOB"; null becomes TEXT, which takes anything. */
const char *row_type_name(enum row_type type);
void row_add_integer(struct row *row, const char *name, int64_t integer);
void row_add_text(struct row *row, const char *name, const char *text);
/* TEXT when the bytes are UTF-8 without a NUL, else BLOB, else NULL. */
void row_add_bytes(struct row *row, const char *name, struct tidemill_bytes bytes);
/* Adds the members of a JSON object; the last of equal names counts. Nested values stay text as
 * written. NULL, or a sentence that tells what is wrong with the text. */
const char *row_add_object(struct row *row, struct tidemill_bytes bytes);
