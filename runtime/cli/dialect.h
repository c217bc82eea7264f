/* Messages in another tool's words: what it calls the flags and commands that ours name.
 *
 * A command says "-b HOST:PORT"; called through a shim it must say "--bootstrap-server HOST:PORT",
 * because that is what the person typed and can type again. The sentences stay where they are: a
 * row of a dialect is a word of ours, and what stands in its place.
 *
 * Owns:   its rows; the words are borrowed.
 * Keeps:  only whole words are replaced, the longest first, and of two rows the first counts.
 * Thread: the main thread. */
#pragma once

#include "log/base/bytes.h"

struct dialect_row {
    const char *ours;
    const char *theirs;
};

/* Zeroes are an empty one. */
struct dialect {
    struct dialect_row *rows;
    size_t count;
};

void dialect_add(struct dialect *dialect, const char *ours, const char *theirs);
void dialect_fini(struct dialect *dialect);
/* Appends the text, translated. */
void dialect_write(const struct dialect *dialect, struct bytes text, struct buffer *out);
