/* What a log's batches tell of its producers; see producer_fold.h. */
#include "log/store/producer_fold.h"

#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/store/small_file.h"
#include "log/store/snapshot.h"
#include "log/store/walker.h"

/* A place from which to walk to `offset`, in its segment: that of the newest snapshot or the one
 * that the recovery point names, or what the segment's index leads to. One that still grew when its
 * process died has no index, and would be walked from its beginning. `point` may be NULL. */
static int producer_fold_find(struct log *log, const struct log_point *point, int64_t offset,
                              struct log_mark *place)
{
    struct segment *segment = log->segments[log_find_segment(log, offset)];
    *place = (struct log_mark){segment->base_offset, segment->base_offset, 0};
    if (offset <= segment->base_offset) {
        return 0;
    }
    if (log->snapshot.place.segment_offset == segment->base_offset &&
        log->snapshot.place.offset <= offset) {
        *place = log->snapshot.place;
        return 0;
    }
    if (point != NULL && point->segment_offset == segment->base_offset &&
        point->recovery_offset <= offset) {
        place->offset = point->recovery_offset;
        place->position = point->position;
        return 0;
    }
    return walker_find(segment, offset, &place->position, &place->offset);
}

/* What is told of producers and transactions is told of batches that are as they were written. */
static int producer_fold_apply(struct segment *segment, const struct log_mark *place,
                               int64_t offset, int64_t end_offset, struct producer_state *state,
                               struct aborted_index *aborts)
{
    struct walker walker;
    walker_open(&walker, segment, place->position, place->offset, segment->size, true);
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    int64_t expected = walker.next_offset;
    while (result == 0 && (result = walker_next(&walker, &batch, &position)) > 0) {
        result = 0;
        state->has_gaps |=
            batch.base_offset > expected || batch.record_count <= batch.last_offset_delta;
        expected = walker.next_offset;
        if (batch.base_offset < end_offset && !batch_crc_matches(&batch)) {
            result = ERROR_CORRUPT;
        } else if (walker.next_offset > segment->next_offset) {
            result = ERROR_CORRUPT; /* a base offset is in no CRC */
        }
        if (result != 0 || batch.base_offset >= end_offset) {
            break;
        }
        struct aborted_index_row aborted;
        if (batch.base_offset >= offset && producer_state_apply(state, &batch, &aborted)) {
            aborted_index_add(aborts, &aborted);
        }
    }
    walker_close(&walker);
    return result == ERROR_TRUNCATED ? ERROR_CORRUPT : result;
}

/* Applies every batch from `offset` on that lies below `end_offset`. `point` may be NULL. */
static int producer_fold_apply_from(struct log *log, const struct log_point *point, int64_t offset,
                                    int64_t end_offset, struct producer_state *state,
                                    struct aborted_index *aborts)
{
    struct log_mark place;
    int error = offset < end_offset ? producer_fold_find(log, point, offset, &place) : 0;
    for (int32_t i = log_find_segment(log, offset); error == 0 && i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        if (offset >= end_offset || segment->base_offset >= end_offset) {
            break;
        }
        error = producer_fold_apply(segment, &place, offset, end_offset, state, aborts);
        place = (struct log_mark){segment->next_offset, segment->next_offset, 0};
    }
    return error;
}

static int producer_fold_read_snapshot(struct log *log, int64_t offset,
                                       struct producer_state *state)
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(name, offset, ".snapshot");
    struct buffer content;
    buffer_init(&content);
    int error = small_file_read(log->home.io, log->directory, name, &content);
    if (error == 0) {
        error = producer_state_read(state, buffer_bytes(&content));
    }
    buffer_fini(&content);
    return error;
}

/* The newest good snapshot at or below `offset`. Without one (-1) the fold begins at the start of
 * the log, and knows everything only if the log begins there too. */
static int producer_fold_begin(struct log *log, const struct log_listing *listing, int64_t offset,
                               struct producer_state *state, int64_t *found)
{
    for (size_t i = log_listing_count(&listing->snapshots); i > 0; i--) {
        int64_t snapshot_offset = log_listing_offset(&listing->snapshots, i - 1);
        if (snapshot_offset > offset) {
            continue;
        }
        int error = producer_fold_read_snapshot(log, snapshot_offset, state);
        if (error == 0) {
            *found = snapshot_offset;
            return 0;
        }
        if (error != ERROR_CORRUPT && error != ERROR_NOT_FOUND) {
            return error;
        }
        trace(TRACE_WARN, "recovery.snapshot_damaged", TRACE_STRING("log", log->name),
              TRACE_INT("offset", snapshot_offset));
    }
    *found = -1;
    producer_state_clear(state);
    state->has_lost = log->segments[0]->base_offset > 0;
    return 0;
}

/* Where batches are to be applied from, after a snapshot. */
static int64_t producer_fold_start(const struct log *log, int64_t snapshot_offset)
{
    int64_t first_offset = log->segments[0]->base_offset;
    return snapshot_offset > first_offset ? snapshot_offset : first_offset;
}

/* Rows at and above the place where the fold begins are told anew by it. Those below are durable:
 * they were before the snapshot from which it begins. */
static int producer_fold_cut_aborts(struct log *log, int64_t offset)
{
    int error = 0;
    for (int32_t i = log_find_segment(log, offset); error == 0 && i < log->segment_count; i++) {
        error = offset < log->end_offset ? log_load_aborts(log, log->segments[i]) : 0;
        if (error == 0 && offset < log->end_offset) {
            segment_truncate_aborts(log->segments[i], offset);
            log->has_dirty_aborts |= log->segments[i]->is_aborts_dirty;
        }
    }
    return error;
}

/* Applies the batches from `offset` on to the log's own state. `point` may be NULL. */
static int producer_fold_from(struct log *log, const struct log_point *point, int64_t offset)
{
    struct aborted_index aborts;
    aborted_index_init(&aborts);
    int error = producer_fold_cut_aborts(log, offset);
    if (error == 0) {
        error =
            producer_fold_apply_from(log, point, offset, log->end_offset, &log->producers, &aborts);
    }
    for (int32_t i = 0; error == 0 && i < aborts.count; i++) {
        int32_t index = log_find_segment(log, aborts.rows[i].last_offset);
        segment_add_abort(log->segments[index], &aborts.rows[i]);
        log->has_dirty_aborts = true;
    }
    aborted_index_fini(&aborts);
    return error;
}

static int producer_fold_all(struct log *log, const struct log_listing *listing,
                             const struct log_point *point)
{
    int64_t offset = -1;
    int error = producer_fold_begin(log, listing, INT64_MAX, &log->producers, &offset);
    if (error == 0) {
        error = snapshot_adopt(log, listing, offset);
    }
    if (error != 0) {
        return error;
    }
    struct log_mark *place = &log->snapshot.place;
    if (offset >= 0 && point != NULL && point->snapshot_offset == offset) {
        place->segment_offset = log->segments[log_find_segment(log, offset)]->base_offset;
        place->position = point->snapshot_position;
    }
    bool was_changed = log->producers.is_changed;
    error = producer_fold_from(log, point, producer_fold_start(log, offset));
    log->producers.has_lost |= log->start_offset > 0 || log->producers.has_gaps;
    log->producers.is_changed |= was_changed;
    const struct segment *last = log_last_segment(log);
    bool is_within = place->segment_offset == last->base_offset;
    log->snapshot.behind_size = last->size - (is_within ? place->position : 0);
    return error;
}

int producer_fold_open(struct log *log, struct log_listing *listing, const struct log_point *point)
{
    int error = snapshot_drop(log, listing);
    if (error != 0) {
        return error;
    }
    if (point != NULL && point->has_producers == 0 && log_listing_count(&listing->snapshots) == 0) {
        log->producers.has_lost = log->start_offset > 0;
        return producer_fold_from(log, point, point->recovery_offset);
    }
    return producer_fold_all(log, listing, point);
}

int producer_fold_load(struct log *log)
{
    struct log_listing listing;
    log_listing_init(&listing);
    int error = log_listing_read(&listing, log);
    if (error == 0) {
        error = snapshot_drop(log, &listing);
    }
    if (error == 0) {
        error = producer_fold_all(log, &listing, NULL);
    }
    log_listing_fini(&listing);
    return error;
}

int producer_fold_aborts(struct log *log, struct segment *segment)
{
    struct log_listing listing;
    struct producer_state state;
    struct aborted_index earlier;
    struct aborted_index aborts;
    int64_t offset = 0;
    trace(TRACE_WARN, "recovery.aborts_rebuilt", TRACE_STRING("log", log->name),
          TRACE_INT("base_offset", segment->base_offset));
    log_listing_init(&listing);
    producer_state_init(&state);
    aborted_index_init(&earlier);
    aborted_index_init(&aborts);
    int error = log_listing_read(&listing, log);
    if (error == 0) {
        error = producer_fold_begin(log, &listing, segment->base_offset, &state, &offset);
    }
    if (error == 0) {
        offset = producer_fold_start(log, offset);
        error = producer_fold_apply_from(log, NULL, offset, segment->base_offset, &state, &earlier);
    }
    if (error == 0) {
        error = producer_fold_apply_from(log, NULL, segment->base_offset, segment->next_offset,
                                         &state, &aborts);
    }
    if (error == 0) {
        segment_set_aborts(segment, &aborts);
        log->has_dirty_aborts = true;
    }
    aborted_index_fini(&earlier);
    aborted_index_fini(&aborts);
    producer_state_fini(&state);
    log_listing_fini(&listing);
    return error;
}

int producer_fold_replay(struct log *log, struct producer_state *out, struct aborted_index *aborts)
{
    int64_t offset = log->segments[0]->base_offset;
    int error = offset == 0 ? ERROR_NOT_FOUND : producer_fold_read_snapshot(log, offset, out);
    if (error == ERROR_NOT_FOUND || error == ERROR_CORRUPT) {
        producer_state_clear(out);
        out->has_lost = out->has_gaps = offset > 0;
        error = 0;
    }
    return error != 0 ? error
                      : producer_fold_apply_from(log, NULL, offset, log->end_offset, out, aborts);
}
