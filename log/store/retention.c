/* Removal by time, by size, by request; truncation; see retention.h. */
#include "log/store/retention.h"

#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/producer_fold.h"
#include "log/store/snapshot.h"
#include "log/store/store_state.h"
#include "log/store/walker.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Renames a file of a segment away and lets it disappear later; at once when the disk is too full
 * for another name. */
static int retention_bury(struct log *log, int64_t base_offset, const char *suffix)
{
    char path[PATH_MAX];
    char path_new[PATH_MAX];
    snprintf(path, sizeof path, "%s/%020" PRId64 "%s", log->directory, base_offset, suffix);
    if (snprintf(path_new, sizeof path_new, "%s.deleted", path) >= (int)sizeof path_new) {
        return ERROR_TOO_LARGE;
    }
    int error = io_path_rename(log->home.io, path, path_new);
    if (error == ERROR_NO_SPACE) {
        error = io_path_remove(log->home.io, path);
    } else if (error == 0) {
        graveyard_add(&log->store->graveyard, path_new, false, log->settings.file_delete_delay_ms);
    }
    return error == ERROR_NOT_FOUND ? 0 : error;
}

int retention_bury_segment(struct log *log, const struct segment *segment)
{
    const char *suffixes[] = {".log", ".index", ".timeindex", ".txnindex"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        int error = retention_bury(log, segment->base_offset, suffixes[i]);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Takes the first `count` segments out of the log and buries their files. */
static int retention_remove_first(struct log *log, int32_t count)
{
    int error = 0;
    for (int32_t i = 0; i < count && error == 0; i++) {
        struct segment *segment = log->segments[i];
        error = retention_bury_segment(log, segment);
        if (error == 0) {
            error = snapshot_remove(log, segment);
        }
    }
    for (int32_t i = 0; i < count; i++) {
        log->size -= log->segments[i]->size;
        segment_release(log->segments[i]);
    }
    log->segment_count -= count;
    memmove(log->segments, log->segments + count,
            (size_t)log->segment_count * sizeof *log->segments);
    if (error != 0) {
        store_fence(log->store, "remove", log->name, error);
        return ERROR_IO;
    }
    return 0;
}

/* How many segments lie wholly below the start offset; the last one always stays. */
static int32_t retention_count_below(const struct log *log)
{
    int32_t count = 0;
    while (count + 1 < log->segment_count &&
           log->segments[count]->next_offset <= log->start_offset) {
        count++;
    }
    return count;
}

/* Durable when it returns 0; unchanged when the disk is full. */
static int retention_move_start(struct log *log, int64_t offset)
{
    int64_t previous = log->start_offset;
    log->start_offset = offset;
    int error = store_write_points(log->store);
    if (error != 0) {
        log->start_offset = error == ERROR_NO_SPACE ? previous : offset;
        return error;
    }
    log->producers.has_lost = true;
    log->producers.is_changed = true;
    epoch_cache_set_start(&log->epochs, offset);
    store_on_moved(log->store, log);
    return 0;
}

int retention_set_start(struct log *log, int64_t offset)
{
    if (offset <= log->start_offset) {
        return 0;
    }
    if (offset > log->synced.offset) {
        return ERROR_OFFSET_OUT_OF_RANGE;
    }
    int error = 0;
    if (offset == log->end_offset && log_last_segment(log)->size > 0) {
        error = log_roll(log);
        if (error != 0) {
            return error;
        }
    }
    error = retention_move_start(log, offset);
    if (error != 0) {
        return error;
    }
    return retention_remove_first(log, retention_count_below(log));
}

int retention_age(struct segment *segment, int64_t now_ms, int64_t *age_ms)
{
    int error = segment_load(segment);
    if (error == 0) {
        error = segment_read_ages(segment);
    }
    if (error != 0) {
        return error;
    }
    int64_t newest_ms = segment->max_timestamp_ms;
    if (newest_ms < 0 || newest_ms > segment->last_append_ms) {
        newest_ms = segment->last_append_ms;
    }
    *age_ms = now_ms - newest_ms;
    return 0;
}

/* Offset below which time and size let everything go. */
static int retention_find_start(struct log *log, int64_t *offset)
{
    int64_t now_ms = io_wall_clock(log->store->io);
    int64_t size = log->size;
    *offset = log->start_offset;
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        if (segment->size == 0 || segment->next_offset > log->synced.offset) {
            return 0;
        }
        bool is_last = i == log->segment_count - 1;
        bool is_gone = log->settings.retention_size >= 0 && !is_last &&
                       size - segment->size >= log->settings.retention_size;
        if (!is_gone && log->settings.retention_ms >= 0) {
            int64_t age_ms = 0;
            int error = retention_age(segment, now_ms, &age_ms);
            if (error != 0) {
                return error;
            }
            is_gone = age_ms > log->settings.retention_ms;
        }
        if (!is_gone) {
            return 0;
        }
        size -= segment->size;
        *offset = segment->next_offset;
    }
    return 0;
}

static int retention_roll_by_time(struct log *log)
{
    struct segment *last = log_last_segment(log);
    int error = last->size == 0 ? 0 : segment_read_ages(last);
    if (error != 0 || last->size == 0 ||
        io_wall_clock(log->store->io) - last->first_append_ms <= log_segment_ms(log)) {
        return error;
    }
    return log_roll(log);
}

int64_t retention_apply(struct log *log)
{
    int64_t size = log->size;
    int error = retention_roll_by_time(log);
    if (error != 0) {
        return error;
    }
    int64_t offset = log->start_offset;
    if (log->settings.is_deleted) {
        error = retention_find_start(log, &offset);
    }
    if (error == 0 && offset > log->start_offset) {
        error = retention_set_start(log, offset);
        trace(TRACE_INFO, "retention.segments_removed", TRACE_STRING("log", log->name),
              TRACE_INT("start_offset", log->start_offset), TRACE_INT("bytes", size - log->size));
    }
    return error != 0 ? error : size - log->size;
}

/* The first segment of a log may go: it is full, flushed, and no longer than the start. */
static bool retention_may_remove(const struct log *log)
{
    return log->status == 0 && log->settings.is_deleted && log->segment_count > 1 &&
           log->segments[0]->next_offset <= log->synced.offset;
}

/* The log whose first segment is the oldest of all; NULL when nothing can go. */
static int retention_find_oldest(struct store *store, int64_t now_ms, struct log **out)
{
    int64_t oldest_ms = 0;
    *out = NULL;
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        int64_t age_ms = 0;
        if (!retention_may_remove(log)) {
            continue;
        }
        int error = retention_age(log->segments[0], now_ms, &age_ms);
        if (error != 0) {
            return error;
        }
        if (*out == NULL || age_ms > oldest_ms) {
            *out = log;
            oldest_ms = age_ms;
        }
    }
    return 0;
}

int retention_apply_total(struct store *store, int64_t size)
{
    int64_t now_ms = io_wall_clock(store->io);
    int64_t total = 0;
    int error = 0;
    for (list_each (&store->log_list, link)) {
        total += list_member(link, struct log, store_link)->size;
    }
    while (error == 0 && total > size) {
        struct log *log = NULL;
        error = retention_find_oldest(store, now_ms, &log);
        if (error != 0 || log == NULL) {
            break; /* what still grows, or is only compacted, stays */
        }
        int64_t before = log->size;
        error = retention_set_start(log, log->segments[0]->next_offset);
        trace(TRACE_INFO, "retention.segments_removed", TRACE_STRING("log", log->name),
              TRACE_INT("start_offset", log->start_offset), TRACE_INT("bytes", before - log->size),
              TRACE_STRING("reason", "all logs together"));
        total -= before - log->size;
    }
    return error;
}

/* On failure nothing has changed. */
static int retention_lower_points(struct log *log, struct log_mark cut)
{
    struct log_mark synced = log->synced;
    struct log_mark snapshot = log->snapshot.place;
    log->synced = cut.offset < synced.offset ? cut : synced;
    if (log->snapshot.place.offset > cut.offset) {
        log->snapshot.place = (struct log_mark){-1, -1, 0};
    }
    bool is_named = log->points_offset > cut.offset || log->points_snapshot > cut.offset;
    int error = is_named ? store_write_points(log->store) : 0;
    if (error != 0) {
        log->synced = synced;
        log->snapshot.place = snapshot;
        return error;
    }
    log->flushing = cut.offset < log->flushing.offset ? cut : log->flushing;
    log->flushed_offset = cut.offset < log->flushed_offset ? cut.offset : log->flushed_offset;
    return 0;
}

/* First the data alone, durably: a segment that came back without its aborted transactions, beside
 * a snapshot behind them, would be believed to have none. */
static int retention_cut_data(struct log *log, int32_t keep)
{
    int error = 0;
    for (int32_t i = log->segment_count - 1; error == 0 && i > keep; i--) {
        error = retention_bury(log, log->segments[i]->base_offset, ".log");
    }
    bool is_whole = log->segment_count == keep + 1;
    return error != 0 || is_whole ? error : io_dir_sync(log->home.io, log->directory);
}

static int retention_cut_files(struct log *log, int32_t keep, struct log_mark cut)
{
    int error = retention_cut_data(log, keep);
    while (log->segment_count > keep + 1 && error == 0) {
        struct segment *segment = log_last_segment(log);
        error = retention_bury_segment(log, segment);
        log->size -= segment->size;
        log->segment_count--;
        segment_release(segment);
    }
    struct segment *last = log_last_segment(log);
    int64_t size = last->size;
    if (error == 0) {
        error = log_load_aborts(log, last);
    }
    if (error == 0) {
        error = segment_truncate(last, cut.position, cut.offset);
    }
    /* What was cut must not come back behind batches that are appended from now on. */
    struct io_file *file = NULL;
    if (error == 0) {
        error = segment_open_file(last, &file);
    }
    if (error == 0) {
        error = io_file_sync(log->home.io, file);
    }
    if (error == 0) {
        error = io_dir_sync(log->home.io, log->directory);
    }
    log->has_dirty_aborts |= last->is_aborts_dirty;
    log->size -= size - last->size;
    log->end_offset = last->next_offset;
    return error;
}

int retention_truncate(struct log *log, int64_t offset)
{
    if (offset >= log->end_offset) {
        return 0;
    }
    if (offset < log->start_offset) {
        return ERROR_OFFSET_OUT_OF_RANGE;
    }
    int32_t keep = log_find_segment(log, offset);
    struct log_mark cut = {.segment_offset = log->segments[keep]->base_offset};
    int error = walker_find(log->segments[keep], offset, &cut.position, &cut.offset);
    if (error != 0) {
        return error;
    }
    error = cleaner_lower(&log->store->cleaner, log, cut.offset);
    if (error == 0) {
        error = retention_lower_points(log, cut);
    }
    if (error != 0) {
        return error;
    }
    log->cut_count++;
    tail_cache_drop(&log->tail);
    log->hint.offset = -1;
    error = retention_cut_files(log, keep, cut);
    if (log->start_offset > cut.offset) {
        log->start_offset = cut.offset; /* it lay inside the batch that was cut */
    }
    epoch_cache_truncate(&log->epochs, cut.offset);
    if (error == 0) {
        error = producer_fold_load(log);
        producer_state_on_flushed(&log->producers, log->flushed_offset);
    }
    if (error != 0) {
        store_fence(log->store, "truncate", log->name, error);
        return ERROR_IO;
    }
    flusher_add(&log->store->flusher, log);
    flusher_ask(&log->store->flusher, log);
    return 0;
}
