/* Judges a data directory without changing it: what `tidemill log verify` does.
 *
 * Of each log: batches lie end to end, their CRCs match, their records can be read, offsets and
 * leader epochs rise, index entries point at batches, aborted transactions are rows of their
 * format, producer snapshots have the CRC they claim, and the leader-epoch checkpoint knows every
 * epoch that is in the log.
 *
 * Owns:   nothing between calls.
 * Thread: the main thread; waits for the disk. */
#pragma once

#include "log/io/io.h"

struct audit {
    struct io *io;
    struct buffer *problems; /* one line each is appended */
    int64_t problem_count;
    int64_t log_count;
    int64_t segment_count;
    int64_t batch_count;
    int64_t record_count;
    int64_t size;       /* bytes of segments */
    int64_t end_offset; /* of the log that was judged last */
};

/* `path`: a data directory, or the directory of one log. An error: the directory cannot be read.
 * Problems are no error. */
must_use int audit_directory(struct audit *audit, const char *path);
/* Whether a name ends in `suffix` behind the 20 digits of an offset. */
bool audit_is_segment_file(const char *name, const char *suffix, int64_t *base_offset);

struct audit_names {
    char **items;
    size_t count;
};
/* All names of a directory in byte order. */
must_use int audit_list(struct io *io, const char *path, struct audit_names *out);
void audit_names_free(struct audit_names *names);
