/* How the bytes of a value are read and written: the face of a format.
 *
 * Bytes and text are seen as a string by scripts; every other format is seen as the JSON it says,
 * whatever its bytes look like. So a format is two translations, to JSON and from it, in one file
 * (csv.c, logfmt.c, …) that format.c lists; nobody else knows which there are.
 *
 * A format is read-only and shared by everybody who handles its values; NULL stands for bytes.
 * Thread: that of who opened it; VALUE_TEXT and VALUE_JSON any. */
#pragma once

#include "log/base/report.h"
#include "runtime/format/json.h"

/* Larger JSON is not made of any value: small bytes may stand for a lot (names of columns). */
enum { VALUE_DECODED_SIZE_MAX = 16 << 20 };

struct value_options;

/* A format's own data stands behind it; the file that knows it opens and closes it. */
struct value_format {
    const struct value_ops *ops;
};

struct value_ops {
    const char *name;           /* in scripts: value = "csv" */
    const char *text;           /* in sentences: "the value is not CSV" */
    bool is_string;             /* seen as a string */
    const char *const *options; /* names of what open reads, NULL last */
    /* NULL with the report filled. NULL: there is but one, without options. */
    struct value_format *(*open)(const struct value_options *options, struct report *report);
    void (*close)(struct value_format *format);
    /* Appends what the value says as one JSON text, VALUE_DECODED_SIZE_MAX at most. 0, or an error
     * with the report saying what is wrong where: "column 'total' of row 2: …". NULL: the bytes are
     * JSON themselves, or are read as if they were. */
    int (*decode)(const struct value_format *format, struct bytes value, struct buffer *json,
                  struct report *report);
    /* Appends a JSON value in this format; 0 or an error with the report filled. */
    int (*encode)(const struct value_format *format, const struct json *json, struct buffer *out,
                  struct report *report);
};

extern const struct value_format value_format_text;
extern const struct value_format value_format_json;

#define VALUE_BYTES ((const struct value_format *)NULL)
#define VALUE_TEXT  (&value_format_text)
#define VALUE_JSON  (&value_format_json)

/* "bytes", "text" or "json", which need no options; false for another name. */
must_use bool value_format_find(const char *name, const struct value_format **out);
/* Also of NULL. */
const struct value_ops *value_format_ops(const struct value_format *format);
const char *value_format_name(const struct value_format *format);
bool value_format_is_string(const struct value_format *format);
