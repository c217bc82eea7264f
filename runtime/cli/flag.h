/* Command line flags as rows: a table is the parser, the struct and the help of one command.
 *
 *     static const struct flag flags[] = {
 *         FLAG('p', "partitions", INT, struct create, partitions, "N", "how many partitions"),
 *     };
 *
 * Understood are -pN, -p N, --partitions N, --partitions=N, bundled switches (-eq), and `--`, after
 * which nothing is a flag. Flags and arguments may be mixed.
 *
 * Owns:   the arrays of FLAG_LIST fields and of the arguments, which flag_fini frees; all strings
 *         are borrowed from argv.
 * Keeps:  a flag that is not given leaves its field as the caller set it.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/report.h"

enum flag_kind {
    FLAG_BOOL,     /* bool; takes no value */
    FLAG_INT,      /* int64_t */
    FLAG_SIZE,     /* int64_t; "64k" */
    FLAG_DURATION, /* int64_t milliseconds; "10s" */
    FLAG_STRING,   /* const char * */
    FLAG_LIST,     /* struct flag_list; may be given several times */
};

struct flag_list {
    const char **items;
    size_t count;
};

struct flag {
    char letter;      /* 0: none */
    const char *name; /* without its dashes; NULL: none */
    enum flag_kind kind;
    size_t offset;          /* of the field */
    const char *value_name; /* in the help; NULL for a switch */
    const char *doc;
};

#define FLAG(letter, name, kind, type, field, value_name, doc)                                     \
    {                                                                                              \
        letter, name, FLAG_##kind, offsetof(type, field), value_name, doc                          \
    }

/* `--help` and `-h` are known everywhere (unless the table says otherwise) and set *wants_help.
 * ERROR_INVALID with a sentence that names the nearest flag. */
must_use int flag_parse(const struct flag *flags, size_t count, int argc, const char *const *argv,
                        void *values, struct flag_list *arguments, bool *wants_help,
                        struct report *report);
void flag_fini(const struct flag *flags, size_t count, void *values, struct flag_list *arguments);
void flag_list_add(struct flag_list *list, const char *item);
/* Appends one line per flag. */
void flag_print_help(const struct flag *flags, size_t count, struct buffer *out);
/* Reads escapes as people write them in -D and -K: \n \r \t \0 \\ \xNN; an unknown one stays. */
void flag_unescape(const char *text, struct buffer *out);
