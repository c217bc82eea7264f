/* Step by step through a log; see cleaner_run.h. */
#include "log/store/cleaner_run.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/cleaner_filter.h"
#include "log/store/cleaner_swap.h"
#include "log/store/store_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CLEANER_CHUNK_MIN = 4 << 10,
    CLEANER_FLUSH_WAIT_MS = 10,
    CLEANER_GROUP_SIZE_MAX = 32 << 20, /* read for one swap before more is added */
};

struct cleaner_run {
    struct store *store;
    struct store_cleaner_options options;
    struct cleaner_target target;
    void (*ended)(void *owner, const struct cleaner_result *result);
    void *owner;
    struct cleaner_filter filter;
    struct cleaner_result result;
    int32_t cut_count;
    int64_t keep_end; /* end of the log when its producers were asked what has to stay */
    bool is_cancelled;
    /* where it reads */
    int64_t source_offset;  /* base offset of the segment */
    struct segment *source; /* pinned while the disk is asked */
    int64_t position;
    struct buffer chunk;
    size_t chunk_wanted;
    size_t chunk_asked;
    size_t chunk_taken;
    struct io_request request;
    /* how fast */
    struct io_timer timer;
    uint64_t due_ns;
    /* what it makes */
    struct segment *made; /* COPY; pinned while it is synced */
    bool is_syncing;
    int64_t group_next_offset;
    int32_t group_count;         /* segments */
    int64_t group_size;          /* their bytes */
    struct aborted_index aborts; /* of the segments that the file replaces */
};

static void cleaner_run_step(struct cleaner_run *run);

/* --- The end --- */

/* What cannot be removed is removed by the next opening. */
static void cleaner_run_remove_file(const struct cleaner_run *run, const char *suffix)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%020" PRId64 "%s", run->target.log->directory,
             run->made->base_offset, suffix);
    int error = io_path_remove(run->store->io, path);
    if (error != 0 && error != ERROR_NOT_FOUND) {
        trace(TRACE_WARN, "cleaner.remove_failed", TRACE_STRING("path", path),
              TRACE_STRING("error", error_name(error)));
    }
}

static void cleaner_run_remove_made(struct cleaner_run *run)
{
    static const char *const suffixes[] = {".log.cleaned", ".index.cleaned", ".timeindex.cleaned",
                                           ".txnindex.cleaned"};
    if (run->made == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !run->store->is_fenced; i++) {
        cleaner_run_remove_file(run, suffixes[i]);
    }
    segment_free(run->made);
    run->made = NULL;
}

static void cleaner_run_free(struct cleaner_run *run)
{
    io_timer_stop(run->store->io, &run->timer);
    cleaner_filter_fini(&run->filter);
    buffer_fini(&run->chunk);
    aborted_index_fini(&run->aborts);
    log_release(run->target.log);
    free(run);
}

static void cleaner_run_end(struct cleaner_run *run, int error)
{
    void (*ended)(void *owner, const struct cleaner_result *result) = run->ended;
    void *owner = run->owner;
    run->result.error = error;
    run->result.record_count = run->filter.record_count;
    run->result.kept_count = run->filter.kept_count;
    struct cleaner_result result = run->result;
    if (run->filter.opaque_offset >= 0) {
        trace(TRACE_WARN, "cleaner.batch_kept_whole", TRACE_STRING("log", run->target.log->name),
              TRACE_INT("offset", run->filter.opaque_offset),
              TRACE_STRING("reason", "its records cannot be read"));
    }
    cleaner_run_remove_made(run);
    ended(owner, &result);
    cleaner_run_free(run);
}

void cleaner_run_forget(struct cleaner_run *run)
{
    if (run->source != NULL) {
        segment_unpin(run->source);
    }
    if (run->is_syncing) {
        segment_unpin(run->made);
    }
    segment_free(run->made);
    cleaner_run_free(run);
}

struct log *cleaner_run_log(const struct cleaner_run *run)
{
    return run->target.log;
}

void cleaner_run_cancel(struct cleaner_run *run)
{
    run->is_cancelled = true;
    if (run->timer.private_state != NULL) {
        io_timer_start(run->store->io, &run->timer, 0);
    }
}

/* 0, or why nothing more can be done to the log. */
static int cleaner_run_status(const struct cleaner_run *run)
{
    const struct log *log = run->target.log;
    if (run->is_cancelled || log->is_deleted || log->cut_count != run->cut_count ||
        log->status != 0 || !log->settings.is_compacted) {
        return ERROR_CANCELLED;
    }
    return store_is_writable(run->store) ? 0 : ERROR_FENCED;
}

/* --- One chunk --- */

static void cleaner_run_on_timer(struct io_timer *timer)
{
    cleaner_run_step(timer->owner);
}

/* Goes on, now or when enough time has passed for what was read and written. */
static void cleaner_run_pace(struct cleaner_run *run, int64_t size)
{
    const double unlimited = 1e15;
    uint64_t now_ns = io_now(run->store->io);
    if (run->options.bytes_per_second >= unlimited) {
        cleaner_run_step(run);
        return;
    }
    run->due_ns = run->due_ns < now_ns ? now_ns : run->due_ns;
    run->due_ns += (uint64_t)((double)size * 1e9 / run->options.bytes_per_second);
    io_timer_start(run->store->io, &run->timer, run->due_ns - now_ns);
}

/* The row of a marker stays as long as the marker does. */
static void cleaner_run_keep_abort(struct cleaner_run *run, const struct batch *batch)
{
    if (!batch_is_control(batch) || batch->record_count == 0) {
        return;
    }
    int32_t place = aborted_index_find(&run->aborts, batch->base_offset);
    if (place < run->aborts.count && run->aborts.rows[place].last_offset == batch->base_offset) {
        segment_add_abort(run->made, &run->aborts.rows[place]);
    }
}

/* Takes the batches of filter->out into the file and its index. */
static int cleaner_run_write(struct cleaner_run *run)
{
    struct bytes out = buffer_bytes(&run->filter.out);
    if (out.size == 0) {
        return 0;
    }
    if ((int64_t)out.size > SEGMENT_SIZE_MAX - run->made->size) {
        return ERROR_TOO_LARGE;
    }
    int error = log_on_write_error(run->target.log, segment_append(run->made, out), "compact");
    if (error != 0) {
        return error;
    }
    for (size_t at = 0; at < out.size;) {
        struct batch batch;
        error = batch_read_header(bytes_make(out.data + at, out.size - at), &batch, NULL);
        check(error == 0);
        segment_note(run->made, &batch);
        cleaner_run_keep_abort(run, &batch);
        at += batch.bytes.size;
    }
    run->result.written_size += (int64_t)out.size;
    return 0;
}

static void cleaner_run_on_filtered(struct io_request *request, int64_t result)
{
    struct cleaner_run *run = request->owner;
    int error = cleaner_run_status(run);
    if (error == 0 && run->result.error != 0) {
        error = run->result.error;
    }
    if (error == 0 && result < 0) {
        error = (int)result;
    }
    int64_t written_size = run->result.written_size;
    if (error == 0 && run->filter.pass == CLEANER_COPY) {
        error = cleaner_run_write(run);
    }
    if (error != 0) {
        cleaner_run_end(run, error);
        return;
    }
    run->position += (int64_t)run->chunk_taken;
    cleaner_run_pace(run, (int64_t)run->chunk_taken + run->result.written_size - written_size);
}

/* Off the shard: touches the filter and the chunk alone. */
static void cleaner_run_filter(void *owner)
{
    struct cleaner_run *run = owner;
    size_t needed = 0;
    run->result.error =
        cleaner_filter_take(&run->filter, buffer_bytes(&run->chunk), &run->chunk_taken, &needed);
    bool is_short = run->result.error == 0 && run->chunk_taken == 0 && !run->filter.is_full;
    run->chunk_wanted = is_short ? needed : 0;
}

static void cleaner_run_take_chunk(struct cleaner_run *run)
{
    run->chunk.size = run->chunk_asked;
    run->result.read_size += (int64_t)run->chunk_asked;
    run->request = (struct io_request){.done = cleaner_run_on_filtered, .owner = run};
    io_work(run->store->io, &run->request, cleaner_run_filter);
}

static void cleaner_run_on_read(struct io_request *request, int64_t result)
{
    struct cleaner_run *run = request->owner;
    segment_unpin(run->source);
    run->source = NULL;
    int error = cleaner_run_status(run);
    if (error == 0 && result != (int64_t)run->chunk_asked) {
        error = result < 0 ? (int)result : ERROR_CORRUPT; /* the file is shorter than its segment */
    }
    if (error != 0) {
        cleaner_run_end(run, error);
        return;
    }
    cleaner_run_take_chunk(run);
}

/* Half of the buffer is for what is written, if anything is. */
static int64_t cleaner_run_chunk_size(const struct cleaner_run *run)
{
    int64_t size = run->options.buffer_size;
    size = run->filter.pass == CLEANER_COPY ? size / 2 : size;
    size = size < CLEANER_CHUNK_MIN ? CLEANER_CHUNK_MIN : size;
    return (int64_t)run->chunk_wanted > size ? (int64_t)run->chunk_wanted : size;
}

/* A chunk holds at least one batch; a batch that would reach beyond its file is none. What is in
 * the page cache, as all is that was appended lately, is taken from there at once: under load, each
 * trip to a thread and back takes longer than what is done there. */
static int cleaner_run_read(struct cleaner_run *run, struct segment *source)
{
    int64_t left = source->size - run->position;
    int64_t size = cleaner_run_chunk_size(run);
    size = size > left ? left : size;
    if ((int64_t)run->chunk_wanted > left) {
        return ERROR_CORRUPT;
    }
    struct io_file *file = NULL;
    int error = segment_open_file(source, &file);
    if (error != 0) {
        return error;
    }
    if (run->position == 0) {
        cleaner_filter_begin_file(&run->filter, source->base_offset, source->next_offset);
    }
    struct io *io = run->store->io;
    uint64_t position = (uint64_t)run->position;
    buffer_clear(&run->chunk);
    uint8_t *chunk = buffer_reserve(&run->chunk, (size_t)size);
    run->chunk_asked = (size_t)size;
    if (io_file_read(io, file, chunk, (size_t)size, position, IO_READ_CACHED) == size) {
        cleaner_run_take_chunk(run);
        return 0;
    }
    segment_pin(source);
    run->source = source;
    run->request = (struct io_request){.done = cleaner_run_on_read, .owner = run};
    io_file_read_async(io, &run->request, file, chunk, (size_t)size, position);
    return 0;
}

/* --- Groups --- */

/* The index of a segment that must still be there; -1 when it left. */
static int32_t cleaner_run_find(const struct cleaner_run *run, int64_t base_offset)
{
    const struct log *log = run->target.log;
    int32_t index = log_find_segment(log, base_offset);
    return log->segments[index]->base_offset == base_offset ? index : -1;
}

/* How many segments from `first` on fit into the file that is made, whatever is left of them: by
 * size, by index, by offsets. One at least fits into an empty file. */
static int32_t cleaner_run_count_more(const struct cleaner_run *run, int32_t first)
{
    const struct log *log = run->target.log;
    const struct log_settings *settings = &log->settings;
    int64_t interval = settings->index_interval_size > 0 ? settings->index_interval_size : 1;
    int64_t size = run->made->size;
    int32_t count = 0;
    for (int32_t i = first; i + 1 < log->segment_count; i++, count++) {
        const struct segment *segment = log->segments[i];
        bool is_only = run->group_count == 0 && count == 0;
        size += segment->size;
        if (segment->base_offset >= run->filter.map_end) {
            break;
        }
        if (!is_only && (size > settings->segment_size ||
                         size / interval * SPARSE_INDEX_ENTRY_SIZE > settings->index_size ||
                         segment->next_offset - run->made->base_offset > INT32_MAX)) {
            break;
        }
    }
    return count;
}

/* The rows of what is replaced. If there is any file with rows, the new one has a file too, even of
 * none (cleaner_swap.h). */
static int cleaner_run_take_aborts(struct cleaner_run *run, struct segment *segment)
{
    int error = log_load_aborts(run->target.log, segment);
    if (error != 0) {
        return error;
    }
    if ((segment->has_abort_file || segment->aborts != NULL) && run->made->aborts == NULL) {
        struct aborted_index none;
        aborted_index_init(&none);
        segment_set_aborts(run->made, &none);
    }
    for (int32_t i = 0; segment->aborts != NULL && i < segment->aborts->count; i++) {
        aborted_index_add(&run->aborts, &segment->aborts->rows[i]);
    }
    return 0;
}

/* Adds what fits from `first` on to the group; nothing when nothing does. */
static int cleaner_run_grow_group(struct cleaner_run *run, int32_t first)
{
    struct log *log = run->target.log;
    int32_t end = first + cleaner_run_count_more(run, first);
    int error = 0;
    for (int32_t i = first; i < end && error == 0; i++) {
        struct segment *segment = log->segments[i];
        error = segment_read_ages(segment);
        if (error == 0) {
            error = cleaner_run_take_aborts(run, segment);
        }
        if (run->group_count == 0) {
            run->made->first_append_ms = segment->first_append_ms;
        }
        if (segment->last_append_ms > run->made->last_append_ms) {
            run->made->last_append_ms = segment->last_append_ms;
        }
        run->group_count++;
        run->group_size += segment->size;
        run->group_next_offset = segment->next_offset;
    }
    run->filter.keep_offset = run->group_next_offset - 1;
    return error;
}

static int cleaner_run_start_group(struct cleaner_run *run, int32_t first)
{
    struct log *log = run->target.log;
    int error = segment_create_staged(&log->home, log->segments[first]->base_offset, ".cleaned",
                                      &run->made);
    if (error != 0) {
        return error;
    }
    aborted_index_fini(&run->aborts);
    run->group_count = 0;
    run->group_size = 0;
    run->filter.is_changed = false;
    error = cleaner_run_grow_group(run, first);
    check(run->group_count > 0 || error != 0);
    return error;
}

static void cleaner_run_on_synced(struct io_request *request, int64_t result)
{
    struct cleaner_run *run = request->owner;
    run->is_syncing = false;
    segment_unpin(run->made);
    int error = cleaner_run_status(run);
    if (error == 0 && result < 0) {
        error = log_on_write_error(run->target.log, (int)result, "compact");
    }
    int32_t first = error == 0 ? cleaner_run_find(run, run->made->base_offset) : -1;
    if (error == 0 && first < 0) {
        error = ERROR_CANCELLED;
    }
    if (error == 0) {
        run->made->is_dirty = false;
        run->made->next_offset = run->group_next_offset;
        error = cleaner_swap(run->target.log, run->made, first, run->group_count);
        run->made = error == 0 || error == ERROR_FENCED ? NULL : run->made;
    }
    if (error != 0) {
        cleaner_run_end(run, error);
        return;
    }
    cleaner_run_step(run);
}

/* True when there is an answer, false when the disk is asked. */
static bool cleaner_run_end_group(struct cleaner_run *run, int *error)
{
    struct io_file *file = NULL;
    if (!run->filter.is_changed && run->group_count == 1) {
        cleaner_run_remove_made(run);
        *error = 0;
        return true;
    }
    if (run->made->next_offset != run->group_next_offset) {
        *error = ERROR_CORRUPT; /* the last batch was not where it had to be */
        return true;
    }
    *error = segment_sync_aborts(run->made);
    if (*error == 0) {
        *error = segment_write_index(run->made);
    }
    if (*error == 0) {
        *error = segment_trim(run->made);
    }
    if (*error == 0) {
        *error = segment_sync_index(run->made);
    }
    if (*error == 0) {
        *error = segment_open_file(run->made, &file);
    }
    *error = log_on_write_error(run->target.log, *error, "compact");
    if (*error != 0) {
        return true;
    }
    segment_pin(run->made);
    run->is_syncing = true;
    run->request = (struct io_request){.done = cleaner_run_on_synced, .owner = run};
    io_file_sync_async(run->store->io, &run->request, file);
    return false;
}

/* --- Passes --- */

static int64_t cleaner_run_pass_start(const struct cleaner_run *run)
{
    const struct log *log = run->target.log;
    int32_t index =
        run->filter.pass == CLEANER_COPY ? 0 : log_find_segment(log, run->target.dirty_offset);
    return log->segments[index]->base_offset;
}

static int64_t cleaner_run_pass_end(const struct cleaner_run *run)
{
    return run->filter.pass == CLEANER_COPY ? run->filter.map_end : run->filter.end_offset;
}

static void cleaner_run_start_pass(struct cleaner_run *run, enum cleaner_pass pass)
{
    run->filter.pass = pass;
    run->source_offset = cleaner_run_pass_start(run);
    run->position = 0;
    run->chunk_wanted = 0;
}

static void cleaner_run_start_map(struct cleaner_run *run)
{
    struct cleaner_filter *filter = &run->filter;
    struct hash_secret secret;
    int64_t open_offset = cleaner_producers_open_offset(&filter->producers);
    filter->end_offset = open_offset < filter->end_offset ? open_offset : filter->end_offset;
    filter->map_end = filter->end_offset;
    int64_t span = filter->end_offset - filter->dirty_offset;
    io_random(run->store->io, &secret, sizeof secret);
    offset_map_init(&filter->map, (size_t)run->options.map_size, span > 0 ? (uint64_t)span : 0,
                    &secret);
    cleaner_run_start_pass(run, CLEANER_MAP);
}

/* A batch that is somebody's last one now may be lost with the power, and then an earlier one is
 * the last. So what has to stay is asked first, and nothing is replaced before all of that is
 * durable. */
static void cleaner_run_ask_producers(struct cleaner_run *run)
{
    const struct log *log = run->target.log;
    for (map_each (&log->producers.entries, place)) {
        cleaner_producers_keep(&run->filter.producers, place->value);
    }
    run->keep_end = log->end_offset;
}

/* True: it comes back when the flush may have ended. */
static bool cleaner_run_waits_for_flush(struct cleaner_run *run)
{
    struct log *log = run->target.log;
    if (run->filter.pass != CLEANER_COPY || log->synced.offset >= run->keep_end) {
        return false;
    }
    flusher_ask(&run->store->flusher, log);
    io_timer_start(run->store->io, &run->timer, CLEANER_FLUSH_WAIT_MS * UINT64_C(1000000));
    return true;
}

static void cleaner_run_start_copy(struct cleaner_run *run)
{
    run->filter.is_full = false;
    cleaner_run_start_pass(run, CLEANER_COPY);
}

/* Goes to the next pass; false when all is done. */
static bool cleaner_run_next_pass(struct cleaner_run *run)
{
    switch (run->filter.pass) {
    case CLEANER_SCAN:
        cleaner_run_start_map(run);
        return run->filter.end_offset > run->filter.dirty_offset;
    case CLEANER_MAP:
        cleaner_run_start_copy(run);
        return run->filter.map_end > run->filter.dirty_offset;
    case CLEANER_COPY:
        break;
    }
    return false;
}

/* Moves behind a segment that was read to its end. True: the pass has another one. */
static bool cleaner_run_next_source(struct cleaner_run *run, int32_t index)
{
    const struct log *log = run->target.log;
    const struct segment *next = log->segments[index + 1];
    run->position = 0;
    run->source_offset = next->base_offset;
    return index + 2 < log->segment_count && next->base_offset < cleaner_run_pass_end(run) &&
           !run->filter.is_full;
}

static void cleaner_run_finish(struct cleaner_run *run)
{
    run->result.clean_offset = run->filter.map_end > run->target.dirty_offset
                                   ? run->filter.map_end
                                   : run->target.dirty_offset;
    cleaner_run_end(run, 0);
}

/* The group is read: it takes what fits into the room that dropped records left, or is swapped. A
 * swap waits for the disk several times, however small the file is, and everybody waits with it. So
 * it stands for many segments of which little is left, but not for more than can be done once more
 * when the run ends before. True: go on with the loop of steps. */
static bool cleaner_run_leave_group(struct cleaner_run *run, int32_t next, int *error)
{
    if (run->filter.pass != CLEANER_COPY || run->made == NULL ||
        run->source_offset < run->group_next_offset) {
        return true;
    }
    int32_t count = run->group_count;
    if (run->group_size < CLEANER_GROUP_SIZE_MAX) {
        *error = cleaner_run_grow_group(run, next);
    }
    if (*error != 0 || run->group_count > count) {
        return *error == 0;
    }
    return cleaner_run_end_group(run, error) && *error == 0;
}

/* Goes on until the disk or a thread is asked, or all is done. */
static void cleaner_run_step(struct cleaner_run *run)
{
    int error = cleaner_run_status(run);
    while (error == 0) {
        int32_t index = cleaner_run_find(run, run->source_offset);
        if (index < 0) {
            error = ERROR_CANCELLED;
            break;
        }
        struct segment *source = run->target.log->segments[index];
        bool is_over = index + 1 >= run->target.log->segment_count ||
                       source->base_offset >= cleaner_run_pass_end(run) || run->filter.is_full;
        if (is_over) {
            if (!cleaner_run_next_pass(run)) {
                cleaner_run_finish(run);
                return;
            }
            continue;
        }
        if (cleaner_run_waits_for_flush(run)) {
            return;
        }
        if (run->filter.pass == CLEANER_COPY && run->made == NULL) {
            error = cleaner_run_start_group(run, index);
            continue;
        }
        if (run->position < source->size) {
            error = cleaner_run_read(run, source);
            if (error == 0) {
                return;
            }
            break;
        }
        (void)cleaner_run_next_source(run, index);
        if (!cleaner_run_leave_group(run, index + 1, &error) && error == 0) {
            return;
        }
    }
    cleaner_run_end(run, error);
}

static void cleaner_run_on_started(struct io_request *request, int64_t result)
{
    (void)result;
    cleaner_run_step(request->owner);
}

struct cleaner_run *
cleaner_run_start(struct store *store, const struct cleaner_target *target,
                  const struct store_cleaner_options *options,
                  void (*ended)(void *owner, const struct cleaner_result *result), void *owner)
{
    struct cleaner_run *run = memory_new(struct cleaner_run);
    *run = (struct cleaner_run){
        .store = store,
        .options = *options,
        .target = *target,
        .ended = ended,
        .owner = owner,
        .cut_count = target->log->cut_count,
        .timer = {.fired = cleaner_run_on_timer, .owner = run},
        .request = {.done = cleaner_run_on_started, .owner = run},
        .result = {.clean_offset = target->dirty_offset, .end_offset = target->end_offset},
    };
    cleaner_filter_init(&run->filter);
    buffer_init(&run->chunk);
    run->filter.dirty_offset = target->dirty_offset;
    run->filter.end_offset = target->end_offset;
    run->filter.now_ms = io_wall_clock(store->io);
    run->filter.delete_retention_ms = target->log->settings.delete_retention_ms;
    target->log->pending_count++;
    cleaner_run_ask_producers(run);
    cleaner_run_start_pass(run, CLEANER_SCAN);
    if (!log_has_producers(target->log)) {
        cleaner_run_start_map(run); /* no producers, no transactions */
    }
    io_post(store->io, &run->request);
    return run;
}
