/* Batches of a response; see chunk.h. */
#include "runtime/client/chunk.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

struct chunk_frame *chunk_frame_new(struct buffer *buffer, struct list *held, size_t *held_size)
{
    struct chunk_frame *frame = memory_new(struct chunk_frame);
    frame->buffer = *buffer;
    buffer_init(buffer);
    frame->share_count = 1;
    frame->held_size = held_size;
    *held_size += frame->buffer.size;
    list_add(held, &frame->link);
    return frame;
}

void chunk_frame_release(struct chunk_frame *frame)
{
    check(frame->share_count > 0);
    if (--frame->share_count > 0) {
        return;
    }
    if (frame->held_size != NULL) {
        *frame->held_size -= frame->buffer.size;
    }
    list_remove(&frame->link);
    buffer_fini(&frame->buffer);
    free(frame);
}

/* The size of the whole batches at the front. */
must_use static int chunk_measure(struct bytes records, size_t *size, int64_t *end)
{
    *size = 0;
    while (*size < records.size) {
        struct batch batch;
        struct bytes rest = bytes_make(records.data + *size, records.size - *size);
        int error = batch_read_header(rest, &batch, NULL);
        if (error == ERROR_TRUNCATED) {
            return 0; /* cut off by the byte limit; it comes whole next time */
        }
        if (error != 0) {
            return ERROR_CORRUPT_MESSAGE;
        }
        *size += batch.bytes.size;
        *end = batch_next_offset(&batch);
    }
    return 0;
}

static void chunk_copy_aborted(struct chunk *chunk,
                               const struct fetch_response_partition *partition)
{
    int32_t count = partition->aborted_transactions.count;
    if (!chunk->is_read_committed || count <= 0) {
        return;
    }
    chunk->aborted_count = (size_t)count;
    chunk->aborted = memory_zero(chunk->aborted_count, sizeof *chunk->aborted);
    for (int32_t i = 0; i < count; i++) {
        chunk->aborted[i] = (struct chunk_aborted){
            .producer_id = partition->aborted_transactions.items[i].producer_id,
            .first_offset = partition->aborted_transactions.items[i].first_offset,
            .is_open = true,
        };
    }
}

struct chunk *chunk_new(struct chunk_frame *frame, const struct fetch_response_partition *partition,
                        bool is_read_committed, int64_t *end, int *error)
{
    size_t size = 0;
    *error = 0;
    if (partition->records.size == 0) {
        return NULL;
    }
    int result = chunk_measure(partition->records, &size, end);
    if (size == 0) {
        *error = result;
        return NULL; /* a damaged batch behind whole ones is met when they were taken */
    }
    struct chunk *chunk = memory_new(struct chunk);
    chunk->frame = frame;
    chunk->rest = bytes_make(partition->records.data, size);
    chunk->is_read_committed = is_read_committed;
    chunk_copy_aborted(chunk, partition);
    frame->share_count++;
    return chunk;
}

void chunk_free(struct chunk *chunk)
{
    if (chunk == NULL) {
        return;
    }
    chunk_frame_release(chunk->frame);
    free(chunk->aborted);
    free(chunk);
}

/* Whether the batch belongs to an aborted transaction; a marker ends the oldest one. */
static bool chunk_is_aborted(struct chunk *chunk, const struct batch *batch)
{
    if (!batch_is_transactional(batch)) {
        return false;
    }
    for (size_t i = 0; i < chunk->aborted_count; i++) {
        struct chunk_aborted *aborted = &chunk->aborted[i];
        if (aborted->is_open && aborted->producer_id == batch->producer_id &&
            aborted->first_offset <= batch->base_offset) {
            aborted->is_open = !batch_is_control(batch);
            return true;
        }
    }
    return false;
}

int chunk_next(struct chunk *chunk, bool is_crc_checked, int64_t *position, struct batch *out)
{
    while (chunk->rest.size > 0) {
        struct batch batch;
        if (batch_read_header(chunk->rest, &batch, NULL) != 0 ||
            (is_crc_checked && !batch_crc_matches(&batch))) {
            return ERROR_CORRUPT_MESSAGE;
        }
        chunk->rest =
            bytes_make(chunk->rest.data + batch.bytes.size, chunk->rest.size - batch.bytes.size);
        bool is_old = batch_next_offset(&batch) <= *position;
        bool is_aborted = chunk_is_aborted(chunk, &batch);
        if (!is_old && !is_aborted && !batch_is_control(&batch) && batch.record_count > 0) {
            *out = batch;
            return 1;
        }
        if (!is_old) {
            *position = batch_next_offset(&batch);
        }
    }
    return 0;
}
