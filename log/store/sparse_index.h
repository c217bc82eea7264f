/* Where the batches of one segment are, roughly: by offset and by time.
 *
 *     .index      8 bytes: int32 offset (relative to the segment), int32 position in the file
 *     .timeindex 12 bytes: int64 largest timestamp so far, int32 offset of its batch's end
 *
 * Big-endian, no header, no checksum, exact size; Kafka's format. An index is a cache: whoever
 * doubts one rebuilds it from the segment.
 *
 * Owns:   its entries.
 * Keeps:  (1) offsets and positions rise strictly;
 *         (2) timestamps rise strictly and their offsets too;
 *         (3) an offset entry names the last offset of the batch that begins at its position.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum { SPARSE_INDEX_ENTRY_SIZE = 8, SPARSE_INDEX_TIME_SIZE = 12 };

struct sparse_index_entry {
    int32_t relative_offset;
    int32_t position;
};

struct sparse_index_time {
    int64_t timestamp_ms;
    int32_t relative_offset;
};

struct sparse_index {
    struct sparse_index_entry *entries;
    struct sparse_index_time *times;
    int32_t entry_count;
    int32_t entry_capacity;
    int32_t time_count;
    int32_t time_capacity;
};

void sparse_index_init(struct sparse_index *index);
void sparse_index_fini(struct sparse_index *index);
/* Bytes of memory held. */
size_t sparse_index_size(const struct sparse_index *index);
/* Both ignore what would break the rise. */
void sparse_index_add(struct sparse_index *index, int32_t relative_offset, int32_t position);
void sparse_index_add_time(struct sparse_index *index, int64_t timestamp_ms,
                           int32_t relative_offset);
/* A position at or before the batch that holds the offset. */
int32_t sparse_index_find(const struct sparse_index *index, int32_t relative_offset);
/* The last position at or before `position`; 0 when there is none. */
int32_t sparse_index_find_place(const struct sparse_index *index, int32_t position);
/* The relative offset of the entry for exactly this position; -1 when there is none. */
int32_t sparse_index_offset_at(const struct sparse_index *index, int32_t position);
/* The last entry that is older than timestamp_ms: so is every record before it. NULL: none is. */
const struct sparse_index_time *sparse_index_find_time(const struct sparse_index *index,
                                                       int64_t timestamp_ms);
/* Drops what speaks of offsets at or above relative_offset. */
void sparse_index_truncate(struct sparse_index *index, int32_t relative_offset);
void sparse_index_write(const struct sparse_index *index, struct buffer *entries,
                        struct buffer *times);
/* Reads both files into an empty index; ERROR_CORRUPT when anything is in doubt: a size that is no
 * multiple, entries that do not rise, or that point at or beyond segment_size or offset_count. */
must_use int sparse_index_read(struct sparse_index *index, struct bytes entries, struct bytes times,
                               int64_t segment_size, int64_t offset_count);
void sparse_index_check(const struct sparse_index *index);
