/* Lua that is embedded by the build: the files of runtime/lua/library, of which require "tidemill"
 * is made by calling them one after the other (see library/base.lua), and those of scripts/lib,
 * each of which require "tidemill.<name>" gives.
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
/* By name: "logs.lua". */
extern const struct library_file library_modules[];
