/* Which leader epoch began at which offset (KIP-101).
 *
 *     leader-epoch-checkpoint:  0 / count / epoch start-offset ...
 *
 * Owns:   the entries of one log.
 * Keeps:  (1) epochs and start offsets rise strictly;
 *         (2) is_written says whether the file holds what the memory holds; it is written durably
 *             before the first batch of a new epoch is flushed.
 * Thread: the shard's. */
#pragma once

#include "log/io/io.h"

struct epoch_cache_entry {
    int32_t epoch;
    int64_t start_offset;
};

struct epoch_cache {
    struct epoch_cache_entry *entries;
    int32_t count;
    int32_t capacity;
    bool is_written;
};

void epoch_cache_init(struct epoch_cache *cache);
void epoch_cache_fini(struct epoch_cache *cache);
/* A batch of this epoch begins at this offset; ignored unless the epoch is new. */
void epoch_cache_note(struct epoch_cache *cache, int32_t epoch, int64_t offset);
/* -1 when there is none. */
int32_t epoch_cache_last(const struct epoch_cache *cache);
/* The largest known epoch <= `epoch` and where it ends (`end_offset` for the last one); false when
 * there is none. */
bool epoch_cache_find(const struct epoch_cache *cache, int32_t epoch, int64_t end_offset,
                      int32_t *found_epoch, int64_t *found_end);
/* The epoch of the record at an offset; -1 when it is not known. */
int32_t epoch_cache_at(const struct epoch_cache *cache, int64_t offset);
/* Forgets epochs that begin at or above the offset. */
void epoch_cache_truncate(struct epoch_cache *cache, int64_t offset);
/* Forgets epochs that end at or below the offset; the oldest left begins there. */
void epoch_cache_set_start(struct epoch_cache *cache, int64_t offset);
/* Forgets epochs above `epoch`; whether there were any. */
bool epoch_cache_limit(struct epoch_cache *cache, int32_t epoch);
/* ERROR_NOT_FOUND, ERROR_CORRUPT, or an error of the disk. */
must_use int epoch_cache_read(struct epoch_cache *cache, struct io *io, const char *directory);
/* Durable when it returns 0. Nothing is done when the file holds the entries already. */
must_use int epoch_cache_write(struct epoch_cache *cache, struct io *io, const char *directory);
void epoch_cache_check(const struct epoch_cache *cache);
