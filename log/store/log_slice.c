/* Finds where batches begin and end, and reads them piece by piece; see log_slice.h. */
#include "log/store/log_slice.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/store_state.h"
#include "log/store/walker.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLICE_WINDOW_SIZE = 8 << 10,  /* what is brought into the page cache around a header */
    SLICE_PROOF_SIZE = 128 << 10, /* and for a proof */
    SLICE_PROOF_WAIT_MAX = 32,    /* windows without progress in a proof: of 4 MiB */
    SLICE_WAIT_MAX = 2,           /* for the first and for the last header; then wait inside */
};

/* The place behind some batches. */
struct slice_end {
    int64_t position;
    int64_t next_offset;
};

/* What lies in memory needs no file. */
static void slice_hold(struct log_slice *slice)
{
    if (slice->tail != NULL) {
        slice->segment = NULL;
    } else {
        segment_pin(slice->segment);
    }
    slice->log->pending_count++;
    list_add(&slice->log->store->reads, &slice->link);
}

static void slice_release(struct log_slice *slice)
{
    if (slice->tail != NULL) {
        tail_cache_release(slice->tail);
    } else {
        segment_unpin(slice->segment);
    }
    slice->tail = NULL;
    slice->segment = NULL;
}

static void slice_let_go(struct log_slice *slice)
{
    struct log *log = slice->log;
    list_remove(&slice->link);
    slice_release(slice);
    slice->log = NULL;
    store_on_quiet(log->store);
    log_release(log);
}

void log_slice_forget(struct list_link *link)
{
    struct log_slice *slice = list_member(link, struct log_slice, link);
    read_gate_read_forget(&slice->disk);
    free(slice->window);
    slice->window = NULL;
    slice->size = 0;
    list_remove(link);
    slice_release(slice);
    log_release(slice->log);
}

static enum io_read_mode slice_mode(const struct log_slice *slice)
{
    return slice->may_wait || slice->wait_count >= SLICE_WAIT_MAX ? IO_READ_WAIT : IO_READ_CACHED;
}

static void slice_walk_from(struct log_slice *slice, struct walker *walker, int64_t position)
{
    struct segment *segment = slice->segment;
    walker_open(walker, segment, position, segment->base_offset, segment->size, false);
    walker->mode = slice_mode(slice);
}

/* Ends a walk. ERROR_AGAIN: slice->position is what the disk must be asked for. */
static int slice_walk_end(struct log_slice *slice, struct walker *walker, int result)
{
    if (result == ERROR_AGAIN) {
        slice->position = walker->position;
    }
    walker_close(walker);
    return result == ERROR_TRUNCATED ? ERROR_CORRUPT : result < 0 ? result : 0;
}

/* Where the first wanted batch begins; the end of the segment when it holds none. */
static int slice_find_start(struct log_slice *slice, int64_t *start)
{
    const struct log *log = slice->log;
    const struct segment *segment = slice->segment;
    if (log->hint.offset == slice->offset && log->hint.segment_offset == segment->base_offset) {
        *start = log->hint.position;
        return 0;
    }
    if (slice->offset <= segment->base_offset) {
        *start = 0;
        return 0;
    }
    int64_t near = 0;
    int error = segment_find_position(slice->segment, slice->offset, &near);
    if (error != 0) {
        return error;
    }
    struct walker walker;
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    *start = segment->size;
    slice_walk_from(slice, &walker, near);
    while ((result = walker_next(&walker, &batch, &position)) > 0) {
        if (position == near && near > 0 && !segment_is_led_to(segment, near, &batch)) {
            result = ERROR_CORRUPT;
            break;
        }
        if (batch_last_offset(&batch) >= slice->offset) {
            *start = position;
            break;
        }
    }
    return slice_walk_end(slice, &walker, result);
}

/* The end of all that may be seen, where it is known without looking at the file. */
static bool slice_know_end(const struct log_slice *slice, struct slice_end *end)
{
    const struct segment *segment = slice->segment;
    const struct log_mark *synced = &slice->log->synced;
    if (slice->limit_offset >= segment->next_offset) {
        *end = (struct slice_end){segment->size, segment->next_offset};
        return true;
    }
    if (slice->limit_offset == synced->offset && synced->segment_offset == segment->base_offset) {
        *end = (struct slice_end){synced->position, synced->offset};
        return true;
    }
    return false;
}

/* Whether one more batch that ends at `position` may be taken. */
static bool slice_takes(const struct log_slice *slice, const struct batch *batch, int64_t start,
                        int64_t begin, int64_t position)
{
    bool is_first = begin == start && slice->is_first_whole;
    return batch_last_offset(batch) < slice->limit_offset &&
           (is_first || position - start <= (int64_t)slice->size_max);
}

/* Where the last batch that fits ends. */
static int slice_find_end(struct log_slice *slice, int64_t start, struct slice_end *end)
{
    if (slice_know_end(slice, end) && end->position - start <= (int64_t)slice->size_max) {
        return 0;
    }
    int64_t near = 0;
    int error = segment_find_place(slice->segment, slice->limit_offset,
                                   start + (int64_t)slice->size_max, &near);
    if (error != 0) {
        return error;
    }
    struct walker walker;
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    *end = (struct slice_end){near > start ? near : start, -1};
    slice_walk_from(slice, &walker, end->position);
    while ((result = walker_next(&walker, &batch, &position)) > 0) {
        if (!slice_takes(slice, &batch, start, position, walker.position)) {
            end->next_offset = batch.base_offset;
            break;
        }
        *end = (struct slice_end){walker.position, batch_next_offset(&batch)};
    }
    return slice_walk_end(slice, &walker, result);
}

static int slice_find_both(struct log_slice *slice, int64_t *start, struct slice_end *end)
{
    int error = slice_find_start(slice, start);
    return error != 0 || *start == slice->segment->size ? error
                                                        : slice_find_end(slice, *start, end);
}

/* Finds both ends, or says what is in the way. */
static int slice_find(struct log_slice *slice)
{
    struct log *log = slice->log;
    int64_t start = 0;
    struct slice_end end = {0, 0};
    int32_t index = log_find_segment(log, slice->offset);
    int error = 0;
    do { /* the last offsets of a segment may have been compacted away */
        slice->segment = log->segments[index];
        error = slice_find_both(slice, &start, &end);
        if (error == ERROR_CORRUPT && segment_doubt_index(slice->segment)) {
            error = slice_find_both(slice, &start, &end);
        }
    } while (error == 0 && start == slice->segment->size && ++index < log->segment_count);
    if (error != 0 || start == slice->segment->size) {
        return error;
    }
    slice->position = start;
    slice->size = (size_t)(end.position - start);
    slice->next_offset = end.next_offset;
    slice->has_next = end.position == slice->segment->size && index + 1 < log->segment_count &&
                      slice->limit_offset > slice->segment->next_offset;
    if (end.next_offset == log->end_offset || end.next_offset == log->synced.offset) {
        tail_cache_follow(&log->tail);
    }
    if (slice->size > 0) {
        log->hint = (struct log_mark){end.next_offset, slice->segment->base_offset, end.position};
    }
    return 0;
}

/* While syncs are awaited the disk is asked for little at once, but not for each piece alone, which
 * would wait for syncs again. */
static void slice_pace(const struct log_slice *slice, struct io_file *file, size_t ahead_size)
{
    struct log *log = slice->log;
    bool is_paced = read_gate_is_awaited(&log->store->gate);
    io_file_pace(log->home.io, file, is_paced ? ahead_size : 0);
}

static void slice_begin_read(struct read_gate_read *read)
{
    struct log_slice *slice = list_member(read, struct log_slice, disk);
    struct io_file *file = slice->segment->file.file; /* pinned: it is open */
    slice_pace(slice, file, read->size);
    io_file_read_async(slice->log->home.io, &slice->request, file, slice->asked_out,
                       slice->asked_size, slice->asked_position);
}

/* `ahead_size`, at least `size`: what will be asked for soon. */
static void slice_ask_disk(struct log_slice *slice, void *out, size_t size, uint64_t position,
                           size_t ahead_size, void (*done)(struct io_request *, int64_t))
{
    slice->was_on_disk = true;
    slice->asked_out = out;
    slice->asked_size = size;
    slice->asked_position = position;
    slice->request = (struct io_request){.done = done, .owner = slice};
    slice->disk = (struct read_gate_read){.begin = slice_begin_read};
    read_gate_read_start(&slice->log->store->gate, &slice->disk, ahead_size);
}

static void slice_on_window(struct io_request *request, int64_t result);

/* Brings the neighbourhood of a place into the page cache, off the loop. */
static int slice_ask_window(struct log_slice *slice, int64_t position, size_t size)
{
    struct io_file *file = NULL;
    int error = segment_open_file(slice->segment, &file);
    if (error != 0) {
        return error;
    }
    slice_hold(slice);
    slice->wait_count++;
    slice->window = memory_alloc(size);
    slice_ask_disk(slice, slice->window, size, (uint64_t)position, size, slice_on_window);
    return 0;
}

/* Old bytes are checked before they are handed out; ERROR_AGAIN: the disk must be asked. */
static int slice_prove(struct log_slice *slice)
{
    int64_t end = slice->position + (int64_t)slice->size;
    if (slice->proof_segment != slice->segment->base_offset) {
        slice->proof_segment = slice->segment->base_offset;
        slice->proof_position = -1;
    }
    int64_t start =
        slice->proof_position > slice->position ? slice->proof_position : slice->position;
    struct segment_proof at = {start, slice->offset};
    bool must_wait = slice->may_wait || slice->wait_count >= SLICE_PROOF_WAIT_MAX;
    int error =
        segment_prove(slice->segment, start, end, must_wait ? IO_READ_WAIT : IO_READ_CACHED, &at);
    if (error == ERROR_AGAIN && at.position > slice->proof_position) {
        slice->proof_position = at.position;
        slice->wait_count = 0;
    }
    if (error == ERROR_CORRUPT && at.position > start) { /* what comes before is good */
        slice->size = (size_t)(at.position - slice->position);
        slice->next_offset = at.offset;
        slice->has_next = false;
        slice->log->hint.offset = -1;
        return 0;
    }
    return error;
}

/* True when there is an answer, false when the disk is asked. */
static bool slice_go(struct log_slice *slice, int *error)
{
    struct io_file *file = NULL;
    *error = slice_find(slice);
    if (*error == ERROR_AGAIN) {
        *error = slice_ask_window(slice, slice->position, SLICE_WINDOW_SIZE);
        return *error != 0;
    }
    if (*error == 0 && slice->size > 0) {
        *error = slice_prove(slice);
    }
    if (*error == ERROR_AGAIN) {
        slice->size = 0;
        /* A batch may be larger than a window: what follows it comes next. */
        *error = slice_ask_window(
            slice, slice->proof_position + (int64_t)slice->wait_count * SLICE_PROOF_SIZE,
            SLICE_PROOF_SIZE);
        return *error != 0;
    }
    if (*error == 0 && slice->size > 0) {
        slice->tail = tail_cache_hold(&slice->log->tail, slice->segment->base_offset,
                                      slice->position, slice->size);
        *error = slice->tail != NULL ? 0 : segment_open_file(slice->segment, &file);
        if (*error == 0) {
            slice_hold(slice);
        }
    }
    if (*error != 0) {
        slice->size = 0;
    }
    return true;
}

/* What can be said without looking at any file. True: that is the answer. */
static bool slice_judge(const struct log *log, const struct log_slice *slice, int *error)
{
    *error = log->status;
    if (*error == 0 && (slice->offset < log->start_offset || slice->offset > log->end_offset)) {
        *error = ERROR_OFFSET_OUT_OF_RANGE;
    }
    return *error != 0 || slice->offset >= log->end_offset || slice->offset >= slice->limit_offset;
}

static void slice_on_window(struct io_request *request, int64_t result)
{
    struct log_slice *slice = request->owner;
    struct log *log = slice->log;
    int error = result < 0 ? (int)result : 0;
    read_gate_read_end(&log->store->gate, &slice->disk);
    free(slice->window);
    slice->window = NULL;
    if (log->is_deleted || log->store->phase != STORE_OPEN) {
        error = ERROR_NOT_FOUND;
    }
    log->pending_count++; /* it must not go between letting go and looking again */
    slice_let_go(slice);
    slice->log = log;
    slice->cut_count = log->cut_count;
    bool is_answered = error != 0 || slice_judge(log, slice, &error) || slice_go(slice, &error);
    log_release(log);
    if (is_answered) {
        slice->done(slice, error);
    }
}

bool log_slice_open(struct log *log, struct log_slice *slice, int *error)
{
    slice->size = 0;
    slice->was_on_disk = false;
    slice->has_next = false;
    slice->log = log;
    slice->segment = NULL;
    slice->window = NULL;
    slice->tail = NULL;
    slice->cut_count = log->cut_count;
    slice->wait_count = 0;
    slice->proof_position = -1;
    slice->proof_segment = -1;
    slice->link = (struct list_link){0};
    return slice_judge(log, slice, error) || slice_go(slice, error);
}

static void slice_on_read(struct io_request *request, int64_t result)
{
    struct log_slice *slice = request->owner;
    int error = result < 0 ? (int)result : 0;
    read_gate_read_end(&slice->log->store->gate, &slice->disk);
    if (slice->cut_count != slice->log->cut_count) {
        error = ERROR_CANCELLED;
    } else if (error == 0 && (size_t)result < slice->asked_size) {
        error = ERROR_CORRUPT; /* the file is shorter than its segment */
    }
    slice->done(slice, error);
}

/* What follows in the slice, within what the gate lets through at once. */
static size_t slice_ahead_size(const struct log_slice *slice, size_t at, size_t size)
{
    size_t left = slice->size - at;
    size_t ahead_size = left < READ_GATE_SIZE_MAX ? left : READ_GATE_SIZE_MAX;
    return ahead_size < size ? size : ahead_size;
}

bool log_slice_read(struct log_slice *slice, size_t at, void *out, size_t size, int *error)
{
    check(at <= slice->size && size <= slice->size - at);
    struct io *io = slice->log->home.io;
    uint64_t position = (uint64_t)slice->position + at;
    if (slice->cut_count != slice->log->cut_count) {
        *error = ERROR_CANCELLED;
        return true;
    }
    if (slice->tail != NULL) {
        memcpy(out, slice->tail->data + (position - (uint64_t)slice->tail->position), size);
        *error = 0;
        return true;
    }
    struct io_file *file = slice->segment->file.file; /* pinned: it is open */
    size_t ahead_size = slice_ahead_size(slice, at, size);
    slice_pace(slice, file, ahead_size);
    int64_t count = io_file_read(io, file, out, size, position,
                                 slice->may_wait ? IO_READ_WAIT : IO_READ_CACHED);
    if (count == ERROR_AGAIN || (count >= 0 && (size_t)count < size && !slice->may_wait)) {
        slice_ask_disk(slice, out, size, position, ahead_size, slice_on_read);
        return false;
    }
    *error = count < 0 ? (int)count : (size_t)count < size ? ERROR_CORRUPT : 0;
    return true;
}

size_t log_slice_send(struct log_slice *slice, size_t at, size_t size, struct io_stream *stream)
{
    check(at <= slice->size && size <= slice->size - at);
    return slice->cut_count != slice->log->cut_count || slice->tail != NULL
               ? 0
               : io_stream_send_file(slice->log->home.io, stream, slice->segment->file.file,
                                     (uint64_t)slice->position + at, size);
}

void log_slice_close(struct log_slice *slice)
{
    if (slice->size > 0) {
        slice->size = 0;
        slice_let_go(slice);
    }
}
