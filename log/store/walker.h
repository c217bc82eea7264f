/* Goes from batch to batch through a segment.
 *
 * Owns:   a buffer with the part of the file around its place.
 * Keeps:  every batch it hands out begins where the one before it ends, has a sane header and a
 *         base offset not below the end of the one before it. The CRC is the caller's to check.
 * Thread: the shard's; waits for the disk, unless `mode` is set otherwise after walker_open: then a
 * step may be ERROR_AGAIN, with `position` the place to be read first. */
#pragma once

#include "log/store/segment.h"

struct walker {
    struct segment *segment;
    int64_t position;    /* of the next batch */
    int64_t next_offset; /* the lowest base offset it may have */
    int64_t limit;       /* the walk ends here */
    bool is_whole;       /* batches come with all their bytes, not only the header */
    enum io_read_mode mode;
    struct buffer buffer;
    int64_t buffer_position; /* of the buffer's first byte in the file */
};

/* `limit` is a position; `next_offset` that of the batch at `position`, or the base offset of the
 * segment when it is not known. */
void walker_open(struct walker *walker, struct segment *segment, int64_t position,
                 int64_t next_offset, int64_t limit, bool is_whole);
/* 1 with a batch that lies at *position and is valid until the next call; 0 at the limit;
 * ERROR_TRUNCATED or ERROR_CORRUPT when what lies there is no batch; or an error of the disk. */
must_use int walker_next(struct walker *walker, struct batch *out, int64_t *position);
void walker_close(struct walker *walker);
/* The place of the first batch that ends at or above `offset`, and its base offset, or the end of
 * the batch before it when compaction left nothing at `offset`; the end of the segment when there
 * is none. */
must_use int walker_find(struct segment *segment, int64_t offset, int64_t *position,
                         int64_t *base_offset);
