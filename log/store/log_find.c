/* Answers ListOffsets by time and OffsetForLeaderEpoch; finds aborted transactions.
 *
 * A segment that cannot hold the answer is passed by its verified largest timestamp; in the one
 * that can, the time index leads near, headers lead to the batch, and the records of that one batch
 * are looked at, compressed or not.
 * Thread: the shard's; may wait for the disk. */
#include "log/base/error.h"
#include "log/store/store_state.h"
#include "log/store/walker.h"

enum { LOG_FIND_INFLATED_MAX = 1 << 30 };

/* Looks through the records of a batch for the first one at or after a time, below the limit. */
static int log_find_in_batch(const struct batch *batch, int64_t timestamp_ms, int64_t start_offset,
                             int64_t limit_offset, struct log_position *out)
{
    struct batch_iterator iterator;
    int error = batch_iterator_open(&iterator, batch, LOG_FIND_INFLATED_MAX);
    if (error != 0) {
        return error;
    }
    struct batch_record record;
    int result = 0;
    while ((result = batch_iterator_next(&iterator, &record)) > 0) {
        if (record.timestamp_ms >= timestamp_ms && record.offset >= start_offset &&
            record.offset < limit_offset) {
            *out = (struct log_position){record.offset, record.timestamp_ms, batch->leader_epoch};
            break;
        }
    }
    batch_iterator_close(&iterator);
    return result < 0 ? result : 0;
}

/* The whole batch at a position. */
static int log_find_read(struct segment *segment, int64_t position, int64_t base_offset,
                         struct walker *walker, struct batch *batch)
{
    walker_open(walker, segment, position, base_offset, segment->size, true);
    int64_t at = 0;
    int result = walker_next(walker, batch, &at);
    if (result > 0 && !batch_crc_matches(batch)) {
        result = ERROR_CORRUPT;
    }
    return result > 0 ? 0 : result == 0 || result == ERROR_TRUNCATED ? ERROR_CORRUPT : result;
}

static int log_find_in_place(struct segment *segment, int64_t position, int64_t base_offset,
                             int64_t timestamp_ms, int64_t start_offset, int64_t limit_offset,
                             struct log_position *out)
{
    struct walker walker;
    struct batch batch;
    int error = log_find_read(segment, position, base_offset, &walker, &batch);
    if (error == 0) {
        error = log_find_in_batch(&batch, timestamp_ms, start_offset, limit_offset, out);
    }
    walker_close(&walker);
    return error;
}

static int log_find_in_segment(struct log *log, struct segment *segment, int64_t timestamp_ms,
                               int64_t limit_offset, struct log_position *out)
{
    int64_t start = 0;
    int error = segment_find_time(segment, timestamp_ms, &start);
    if (error != 0 || segment->max_timestamp_ms < timestamp_ms) {
        return error == 0 && segment->has_doubtful_times ? ERROR_CORRUPT : error;
    }
    struct walker walker;
    walker_open(&walker, segment, start, segment->base_offset, segment->size, false);
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    while (out->offset < 0 && error == 0 &&
           (result = walker_next(&walker, &batch, &position)) > 0) {
        if (batch.base_offset >= limit_offset) {
            break;
        }
        if (batch.max_timestamp >= timestamp_ms && batch_last_offset(&batch) >= log->start_offset) {
            error = log_find_in_place(segment, position, batch.base_offset, timestamp_ms,
                                      log->start_offset, limit_offset, out);
        }
    }
    walker_close(&walker);
    if (error == 0 && result > 0) {
        struct segment_proof at; /* what was passed by was judged by its headers */
        error = segment_prove(segment, start, walker.position, IO_READ_WAIT, &at);
    }
    return error != 0 ? error : result < 0 ? result : 0;
}

int log_find_time(struct log *log, int64_t timestamp_ms, int64_t limit_offset,
                  struct log_position *out)
{
    struct log_position found = {-1, -1, -1};
    int error = log->status;
    for (int32_t i = 0; i < log->segment_count && error == 0 && found.offset < 0; i++) {
        struct segment *segment = log->segments[i];
        if (segment->base_offset >= limit_offset) {
            break;
        }
        if (segment->next_offset > log->start_offset && segment->size > 0) {
            error = log_find_in_segment(log, segment, timestamp_ms, limit_offset, &found);
        }
    }
    if (error == 0) {
        *out = found;
    }
    return error;
}

/* The largest timestamp of the batches of a segment that may be answered; `is_exact`: of those that
 * have records, for which every header has to be looked at. */
static int log_find_max_in_segment(struct log *log, struct segment *segment, int64_t limit_offset,
                                   bool is_exact, int64_t *timestamp_ms)
{
    int error = segment_load(segment);
    if (error != 0) {
        return error;
    }
    if (!is_exact && segment->next_offset <= limit_offset &&
        segment->base_offset >= log->start_offset) {
        *timestamp_ms = segment->max_timestamp_ms;
        return 0;
    }
    struct walker walker;
    walker_open(&walker, segment, 0, segment->base_offset, segment->size, false);
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    while ((result = walker_next(&walker, &batch, &position)) > 0 &&
           batch_last_offset(&batch) < limit_offset) {
        bool is_asked =
            batch_last_offset(&batch) >= log->start_offset && (!is_exact || batch.record_count > 0);
        if (is_asked && batch.max_timestamp > *timestamp_ms) {
            *timestamp_ms = batch.max_timestamp;
        }
    }
    walker_close(&walker);
    return result < 0 ? result : 0;
}

/* INT64_MIN when there is none. */
static int log_find_max(struct log *log, int64_t limit_offset, bool is_exact, int64_t *out)
{
    int64_t max_ms = INT64_MIN;
    int error = log->status;
    for (int32_t i = 0; i < log->segment_count && error == 0; i++) {
        struct segment *segment = log->segments[i];
        int64_t segment_ms = INT64_MIN;
        if (segment->size == 0 || segment->base_offset >= limit_offset ||
            segment->next_offset <= log->start_offset) {
            continue;
        }
        error = log_find_max_in_segment(log, segment, limit_offset, is_exact, &segment_ms);
        max_ms = segment_ms > max_ms ? segment_ms : max_ms;
    }
    *out = max_ms;
    return error;
}

/* What compaction left of a batch may have no record and a timestamp larger than all: then it is
 * looked for once more, more carefully. */
int log_find_max_time(struct log *log, int64_t limit_offset, struct log_position *out)
{
    struct log_position found = {-1, -1, -1};
    int64_t max_ms = INT64_MIN;
    int error = log_find_max(log, limit_offset, false, &max_ms);
    if (error == 0 && max_ms != INT64_MIN) {
        error = log_find_time(log, max_ms, limit_offset, &found);
    }
    if (error == 0 && max_ms != INT64_MIN && found.offset < 0) {
        error = log_find_max(log, limit_offset, true, &max_ms);
        if (error == 0 && max_ms != INT64_MIN) {
            error = log_find_time(log, max_ms, limit_offset, &found);
        }
    }
    if (error == 0) {
        *out = found;
    }
    return error;
}

void log_find_epoch(const struct log *log, int32_t epoch, struct log_position *out)
{
    *out = (struct log_position){-1, -1, -1};
    int32_t found = -1;
    int64_t end_offset = -1;
    if (epoch_cache_find(&log->epochs, epoch, log->end_offset, &found, &end_offset)) {
        out->leader_epoch = found;
        out->offset = end_offset;
    }
}

/* The header of the batch that holds an offset, or of the next one. 0 when the segment ends before.
 */
static int log_find_header(struct segment *segment, int64_t offset, struct batch *out)
{
    struct walker walker;
    int64_t position = 0;
    int64_t base_offset = 0;
    int error = walker_find(segment, offset, &position, &base_offset);
    if (error != 0) {
        return error;
    }
    walker_open(&walker, segment, position, base_offset, segment->size, false);
    int result = walker_next(&walker, out, &position);
    walker_close(&walker);
    return result;
}

/* What a row says can be seen: its marker, and where the transaction begins, unless compaction or
 * retention took that. The marker's epoch is the transaction's, or that one and one (KIP-890); with
 * transactions v1, whose epochs stay, a row that begins at an earlier one is not told apart. Only
 * of the stable offset nothing is left to see. */
static int log_prove_abort(struct log *log, struct segment *segment,
                           const struct aborted_index_row *row)
{
    struct batch batch;
    int result = log_find_header(segment, row->last_offset, &batch);
    if (result < 0) {
        return result;
    }
    bool is_marker = result > 0 && batch.base_offset == row->last_offset &&
                     batch_is_control(&batch) && batch.producer_id == row->producer_id;
    if (!is_marker) {
        return ERROR_CORRUPT;
    }
    int32_t epoch = batch.producer_epoch;
    struct segment *first = log->segments[log_find_segment(log, row->first_offset)];
    result = row->first_offset < first->base_offset
                 ? 0
                 : log_find_header(first, row->first_offset, &batch);
    if (result <= 0 || batch.base_offset > row->first_offset) {
        return result < 0 ? result : 0;
    }
    bool is_begin = batch.base_offset == row->first_offset && batch_is_transactional(&batch) &&
                    !batch_is_control(&batch) && batch.producer_id == row->producer_id &&
                    (batch.producer_epoch == epoch || batch.producer_epoch == epoch - 1);
    return is_begin ? 0 : ERROR_CORRUPT;
}

int log_prove_aborts(struct log *log, struct segment *segment)
{
    int error = 0;
    /* They are ours meanwhile: looking into another file may close this one, and rows go with it.
     */
    struct aborted_index *aborts = segment->aborts;
    segment->aborts = NULL;
    for (int32_t i = 0; error == 0 && i < aborts->count; i++) {
        error = log_prove_abort(log, segment, &aborts->rows[i]);
    }
    check(segment->aborts == NULL);
    segment->aborts = aborts;
    return error == ERROR_TRUNCATED ? ERROR_CORRUPT : error;
}

/* True when no row further on can matter. */
static bool log_find_aborted_in(const struct aborted_index *index, int64_t offset,
                                int64_t end_offset,
                                void (*each)(void *owner, const struct log_aborted *aborted),
                                void *owner)
{
    for (int32_t i = aborted_index_find(index, offset); i < index->count; i++) {
        const struct aborted_index_row *row = &index->rows[i];
        if (row->first_offset < end_offset) {
            struct log_aborted aborted = {row->producer_id, row->first_offset, row->last_offset};
            each(owner, &aborted);
        }
        if (row->stable_offset >= end_offset) {
            return true;
        }
    }
    return false;
}

int log_each_aborted(struct log *log, int64_t offset, int64_t end_offset,
                     void (*each)(void *owner, const struct log_aborted *aborted), void *owner)
{
    for (int32_t i = log_find_segment(log, offset); i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        int error = log_load_aborts(log, segment);
        if (error != 0) {
            return error;
        }
        if (segment->aborts != NULL &&
            log_find_aborted_in(segment->aborts, offset, end_offset, each, owner)) {
            return 0;
        }
    }
    return 0;
}
