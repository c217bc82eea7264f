/* Some renames in the right order; see cleaner_swap.h. */
#include "log/store/cleaner_swap.h"

#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/retention.h"
#include "log/store/snapshot.h"
#include "log/store/store_state.h"
#include "log/store/walker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CLEANER_SWAP_ATTEMPTS = 3 };

static void cleaner_swap_path(const struct log *log, int64_t base_offset, const char *suffix,
                              char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%020" PRId64 "%s", log->directory, base_offset, suffix);
}

static int cleaner_swap_rename(const struct log *log, int64_t base_offset, const char *from,
                               const char *to)
{
    char path[PATH_MAX];
    char path_new[PATH_MAX];
    cleaner_swap_path(log, base_offset, from, path);
    cleaner_swap_path(log, base_offset, to, path_new);
    return io_path_rename(log->home.io, path, path_new);
}

/* After the decision there is no way back. The names of the old files have just made room for the
 * new ones, so a directory that is full for one moment is asked again. */
static int cleaner_swap_rename_decided(const struct log *log, int64_t base_offset, const char *from,
                                       const char *to)
{
    int error = ERROR_NO_SPACE;
    for (int i = 0; i < CLEANER_SWAP_ATTEMPTS && error == ERROR_NO_SPACE; i++) {
        error = cleaner_swap_rename(log, base_offset, from, to);
    }
    return error;
}

/* (2) */
static int cleaner_swap_decide(struct log *log, struct segment *made)
{
    int error = cleaner_swap_rename(log, made->base_offset, ".log.cleaned", ".log.swap");
    if (error == ERROR_NO_SPACE) {
        return error;
    }
    if (error == 0) {
        error = io_dir_sync(log->home.io, log->directory);
    }
    if (error != 0) {
        store_fence(log->store, "compaction decision", log->name, error);
        return ERROR_FENCED;
    }
    return 0;
}

/* (3) The snapshots of producers go too: a transaction that one of them knows as open may have lost
 * its marker. The newest, at the growing segment, is what counts. */
static int cleaner_swap_bury(struct log *log, int32_t first, int32_t count)
{
    int error = 0;
    for (int32_t i = first; i < first + count && error == 0; i++) {
        const struct segment *segment = log->segments[i];
        error = retention_bury_segment(log, segment);
        if (error == 0) {
            error = snapshot_remove(log, segment);
        }
    }
    return error == 0 ? io_dir_sync(log->home.io, log->directory) : error;
}

/* (4) and (5) */
static int cleaner_swap_place(struct log *log, struct segment *made)
{
    static const char *const indexes[][2] = {{".index.cleaned", ".index"},
                                             {".timeindex.cleaned", ".timeindex"}};
    int error = 0;
    if (made->has_abort_file) {
        error =
            cleaner_swap_rename_decided(log, made->base_offset, ".txnindex.cleaned", ".txnindex");
        if (error == 0) {
            error = io_dir_sync(log->home.io, log->directory);
        }
    }
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes && error == 0; i++) {
        error = cleaner_swap_rename_decided(log, made->base_offset, indexes[i][0], indexes[i][1]);
    }
    if (error == 0) {
        error = cleaner_swap_rename_decided(log, made->base_offset, ".log.swap", ".log");
    }
    made->stage = "";
    return error == 0 ? io_dir_sync(log->home.io, log->directory) : error;
}

/* Readers of the old segments hold them; everybody else finds the new one. */
static void cleaner_swap_segments(struct log *log, struct segment *made, int32_t first,
                                  int32_t count)
{
    for (int32_t i = first; i < first + count; i++) {
        log->size -= log->segments[i]->size;
        segment_release(log->segments[i]);
    }
    log->size += made->size;
    log->segments[first] = made;
    log->segment_count -= count - 1;
    memmove(log->segments + first + 1, log->segments + first + count,
            (size_t)(log->segment_count - first - 1) * sizeof *log->segments);
    log->hint.offset = -1;
}

int cleaner_swap(struct log *log, struct segment *made, int32_t first, int32_t count)
{
    check(count > 0 && first + count < log->segment_count); /* never the growing one */
    const struct segment *last = log->segments[first + count - 1];
    check(made->base_offset == log->segments[first]->base_offset);
    check(made->next_offset == last->next_offset);
    check(last->base_offset < log->synced.segment_offset);
    check(last->base_offset < log->points_segment);
    int error = cleaner_swap_decide(log, made);
    if (error != 0 && error != ERROR_FENCED) {
        return error;
    }
    if (error == 0) {
        error = cleaner_swap_bury(log, first, count);
    }
    if (error == 0) {
        error = cleaner_swap_place(log, made);
    }
    if (error != 0) {
        store_fence(log->store, "compaction", log->name, error);
        segment_free(made);
        return ERROR_FENCED;
    }
    cleaner_swap_segments(log, made, first, count);
    return 0;
}

/* --- After a crash --- */

/* Where the last segment that the file replaces ended. */
static int cleaner_swap_read_end(struct log *log, int64_t base_offset, int64_t *next_offset)
{
    char path[PATH_MAX];
    struct io_file_info info;
    cleaner_swap_path(log, base_offset, ".log.swap", path);
    int error = io_path_info(log->home.io, path, &info);
    if (error != 0 || info.size == 0 || info.size > SEGMENT_SIZE_MAX) {
        return error != 0 ? error : ERROR_CORRUPT;
    }
    struct segment *made = segment_new(&log->home, base_offset);
    made->stage = ".swap";
    made->size = (int64_t)info.size;
    struct walker walker;
    walker_open(&walker, made, 0, base_offset, made->size, true);
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    while ((result = walker_next(&walker, &batch, &position)) > 0 && batch_crc_matches(&batch)) {}
    *next_offset = walker.next_offset;
    walker_close(&walker);
    segment_free(made);
    return result == 0 ? 0 : result > 0 || result == ERROR_TRUNCATED ? ERROR_CORRUPT : result;
}

static int cleaner_swap_remove(struct log *log, int64_t base_offset, const char *suffix)
{
    char path[PATH_MAX];
    cleaner_swap_path(log, base_offset, suffix, path);
    int error = io_path_remove(log->home.io, path);
    return error == ERROR_NOT_FOUND ? 0 : error;
}

static int cleaner_swap_remove_all(struct log *log, int64_t base_offset,
                                   const char *const *suffixes, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = cleaner_swap_remove(log, base_offset, suffixes[i]);
    }
    return error;
}

/* (3) The sparse indexes may be the old ones even when the old data is gone already. */
static int cleaner_swap_remove_replaced(struct log *log, int64_t base_offset, int64_t next_offset,
                                        const int64_t *segments, size_t segment_count)
{
    static const char *const first[] = {".log", ".index", ".timeindex", ".snapshot"};
    static const char *const others[] = {".log", ".index", ".timeindex", ".txnindex", ".snapshot"};
    int error = cleaner_swap_remove_all(log, base_offset, first, sizeof first / sizeof *first);
    for (size_t i = 0; i < segment_count && error == 0; i++) {
        if (segments[i] > base_offset && segments[i] < next_offset) {
            error =
                cleaner_swap_remove_all(log, segments[i], others, sizeof others / sizeof *others);
        }
    }
    return error == 0 ? io_dir_sync(log->home.io, log->directory) : error;
}

/* (4) */
static int cleaner_swap_finish_aborts(struct log *log, int64_t base_offset)
{
    int error = cleaner_swap_rename(log, base_offset, ".txnindex.cleaned", ".txnindex");
    if (error == 0) {
        error = io_dir_sync(log->home.io, log->directory);
    }
    return error == ERROR_NOT_FOUND ? 0 : error;
}

int cleaner_swap_finish(struct log *log, int64_t base_offset, const int64_t *segments,
                        size_t segment_count)
{
    int64_t next_offset = 0;
    int error = cleaner_swap_read_end(log, base_offset, &next_offset);
    if (error == 0) {
        error =
            cleaner_swap_remove_replaced(log, base_offset, next_offset, segments, segment_count);
    }
    if (error == 0) {
        error = cleaner_swap_finish_aborts(log, base_offset);
    }
    if (error == 0) {
        error = cleaner_swap_rename(log, base_offset, ".log.swap", ".log");
    }
    if (error != 0) {
        return error;
    }
    trace(TRACE_INFO, "recovery.compaction_finished", TRACE_STRING("log", log->name),
          TRACE_INT("base_offset", base_offset), TRACE_INT("next_offset", next_offset));
    return io_dir_sync(log->home.io, log->directory);
}
