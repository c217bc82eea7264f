/* Options as rows: one line of a .def file is the field of a struct, its default, its parser, its
 * range and its manual.
 *
 *     OPTION(segment_bytes, "segment.bytes", BYTES, "1g", 14, INT32_MAX, NULL, PER_TOPIC,
 *            "Largest size of one segment file; a new segment starts when it is reached.")
 *
 *     struct topic_config {
 *     #define OPTION OPTION_FIELD
 *     #include "topic.def"
 *     #undef OPTION
 *     };
 *     const struct option_row topic_rows[] = {
 *     #define OPTION(...) OPTION_ROW(struct topic_config, __VA_ARGS__)
 *     #include "topic.def"
 *     #undef OPTION
 *     };
 *
 * The struct is zeroed before its first use and ended by option_fini.
 *
 * Owns:   the strings in the struct.
 * Keeps:  (1) names are unique;
 *         (2) every default passes its own row;
 *         (3) an ENUM and its allowed values go together;
 *         (4) a value that was refused leaves the struct untouched.
 * Thread: any; the struct's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/report.h"

/* The kind, and the type of its field. */
enum option_kind {
    OPTION_BOOL,        /* bool */
    OPTION_INT,         /* int32_t */
    OPTION_LONG,        /* int64_t */
    OPTION_DOUBLE,      /* double */
    OPTION_STRING,      /* char *, owned; NULL when there is no value */
    OPTION_LIST,        /* char *, owned: "a,b" without spaces; read it with option_list_has */
    OPTION_BYTES,       /* int64_t; "64k", "1g" */
    OPTION_DURATION_MS, /* int64_t; "10s", "7d" */
    OPTION_ENUM,        /* unsigned: the index among the allowed values */
};

enum option_flag {
    OPTION_SENSITIVE = 1 << 0,  /* a secret: printed as [hidden] */
    OPTION_READ_ONLY = 1 << 1,  /* read at start; a change needs a restart */
    OPTION_FLAG_FIRST = 1 << 8, /* the first flag that a table may give its own meaning */
};

struct option_row {
    const char *name; /* "segment.bytes" */
    enum option_kind kind;
    size_t offset;       /* of the field in the struct */
    const char *initial; /* the default as text; NULL for a STRING or LIST without one */
    int64_t min;         /* of numbers; of a STRING its bytes, of a LIST its items */
    int64_t max;         /* as min; for STRING and LIST 0 stands for no limit */
    const char *allowed; /* "delete,compact" of an ENUM or LIST; NULL for any */
    unsigned flags;      /* enum option_flag and the table's own */
    const char *doc;     /* English sentences */
};

#define OPTION_TYPE_BOOL        bool
#define OPTION_TYPE_INT         int32_t
#define OPTION_TYPE_LONG        int64_t
#define OPTION_TYPE_DOUBLE      double
#define OPTION_TYPE_STRING      char *
#define OPTION_TYPE_LIST        char *
#define OPTION_TYPE_BYTES       int64_t
#define OPTION_TYPE_DURATION_MS int64_t
#define OPTION_TYPE_ENUM        unsigned

#define OPTION_FIELD(field, name, kind, initial, min, max, allowed, flags, doc)                    \
    OPTION_TYPE_##kind field;
#define OPTION_ROW(type, field, name, kind, initial, min, max, allowed, flags, doc)                \
    {name, OPTION_##kind, offsetof(type, field), initial, min, max, allowed, flags, doc},

void option_set_default(const struct option_row *row, void *values);
void option_set_defaults(const struct option_row *rows, size_t count, void *values);
/* Copies all fields, strings too; what `to` held is freed. */
void option_copy(const struct option_row *rows, size_t count, const void *from, void *to);
void option_fini(const struct option_row *rows, size_t count, void *values);

/* NULL when there is none of this name. */
const struct option_row *option_find(const struct option_row *rows, size_t count, const char *name);
/* As option_find, but an unknown name is reported together with the nearest known one. */
const struct option_row *option_require(const struct option_row *rows, size_t count,
                                        const char *name, struct report *report);
/* 0 or ERROR_INVALID. The report (may be NULL) names option, value and remedy; its place is the
 * caller's to add. Spaces around a value are dropped, except in a STRING. */
must_use int option_parse(const struct option_row *row, const char *text, void *values,
                          struct report *report);
/* option_require and option_parse. */
must_use int option_assign(const struct option_row *rows, size_t count, const char *name,
                           const char *text, void *values, struct report *report);

/* Appends the value as option_parse reads it, sizes and durations as plain numbers; nothing for a
 * NULL string; "[hidden]" for a secret. */
void option_print(const struct option_row *row, const void *values, struct buffer *out);
/* The value of a BOOL, ENUM or whole number. */
int64_t option_number(const struct option_row *row, const void *values);
bool option_is_default(const struct option_row *row, const void *values);
/* The type in DescribeConfigs: BOOLEAN 1, STRING 2, INT 3, LONG 5, DOUBLE 6, LIST 7. */
int8_t option_kafka_type(const struct option_row *row);
/* Whether a LIST's value (NULL for none) has this item. */
bool option_list_has(const char *list, const char *item);
void option_check(const struct option_row *rows, size_t count);
