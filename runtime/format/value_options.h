/* The options of a format as a person wrote them: JSON, "csv" or {"format":"csv","header":true}.
 *
 * Owns:   its tokens; the text is borrowed.
 * Thread: the owner's. Every function returns 0, or fills the report and returns ERROR_INVALID. */
#pragma once

#include "log/base/report.h"
#include "runtime/format/json.h"
#include "runtime/format/name_list.h"

struct value_format;
struct value_options;

/* What formats find outside: files that options name, and formats that are not in the list. */
struct value_files {
    /* Appends the whole file; 0 or an error. */
    int (*read)(void *owner, const char *name, struct buffer *out);
    /* 0, ERROR_NOT_FOUND when there is no such format, or ERROR_INVALID with the report filled.
     * NULL: there are none. */
    int (*open_format)(void *owner, const char *name, const struct value_options *options,
                       const struct value_format **out, struct report *report);
    void *owner;
};

struct value_options {
    struct json json;
    const struct value_files *files; /* NULL: there are none */
};

/* `known` are the names of options, NULL last. */
must_use int value_options_validate(const struct value_options *options, const char *const *known,
                                    struct report *report);
/* A copy that the caller frees, NULL when the option is not there. */
must_use int value_options_string(const struct value_options *options, const char *name, char **out,
                                  struct report *report);
/* One byte of ASCII; untouched when the option is not there. */
must_use int value_options_character(const struct value_options *options, const char *name,
                                     uint8_t *out, struct report *report);
/* Untouched when the option is not there. */
must_use int value_options_boolean(const struct value_options *options, const char *name, bool *out,
                                   struct report *report);

/* Strings without the same one twice; empty when the option is not there. */
must_use int value_options_names(const struct value_options *options, const char *name,
                                 struct name_list *out, struct report *report);
