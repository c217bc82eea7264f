/* The files of runtime/lua/library, embedded by the build: what require "tidemill" gives is made by
 * calling them one after the other; see library/base.lua.
 *
 * Thread: any. */
#pragma once

#include <stddef.h>

struct library_file {
    const char *name; /* NULL ends the list */
    const unsigned char *text;
    size_t size;
};

/* In the order of loading; the last one returns the library and what finishes an app. */
extern const struct library_file library_files[];
