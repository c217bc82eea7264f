/* A slice, read in one piece; see log_read.h. */
#include "log/store/log_read.h"

#include "log/base/error.h"
#include "log/store/log_state.h"

/* Every batch is one, and has the CRC it claims. */
static int log_read_check(const struct log_read *read)
{
    struct bytes rest = buffer_bytes(&read->bytes);
    while (rest.size > 0) {
        struct batch batch;
        if (batch_read_header(rest, &batch, NULL) != 0 || !batch_crc_matches(&batch)) {
            return ERROR_CORRUPT;
        }
        rest = bytes_make(rest.data + batch.bytes.size, rest.size - batch.bytes.size);
    }
    return 0;
}

static int log_read_end(struct log_read *read, int error)
{
    const struct log_slice *slice = &read->slice;
    bool must_check = read->may_wait || slice->was_on_disk;
    /* When a truncation was faster there is nothing, and the caller asks again. */
    bool is_cut = slice->size > 0 && slice->cut_count != slice->log->cut_count;
    error = is_cut ? ERROR_CANCELLED : error;
    read->bytes.size = error == 0 ? read->slice.size : 0;
    log_slice_close(&read->slice);
    if (error == 0 && must_check) {
        error = log_read_check(read);
    }
    if (error != 0) {
        buffer_clear(&read->bytes);
    }
    return is_cut ? 0 : error;
}

static void log_read_on_content(struct log_slice *slice, int error)
{
    struct log_read *read = slice->owner;
    error = log_read_end(read, slice->log->is_deleted ? ERROR_NOT_FOUND : error);
    read->done(read, error);
}

/* The slice is known. True when its bytes are there, too. */
static bool log_read_content(struct log_read *read, int *error)
{
    if (*error == 0 && read->slice.size > 0) {
        read->slice.done = log_read_on_content;
        uint8_t *place = buffer_reserve(&read->bytes, read->slice.size);
        if (!log_slice_read(&read->slice, 0, place, read->slice.size, error)) {
            return false;
        }
    }
    *error = log_read_end(read, *error);
    return true;
}

static void log_read_on_slice(struct log_slice *slice, int error)
{
    struct log_read *read = slice->owner;
    if (log_read_content(read, &error)) {
        read->done(read, error);
    }
}

bool log_read(struct log *log, struct log_read *read, int *error)
{
    buffer_clear(&read->bytes);
    read->slice = (struct log_slice){.offset = read->offset,
                                     .limit_offset = read->limit_offset,
                                     .size_max = read->size_max,
                                     .is_first_whole = read->is_first_whole,
                                     .may_wait = read->may_wait,
                                     .done = log_read_on_slice,
                                     .owner = read};
    return log_slice_open(log, &read->slice, error) && log_read_content(read, error);
}
