/* Judges batch by batch, record by record; see cleaner_filter.h. */
#include "log/store/cleaner_filter.h"

#include "log/base/error.h"

enum {
    CLEANER_INFLATED_MAX = 256 << 20,
    CLEANER_AHEAD_MAX = 16,
    CLEANER_DROPPED = 0,
    CLEANER_KEPT = 1,
    CLEANER_KEPT_TOMBSTONE = 2,
};

/* Records whose places in the map are on their way, while the next ones are decoded. */
struct cleaner_ahead {
    struct {
        struct hash_wide hash;
        int64_t offset;
        size_t index; /* of its verdict */
    } records[CLEANER_AHEAD_MAX];
    int32_t count;
};

/* What the records of a batch come to. */
struct cleaner_judgement {
    int32_t kept_count;
    bool has_tombstone; /* among those that stay */
};

void cleaner_filter_init(struct cleaner_filter *filter)
{
    *filter = (struct cleaner_filter){.opaque_offset = -1};
    cleaner_producers_init(&filter->producers);
    buffer_init(&filter->out);
    buffer_init(&filter->verdicts);
}

void cleaner_filter_fini(struct cleaner_filter *filter)
{
    cleaner_producers_fini(&filter->producers);
    offset_map_fini(&filter->map);
    buffer_fini(&filter->out);
    buffer_fini(&filter->verdicts);
}

static bool cleaner_filter_is_past_horizon(const struct cleaner_filter *filter,
                                           const struct batch *batch)
{
    return (batch->attributes & BATCH_DELETE_HORIZON) != 0 &&
           filter->now_ms >= batch->base_timestamp;
}

/* False when there is no more room: those that are there have to go first. */
static bool cleaner_ahead_add(struct cleaner_ahead *ahead, const struct cleaner_filter *filter,
                              const struct batch_record *record, size_t index)
{
    ahead->records[ahead->count].hash = offset_map_hash(&filter->map, record->key);
    ahead->records[ahead->count].offset = record->offset;
    ahead->records[ahead->count].index = index;
    ahead->count++;
    return ahead->count < CLEANER_AHEAD_MAX;
}

/* --- MAP --- */

static void cleaner_filter_put(struct cleaner_filter *filter, struct cleaner_ahead *ahead)
{
    for (int32_t i = 0; i < ahead->count && !filter->is_full; i++) {
        if (!offset_map_put(&filter->map, ahead->records[i].hash, ahead->records[i].offset)) {
            filter->is_full = true;
            filter->map_end = ahead->records[i].offset;
        }
    }
    ahead->count = 0;
}

static int cleaner_filter_map(struct cleaner_filter *filter, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    struct cleaner_ahead ahead;
    ahead.count = 0;
    if (batch_is_control(batch) || batch->record_count == 0 ||
        batch_last_offset(batch) < filter->dirty_offset ||
        cleaner_producers_is_aborted(&filter->producers, batch)) {
        return 0;
    }
    int result = batch_iterator_open(&iterator, batch, CLEANER_INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    while (!filter->is_full && (result = batch_iterator_next(&iterator, &record)) > 0) {
        if (record.offset < filter->dirty_offset || bytes_is_null(record.key)) {
            continue;
        }
        if (record.offset >= filter->end_offset) {
            break;
        }
        if (!cleaner_ahead_add(&ahead, filter, &record, 0)) {
            cleaner_filter_put(filter, &ahead);
        }
    }
    cleaner_filter_put(filter, &ahead);
    batch_iterator_close(&iterator);
    return result < 0 ? result : 0;
}

/* --- COPY --- */

/* The verdict before the map is asked, which can only drop what is kept here. */
static uint8_t cleaner_filter_presume(const struct cleaner_filter *filter,
                                      const struct batch *batch, const struct batch_record *record)
{
    bool is_tombstone = bytes_is_null(record->value);
    if (record->offset < filter->map_end &&
        (bytes_is_null(record->key) ||
         (is_tombstone && cleaner_filter_is_past_horizon(filter, batch)))) {
        return CLEANER_DROPPED;
    }
    return is_tombstone ? CLEANER_KEPT_TOMBSTONE : CLEANER_KEPT;
}

static void cleaner_filter_look_up(struct cleaner_filter *filter, struct cleaner_ahead *ahead)
{
    for (int32_t i = 0; i < ahead->count; i++) {
        if (offset_map_find(&filter->map, ahead->records[i].hash) > ahead->records[i].offset) {
            filter->verdicts.data[ahead->records[i].index] = CLEANER_DROPPED;
        }
    }
    ahead->count = 0;
}

/* Fills filter->verdicts. */
static int cleaner_filter_judge_records(struct cleaner_filter *filter, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    struct cleaner_ahead ahead;
    ahead.count = 0;
    buffer_clear(&filter->verdicts);
    int result = batch_iterator_open(&iterator, batch, CLEANER_INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    while ((result = batch_iterator_next(&iterator, &record)) > 0) {
        uint8_t verdict = cleaner_filter_presume(filter, batch, &record);
        bool is_open = verdict != CLEANER_DROPPED && record.offset < filter->map_end;
        buffer_add_byte(&filter->verdicts, verdict);
        if (is_open && !cleaner_ahead_add(&ahead, filter, &record, filter->verdicts.size - 1)) {
            cleaner_filter_look_up(filter, &ahead);
        }
    }
    cleaner_filter_look_up(filter, &ahead);
    batch_iterator_close(&iterator);
    return result;
}

static int cleaner_filter_judge(struct cleaner_filter *filter, const struct batch *batch,
                                struct cleaner_judgement *out)
{
    *out = (struct cleaner_judgement){0};
    int error = cleaner_filter_judge_records(filter, batch);
    for (size_t i = 0; error == 0 && i < filter->verdicts.size; i++) {
        out->kept_count += filter->verdicts.data[i] != CLEANER_DROPPED;
        out->has_tombstone |= filter->verdicts.data[i] == CLEANER_KEPT_TOMBSTONE;
    }
    return error;
}

static void cleaner_filter_copy_whole(struct cleaner_filter *filter, const struct batch *batch)
{
    buffer_add_bytes(&filter->out, batch->bytes);
}

/* Nothing of the batch stays, or only its place. */
static void cleaner_filter_empty(struct cleaner_filter *filter, const struct batch *batch)
{
    bool is_last = !batch_is_control(batch) && cleaner_producers_is_last(&filter->producers, batch);
    if (!is_last && batch_last_offset(batch) != filter->keep_offset) {
        filter->is_changed = true;
        return;
    }
    size_t start = filter->out.size;
    batch_write_empty(batch, !is_last, &filter->out);
    filter->is_changed |=
        !bytes_equal(batch->bytes, bytes_make(filter->out.data + start, filter->out.size - start));
}

/* Writes the records that stay; with a delete horizon when the batch has one or gets one. */
static int cleaner_filter_rebuild(struct cleaner_filter *filter, const struct batch *batch,
                                  bool gets_horizon)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int result = batch_iterator_open(&iterator, batch, CLEANER_INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    struct batch_builder builder;
    batch_builder_init(&builder, batch_codec(batch));
    builder.base_offset = batch->base_offset;
    builder.producer_id = batch->producer_id;
    builder.producer_epoch = batch->producer_epoch;
    builder.base_sequence = batch->base_sequence;
    builder.leader_epoch = batch->leader_epoch;
    builder.attributes = (int16_t)(batch->attributes & ~BATCH_CODEC_MASK);
    if (gets_horizon) {
        builder.attributes |= BATCH_DELETE_HORIZON;
        builder.base_timestamp = filter->now_ms + filter->delete_retention_ms;
    } else if ((batch->attributes & BATCH_DELETE_HORIZON) != 0) {
        builder.base_timestamp = batch->base_timestamp;
    }
    for (size_t i = 0; (result = batch_iterator_next(&iterator, &record)) > 0; i++) {
        if (filter->verdicts.data[i] != CLEANER_DROPPED) {
            batch_builder_add_record(&builder, &record);
        }
    }
    batch_iterator_close(&iterator);
    builder.last_offset = batch_last_offset(batch);
    if (result == 0) {
        result = batch_builder_finish(&builder, &filter->out);
    }
    batch_builder_fini(&builder);
    filter->is_changed = true;
    return result;
}

static int cleaner_filter_copy_data(struct cleaner_filter *filter, const struct batch *batch)
{
    struct cleaner_judgement judgement;
    cleaner_producers_see_data(&filter->producers, batch);
    if (batch->base_offset >= filter->map_end) {
        cleaner_filter_copy_whole(filter, batch);
        return 0;
    }
    filter->record_count += batch->record_count;
    if (batch->record_count == 0 || cleaner_producers_is_aborted(&filter->producers, batch)) {
        cleaner_filter_empty(filter, batch);
        return 0;
    }
    int error = cleaner_filter_judge(filter, batch, &judgement);
    if (error != 0) {
        return error;
    }
    filter->kept_count += judgement.kept_count;
    if (judgement.kept_count == 0) {
        cleaner_filter_empty(filter, batch);
        return 0;
    }
    bool gets_horizon = judgement.has_tombstone && (batch->attributes & BATCH_DELETE_HORIZON) == 0;
    if (judgement.kept_count == batch->record_count && !gets_horizon) {
        cleaner_filter_copy_whole(filter, batch);
        return 0;
    }
    return cleaner_filter_rebuild(filter, batch, gets_horizon);
}

static int cleaner_filter_copy_control(struct cleaner_filter *filter, const struct batch *batch)
{
    struct producer_state_marker marker;
    if (batch->record_count == 0) {
        cleaner_filter_empty(filter, batch);
        return 0;
    }
    bool has_data = !producer_state_read_marker(batch, &marker) ||
                    cleaner_producers_see_marker(&filter->producers, batch);
    if (has_data || batch->base_offset >= filter->map_end ||
        cleaner_producers_is_last(&filter->producers, batch)) {
        cleaner_filter_copy_whole(filter, batch);
        return 0;
    }
    if (cleaner_filter_is_past_horizon(filter, batch)) {
        cleaner_filter_empty(filter, batch);
        return 0;
    }
    if ((batch->attributes & BATCH_DELETE_HORIZON) != 0) {
        cleaner_filter_copy_whole(filter, batch);
        return 0;
    }
    buffer_clear(&filter->verdicts);
    buffer_add_byte(&filter->verdicts, CLEANER_KEPT);
    return cleaner_filter_rebuild(filter, batch, true);
}

static int cleaner_filter_copy(struct cleaner_filter *filter, const struct batch *batch)
{
    size_t start = filter->out.size;
    int error = batch_is_control(batch) ? cleaner_filter_copy_control(filter, batch)
                                        : cleaner_filter_copy_data(filter, batch);
    if (error == 0) {
        return 0;
    }
    filter->out.size = start;
    cleaner_filter_copy_whole(filter, batch);
    return error;
}

/* --- All passes --- */

static void cleaner_filter_pass(struct cleaner_filter *filter, const struct batch *batch)
{
    int error = 0;
    switch (filter->pass) {
    case CLEANER_SCAN:
        cleaner_producers_scan(&filter->producers, batch);
        break;
    case CLEANER_MAP:
        error = cleaner_filter_map(filter, batch);
        break;
    case CLEANER_COPY:
        error = cleaner_filter_copy(filter, batch);
        break;
    }
    if (error != 0) {
        filter->opaque_offset = batch->base_offset;
    }
}

void cleaner_filter_begin_file(struct cleaner_filter *filter, int64_t base_offset,
                               int64_t limit_offset)
{
    filter->next_offset = base_offset;
    filter->limit_offset = limit_offset;
}

/* A base offset is in no CRC: that it is right shows where batches meet. */
static bool cleaner_filter_is_whole(const struct cleaner_filter *filter, const struct batch *batch)
{
    return batch->base_offset >= filter->next_offset && batch->last_offset_delta >= 0 &&
           batch_next_offset(batch) <= filter->limit_offset && batch_crc_matches(batch);
}

int cleaner_filter_take(struct cleaner_filter *filter, struct bytes chunk, size_t *taken,
                        size_t *needed)
{
    *taken = 0;
    *needed = BATCH_HEADER_SIZE;
    buffer_clear(&filter->out);
    while (*taken < chunk.size && !filter->is_full) {
        struct batch batch;
        int error =
            batch_read_header(bytes_make(chunk.data + *taken, chunk.size - *taken), &batch, needed);
        if (error == ERROR_TRUNCATED) {
            return 0;
        }
        if (error != 0 || !cleaner_filter_is_whole(filter, &batch)) {
            return ERROR_CORRUPT;
        }
        filter->next_offset = batch_next_offset(&batch);
        cleaner_filter_pass(filter, &batch);
        *taken += batch.bytes.size;
    }
    return 0;
}
