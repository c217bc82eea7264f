/* The names of value formats; see value.h. */
#include "runtime/format/value.h"

#include <string.h>

static const char *const value_names[] = {"bytes", "text", "json"};

bool value_format_find(const char *name, enum value_format *out)
{
    for (size_t i = 0; i < sizeof value_names / sizeof *value_names; i++) {
        if (strcmp(name, value_names[i]) == 0) {
            *out = (enum value_format)i;
            return true;
        }
    }
    return false;
}

const char *value_format_name(enum value_format format)
{
    return value_names[format];
}
