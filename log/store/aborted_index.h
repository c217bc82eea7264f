/* Which transactions were aborted: of one segment, those whose marker lies in it.
 *
 *     .txnindex  34 bytes: int16 version 0, int64 producer id, int64 first offset of the
 *                transaction, int64 offset of its marker, int64 stable offset behind the marker
 *
 * Big-endian, no header, no checksum; Kafka's format. Who reads only what is committed is told of
 * the rows whose transaction lies in what it was given. They stand in the segment of the fetched
 * offset and in those behind it, up to the first row whose stable offset is not below the end of
 * what was given: every transaction that began below a stable offset ended before it.
 *
 * Owns:   its rows.
 * Keeps:  (1) markers rise strictly;
 *         (2) a transaction begins before its marker, and the stable offset is above its beginning
 *             and at most one above the marker.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum { ABORTED_INDEX_ROW_SIZE = 34 };

struct aborted_index_row {
    int64_t producer_id;
    int64_t first_offset;
    int64_t last_offset;   /* the marker's */
    int64_t stable_offset; /* of the log as the marker left it: the oldest transaction still open */
};

struct aborted_index {
    struct aborted_index_row *rows;
    int32_t count;
    int32_t capacity;
};

void aborted_index_init(struct aborted_index *index);
void aborted_index_fini(struct aborted_index *index);
/* Ignores a row that is there already, or would break (1) or (2). */
void aborted_index_add(struct aborted_index *index, const struct aborted_index_row *row);
/* Drops the rows whose marker lies at or above `offset`; how many. */
int32_t aborted_index_truncate(struct aborted_index *index, int64_t offset);
/* The place of the first row whose marker lies at or above `offset`; count when there is none. */
int32_t aborted_index_find(const struct aborted_index *index, int64_t offset);
void aborted_index_write(const struct aborted_index *index, struct buffer *out);
/* Reads a file into an empty index; ERROR_CORRUPT when anything is in doubt: a size that is no
 * multiple, another version, rows that break (1) or (2), a stable offset that falls, a marker
 * outside base_offset .. next_offset - 1. */
must_use int aborted_index_read(struct aborted_index *index, struct bytes content,
                                int64_t base_offset, int64_t next_offset);
bool aborted_index_equal(const struct aborted_index *left, const struct aborted_index *right);
void aborted_index_check(const struct aborted_index *index);
