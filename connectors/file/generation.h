/* One file on the disk that a stream reads or has read.
 *
 * Rotation gives a path a new file; the old one keeps its identity and its position. A generation
 * holds its descriptor while it is read, so that a rename or removal takes nothing away and its
 * inode cannot be reused meanwhile.
 * Owns:   the descriptor.
 * Keeps:  (1) position bytes were emitted or skipped, and mark is the fingerprint at position;
 *         (2) a generation that is done has no descriptor.
 * Thread: the task's. */
#pragma once

#include "connectors/file/fingerprint.h"

struct generation {
    char *path;     /* where it was last seen */
    int descriptor; /* -1 when closed */
    uint64_t device;
    uint64_t inode;
    int64_t position;
    int64_t line_count; /* lines before the position */
    bool is_skipping;   /* the position is inside the rest of a line that was too long */
    bool has_begun;     /* something of it was emitted */
    struct fingerprint mark;
    int64_t modified_ms; /* of the file, when it was last read; -1 for never */
    int64_t seen_size;   /* the file's size when it was last looked at; -1 for never */
    int64_t changed_ms;  /* when the task last saw it grow or lose its path */
    bool is_rotated;     /* its path belongs to another file now, or to none */
    bool is_done;        /* rotated, read to its end and closed */
    bool is_gone;        /* it had no name left when it was closed */
};

/* Takes over the descriptor. */
struct generation *generation_new(const char *path, int descriptor);
void generation_free(struct generation *generation);
/* Puts another file in its place, whose content agrees so far; takes over the descriptor. */
void generation_move(struct generation *generation, const char *path, int descriptor);
/* Starts anew at the first byte, after the file was truncated or rewritten. */
void generation_reset(struct generation *generation);
void generation_finish(struct generation *generation);
/* Opens a regular file for reading; -1 otherwise. */
int generation_open_file(const char *path);
void generation_check(const struct generation *generation);
