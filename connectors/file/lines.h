/* Cuts bytes into lines.
 *
 * Owns:   nothing; lines are views into the bytes.
 * Keeps:  every byte before `at` belongs to a line that was handed out, or was skipped for one of
 *         two reasons: it is a NUL at the start of a line (a hole that copytruncate left), or the
 *         rest of a line that was too long.
 * Thread: the owner's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    const char *at;
    const char *end;
    size_t line_size_max;
    bool is_skipping;   /* inside the rest of a line that was too long */
    int64_t line_count; /* newlines passed */
    int64_t nul_count;  /* NULs skipped */
};

struct line {
    const char *text; /* without newline and the carriage return before it */
    size_t size;
    bool is_truncated;
};

/* False when no whole line is left; `at` then stands at the start of the unfinished one. */
bool lines_next(struct lines *lines, struct line *out);
/* Hands out the unfinished line, if there is one. */
bool lines_flush(struct lines *lines, struct line *out);
