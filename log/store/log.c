/* The life of a log: settings, segments, snapshots, waits; all else lives beside it. */
#include "log/store/log.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/partition_metadata.h"
#include "log/store/producer_fold.h"
#include "log/store/retention.h"
#include "log/store/snapshot.h"
#include "log/store/store_state.h"

#include <stdio.h>
#include <stdlib.h>

struct log_settings log_settings_default(void)
{
    return (struct log_settings){
        .segment_size = INT64_C(1) << 30,
        .segment_ms = INT64_C(604800000),
        .index_interval_size = 4096,
        .index_size = 10485760,
        .retention_ms = INT64_C(604800000),
        .retention_size = -1,
        .file_delete_delay_ms = 60000,
        .flush_message_count = INT64_MAX,
        .flush_ms = INT64_MAX,
        .max_compaction_lag_ms = INT64_MAX,
        .delete_retention_ms = 86400000,
        .min_dirty_ratio = 0.5,
        .is_deleted = true,
    };
}

struct log *log_new(struct store *store, const char *name, const struct log_settings *settings)
{
    struct log *log = memory_new(struct log);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", store->path, name);
    log->store = store;
    log->name = memory_string(name);
    log->directory = memory_string(path);
    log->home = (struct segment_home){
        .io = store->io,
        .files = &store->files,
        .directory = log->directory,
        .is_read_only = store->options.is_read_only,
    };
    log->hint.offset = -1;
    log->snapshot.place = (struct log_mark){-1, -1, 0};
    log->points_snapshot = -1;
    log->points_segment = -1;
    log->clean_barrier = -1;
    epoch_cache_init(&log->epochs);
    producer_state_init(&log->producers);
    list_init(&log->waits);
    log_set_settings(log, settings);
    return log;
}

void log_free(struct log *log)
{
    tail_cache_drop(&log->tail);
    for (int32_t i = 0; i < log->segment_count; i++) {
        segment_release(log->segments[i]);
    }
    free(log->segments);
    epoch_cache_fini(&log->epochs);
    producer_state_fini(&log->producers);
    free(log->name);
    free(log->directory);
    free(log);
}

void log_release(struct log *log)
{
    check(log->pending_count > 0);
    log->pending_count--;
    if (log->is_deleted && log->pending_count == 0) {
        log_free(log);
    }
}

static void log_draw_jitter(struct log *log)
{
    if (log->settings.segment_jitter_ms > 0) {
        io_random(log->home.io, &log->roll_chance, sizeof log->roll_chance);
    }
}

int64_t log_segment_ms(const struct log *log)
{
    const struct log_settings *settings = &log->settings;
    int64_t ms = settings->segment_ms;
    if (settings->is_compacted && settings->max_compaction_lag_ms < ms) {
        ms = settings->max_compaction_lag_ms;
    }
    int64_t jitter_ms = settings->segment_jitter_ms < ms ? settings->segment_jitter_ms : ms;
    return jitter_ms == 0 ? ms : ms - (int64_t)log->roll_chance % jitter_ms;
}

/* Whether something of the log may have to go now that had not to before. */
static bool log_keeps_less(const struct log_settings *before, const struct log_settings *after)
{
    return after->is_deleted &&
           (!before->is_deleted || (uint64_t)after->retention_ms < (uint64_t)before->retention_ms ||
            (uint64_t)after->retention_size < (uint64_t)before->retention_size);
}

void log_set_settings(struct log *log, const struct log_settings *settings)
{
    if (log->is_configured && log_keeps_less(&log->settings, settings)) {
        store_ask_retention(log->store);
    }
    bool had_jitter = log->settings.segment_jitter_ms > 0;
    log->is_configured = true;
    log->settings = *settings;
    if (!had_jitter) {
        log_draw_jitter(log);
    }
    if (log->settings.segment_size > SEGMENT_SIZE_MAX) {
        log->settings.segment_size = SEGMENT_SIZE_MAX;
    }
    log->home.index_interval_size = settings->index_interval_size;
    log->home.preallocated_size = settings->is_preallocated ? log->settings.segment_size : 0;
}

void log_limit_epochs(struct log *log, int32_t leader_epoch)
{
    if (epoch_cache_limit(&log->epochs, leader_epoch)) {
        trace(TRACE_WARN, "log.epochs_damaged", TRACE_STRING("log", log->name),
              TRACE_INT("leader_epoch", leader_epoch));
    }
}

void log_add_segment(struct log *log, struct segment *segment)
{
    if (log->segment_count == log->segment_capacity) {
        log->segment_capacity = log->segment_capacity == 0 ? 1 : log->segment_capacity * 2;
        log->segments =
            memory_resize(log->segments, (size_t)log->segment_capacity * sizeof *log->segments);
    }
    log->segments[log->segment_count++] = segment;
    log->size += segment->size;
}

struct segment *log_last_segment(const struct log *log)
{
    check(log->segment_count > 0);
    return log->segments[log->segment_count - 1];
}

int32_t log_find_segment(const struct log *log, int64_t offset)
{
    int32_t low = 0;
    int32_t high = log->segment_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (log->segments[middle]->base_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : low - 1;
}

struct log_mark log_end_mark(const struct log *log)
{
    const struct segment *last = log_last_segment(log);
    return (struct log_mark){log->end_offset, last->base_offset, last->size};
}

int log_status(const struct log *log)
{
    return log->status != 0 ? log->status : store_status(log->store);
}

bool log_is_damaged(const struct log *log)
{
    bool is_damaged = log->status == ERROR_CORRUPT;
    for (int32_t i = 0; !is_damaged && i < log->segment_count; i++) {
        is_damaged = log->segments[i]->is_damage_told;
    }
    return is_damaged;
}

int log_writable(const struct log *log)
{
    if (log->store->is_fenced) {
        return ERROR_FENCED;
    }
    if (log->status != 0) {
        return log->status;
    }
    if (log->store->phase != STORE_OPEN) {
        return ERROR_SHUTDOWN;
    }
    return log->store->options.is_read_only ? ERROR_DENIED : 0;
}

int log_on_write_error(struct log *log, int error, const char *step)
{
    store_note_room(log->store, log, error);
    if (error == 0 || error == ERROR_NO_SPACE) {
        return error;
    }
    store_fence(log->store, step, log->name, error);
    return ERROR_IO;
}

int log_load_aborts(struct log *log, struct segment *segment)
{
    bool is_loaded = segment->aborts != NULL;
    int error = segment_load_aborts(segment);
    if (error == 0 && segment->aborts != NULL && !is_loaded) {
        error = log_prove_aborts(log, segment);
    }
    return error == ERROR_CORRUPT ? producer_fold_aborts(log, segment) : error;
}

int log_sync_aborts(struct log *log)
{
    int error = 0;
    for (int32_t i = 0; error == 0 && log->has_dirty_aborts && i < log->segment_count; i++) {
        error = segment_sync_aborts(log->segments[i]);
    }
    log->has_dirty_aborts = log->has_dirty_aborts && error != 0;
    return error;
}

int log_root(struct log *log)
{
    struct io *io = log->home.io;
    if (log->is_rooted) {
        return 0;
    }
    /* Written once more: a process before may have seen a sync of it fail, and then the kernel
     * calls the page clean though the disk never got it. */
    int error = partition_metadata_write(io, log->directory, log->topic_id);
    if (error == 0) {
        error = partition_metadata_sync(io, log->directory);
        error = error == ERROR_NO_SPACE ? ERROR_IO : error; /* a failed sync is never retried */
    }
    if (error == 0) {
        error = io_dir_sync(io, log->store->path);
    }
    log->is_rooted = error == 0;
    return error;
}

bool log_has_producers(const struct log *log)
{
    return log->producers.entries.size > 0 || log->producers.has_lost;
}

/* The order is what makes a crash between two steps harmless: the snapshot may be there without its
 * segment, a segment only with its directory entry durable before anything is written to it. */
int log_roll(struct log *log)
{
    struct segment *last = log_last_segment(log);
    int error = segment_load(last);
    if (error != 0) {
        return error;
    }
    error = segment_write_index(last);
    if (error == 0) {
        error = segment_trim(last);
    }
    if (error == 0) {
        error = snapshot_write(log);
    }
    struct segment *next = NULL;
    if (error == 0) {
        error = segment_create(&log->home, log->end_offset, &next);
    }
    error = log_on_write_error(log, error, "roll");
    if (error != 0) {
        return error;
    }
    error = io_dir_sync(log->home.io, log->directory);
    if (error != 0) {
        segment_free(next);
        store_fence(log->store, "roll", log->name, error);
        return ERROR_IO;
    }
    log_add_segment(log, next);
    tail_cache_roll(&log->tail);
    log_draw_jitter(log);
    flusher_add(&log->store->flusher, log);
    if (log->store->options.durability != STORE_DURABILITY_INTERVAL) {
        flusher_ask(&log->store->flusher, log);
    }
    return 0;
}

void log_wait_flushed(struct log *log, struct log_flush_wait *wait)
{
    struct list_link *link = store_wait_link(wait);
    *link = (struct list_link){0};
    if (wait->offset <= log->flushed_offset) {
        store_answer(log->store, wait, STORE_FLUSHED);
        return;
    }
    if (log->store->is_fenced || log->store->phase != STORE_OPEN) {
        store_answer(log->store, wait, log->store->is_fenced ? STORE_FENCED : STORE_SHUTDOWN);
        return;
    }
    struct list_link *place = &log->waits.head;
    while (place->previous != &log->waits.head &&
           store_wait_of(place->previous)->offset > wait->offset) {
        place = place->previous;
    }
    list_insert_before(place, link);
    log_ask_flush(log);
}

void log_ask_flush(struct log *log)
{
    bool is_awaited = log->store->options.durability == STORE_DURABILITY_FSYNC;
    if (is_awaited && log->flushed_offset < log->end_offset) {
        read_gate_await(&log->store->gate);
        flusher_ask(&log->store->flusher, log);
    }
}

void log_wait_cancel(struct log *log, struct log_flush_wait *wait)
{
    (void)log;
    list_remove(store_wait_link(wait));
}

void log_on_synced(struct log *log, struct log_mark mark)
{
    if (mark.offset < log->synced.offset) {
        return; /* a truncation was faster */
    }
    log->synced = mark;
    if (mark.offset > log->flushed_offset) {
        log->flushed_offset = mark.offset;
        producer_state_on_flushed(&log->producers, mark.offset);
        store_on_moved(log->store, log);
    }
}

int64_t log_start_offset(const struct log *log)
{
    return log->start_offset;
}

int64_t log_end_offset(const struct log *log)
{
    return log->end_offset;
}

int64_t log_flushed_offset(const struct log *log)
{
    return log->flushed_offset;
}

int64_t log_stable_offset(const struct log *log)
{
    int64_t unstable = producer_state_unstable_offset(&log->producers);
    if (unstable < 0 || unstable >= log->flushed_offset) {
        return log->flushed_offset;
    }
    return unstable < log->start_offset ? log->start_offset : unstable;
}

int64_t log_size(const struct log *log)
{
    return log->size;
}

int32_t log_last_epoch(const struct log *log)
{
    return epoch_cache_last(&log->epochs);
}

const char *log_name(const struct log *log)
{
    return log->name;
}

struct wire_uuid log_topic_id(const struct log *log)
{
    return log->topic_id;
}

void log_each_producer(const struct log *log,
                       void (*each)(void *owner, const struct log_producer *producer), void *owner)
{
    for (map_each (&log->producers.entries, place)) {
        const struct producer_state_entry *entry = place->value;
        int count = entry->batch_count;
        struct log_producer producer = {
            .producer_id = entry->producer_id,
            .epoch = entry->epoch,
            .last_sequence = count == 0 ? -1 : entry->batches[count - 1].last_sequence,
            .last_timestamp_ms = entry->last_timestamp_ms,
            .coordinator_epoch = entry->coordinator_epoch,
            .transaction_start_offset = entry->transaction_start_offset,
        };
        each(owner, &producer);
    }
}

bool log_has_transaction(const struct log *log, int64_t producer_id, int16_t epoch)
{
    const struct producer_state_entry *entry = producer_state_find(&log->producers, producer_id);
    return entry != NULL && entry->transaction_start_offset >= 0 && entry->epoch == epoch;
}

int log_set_start_offset(struct log *log, int64_t offset)
{
    int error = log_writable(log);
    return error != 0 ? error : retention_set_start(log, offset);
}

int log_truncate(struct log *log, int64_t offset)
{
    int error = log_writable(log);
    return error != 0 ? error : retention_truncate(log, offset);
}

int64_t log_clean(struct log *log)
{
    int error = log_writable(log);
    return error != 0 ? error : retention_apply(log);
}

/* What was compacted tells less than the rows do: of its data some is gone. */
static void log_check_rest_of_aborts(const struct aborted_index *rows,
                                     const struct aborted_index *replayed)
{
    for (int32_t i = 0; i < replayed->count; i++) {
        const struct aborted_index_row *row = &replayed->rows[i];
        int32_t place = aborted_index_find(rows, row->last_offset);
        check(place < rows->count && rows->rows[place].last_offset == row->last_offset);
        check(rows->rows[place].producer_id == row->producer_id);
        check(rows->rows[place].first_offset <= row->first_offset);
    }
}

/* Rows in segments, one after the other, are those of the replay. */
static int log_check_aborts(struct log *log, const struct aborted_index *replayed, bool has_gaps)
{
    int32_t at = 0;
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        int error = log_load_aborts(log, segment);
        if (error != 0) {
            return error;
        }
        int32_t count = aborted_index_find(replayed, segment->next_offset) - at;
        struct aborted_index part = {.rows = count == 0 ? NULL : replayed->rows + at,
                                     .count = count};
        struct aborted_index none = {0};
        const struct aborted_index *rows = segment->aborts == NULL ? &none : segment->aborts;
        if (has_gaps) {
            log_check_rest_of_aborts(rows, &part);
        } else {
            check(aborted_index_equal(rows, &part));
        }
        at += count;
    }
    return 0;
}

int log_check_replay(struct log *log)
{
    if (log->status != 0) {
        return log->status;
    }
    struct producer_state replayed;
    struct aborted_index aborts;
    producer_state_init(&replayed);
    aborted_index_init(&aborts);
    int error = producer_fold_replay(log, &replayed, &aborts);
    if (error == 0) {
        error = log_check_aborts(log, &aborts, replayed.has_gaps);
    }
    if (error == 0) {
        int64_t producer_id = -1;
        check(producer_state_matches(&log->producers, &replayed, io_wall_clock(log->home.io),
                                     log->store->options.producer_expiration_ms, &producer_id));
    }
    aborted_index_fini(&aborts);
    producer_state_fini(&replayed);
    return error;
}

static void log_check_segments(const struct log *log)
{
    int64_t size = 0;
    for (int32_t i = 0; i < log->segment_count; i++) {
        const struct segment *segment = log->segments[i];
        segment_check(segment);
        check(i == 0 || log->segments[i - 1]->next_offset == segment->base_offset);
        size += segment->size;
    }
    check(size == log->size);
    check(log_last_segment(log)->next_offset == log->end_offset);
    check(log->segments[0]->base_offset <= log->start_offset);
}

void log_check(const struct log *log)
{
    if (log->status != 0) {
        return;
    }
    check(log->start_offset <= log->end_offset);
    check(log->flushed_offset <= log->end_offset);
    check(log_stable_offset(log) <= log->flushed_offset);
    check(log->start_offset <= log_stable_offset(log));
    check(log->start_offset <= log->flushed_offset);
    check(log->synced.offset <= log->flushed_offset);
    check(log->points_offset <= log->synced.offset);
    check(log->snapshot.place.offset <= log->end_offset || log->store->is_fenced);
    log_check_segments(log);
    check(log->tail.block == NULL ||
          log->tail.block->segment_offset == log_last_segment(log)->base_offset);
    epoch_cache_check(&log->epochs);
    check(log->epochs.count == 0 ||
          log->epochs.entries[log->epochs.count - 1].start_offset <= log->end_offset);
    producer_state_check(&log->producers);
    int64_t previous = log->flushed_offset;
    for (list_each (&log->waits, link)) {
        check(store_wait_of(link)->offset > log->flushed_offset || list_has(&log->moved_link));
        check(store_wait_of(link)->offset >= previous || list_has(&log->moved_link));
        previous = store_wait_of(link)->offset;
    }
}
