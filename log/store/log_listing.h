/* What lies in a log's directory, by the names of its files.
 *
 * Owns:   offsets and names as they were when it was read; no file.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/base/map.h"
#include "log/store/log_state.h"

struct log_listing {
    struct buffer segments;  /* int64_t base offsets, rising */
    struct buffer snapshots; /* int64_t offsets, rising */
    struct buffer aborts;    /* int64_t base offsets of .txnindex files, rising */
    struct buffer swaps;     /* int64_t base offsets of compacted files that count already */
    struct map leftovers;    /* names to remove */
};

void log_listing_init(struct log_listing *listing);
void log_listing_fini(struct log_listing *listing);
/* Looks anew; what was known is forgotten. */
must_use int log_listing_read(struct log_listing *listing, const struct log *log);
/* Of one of the lists of offsets. */
size_t log_listing_count(const struct buffer *offsets);
int64_t log_listing_offset(const struct buffer *offsets, size_t index);
bool log_listing_has_offset(const struct buffer *offsets, int64_t offset);
/* Removes a file of the directory, if it is there and may be. */
must_use int log_listing_remove(struct log *log, const char *name);
