/* One file of a partition's log, with its two sparse indexes.
 *
 * Owns:   the data file %020d.log (through the store's file cache), the indexes in memory, and
 *         their files %020d.index, %020d.timeindex and %020d.txnindex.
 * Keeps:  (1) batches lie end to end from position 0 to size, with strictly rising offsets in
 *             base_offset .. next_offset - 1;
 *         (2) an index entry points at a batch below size;
 *         (3) max_timestamp_ms is verified: it comes from the batches, or from an index that was
 *             written whole and synced;
 *         (4) the index files are exact while is_index_written is true; else they are absent or say
 *             less than the memory;
 *         (5) %020d.txnindex is exact while is_aborts_dirty is false, and absent when there never
 *             was a row.
 * Thread: the shard's.
 *
 * The aborted transactions (aborted_index.h) of the segment that grows live in memory and reach the
 * disk, whole and synced, before a producer snapshot behind their markers does: a recovery replays
 * what follows the newest snapshot. The index of the segment that grows lives in memory and reaches
 * the disk when the log rolls or closes. An index that is missing or in doubt is rebuilt by walking
 * the headers, when it is first needed. Space for the growing file is reserved in steps that
 * double, so that syncs of it do not wait for block allocation, and given back when it stops
 * growing. */
#pragma once

#include "log/store/aborted_index.h"
#include "log/store/file_cache.h"
#include "log/store/sparse_index.h"
#include "log/wire/batch.h"

enum {
    SEGMENT_SIZE_MAX = INT32_MAX,
    SEGMENT_RESERVE_MIN = 64 << 10,
    SEGMENT_RESERVE_MAX = 8 << 20,
    SEGMENT_NAME_SIZE = 48,
};

#define SEGMENT_TIMESTAMP_UNKNOWN INT64_MIN

/* What the segments of one log share; the log's. */
struct segment_home {
    struct io *io;
    struct file_cache *files;
    const char *directory;
    int64_t index_interval_size;
    int64_t preallocated_size; /* of a new file, 0: space is reserved in steps */
    bool is_read_only;
};

struct segment {
    const struct segment_home *home;
    const char *stage; /* what its files' names end with: "", or where a compaction stands */
    int64_t base_offset;
    int64_t next_offset;
    int64_t size;          /* bytes of whole batches */
    int64_t reserved_size; /* bytes the file system keeps for us, or size */
    int64_t
        max_timestamp_ms; /* SEGMENT_TIMESTAMP_UNKNOWN while the index is not loaded, or empty */
    int64_t max_timestamp_offset; /* last offset of the first batch with it */
    int64_t first_append_ms;      /* wall clock; 0: not known yet */
    int64_t last_append_ms;
    int64_t indexed_position;     /* of the last index entry */
    struct sparse_index *index;   /* NULL while not loaded */
    struct aborted_index *aborts; /* NULL while not loaded, or when there is no row */
    struct file_cache_entry file;
    int64_t doubtful_size; /* bytes that were there before this process and that it did not walk */
    int64_t proven_size;   /* of those, what segment_prove found good from the front on, */
    int64_t proven_offset; /* and where that ends */
    bool has_doubtful_times; /* an index was made anew from batches of which one is damaged */
    bool is_index_read;      /* from its files: what it says is checked against the batches */
    bool is_damage_told;     /* traced once */
    bool is_dirty;           /* written since the last flush that covers it was started */
    bool is_index_written;   /* the index files say what the memory says */
    bool is_index_dirty;     /* the index files were written since they were synced */
    bool has_abort_file;     /* %020d.txnindex is there */
    bool is_aborts_dirty;    /* the memory has what the file, or its copy on the disk, has not */
    bool is_removed;         /* no longer in its log; freed with the last pin */
};

void segment_name(char out[SEGMENT_NAME_SIZE], int64_t base_offset, const char *suffix);
/* Knows the file but has not opened it. */
struct segment *segment_new(const struct segment_home *home, int64_t base_offset);
/* Also makes the empty file; its directory entry is not durable yet. */
must_use int segment_create(const struct segment_home *home, int64_t base_offset,
                            struct segment **out);
/* As segment_create for a file that is not yet one of the log's; its index is there. */
must_use int segment_create_staged(const struct segment_home *home, int64_t base_offset,
                                   const char *stage, struct segment **out);
/* Closes the file; no pin may be held. NULL is fine. */
void segment_free(struct segment *segment);
must_use int segment_open_file(struct segment *segment, struct io_file **out);
/* Takes the segment out of use: freed now or with the last unpin. */
void segment_release(struct segment *segment);
void segment_pin(struct segment *segment);
void segment_unpin(struct segment *segment);

/* Writes at the end; the batches must be noted afterwards. ERROR_NO_SPACE: nothing changed.
 * Any other error: the place may hold anything, the store must be fenced. */
must_use int segment_append(struct segment *segment, struct bytes data);
/* Takes one batch, which lies at `size`, into account. */
void segment_note(struct segment *segment, const struct batch *batch);
/* Loads the index, or rebuilds it from the file. */
must_use int segment_load(struct segment *segment);
/* Index files have no checksum: whether the batch that begins where the index led may be there. */
bool segment_is_led_to(const struct segment *segment, int64_t position, const struct batch *batch);
/* Drops an index that is wrong, so that the next use rebuilds it. False when it did not come from
 * files: then the batches are. */
must_use bool segment_doubt_index(struct segment *segment);
/* Checks CRCs, and that offsets meet, of the batches from `position` to `end` as far as nobody did
 * so yet; both are ends of batches. ERROR_AGAIN with IO_READ_CACHED: at->position is what the disk
 * must be asked for, and where to go on. ERROR_CORRUPT is traced: what lies before at->position is
 * good, and ends at at->offset. */
struct segment_proof {
    int64_t position;
    int64_t offset;
};
must_use int segment_prove(struct segment *segment, int64_t position, int64_t end,
                           enum io_read_mode mode, struct segment_proof *at);
/* Loads the aborted transactions. ERROR_CORRUPT when the file is damaged: the batches can tell
 * what it said (producer_fold_aborts). */
must_use int segment_load_aborts(struct segment *segment);
/* Adds a row, or cuts off those at and above an offset; the rows are loaded. Whoever copies a
 * segment adds the rows it keeps to the copy. */
void segment_add_abort(struct segment *segment, const struct aborted_index_row *row);
/* Takes the rows over, in place of those that are there. */
void segment_set_aborts(struct segment *segment, struct aborted_index *aborts);
void segment_truncate_aborts(struct segment *segment, int64_t offset);
/* Makes the rows durable, if they are not. ERROR_NO_SPACE: nothing changed. */
must_use int segment_sync_aborts(struct segment *segment);
/* For file_cache.evicted: a segment without an open file forgets its index too, if it is on the
 * disk. So the number of loaded indexes is bounded as that of open files is. */
void segment_on_evicted(struct file_cache_entry *entry);
/* Writes the index files, not synced, when they say less than the memory. */
must_use int segment_write_index(struct segment *segment);
/* Waits until the index files are durable. */
must_use int segment_sync_index(struct segment *segment);
/* Removes the index files, which will be rebuilt. */
must_use int segment_remove_index(struct segment *segment);
/* Gives back reserved space. */
must_use int segment_trim(struct segment *segment);
/* Cuts the file at a batch border and forgets the index; of the aborted transactions those that are
 * loaded. */
must_use int segment_truncate(struct segment *segment, int64_t position, int64_t next_offset);
/* A position at or before the batch that holds the offset; the index is loaded if need be. */
must_use int segment_find_position(struct segment *segment, int64_t offset, int64_t *position);
/* A position of a batch such that all batches before it lie below the offset and end at or below
 * `position`; 0 when the index knows none. */
must_use int segment_find_place(struct segment *segment, int64_t offset, int64_t position,
                                int64_t *out);
/* As segment_find_position for the first record with a timestamp >= timestamp_ms. */
must_use int segment_find_time(struct segment *segment, int64_t timestamp_ms, int64_t *position);
/* Fills first_append_ms and last_append_ms of a file from an earlier process: as near as its oldest
 * timestamp and the time of its last change tell. */
must_use int segment_read_ages(struct segment *segment);
void segment_check(const struct segment *segment);
