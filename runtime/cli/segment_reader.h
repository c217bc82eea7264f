/* Reads the batches of one segment file from end to end, for the commands that look at files.
 *
 * Owns:   the open file and a buffer around its place.
 * Keeps:  every batch it hands out begins where the one before it ended; nothing is written.
 * Thread: the main thread; waits for the disk.
 * It stands beside the store's own reader on purpose: a check that shares the code of what it
 * checks finds less. */
#pragma once

#include "log/io/io.h"
#include "log/wire/batch.h"

struct segment_reader {
    struct io *io;
    struct io_file *file;
    uint64_t size;     /* of the file */
    uint64_t position; /* of the next batch */
    struct buffer buffer;
    uint64_t buffer_position; /* of the buffer's first byte in the file */
};

must_use int segment_reader_open(struct segment_reader *reader, struct io *io, const char *path);
void segment_reader_close(struct segment_reader *reader);
/* 1 with a batch, valid until the next call, that lies at *position; 0 at the end of the file;
 * ERROR_TRUNCATED when the file ends inside a batch, ERROR_CORRUPT when there is none, or an error
 * of the disk. After an error it stays where it is. The CRC is the caller's to check. */
must_use int segment_reader_next(struct segment_reader *reader, struct batch *out,
                                 uint64_t *position);
