/* Reads whole batches, from the page cache at once or from the disk off the loop.
 *
 * One read of the file brings what the caller wants and a little more in front: the sparse index
 * leads to a place at or before the wanted batch. The batches in front are skipped, what follows is
 * cut to whole batches within the limits. When the wanted batch is not whole in what was read, a
 * second read asks for exactly its place and size. A reader that goes on where it stopped starts at
 * its batch without any search (the log keeps one such place).
 *
 * Bytes that came from the disk have their CRC checked; bytes from the page cache were checked when
 * they were written or when they came.
 * Thread: the shard's. */
#include "log/base/error.h"
#include "log/store/store_state.h"
#include "log/store/walker.h"

enum { LOG_READ_SLACK = 8 << 10, LOG_READ_SIZE_MAX = 64 << 20 };

/* Lives in the request between its turns. */
struct log_read_state {
    struct list_link link; /* in the store while the disk is asked */
    struct log *log;
    struct segment *segment;
    int64_t position;    /* of the first byte in the buffer */
    int32_t cut_count;   /* the log's, when the read began */
    uint32_t asked_size; /* of the read under way; the file has as many bytes, or it is damaged */
};

/* What the bytes of one read turned out to be. */
struct log_read_view {
    size_t start;       /* of the first wanted batch */
    size_t end;         /* behind the last one that fits */
    size_t needed_size; /* the first wanted batch is not whole: it begins at `start`, this size */
    int64_t next_offset;
};

_Static_assert(sizeof(struct log_read_state) <= sizeof(((struct log_read *)NULL)->private_state),
               "the state fits into the request");

static struct log_read_state *log_read_state_of(struct log_read *read)
{
    return (struct log_read_state *)(void *)read->private_state;
}

/* Whether one more batch may be taken behind `taken` bytes. */
static bool log_read_takes(const struct log_read *read, const struct batch *batch, size_t taken)
{
    if (batch_last_offset(batch) >= read->limit_offset) {
        return false;
    }
    return taken + batch->bytes.size <= read->size_max || (taken == 0 && read->is_first_whole);
}

/* Looks through the bytes. 0 or ERROR_CORRUPT. */
static int log_read_parse(const struct log_read *read, bool is_checked, struct log_read_view *view)
{
    struct bytes bytes = buffer_bytes(&read->bytes);
    int64_t next_offset = 0;
    *view = (struct log_read_view){0};
    for (size_t at = 0; at < bytes.size;) {
        struct batch batch;
        size_t needed = 0;
        int error =
            batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, &needed);
        if (error == ERROR_TRUNCATED) {
            view->needed_size = view->end == view->start ? needed : 0;
            return 0;
        }
        if (error != 0 || batch.base_offset < next_offset) {
            return ERROR_CORRUPT;
        }
        next_offset = batch_next_offset(&batch);
        if (next_offset <= read->offset) {
            at += batch.bytes.size;
            view->start = view->end = at;
            continue;
        }
        if (!log_read_takes(read, &batch, view->end - view->start)) {
            return 0;
        }
        if (is_checked && !batch_crc_matches(&batch)) {
            return ERROR_CORRUPT;
        }
        at += batch.bytes.size;
        view->end = at;
        view->next_offset = next_offset;
    }
    return 0;
}

/* Keeps only the wanted batches, and remembers where they end. */
static void log_read_keep(struct log_read *read, const struct log_read_view *view)
{
    struct log_read_state *state = log_read_state_of(read);
    read->bytes.size = view->end;
    if (view->start > 0) {
        buffer_remove(&read->bytes, view->start);
    }
    if (view->end > view->start) {
        state->log->hint = (struct log_mark){view->next_offset, state->segment->base_offset,
                                             state->position + (int64_t)view->end};
    }
}

/* Judges what was read. 1: read again, `*size` bytes from state->position on. 0: answered. */
static int log_read_judge(struct log_read *read, bool is_checked, size_t *size)
{
    struct log_read_state *state = log_read_state_of(read);
    if (state->cut_count != state->log->cut_count) {
        buffer_clear(&read->bytes); /* a truncation was faster; the caller asks again */
        return 0;
    }
    struct log_read_view view;
    int error = read->bytes.size < state->asked_size ? ERROR_CORRUPT
                                                     : log_read_parse(read, is_checked, &view);
    if (error != 0) {
        return error;
    }
    int64_t wanted = state->position + (int64_t)view.start;
    if (view.end > view.start || wanted >= state->segment->size) {
        log_read_keep(read, &view);
        return 0;
    }
    bool is_at_end = state->position + (int64_t)read->bytes.size >= state->segment->size;
    if (view.needed_size == 0 && view.start < read->bytes.size) {
        buffer_clear(&read->bytes); /* the first batch is there and may not be taken */
        return 0;
    }
    if (is_at_end || (int64_t)view.needed_size > state->segment->size - wanted) {
        return ERROR_CORRUPT; /* the file is shorter than the segment, or the batch longer */
    }
    if (!read->is_first_whole && view.needed_size > read->size_max) {
        buffer_clear(&read->bytes);
        return 0;
    }
    state->position = wanted;
    *size = view.needed_size > read->size_max ? view.needed_size : read->size_max;
    return 1;
}

static size_t log_read_limit(const struct log_read_state *state, size_t size)
{
    int64_t left = state->segment->size - state->position;
    size = size < BATCH_HEADER_SIZE ? BATCH_HEADER_SIZE : size;
    return (int64_t)size > left ? (size_t)left : size;
}

static void log_read_on_disk(struct io_request *request, int64_t result);

void log_read_forget(struct list_link *link)
{
    struct log_read_state *state = list_member(link, struct log_read_state, link);
    list_remove(link);
    segment_unpin(state->segment);
    log_release(state->log);
}

/* Reads from the disk off the loop. */
static void log_read_ask(struct log_read *read, struct io_file *file, size_t size)
{
    struct log_read_state *state = log_read_state_of(read);
    segment_pin(state->segment);
    state->log->pending_count++;
    list_add(&state->log->store->reads, &state->link);
    read->request.done = log_read_on_disk;
    read->request.owner = read;
    state->asked_size = (uint32_t)size;
    buffer_clear(&read->bytes);
    uint8_t *place = buffer_reserve(&read->bytes, size);
    io_file_read_async(state->log->home.io, &read->request, file, place, size,
                       (uint64_t)state->position);
}

/* Reads now; ERROR_AGAIN when the disk would have to be waited for. */
static int log_read_now(struct log_read *read, struct io_file *file, size_t size)
{
    struct log_read_state *state = log_read_state_of(read);
    state->asked_size = (uint32_t)size;
    buffer_clear(&read->bytes);
    uint8_t *place = buffer_reserve(&read->bytes, size);
    int64_t count = io_file_read(state->log->home.io, file, place, size, (uint64_t)state->position,
                                 read->may_wait ? IO_READ_WAIT : IO_READ_CACHED);
    if (count < 0) {
        return (int)count;
    }
    read->bytes.size = (size_t)count;
    return 0;
}

/* Goes on until there is an answer (true) or the disk is asked (false). */
static bool log_read_go(struct log_read *read, size_t size, int *error)
{
    struct log_read_state *state = log_read_state_of(read);
    int result = 1;
    while (result == 1) {
        struct io_file *file = NULL;
        size = log_read_limit(state, size);
        result = segment_open_file(state->segment, &file);
        if (result == 0) {
            result = log_read_now(read, file, size);
        }
        if (result == ERROR_AGAIN) {
            log_read_ask(read, file, size);
            return false;
        }
        if (result == 0) {
            result = log_read_judge(read, read->may_wait, &size);
        }
    }
    if (result != 0) {
        buffer_clear(&read->bytes);
    }
    *error = result;
    return true;
}

static void log_read_on_disk(struct io_request *request, int64_t result)
{
    struct log_read *read = request->owner;
    struct log_read_state *state = log_read_state_of(read);
    struct log *log = state->log;
    int error = result < 0 ? (int)result : 0;
    size_t size = 0;
    bool is_gone = log->is_deleted || log->store->phase != STORE_OPEN;
    if (is_gone) {
        error = ERROR_NOT_FOUND;
    }
    if (error == 0) {
        read->bytes.size = (size_t)result;
        error = log_read_judge(read, true, &size);
    }
    if (error == 1 && state->segment->is_removed) {
        error = ERROR_OFFSET_OUT_OF_RANGE;
    }
    struct io_file *file = state->segment->file.file;
    if (error == 1) {
        list_remove(&state->link);
        log_read_ask(read, file, log_read_limit(state, size));
    }
    if (error != 1) {
        list_remove(&state->link);
    }
    store_on_quiet(log->store);
    segment_unpin(state->segment);
    log_release(log);
    if (error != 1) {
        if (error != 0) {
            buffer_clear(&read->bytes);
        }
        read->done(read, error);
    }
}

/* Finds where to begin. */
static int log_read_place(struct log *log, struct log_read *read, size_t *size)
{
    struct log_read_state *state = log_read_state_of(read);
    struct segment *segment = log->segments[log_find_segment(log, read->offset)];
    *state = (struct log_read_state){
        .log = log,
        .segment = segment,
        .cut_count = log->cut_count,
    };
    *size = read->size_max > LOG_READ_SIZE_MAX ? LOG_READ_SIZE_MAX : read->size_max;
    if (log->hint.offset == read->offset && log->hint.segment_offset == segment->base_offset) {
        state->position = log->hint.position;
        return 0;
    }
    if (read->offset == segment->base_offset) {
        return 0;
    }
    *size += LOG_READ_SLACK;
    return segment_find_position(segment, read->offset, &state->position);
}

bool log_read(struct log *log, struct log_read *read, int *error)
{
    buffer_clear(&read->bytes);
    *error = log->status;
    if (log->status != 0) {
        return true;
    }
    if (read->offset < log->start_offset || read->offset > log->end_offset) {
        *error = ERROR_OFFSET_OUT_OF_RANGE;
        return true;
    }
    if (read->offset >= log->end_offset || read->offset >= read->limit_offset) {
        return true;
    }
    size_t size = 0;
    *error = log_read_place(log, read, &size);
    return *error != 0 || log_read_go(read, size, error);
}
