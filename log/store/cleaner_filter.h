/* Which records of a compacted log stay: three passes over its batches, chunk by chunk.
 *
 *   SCAN   transactions: which were aborted, from where on one is open
 *   MAP    the latest offset of each key in the part that was not compacted before
 *   COPY   all batches that stay, as they are or rebuilt with the records that stay
 *
 * Owns:   the map of keys, what is known of producers, and what a COPY chunk leaves.
 * Keeps:  (1) a record is dropped only if its key has a later record below map_end that nobody
 *             aborted, or if it has no key, or belongs to an aborted transaction, or is a tombstone
 *             whose delete horizon has passed; and only if it lies below map_end;
 *         (2) a batch that stays keeps its offsets, producer, epoch, sequence, leader epoch and
 *             codec; a record that stays keeps its offset, timestamp, key, value and headers;
 *         (3) the last batch of a living producer stays, at least empty; so does the last batch of
 *             every file, so that files go on to lie end to end;
 *         (4) a tombstone, and the marker of a transaction without data, first gets a delete
 *             horizon (bit 6; the base timestamp is the time; KIP-534) and goes in a later pass
 *             after it; a marker stays while any batch of its transaction does, and those of
 *             aborted data go first;
 *         (5) the map never takes more than its size: then map_end lies before the end, and a later
 *             run goes on from there;
 *         (6) what lies at or beyond end_offset is copied as it is. A batch whose CRC is right and
 *             whose records cannot be read, or unpack to more than 256 MiB (a topic that was not
 *             always compacted holds what its producers sent) is kept whole.
 * Thread: the run's, off the shard while a chunk is taken. */
#pragma once

#include "log/store/cleaner_producers.h"
#include "log/store/offset_map.h"

enum cleaner_pass { CLEANER_SCAN, CLEANER_MAP, CLEANER_COPY };

struct cleaner_filter {
    enum cleaner_pass pass;
    int64_t dirty_offset; /* MAP begins here */
    int64_t end_offset;   /* and ends here */
    int64_t map_end;      /* everything below was mapped */
    int64_t now_ms;
    int64_t delete_retention_ms;
    int64_t keep_offset;  /* COPY: the last offset of the file that is made */
    int64_t next_offset;  /* the lowest that the next batch may begin with, */
    int64_t limit_offset; /* and the end of the file it is in */
    struct cleaner_producers producers;
    struct offset_map map;
    bool is_full;           /* the map took no more */
    bool is_changed;        /* COPY: something is not as it was */
    struct buffer out;      /* COPY: what stays of the last chunk */
    struct buffer verdicts; /* one byte per record of a batch */
    int64_t record_count;   /* COPY: read */
    int64_t kept_count;     /* COPY: kept */
    int64_t opaque_offset;  /* of the last batch that could not be read; -1 */
};

void cleaner_filter_init(struct cleaner_filter *filter);
void cleaner_filter_fini(struct cleaner_filter *filter);
/* The next chunk is the first of a file with offsets from `base_offset` on, below `limit_offset`.
 */
void cleaner_filter_begin_file(struct cleaner_filter *filter, int64_t base_offset,
                               int64_t limit_offset);
/* Takes the whole batches at the front of a chunk; *taken is their size. When there is none,
 * *needed is the size of the first. ERROR_CORRUPT: what lies at *taken is no batch, or not as it
 * was written, or not where its offsets say. */
must_use int cleaner_filter_take(struct cleaner_filter *filter, struct bytes chunk, size_t *taken,
                                 size_t *needed);
