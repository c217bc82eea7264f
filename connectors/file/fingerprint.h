/* What a file's content says about its identity.
 *
 * An inode is reused, a path is renamed, a copy is truncated: only content tells. The head is a
 * hash of the first bytes that were read, with their number, so that a file of five bytes has a
 * fingerprint too and it grows with the file. The tail is a hash of the bytes just before the
 * position, which tells a rewritten file from one that grew.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { FINGERPRINT_HEAD_MAX = 1024, FINGERPRINT_TAIL_MAX = 256 };

struct fingerprint {
    int64_t head_size; /* at most FINGERPRINT_HEAD_MAX, at most the position */
    uint64_t head_hash;
    uint64_t tail_hash; /* of the last FINGERPRINT_TAIL_MAX bytes before the position, or fewer */
};

/* Of a file that was read up to `position`. False when the file is shorter or cannot be read. */
bool fingerprint_take(int descriptor, int64_t position, struct fingerprint *out);
/* Whether the file may be continued at `position`: it is long enough, and head and tail agree. */
bool fingerprint_agrees(int descriptor, int64_t position, const struct fingerprint *fingerprint);
/* The tail alone, for a descriptor that was never closed. */
bool fingerprint_tail_agrees(int descriptor, int64_t position,
                             const struct fingerprint *fingerprint);
