/* The newest bytes of logs that somebody follows, so that who reads them asks the kernel for
 * nothing.
 *
 * A reader at the end makes a log followed for its next TAIL_CACHE_PATIENCE appends; what nobody
 * reads is not kept. Only small batches are: of large ones a system call costs nothing. Bytes lie
 * in blocks that only grow; a slice that was found in a block keeps it, however slow its reader is.
 *
 * Owns:   the blocks; a log has one at most, which others may still hold.
 * Keeps:  (1) a block holds what lies in one segment's file from its position on, and is a log's
 *             only while that segment grows;
 *         (2) size is that of all blocks, held ones too, and above size_max none is made;
 *         (3) the blocks of logs are in the order of their use.
 * Thread: the shard's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/list.h"

enum {
    TAIL_CACHE_BATCH_MAX = 4 << 10,
    TAIL_CACHE_BLOCK_MIN = 2 << 10,
    TAIL_CACHE_BLOCK_MAX = 32 << 10,
    TAIL_CACHE_PATIENCE = 64, /* appends */
};

struct tail_cache {
    struct list blocks; /* of logs, the longest unused first */
    size_t size;
    size_t size_max;
};

struct tail_cache_block {
    struct list_link link; /* while it is a log's */
    struct tail_cache *cache;
    struct tail_cache_block **owner; /* the log's pointer; NULL when it let go */
    int64_t segment_offset;          /* base offset of the segment */
    int64_t position;                /* in its file */
    size_t size;
    size_t capacity;
    int32_t holder_count;
    uint8_t data[];
};

/* A log's part; zeroed it holds nothing. */
struct tail_cache_tail {
    struct tail_cache_block *block;
    int32_t patience;
};

void tail_cache_init(struct tail_cache *cache, size_t size_max);
/* No block may be held. */
void tail_cache_fini(struct tail_cache *cache);
/* Bytes were appended to the segment's file. */
void tail_cache_note(struct tail_cache *cache, struct tail_cache_tail *tail, int64_t segment_offset,
                     int64_t position, struct bytes data);
/* Somebody reads the end. */
void tail_cache_follow(struct tail_cache_tail *tail);
/* The segment does not grow any more, so its file may be replaced; it is followed still. */
void tail_cache_roll(struct tail_cache_tail *tail);
/* The log was cut, or goes away. */
void tail_cache_drop(struct tail_cache_tail *tail);
/* The block that holds this part of the file, held for the caller; NULL when none does. */
struct tail_cache_block *tail_cache_hold(struct tail_cache_tail *tail, int64_t segment_offset,
                                         int64_t position, size_t size);
void tail_cache_release(struct tail_cache_block *block);
void tail_cache_check(const struct tail_cache *cache);
