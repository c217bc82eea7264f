/* One append: judged as a whole, given its offsets, written, and only then remembered. */
#include "log/base/error.h"
#include "log/store/store_state.h"

/* What one append brings, before anything is written. */
struct log_plan {
    struct batch first;
    int32_t batch_count;
    int64_t base_offset;
    int64_t last_offset;
    int64_t max_timestamp_ms;
};

static int log_plan_offsets(const struct log *log, const struct batch *batch, uint8_t *at,
                            int64_t next_offset, int32_t leader_epoch, enum log_origin origin)
{
    switch (origin) {
    case LOG_ORIGIN_CLIENT:
        if (batch_is_control(batch)) {
            return ERROR_INVALID_RECORD;
        }
        break;
    case LOG_ORIGIN_COORDINATOR:
        break;
    case LOG_ORIGIN_LEADER:
        return batch->base_offset < next_offset ||
                       batch->leader_epoch < epoch_cache_last(&log->epochs)
                   ? ERROR_INVALID
                   : 0;
    }
    if (leader_epoch < epoch_cache_last(&log->epochs)) {
        return ERROR_FENCED_LEADER_EPOCH;
    }
    batch_set_base_offset(at, next_offset);
    batch_set_leader_epoch(at, leader_epoch);
    return 0;
}

static void log_plan_add(struct log_plan *plan, const struct batch *batch)
{
    if (plan->batch_count++ == 0) {
        plan->first = *batch;
        plan->base_offset = batch->base_offset;
        plan->max_timestamp_ms = batch->max_timestamp;
    }
    plan->last_offset = batch_last_offset(batch);
    if (batch->max_timestamp > plan->max_timestamp_ms) {
        plan->max_timestamp_ms = batch->max_timestamp;
    }
}

/* Parses the batches and gives them their offsets. */
static int log_plan_batches(const struct log *log, uint8_t *data, size_t size, int32_t leader_epoch,
                            enum log_origin origin, struct log_plan *plan)
{
    int64_t next_offset = log->end_offset;
    for (size_t at = 0; at < size;) {
        struct batch batch;
        int error = batch_read_header(bytes_make(data + at, size - at), &batch, NULL);
        if (error == 0) {
            error = log_plan_offsets(log, &batch, data + at, next_offset, leader_epoch, origin);
        } else {
            error = ERROR_CORRUPT_MESSAGE;
        }
        if (error != 0) {
            return error;
        }
        if (origin != LOG_ORIGIN_LEADER) {
            batch.base_offset = next_offset;
            batch.leader_epoch = leader_epoch;
        }
        log_plan_add(plan, &batch);
        next_offset = batch_next_offset(&batch);
        at += batch.bytes.size;
    }
    return plan->batch_count == 0 ? ERROR_INVALID_RECORD : 0;
}

/* Judges sequences. A client sends one batch per partition when it numbers them (Produce 3+). */
static int log_judge(const struct log *log, const struct log_plan *plan, enum log_origin origin,
                     struct log_append *out)
{
    const struct batch *batch = &plan->first;
    if (origin == LOG_ORIGIN_LEADER || batch->producer_id < 0) {
        return 0;
    }
    if (batch_is_control(batch)) {
        return producer_state_judge_marker(&log->producers, batch);
    }
    if (origin == LOG_ORIGIN_COORDINATOR || batch->base_sequence < 0) {
        return producer_state_judge_epoch(&log->producers, batch);
    }
    if (plan->batch_count != 1) {
        return ERROR_INVALID_RECORD;
    }
    struct producer_state_batch original;
    int error = 0;
    switch (producer_state_judge(&log->producers, batch, &original, &error)) {
    case PRODUCER_STATE_ACCEPTED:
        return 0;
    case PRODUCER_STATE_REFUSED:
        return error;
    case PRODUCER_STATE_DUPLICATE:
        *out = (struct log_append){
            .base_offset = original.last_offset - original.offset_delta,
            .last_offset = original.last_offset,
            .timestamp_ms = original.timestamp_ms,
            .is_duplicate = true,
        };
        return 0;
    }
    return 0;
}

static void log_apply_batch(struct log *log, const struct batch *batch)
{
    struct segment *segment = log_last_segment(log);
    struct aborted_index_row aborted;
    epoch_cache_note(&log->epochs, batch->leader_epoch, batch->base_offset);
    bool is_abort = producer_state_apply(&log->producers, batch, &aborted);
    segment_note(segment, batch);
    if (is_abort) {
        segment_add_abort(segment, &aborted);
        log->has_dirty_aborts = true;
    }
}

static void log_apply(struct log *log, struct bytes data, const struct log_plan *plan)
{
    struct segment *segment = log_last_segment(log);
    int64_t now_ms = io_wall_clock(log->store->io);
    if (segment->size == 0) {
        segment->first_append_ms = now_ms;
    }
    segment->last_append_ms = now_ms;
    if (plan->batch_count == 1) {
        log_apply_batch(log, &plan->first);
    }
    for (size_t at = 0; plan->batch_count > 1 && at < data.size;) {
        struct batch batch;
        int error = batch_read_header(bytes_make(data.data + at, data.size - at), &batch, NULL);
        check(error == 0);
        log_apply_batch(log, &batch);
        at += batch.bytes.size;
    }
    log->end_offset = plan->last_offset + 1;
    log->size += (int64_t)data.size;
    log->snapshot.behind_size += (int64_t)data.size;
    log->store->appended_size += (int64_t)data.size;
}

static bool log_should_roll(const struct log *log, size_t size, int64_t last_offset, int64_t now_ms)
{
    const struct segment *last = log_last_segment(log);
    if (last->size == 0) {
        return false;
    }
    return last->size + (int64_t)size > log->settings.segment_size ||
           last_offset - last->base_offset > INT32_MAX ||
           now_ms - last->first_append_ms > log_segment_ms(log) ||
           (int64_t)last->index->entry_count * SPARSE_INDEX_ENTRY_SIZE >= log->settings.index_size;
}

static int log_make_room(struct log *log, size_t size, int64_t last_offset)
{
    struct segment *last = log_last_segment(log);
    /* In this order: what looks into other files may close this one, and its index goes with it. */
    int error = log_load_aborts(log, last);
    if (error == 0) {
        error = segment_read_ages(last);
    }
    if (error == 0) {
        error = segment_load(last);
    }
    if (error != 0) {
        return error;
    }
    if (log_should_roll(log, size, last_offset, io_wall_clock(log->store->io))) {
        error = log_roll(log);
    }
    if (error == 0 && log_last_segment(log)->index == NULL) {
        error = segment_load(log_last_segment(log));
    }
    return error;
}

/* A new epoch is on the disk before its first batch, where a full disk is still the caller's news.
 * The epochs of a leader's batches follow with the next flush. */
static int log_note_epoch(struct log *log, int32_t leader_epoch, enum log_origin origin)
{
    if (origin == LOG_ORIGIN_LEADER) {
        return 0;
    }
    epoch_cache_note(&log->epochs, leader_epoch, log->end_offset);
    int error = epoch_cache_write(&log->epochs, log->home.io, log->directory);
    return log_on_write_error(log, error, "epoch");
}

/* Who waits for what after an append depends on the promised durability. */
static void log_on_appended(struct log *log)
{
    struct store *store = log->store;
    flusher_add(&store->flusher, log);
    if (store->options.durability == STORE_DURABILITY_FSYNC) {
        flusher_ask_later(&store->flusher);
        return;
    }
    log->flushed_offset = log->end_offset;
    producer_state_on_flushed(&log->producers, log->flushed_offset);
    store_on_moved(store, log);
    if (log->end_offset - log->synced.offset >= log->settings.flush_message_count) {
        flusher_ask(&store->flusher, log);
    } else if (log->settings.flush_ms < INT64_MAX) {
        flusher_ask_within(&store->flusher, log->settings.flush_ms);
    }
}

int log_append(struct log *log, uint8_t *data, size_t size, int32_t leader_epoch,
               enum log_origin origin, struct log_append *out)
{
    int error = log_writable(log);
    if (error != 0) {
        return error;
    }
    if ((int64_t)size >
        (origin == LOG_ORIGIN_LEADER ? SEGMENT_SIZE_MAX : log->settings.segment_size)) {
        return ERROR_RECORD_LIST_TOO_LARGE;
    }
    struct log_plan plan = {0};
    error = log_plan_batches(log, data, size, leader_epoch, origin, &plan);
    struct log_append result = {0};
    if (error == 0) {
        error = log_judge(log, &plan, origin, &result);
    }
    if (error != 0 || result.is_duplicate) {
        *out = error == 0 ? result : *out;
        return error;
    }
    error = log_make_room(log, size, plan.last_offset);
    if (error == 0) {
        error = log_on_write_error(log, log_root(log), "root");
    }
    if (error == 0) {
        error = log_note_epoch(log, leader_epoch, origin);
    }
    if (error != 0) {
        return error;
    }
    error = log_on_write_error(log, segment_append(log_last_segment(log), bytes_make(data, size)),
                               "append");
    if (error != 0) {
        return error;
    }
    tail_cache_note(&log->store->tails, &log->tail, log_last_segment(log)->base_offset,
                    log_last_segment(log)->size, bytes_make(data, size));
    log_apply(log, bytes_make(data, size), &plan);
    log_on_appended(log);
    *out = (struct log_append){
        .base_offset = plan.base_offset,
        .last_offset = plan.last_offset,
        .timestamp_ms = plan.max_timestamp_ms,
    };
    return 0;
}
