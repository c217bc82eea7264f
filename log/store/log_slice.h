/* Whole batches of a log as a place in one of its files: found by their headers, read when they are
 * wanted.
 *
 * Owns:   a pin on the segment, or the block of newest bytes that holds it (tail_cache.h), so that
 *         its bytes stay readable whatever retention or a deletion do to the log meanwhile.
 * Keeps:  (1) a slice begins with the batch that contains the offset asked for, or the next one if
 *             there is none, and ends at a batch's end; it lies in one segment;
 *         (2) it holds nothing at or beyond limit_offset;
 *         (3) it holds at most size_max bytes, or one batch if is_first_whole;
 *         (4) one operation at a time: between a call that returned false and `done` the slice
 *             belongs to the log.
 * Thread: the store's shard.
 *
 * Finding looks at no more than two places of the file: where the first batch is (the sparse index
 * leads near it, and a reader that goes on where the last one stopped is there already) and where
 * the last one ends. What is not in the page cache is brought there off the loop.
 * Bytes that this process appended or walked at its start are handed on as they are. Older ones had
 * their CRCs checked when the slice was opened. */
#pragma once

#include "log/base/list.h"
#include "log/store/log.h"
#include "log/store/read_gate.h"

struct segment;
struct tail_cache_block;

/* Embedded by the caller. */
struct log_slice {
    /* in */
    int64_t offset;
    int64_t limit_offset; /* exclusive: high watermark or last stable offset */
    size_t size_max;      /* bytes */
    bool is_first_whole;  /* the first batch even when it is larger than size_max (KIP-74) */
    bool may_wait;        /* wait for the disk inside the calls: start-up, tools */
    void (*done)(struct log_slice *slice, int error);
    void *owner;
    /* out */
    size_t size;         /* bytes; 0: nothing is there, and there is nothing to close */
    int64_t next_offset; /* behind its last batch, when size > 0 */
    bool was_on_disk;    /* some of it was not in the page cache */
    bool has_next;       /* below the limit there is more, in another file */
    /* the log's */
    struct log *log;
    struct tail_cache_block *tail; /* held, when it has all bytes of the slice */
    struct segment *segment; /* pinned while size > 0 or the disk is asked; not beside `tail` */
    int64_t position;        /* of the first byte in the file */
    int32_t cut_count;
    int32_t wait_count; /* how often opening asked the disk and got no further */
    struct io_request request;
    struct read_gate_read disk; /* while the disk is asked, as are asked_* */
    struct list_link link;      /* in the store while pinned */
    uint8_t *window;            /* while opening asks the disk */
    int64_t proof_position;     /* up to where segment_prove has come; -1: nowhere */
    int64_t proof_segment;      /* in the segment with this base offset */
    void *asked_out;
    size_t asked_size;
    uint64_t asked_position;
};

/* True when the answer is there (`done` is not called and *error is set), false when `done` will be
 * called. Errors: ERROR_OFFSET_OUT_OF_RANGE below start or above end, ERROR_CORRUPT,
 * ERROR_NOT_FOUND when the log went away while the disk was asked. */
must_use bool log_slice_open(struct log *log, struct log_slice *slice, int *error);
/* Reads `size` bytes from `at` on, both inside the slice; as above. ERROR_CANCELLED: they were cut
 * off by log_truncate. `out` must stay until `done`. */
must_use bool log_slice_read(struct log_slice *slice, size_t at, void *out, size_t size,
                             int *error);
/* Sends bytes from `at` on without copying them, as io_stream_send_file. How many; those that were
 * cut off are none. */
size_t log_slice_send(struct log_slice *slice, size_t at, size_t size, struct io_stream *stream);
/* Lets go of the file. A slice of size 0, and one that was closed, may be closed again. */
void log_slice_close(struct log_slice *slice);
