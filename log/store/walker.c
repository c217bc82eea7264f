/* Reads ahead a little, parses, moves on; see walker.h. */
#include "log/store/walker.h"

#include "log/base/error.h"

enum { WALKER_HEADER_CHUNK = 4 << 10, WALKER_WHOLE_CHUNK = 256 << 10 };

void walker_open(struct walker *walker, struct segment *segment, int64_t position,
                 int64_t next_offset, int64_t limit, bool is_whole)
{
    *walker = (struct walker){
        .segment = segment,
        .position = position,
        .next_offset = next_offset,
        .limit = limit,
        .is_whole = is_whole,
        .mode = IO_READ_WAIT,
        .buffer_position = position,
    };
    buffer_init(&walker->buffer);
}

void walker_close(struct walker *walker)
{
    buffer_fini(&walker->buffer);
}

/* What the buffer holds from the walker's position on. */
static struct bytes walker_view(const struct walker *walker)
{
    int64_t skip = walker->position - walker->buffer_position;
    if (skip < 0 || skip >= (int64_t)walker->buffer.size) {
        return bytes_make("", 0);
    }
    return bytes_make(walker->buffer.data + skip, walker->buffer.size - (size_t)skip);
}

/* Reads from the walker's position on, at least `needed` bytes unless the limit is nearer. */
static int walker_fill(struct walker *walker, size_t needed)
{
    size_t chunk = walker->is_whole ? WALKER_WHOLE_CHUNK : WALKER_HEADER_CHUNK;
    size_t left = (size_t)(walker->limit - walker->position);
    size_t size = needed > chunk ? needed : chunk;
    size = size > left ? left : size;
    struct io_file *file = NULL;
    int error = segment_open_file(walker->segment, &file);
    if (error != 0) {
        return error;
    }
    buffer_clear(&walker->buffer);
    walker->buffer_position = walker->position;
    uint8_t *place = buffer_reserve(&walker->buffer, size);
    int64_t count = io_file_read(walker->segment->home->io, file, place, size,
                                 (uint64_t)walker->position, walker->mode);
    if (count < 0) {
        return (int)count;
    }
    if (walker->mode == IO_READ_CACHED && (size_t)count < size) {
        return ERROR_AGAIN;
    }
    walker->buffer.size = (size_t)count;
    return 0;
}

/* The header of the batch at the walker's position; *size is that of the whole batch. */
static int walker_read_header(struct walker *walker, struct batch *out, size_t *size)
{
    struct bytes view = walker_view(walker);
    if (view.size < BATCH_HEADER_SIZE) {
        int error = walker_fill(walker, BATCH_HEADER_SIZE);
        if (error != 0) {
            return error;
        }
        view = walker_view(walker);
    }
    size_t needed = 0;
    int error = batch_read_header(view, out, &needed);
    if (error != ERROR_TRUNCATED) {
        *size = error == 0 ? out->bytes.size : 0;
        return error;
    }
    if (view.size < BATCH_HEADER_SIZE || (int64_t)needed > walker->limit - walker->position) {
        return ERROR_TRUNCATED;
    }
    *size = needed;
    if (!walker->is_whole) {
        /* Parsing touches only the header, which is here; the rest of the view is not. */
        return batch_read_header(bytes_make(view.data, needed), out, &needed);
    }
    error = walker_fill(walker, needed);
    return error != 0 ? error : batch_read_header(walker_view(walker), out, &needed);
}

int walker_next(struct walker *walker, struct batch *out, int64_t *position)
{
    if (walker->position >= walker->limit) {
        return 0;
    }
    size_t size = 0;
    int error = walker_read_header(walker, out, &size);
    if (error != 0) {
        return error;
    }
    if (out->base_offset < walker->next_offset || out->last_offset_delta < 0) {
        return ERROR_CORRUPT;
    }
    *position = walker->position;
    walker->position += (int64_t)size;
    walker->next_offset = batch_next_offset(out);
    return 1;
}

static int walker_find_once(struct segment *segment, int64_t offset, int64_t *position,
                            int64_t *base_offset)
{
    int64_t start = 0;
    int error = segment_find_position(segment, offset, &start);
    if (error != 0) {
        return error;
    }
    struct walker walker;
    walker_open(&walker, segment, start, segment->base_offset, segment->size, false);
    struct batch batch;
    int64_t at = 0;
    int result = 0;
    int64_t found_position = segment->size;
    int64_t found_offset = segment->next_offset;
    int64_t end_offset = segment->base_offset; /* of the batch before */
    while ((result = walker_next(&walker, &batch, &at)) > 0) {
        if (at == start && start > 0 && !segment_is_led_to(segment, start, &batch)) {
            result = ERROR_CORRUPT;
            break;
        }
        if (batch_last_offset(&batch) >= offset) {
            found_position = at;
            found_offset = batch.base_offset <= offset ? batch.base_offset : end_offset;
            break;
        }
        end_offset = batch_next_offset(&batch);
    }
    walker_close(&walker);
    if (result < 0) {
        return result == ERROR_TRUNCATED ? ERROR_CORRUPT : result;
    }
    *position = found_position;
    *base_offset = found_offset;
    return 0;
}

int walker_find(struct segment *segment, int64_t offset, int64_t *position, int64_t *base_offset)
{
    int error = walker_find_once(segment, offset, position, base_offset);
    if (error == ERROR_CORRUPT && segment_doubt_index(segment)) {
        error = walker_find_once(segment, offset, position, base_offset);
    }
    return error;
}
