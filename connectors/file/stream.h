/* One path that is followed, through all files that had it.
 *
 * A stream is one source partition, {"path":"/var/log/app.log"}, for all time. Its generations are
 * the files behind the path, oldest first: rotated ones that still have to be drained or were
 * drained lately, and at the end the file that has the path now. A generation is read only when all
 * older ones were read to their ends; rotated ones stay open for a while, because a writer that was
 * not told yet still writes to them.
 *
 * Owns:   its generations.
 * Keeps:  (1) every generation but the last is rotated;
 *         (2) no file appears twice;
 *         (3) at most STREAM_DONE_MAX generations are done: they are remembered so that the file is
 *             recognised under its new name.
 * Thread: the task's. */
#pragma once

#include "connectors/file/generation.h"

#include <stddef.h>
#include <sys/stat.h>

enum { STREAM_DONE_MAX = 4 };

struct stream {
    char *path;
    char *source_partition; /* JSON */
    struct generation **generations;
    size_t count;
    size_t capacity;
    bool is_matched; /* the last scan found its path */
};

/* What happened to the path since the last look. */
enum stream_event {
    STREAM_SAME,
    STREAM_ROTATED, /* another file has the path now */
    STREAM_REMOVED, /* no file has it */
};

struct stream *stream_new(const char *path);
void stream_free(struct stream *stream);
/* Takes over the generation, as the newest. */
void stream_add(struct stream *stream, struct generation *generation);
/* NULL when there is none. */
struct generation *stream_newest(const struct stream *stream);
/* The newest one of which something was emitted: its offset is the stream's. NULL for none. */
struct generation *stream_current(const struct stream *stream);
/* Whether a file is one of its generations, under whatever name. */
bool stream_has_file(const struct stream *stream, const char *path, const struct stat *status);
/* Looks at the path and adds the files that appeared behind it, also the ones that had the path for
 * a while between two looks. */
enum stream_event stream_update(struct stream *stream, int64_t now_ms);
/* Forgets what is done beyond STREAM_DONE_MAX. */
void stream_trim(struct stream *stream);
/* Whether there is nothing to read or remember: the path and all its files are gone. */
bool stream_is_over(const struct stream *stream);
void stream_check(const struct stream *stream);
