/* In which order files are read when the oldest come first.
 *
 * What was begun is read to its end before another file is begun; the next is the file that was
 * written to longest ago, and of equals the one whose path comes first. The order follows from
 * positions and files alone, so a restart changes nothing.
 *
 * Owns:   the list. Streams and generations are borrowed: the list is good until one of them is
 *         added, trimmed or freed.
 * Keeps:  (1) every generation that is not done appears once;
 *         (2) those of one stream appear in the order of the stream.
 * Thread: the task's. */
#pragma once

#include "connectors/file/stream.h"

#include <time.h>

struct backlog_entry {
    struct stream *stream;
    struct generation *generation;
    size_t index;             /* in the stream */
    bool is_begun;            /* perhaps to its end; what is empty holds nobody up */
    struct timespec modified; /* when the file was written to */
};

struct backlog {
    struct backlog_entry *entries;
    size_t count;
    size_t capacity;
};

/* A zeroed backlog is empty. */
void backlog_fill(struct backlog *backlog, struct stream *const *streams, size_t count);
void backlog_fini(struct backlog *backlog);
