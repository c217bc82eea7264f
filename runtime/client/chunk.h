/* What one fetch brought for one partition, handed out batch by batch.
 *
 * Owns:   a share of the response's memory (counted, not copied), and
 *         the list of aborted transactions.
 * Keeps:  (1) chunk_frame lives as long as a chunk or a batch taken from one points into it;
 *         (2) batches come in order; those of aborted transactions and control batches do not come
 *             (when committed data only is wanted).
 * Thread: its fetcher's shard. */
#pragma once

#include "log/base/list.h"
#include "log/wire/batch.h"
#include "log/wire/messages.h"

/* The memory of one response. */
struct chunk_frame {
    struct list_link link; /* in `held` of whoever counts its size */
    struct buffer buffer;
    int share_count;
    size_t *held_size; /* lowered by the buffer's size at the end; NULL: nobody counts any more */
};

struct chunk_aborted {
    int64_t producer_id;
    int64_t first_offset;
    bool is_open; /* begun before here, its marker is still to come */
};

struct chunk {
    struct list_link link;
    struct chunk_frame *frame;
    struct bytes rest; /* batches not taken yet */
    struct chunk_aborted *aborted;
    size_t aborted_count;
    bool is_read_committed;
};

/* Takes the buffer; the caller holds one share. Adds its size to *held_size. */
struct chunk_frame *chunk_frame_new(struct buffer *buffer, struct list *held, size_t *held_size);
void chunk_frame_release(struct chunk_frame *frame);
/* Cuts `records`, which lie in the frame, at the last whole batch and shares the frame. Sets *end
 * to the offset behind the last batch. NULL with ERROR_NONE in *error when there is no whole batch,
 * with an error when the bytes are damaged. */
struct chunk *chunk_new(struct chunk_frame *frame, const struct fetch_response_partition *partition,
                        bool is_read_committed, int64_t *end, int *error);
void chunk_free(struct chunk *chunk);
/* The next batch to be read that ends at or behind *position: 1, 0 when there is no more, or
 * ERROR_CORRUPT_MESSAGE. Moves *position behind what was skipped, not behind the batch. */
must_use int chunk_next(struct chunk *chunk, bool is_crc_checked, int64_t *position,
                        struct batch *out);
