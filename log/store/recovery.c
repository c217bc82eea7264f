/* Opens one log; see recovery.h for the rules. */
#include "log/store/recovery.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/cleaner_swap.h"
#include "log/store/partition_metadata.h"
#include "log/store/producer_fold.h"
#include "log/store/walker.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECOVERY_CHUNK_SIZE = 1 << 20 };

static int recovery_remove_segment(struct log *log, int64_t base_offset)
{
    const char *suffixes[] = {".log", ".index", ".timeindex", ".txnindex"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[SEGMENT_NAME_SIZE];
        segment_name(name, base_offset, suffixes[i]);
        int error = log_listing_remove(log, name);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int recovery_file_size(struct log *log, int64_t base_offset, int64_t *size)
{
    char name[SEGMENT_NAME_SIZE];
    char path[PATH_MAX];
    segment_name(name, base_offset, ".log");
    if (snprintf(path, sizeof path, "%s/%s", log->directory, name) >= (int)sizeof path) {
        return ERROR_TOO_LARGE;
    }
    struct io_file_info info;
    int error = io_path_info(log->home.io, path, &info);
    if (error == 0 && info.size > SEGMENT_SIZE_MAX) {
        error = ERROR_CORRUPT;
    }
    if (error == 0) {
        *size = (int64_t)info.size;
    }
    return error;
}

/* An index of aborted transactions without its segment would be taken for that of the next one. */
static int recovery_remove_lone_aborts(struct log *log, const struct log_listing *listing)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < log_listing_count(&listing->aborts); i++) {
        int64_t base_offset = log_listing_offset(&listing->aborts, i);
        if (!log_listing_has_offset(&listing->segments, base_offset)) {
            char name[SEGMENT_NAME_SIZE];
            segment_name(name, base_offset, ".txnindex");
            error = log_listing_remove(log, name);
        }
    }
    return error;
}

/* Makes the segments as their names and sizes tell; what an interrupted removal left below the
 * start offset is removed. */
static int recovery_add_segments(struct log *log, const struct log_listing *listing,
                                 int64_t start_offset)
{
    size_t count = log_listing_count(&listing->segments);
    for (size_t i = 0; i < count; i++) {
        int64_t base_offset = log_listing_offset(&listing->segments, i);
        bool is_last = i + 1 == count;
        int64_t next_offset = is_last ? base_offset : log_listing_offset(&listing->segments, i + 1);
        if (!is_last && next_offset <= start_offset) {
            int error = recovery_remove_segment(log, base_offset);
            if (error != 0) {
                return error;
            }
            continue;
        }
        int64_t size = 0;
        int error = recovery_file_size(log, base_offset, &size);
        if (error != 0) {
            return error;
        }
        struct segment *segment = segment_new(&log->home, base_offset);
        segment->size = segment->doubtful_size = size;
        segment->next_offset = next_offset;
        segment->has_abort_file = log_listing_has_offset(&listing->aborts, base_offset);
        log_add_segment(log, segment);
    }
    return 0;
}

/* From where the walk begins. */
static struct log_mark recovery_first_mark(const struct log *log, const struct log_point *point)
{
    const struct segment *first = log->segments[0];
    if (point == NULL || point->recovery_offset <= first->base_offset) {
        return (struct log_mark){first->base_offset, first->base_offset, 0};
    }
    /* The segment of the point, though the next one may begin at the same offset: what follows the
     * point in its file may be a cut that did not become durable. */
    const struct segment *segment = log->segments[log_find_segment(log, point->segment_offset)];
    if (point->segment_offset >= 0 && segment->base_offset == point->segment_offset) {
        return (struct log_mark){point->recovery_offset, point->segment_offset, point->position};
    }
    segment = log->segments[log_find_segment(log, point->recovery_offset)];
    return (struct log_mark){segment->base_offset, segment->base_offset, 0};
}

/* Compaction stays below the recovery point, so beyond it there is no gap: a base offset, which no
 * CRC covers, shows by one that it is damaged. No torn write leaves one before a whole batch, so it
 * is no reason to cut: the log goes offline. Walks one segment from a mark on; moves the mark
 * behind the last good batch. 1 when the file is good to its end, 0 when it is not, or an error of
 * the disk. */
static int recovery_walk(struct log *log, struct segment *segment, struct log_mark *mark)
{
    struct walker walker;
    walker_open(&walker, segment, mark->position, mark->offset, segment->size, true);
    int64_t start = mark->position;
    bool may_have_gaps = log->store->has_foreign_points;
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    while ((result = walker_next(&walker, &batch, &position)) > 0 && batch_crc_matches(&batch)) {
        if (batch.base_offset != mark->offset && !may_have_gaps) {
            walker_close(&walker);
            return ERROR_CORRUPT;
        }
        epoch_cache_note(&log->epochs, batch.leader_epoch, batch.base_offset);
        mark->offset = batch_next_offset(&batch);
        mark->position = walker.position;
    }
    walker_close(&walker);
    log->store->recovered_size += mark->position - start;
    if (result == 0) {
        return 1;
    }
    return result > 0 || result == ERROR_TRUNCATED || result == ERROR_CORRUPT ? 0 : result;
}

/* Writes what was walked once more, in place. The process before may have seen a sync fail: the
 * kernel then calls the pages clean though the disk never got them, and a sync of ours would say
 * yes and do nothing. Dirty again, they are synced for certain. */
static int recovery_rewrite(struct log *log, struct segment *segment, int64_t start, int64_t end)
{
    struct io_file *file = NULL;
    int error = end > start ? segment_open_file(segment, &file) : 0;
    uint8_t *chunk = end > start ? memory_alloc(RECOVERY_CHUNK_SIZE) : NULL;
    while (error == 0 && start < end) {
        size_t size =
            end - start < RECOVERY_CHUNK_SIZE ? (size_t)(end - start) : (size_t)RECOVERY_CHUNK_SIZE;
        int64_t count =
            io_file_read(log->home.io, file, chunk, size, (uint64_t)start, IO_READ_WAIT);
        if (count != (int64_t)size) {
            error = count < 0 ? (int)count : ERROR_CORRUPT;
            break;
        }
        struct bytes part = bytes_make(chunk, size);
        error = io_file_write(log->home.io, file, &part, 1, (uint64_t)start);
        start += count;
    }
    free(chunk);
    return error;
}

/* Forgets and removes the segments from `index` on. */
static int recovery_drop_from(struct log *log, int32_t index)
{
    int error = 0;
    while (log->segment_count > index && error == 0) {
        struct segment *segment = log_last_segment(log);
        trace(TRACE_WARN, "recovery.segment_removed", TRACE_STRING("log", log->name),
              TRACE_INT("base_offset", segment->base_offset));
        error = recovery_remove_segment(log, segment->base_offset);
        log->size -= segment->size;
        log->segment_count--;
        segment_release(segment);
    }
    return error;
}

/* Ends a walked segment at the mark: cuts the rest, makes what stays durable. Also when nothing was
 * walked or cut: the process before may have cut it and died before that was durable. */
static int recovery_settle_segment(struct log *log, struct segment *segment, int64_t start,
                                   struct log_mark mark)
{
    log->size -= segment->size - mark.position;
    if (log->home.is_read_only) {
        segment->size = mark.position;
        segment->next_offset = mark.offset;
        return 0;
    }
    int error = 0;
    if (segment->size > mark.position) {
        trace(TRACE_WARN, "recovery.tail_cut", TRACE_STRING("log", log->name),
              TRACE_INT("offset", mark.offset), TRACE_INT("bytes", segment->size - mark.position));
        error = segment_truncate(segment, mark.position, mark.offset);
    } else {
        segment->next_offset = mark.offset;
        error = segment_remove_index(segment);
    }
    struct io_file *file = NULL;
    if (error == 0) {
        error = recovery_rewrite(log, segment, start, mark.position);
    }
    if (error == 0 && !log->is_blank) {
        error = segment_open_file(segment, &file);
    }
    if (error == 0 && !log->is_blank) {
        error = io_file_sync(log->home.io, file);
    }
    segment->is_dirty = false;
    return error;
}

/* Walks from the mark to the end of the log. ERROR_CORRUPT when something below the recovery point
 * is not as it was. */
static int recovery_walk_all(struct log *log, struct log_mark mark, int64_t durable_offset)
{
    int32_t index = log_find_segment(log, mark.segment_offset);
    bool is_at_start = mark.offset == mark.segment_offset;
    if (mark.position > log->segments[index]->size || (mark.position == 0) != is_at_start) {
        return ERROR_CORRUPT;
    }
    epoch_cache_truncate(&log->epochs, mark.offset);
    for (;; index++) {
        struct segment *segment = log->segments[index];
        int64_t start = mark.position;
        int is_whole = recovery_walk(log, segment, &mark);
        segment->doubtful_size = start;
        if (is_whole < 0) {
            return is_whole;
        }
        bool has_next = is_whole && index + 1 < log->segment_count &&
                        log->segments[index + 1]->base_offset == mark.offset && segment->size > 0;
        if (!has_next && mark.offset < durable_offset) {
            return ERROR_CORRUPT;
        }
        int error = recovery_settle_segment(log, segment, start, mark);
        if (error == 0 && !has_next) {
            error = recovery_drop_from(log, index + 1);
        }
        if (error != 0 || !has_next) {
            log->end_offset = mark.offset;
            return error;
        }
        mark = (struct log_mark){mark.offset, mark.offset, 0};
    }
}

static bool recovery_is_as_closed(const struct log *log, const struct log_point *point)
{
    const struct segment *last = log_last_segment(log);
    return point != NULL && last->base_offset == point->segment_offset &&
           last->size == point->position && point->recovery_offset >= last->base_offset &&
           (last->size > 0) == (point->recovery_offset > last->base_offset);
}

static int recovery_walk_epochs(struct log *log)
{
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct walker walker;
        struct segment *segment = log->segments[i];
        walker_open(&walker, segment, 0, segment->base_offset, segment->size, false);
        struct batch batch;
        int64_t position = 0;
        int result = 0;
        while ((result = walker_next(&walker, &batch, &position)) > 0) {
            epoch_cache_note(&log->epochs, batch.leader_epoch, batch.base_offset);
        }
        walker_close(&walker);
        if (result < 0 && result != ERROR_TRUNCATED && result != ERROR_CORRUPT) {
            return result;
        }
    }
    return 0;
}

static int recovery_read_epochs(struct log *log)
{
    int error = epoch_cache_read(&log->epochs, log->home.io, log->directory);
    log->is_blank =
        error == ERROR_NOT_FOUND && !log->is_rooted && log->size == 0 && log->segment_count == 1;
    if (error == ERROR_NOT_FOUND && log->size == 0) {
        return 0;
    }
    if (error == ERROR_NOT_FOUND || error == ERROR_CORRUPT) {
        return recovery_walk_epochs(log);
    }
    return error;
}

/* Ends what a compaction had decided; then the directory is another one. */
static int recovery_finish_swaps(struct log *log, struct log_listing *listing)
{
    size_t count = log_listing_count(&listing->swaps);
    if (count == 0 || log->home.is_read_only) {
        return 0;
    }
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = cleaner_swap_finish(log, log_listing_offset(&listing->swaps, i),
                                    (const int64_t *)(const void *)listing->segments.data,
                                    log_listing_count(&listing->segments));
    }
    return error == 0 ? log_listing_read(listing, log) : error;
}

static int recovery_remove_leftovers(struct log *log, const struct log_listing *listing)
{
    for (map_each (&listing->leftovers, entry)) {
        char *name = bytes_to_string(entry->key);
        int error = log_listing_remove(log, name);
        free(name);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Segments, end, epochs. */
static int recovery_find_end(struct log *log, const struct log_point *point, bool is_clean)
{
    int error = recovery_read_epochs(log);
    if (error != 0) {
        return error;
    }
    if (is_clean && recovery_is_as_closed(log, point)) {
        log->end_offset = point->recovery_offset;
        log_last_segment(log)->next_offset = log->end_offset;
        epoch_cache_truncate(&log->epochs, log->end_offset + 1); /* one may begin at the end */
        return 0;
    }
    log->store->recovered_log_count++;
    struct log_mark mark = recovery_first_mark(log, point);
    error = recovery_walk_all(log, mark, point == NULL ? 0 : point->recovery_offset);
    if (error == 0 && !log->home.is_read_only && !log->is_blank) {
        error = io_dir_sync(log->home.io, log->directory);
    }
    if (error == 0) {
        epoch_cache_truncate(&log->epochs, log->end_offset);
        error = log->home.is_read_only
                    ? 0
                    : epoch_cache_write(&log->epochs, log->home.io, log->directory);
    }
    return error;
}

static int recovery_open_segments(struct log *log, struct log_listing *listing,
                                  const struct log_point *point, bool is_clean)
{
    int64_t start_offset = point == NULL ? 0 : point->start_offset;
    int error = recovery_finish_swaps(log, listing);
    if (error == 0) {
        error = recovery_remove_leftovers(log, listing);
    }
    if (error == 0) {
        error = recovery_remove_lone_aborts(log, listing);
    }
    if (error == 0) {
        error = recovery_add_segments(log, listing, start_offset);
    }
    if (error == 0 && log->segment_count == 0) {
        error = ERROR_CORRUPT; /* a log is created with its first segment */
    }
    if (error == 0) {
        error = recovery_find_end(log, point, is_clean);
    }
    if (error != 0) {
        return error;
    }
    int64_t first_offset = log->segments[0]->base_offset;
    log->start_offset = start_offset > first_offset ? start_offset : first_offset;
    if (log->start_offset > log->end_offset) {
        log->start_offset = log->end_offset;
    }
    error = producer_fold_open(log, listing, point);
    log->snapshot.is_loose = !is_clean;
    log->synced = log_end_mark(log);
    log->flushing = log->synced;
    log->flushed_offset = log->end_offset;
    producer_state_on_flushed(&log->producers, log->end_offset);
    return error;
}

/* Keeps what is known of a damaged log, so that its recovery point is not forgotten. */
static void recovery_set_offline(struct log *log, const struct log_point *point, int error)
{
    trace(TRACE_ERROR, "recovery.log_offline", TRACE_STRING("log", log->name),
          TRACE_STRING("error", error_name(error)),
          TRACE_INT("recovery_offset", point == NULL ? 0 : point->recovery_offset));
    log->status = error;
    if (point != NULL) {
        log->synced =
            (struct log_mark){point->recovery_offset, point->segment_offset, point->position};
        log->start_offset = point->start_offset;
    }
    log->flushed_offset = log->end_offset = log->synced.offset;
}

static bool recovery_is_unfinished(struct log *log, const struct log_listing *listing)
{
    for (size_t i = 0; i < log_listing_count(&listing->segments); i++) {
        int64_t size = 0;
        if (recovery_file_size(log, log_listing_offset(&listing->segments, i), &size) != 0 ||
            size > 0) {
            return false;
        }
    }
    return log_listing_count(&listing->snapshots) == 0;
}

/* ERROR_NOT_FOUND for a directory without records that lacks its topic id or its first segment. */
static int recovery_read_identity(struct log *log, struct log_listing *listing,
                                  const struct log_point *point)
{
    int error = log_listing_read(listing, log);
    if (error != 0) {
        return error;
    }
    error = partition_metadata_read(log->home.io, log->directory, &log->topic_id);
    bool has_segment = listing->segments.size > 0;
    if (error != ERROR_NOT_FOUND && error != ERROR_CORRUPT && (error != 0 || has_segment)) {
        return error;
    }
    if (point == NULL && recovery_is_unfinished(log, listing)) {
        return ERROR_NOT_FOUND;
    }
    if (error != 0) {
        trace(TRACE_WARN, "recovery.topic_id_missing", TRACE_STRING("log", log->name));
    }
    return 0;
}

/* A log without a recovery point may be left of a process whose sync of the id failed: what was
 * read may be in the page cache only. One without records waits for its first ones (log_root). */
static int recovery_keep_identity(struct log *log, const struct log_point *point)
{
    struct wire_uuid none = {{0}};
    bool is_known = memcmp(&log->topic_id, &none, sizeof none) != 0;
    if (point != NULL || log->home.is_read_only || !is_known || log->end_offset == 0) {
        return 0;
    }
    return log_root(log);
}

int recovery_open_log(struct store *store, const char *name, const struct log_point *point,
                      bool is_clean, struct log **out)
{
    struct log_settings settings = log_settings_default();
    struct log *log = log_new(store, name, &settings);
    log->is_configured = false;
    log->is_rooted = point != NULL;
    struct log_listing listing;
    log_listing_init(&listing);
    int error = recovery_read_identity(log, &listing, point);
    if (error == 0) {
        error = recovery_open_segments(log, &listing, point, is_clean);
        error = error == 0 ? recovery_keep_identity(log, point) : error;
        if (error == ERROR_CORRUPT || error == ERROR_IO) {
            recovery_set_offline(log, point, error);
            error = 0;
        }
    } else if (error == ERROR_NOT_FOUND && !store->options.is_read_only) {
        trace(TRACE_WARN, "recovery.creation_undone", TRACE_STRING("log", name));
        (void)graveyard_remove_directory(store->io, log->directory);
    }
    log_listing_fini(&listing);
    if (error != 0) {
        log_free(log);
        return error;
    }
    log->points_segment = point == NULL ? -1 : point->segment_offset;
    log->points_snapshot = point == NULL ? -1 : point->snapshot_offset;
    log->points_offset = point == NULL                                 ? 0
                         : log->synced.offset < point->recovery_offset ? log->synced.offset
                                                                       : point->recovery_offset;
    *out = log;
    return 0;
}
