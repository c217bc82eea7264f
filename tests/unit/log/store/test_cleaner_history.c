/* Compares compacted logs with a simple model, over random histories.
 *
 * A history appends records of a few keys, tombstones, batches of every codec, sequences and
 * transactions that are committed, aborted and left open, while the cleaner runs with little
 * memory, the process is killed and power is lost at any operation. What is left must at every
 * start be a part of what was appended, with a reason for everything that is missing; and when all
 * is done, no more than what has to be there. */
#include "log/base/endian.h"
#include "log/store/store_state.h"
#include "log/store/walker.h"
#include "tests/unit/log/store/fixture.h"
#include "tests/unit/log/store/planted.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    HISTORY_COUNT = 60,
    HISTORY_STEPS = 250,
    HISTORY_KEYS = 12,
    HISTORY_PRODUCERS = 4, /* the last two write transactions */
    HISTORY_RECORD_MAX = 4000,
    HISTORY_RETENTION_MS = 3000,
};

enum history_fate { HISTORY_PLAIN, HISTORY_OPEN, HISTORY_COMMITTED, HISTORY_ABORTED };

struct history_record {
    int batch; /* index of its batch */
    int key;   /* -1: a marker */
    int value; /* -1: a tombstone */
    int64_t timestamp_ms;
    bool is_left; /* found by the last look */
};

struct history_batch {
    int64_t base_offset;
    int64_t last_offset;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int64_t appended_ms;
    enum history_fate fate;
    bool is_control;
    bool is_left;
};

struct history_producer {
    int32_t sequence;
    int first_batch; /* of the open transaction; -1 */
};

struct history {
    struct fixture *fixture;
    struct history_record records[HISTORY_RECORD_MAX]; /* by offset */
    int64_t record_count;
    struct history_batch batches[HISTORY_RECORD_MAX];
    int batch_count;
    struct history_producer producers[HISTORY_PRODUCERS];
    uint64_t crash_countdown; /* operations until the process ends; 0: it does not */
    bool is_crash_of_names;   /* of directories alone */
    bool is_crashed;
};

static uint64_t chance(struct history *history, uint64_t below)
{
    return sim_random(history->fixture->sim, below);
}

static bool is_about_names(const struct sim_call *call)
{
    return call->operation == SIM_PATH_RENAME || call->operation == SIM_DIR_SYNC ||
           call->operation == SIM_PATH_REMOVE;
}

static enum sim_verdict on_operation(void *owner, const struct sim_call *call)
{
    struct history *history = owner;
    if (history->crash_countdown == 0 || (history->is_crash_of_names && !is_about_names(call)) ||
        --history->crash_countdown > 0) {
        return SIM_GO_ON;
    }
    history->is_crashed = true;
    return (enum sim_verdict)(SIM_CRASH + (int)(call->index % 4));
}

/* --- Appending --- */

static void note_append(struct history *history, const struct batch *batch,
                        const struct history_record *records, enum history_fate fate)
{
    struct history_batch *noted = &history->batches[history->batch_count];
    *noted = (struct history_batch){
        .base_offset = batch->base_offset,
        .last_offset = batch_last_offset(batch),
        .producer_id = batch->producer_id,
        .producer_epoch = batch->producer_epoch,
        .base_sequence = batch->base_sequence,
        .appended_ms = io_wall_clock(sim_io(history->fixture->sim, 0)),
        .fate = fate,
        .is_control = batch_is_control(batch),
    };
    assert_int_equal(noted->base_offset, history->record_count);
    for (int32_t i = 0; i <= batch->last_offset_delta; i++) {
        history->records[history->record_count] = records[i];
        history->records[history->record_count++].batch = history->batch_count;
    }
    history->batch_count++;
}

static void append_built(struct history *history, enum log_origin origin,
                         const struct history_record *records, enum history_fate fate)
{
    struct fixture *fixture = history->fixture;
    struct log_append out;
    struct batch batch;
    int error = log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0, origin, &out);
    if (history->is_crashed) {
        return; /* whether it is there is seen at the next start */
    }
    assert_int_equal(error, 0);
    assert_false(out.is_duplicate);
    assert_int_equal(batch_read_header(buffer_bytes(&fixture->batch), &batch, NULL), 0);
    note_append(history, &batch, records, fate);
}

static void append_data(struct history *history)
{
    struct fixture *fixture = history->fixture;
    struct batch_builder builder;
    struct history_record records[4];
    int64_t now_ms = io_wall_clock(sim_io(fixture->sim, 0));
    int count = 1 + (int)chance(history, 4);
    int producer = (int)chance(history, HISTORY_PRODUCERS + 1) - 1;
    bool is_transactional = producer >= HISTORY_PRODUCERS / 2;
    batch_builder_init(&builder, (enum compress_codec)chance(history, COMPRESS_CODEC_COUNT));
    if (producer >= 0) {
        builder.producer_id = producer;
        builder.producer_epoch = 0;
        builder.base_sequence = history->producers[producer].sequence;
        builder.attributes = is_transactional ? BATCH_TRANSACTIONAL : 0;
    }
    for (int i = 0; i < count; i++) {
        records[i] = (struct history_record){
            .key = (int)chance(history, HISTORY_KEYS),
            .value = chance(history, 5) == 0 ? -1 : (int)chance(history, 1000),
            .timestamp_ms = now_ms - (int64_t)chance(history, 9)};
        batch_builder_add(
            &builder, records[i].timestamp_ms, bytes_make(&records[i].key, sizeof(int)),
            records[i].value < 0 ? bytes_make(NULL, 0) : bytes_make(&records[i].value, sizeof(int)),
            NULL, 0);
    }
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    int batch = history->batch_count;
    append_built(history, LOG_ORIGIN_CLIENT, records,
                 is_transactional ? HISTORY_OPEN : HISTORY_PLAIN);
    if (producer >= 0 && history->batch_count > batch) {
        history->producers[producer].sequence += count;
        if (is_transactional && history->producers[producer].first_batch < 0) {
            history->producers[producer].first_batch = batch;
        }
    }
}

static void end_transaction(struct history *history, int producer, bool is_commit)
{
    struct fixture *fixture = history->fixture;
    struct batch_builder builder;
    static const uint8_t value[6] = {0};
    const uint8_t key[4] = {0, 0, 0, is_commit ? 1 : 0};
    struct history_record record = {.key = -1};
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.attributes = BATCH_CONTROL | BATCH_TRANSACTIONAL;
    builder.producer_id = producer;
    builder.producer_epoch = 0;
    record.timestamp_ms = io_wall_clock(sim_io(fixture->sim, 0));
    batch_builder_add(&builder, record.timestamp_ms, bytes_make(key, sizeof key),
                      bytes_make(value, sizeof value), NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    int marker = history->batch_count;
    append_built(history, LOG_ORIGIN_COORDINATOR, &record,
                 is_commit ? HISTORY_COMMITTED : HISTORY_ABORTED);
    if (history->batch_count == marker) {
        return;
    }
    int first = history->producers[producer].first_batch;
    for (int i = first < 0 ? marker : first; i < marker; i++) {
        if (history->batches[i].producer_id == producer && !history->batches[i].is_control) {
            history->batches[i].fate = is_commit ? HISTORY_COMMITTED : HISTORY_ABORTED;
        }
    }
    history->producers[producer].first_batch = -1;
}

static void append(struct history *history)
{
    if (chance(history, 4) == 0) {
        int producer = HISTORY_PRODUCERS / 2 + (int)chance(history, HISTORY_PRODUCERS / 2);
        end_transaction(history, producer, chance(history, 2) == 0);
    } else {
        append_data(history);
    }
}

/* --- A reader of what is committed --- */

struct aborted_list {
    struct log_aborted rows[HISTORY_RECORD_MAX];
    int count;
};

static void on_aborted(void *owner, const struct log_aborted *aborted)
{
    struct aborted_list *list = owner;
    list->rows[list->count++] = *aborted;
}

/* What a client does with the rows: a producer is aborted from the first offset of a row on, up to
 * the next marker of that producer. */
static bool reader_skips(const struct aborted_list *list, bool is_aborted[HISTORY_PRODUCERS],
                         int *next, const struct batch *batch)
{
    while (*next < list->count && list->rows[*next].first_offset <= batch_last_offset(batch)) {
        is_aborted[list->rows[(*next)++].producer_id] = true;
    }
    if (batch->producer_id < 0) {
        return false;
    }
    if (batch_is_control(batch)) {
        is_aborted[batch->producer_id] = false;
        return true;
    }
    return batch_is_transactional(batch) && is_aborted[batch->producer_id];
}

static int by_first_offset(const void *left, const void *right)
{
    int64_t one = ((const struct log_aborted *)left)->first_offset;
    int64_t other = ((const struct log_aborted *)right)->first_offset;
    return one < other ? -1 : one > other;
}

/* Nothing aborted is seen, and nothing committed is skipped. */
static void read_committed(struct history *history)
{
    struct fixture *fixture = history->fixture;
    struct aborted_list *list = memory_new(struct aborted_list);
    bool is_aborted[HISTORY_PRODUCERS] = {false};
    int next = 0;
    int64_t end_offset = log_stable_offset(fixture->log);
    int64_t offset = 0;
    struct buffer bytes;
    buffer_init(&bytes);
    assert_int_equal(log_each_aborted(fixture->log, 0, end_offset, on_aborted, list), 0);
    qsort(list->rows, (size_t)list->count, sizeof *list->rows, by_first_offset);
    while (offset < end_offset) {
        assert_int_equal(fixture_read(fixture, offset, 1, &bytes), 0);
        struct batch batch;
        assert_int_equal(batch_read_header(buffer_bytes(&bytes), &batch, NULL), 0);
        bool is_skipped = reader_skips(list, is_aborted, &next, &batch);
        if (batch.record_count > 0 && !batch_is_control(&batch) && batch.base_offset < end_offset) {
            enum history_fate fate =
                history->batches[history->records[batch.base_offset].batch].fate;
            assert_int_equal(is_skipped, fate == HISTORY_ABORTED);
        }
        offset = batch_next_offset(&batch);
    }
    buffer_fini(&bytes);
    free(list);
}

/* --- Looking --- */

static void look_at_record(struct history *history, const struct batch_record *record,
                           const struct batch *batch)
{
    struct history_record *noted = &history->records[record->offset];
    assert_true(record->offset < history->record_count);
    assert_int_equal(record->timestamp_ms, noted->timestamp_ms);
    noted->is_left = true;
    if (batch_is_control(batch)) {
        assert_int_equal(noted->key, -1);
        return;
    }
    assert_int_equal(record->key.size, sizeof(int));
    assert_memory_equal(record->key.data, &noted->key, sizeof(int));
    assert_int_equal(bytes_is_null(record->value), noted->value < 0);
    if (noted->value >= 0) {
        assert_memory_equal(record->value.data, &noted->value, sizeof(int));
    }
}

static void look_at_batch(struct history *history, const struct batch *batch)
{
    assert_true(batch_crc_matches(batch));
    assert_true(batch->base_offset < history->record_count);
    struct history_batch *noted = &history->batches[history->records[batch->base_offset].batch];
    assert_int_equal(batch->base_offset, noted->base_offset);
    assert_int_equal(batch_last_offset(batch), noted->last_offset);
    if (batch->producer_id < 0 && noted->producer_id >= 0) {
        assert_int_equal(batch->record_count, 0); /* only its place */
        return;
    }
    assert_int_equal(batch->producer_id, noted->producer_id);
    assert_int_equal(batch->producer_epoch, noted->producer_epoch);
    assert_int_equal(batch->base_sequence, noted->base_sequence);
    noted->is_left = true;
    struct batch_iterator iterator;
    struct batch_record record;
    int result = 0;
    assert_int_equal(batch_iterator_open(&iterator, batch, 1 << 20), 0);
    while ((result = batch_iterator_next(&iterator, &record)) > 0) {
        look_at_record(history, &record, batch);
    }
    assert_int_equal(result, 0);
    batch_iterator_close(&iterator);
}

static void read_all(struct history *history)
{
    struct fixture *fixture = history->fixture;
    struct buffer bytes;
    int64_t offset = log_start_offset(fixture->log);
    buffer_init(&bytes);
    assert_int_equal(offset, 0);
    for (int64_t i = 0; i < history->record_count; i++) {
        history->records[i].is_left = false;
    }
    for (int i = 0; i < history->batch_count; i++) {
        history->batches[i].is_left = false;
    }
    while (offset < log_end_offset(fixture->log)) {
        assert_int_equal(fixture_read(fixture, offset, 1 << 20, &bytes), 0);
        assert_true(bytes.size > 0);
        for (size_t at = 0; at < bytes.size;) {
            struct batch batch;
            assert_int_equal(
                batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, NULL), 0);
            look_at_batch(history, &batch);
            offset = batch_next_offset(&batch);
            at += batch.bytes.size;
        }
    }
    buffer_fini(&bytes);
}

/* Whether a later record of the key counts for everybody. */
static bool is_superseded(const struct history *history, int64_t offset, int64_t limit)
{
    for (int64_t i = offset + 1; i < limit; i++) {
        const struct history_record *other = &history->records[i];
        enum history_fate fate = history->batches[other->batch].fate;
        if (other->key == history->records[offset].key && other->key >= 0 &&
            (fate == HISTORY_PLAIN || fate == HISTORY_COMMITTED)) {
            return true;
        }
    }
    return false;
}

static bool is_old(struct history *history, const struct history_batch *batch)
{
    return io_wall_clock(sim_io(history->fixture->sim, 0)) >=
           batch->appended_ms + HISTORY_RETENTION_MS;
}

/* Whether any batch of the transaction that the marker ends is left, with or without records. */
static bool has_data_left(const struct history *history, int marker)
{
    for (int i = marker - 1; i >= 0; i--) {
        const struct history_batch *batch = &history->batches[i];
        if (batch->producer_id != history->batches[marker].producer_id) {
            continue;
        }
        if (batch->is_control) {
            return false;
        }
        if (batch->is_left) {
            return true;
        }
    }
    return false;
}

static void judge_missing(struct history *history, int64_t offset)
{
    const struct history_record *record = &history->records[offset];
    const struct history_batch *batch = &history->batches[record->batch];
    if (batch->is_control) {
        assert_true(is_old(history, batch));
        assert_false(has_data_left(history, record->batch));
        return;
    }
    assert_int_not_equal(batch->fate, HISTORY_OPEN);
    if (batch->fate == HISTORY_ABORTED) {
        return;
    }
    if (!is_superseded(history, offset, history->record_count)) {
        assert_true(record->value < 0 && is_old(history, batch));
    }
}

/* Each file ends where the next one begins. */
static void look_at_files(struct history *history)
{
    const struct log *log = history->fixture->log;
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        struct walker walker;
        struct batch batch;
        int64_t position = 0;
        int result = 0;
        walker_open(&walker, segment, 0, segment->base_offset, segment->size, false);
        while ((result = walker_next(&walker, &batch, &position)) > 0) {}
        assert_int_equal(result, 0);
        assert_int_equal(walker.next_offset, segment->next_offset);
        walker_close(&walker);
    }
}

/* What is seen may be there and what is missing may be missing. */
static void look(struct history *history)
{
    read_all(history);
    look_at_files(history);
    for (int64_t i = 0; i < history->record_count; i++) {
        if (!history->records[i].is_left) {
            judge_missing(history, i);
        }
    }
    for (int producer = 0; producer < HISTORY_PRODUCERS; producer++) {
        int last = -1;
        for (int i = 0; i < history->batch_count; i++) {
            bool is_data =
                history->batches[i].producer_id == producer && !history->batches[i].is_control;
            last = is_data ? i : last;
        }
        assert_true(last < 0 || history->batches[last].is_left);
    }
    assert_int_equal(log_check_replay(history->fixture->log), 0);
    read_committed(history);
}

/* Below the checkpoint each key is there once, as its latest value, and nothing aborted is. */
static void look_closely(struct history *history)
{
    int64_t clean_offset = history->fixture->log->clean_offset;
    look(history);
    for (int64_t i = 0; i < clean_offset; i++) {
        const struct history_record *record = &history->records[i];
        const struct history_batch *batch = &history->batches[record->batch];
        if (!record->is_left || batch->is_control) {
            continue;
        }
        assert_true(batch->fate == HISTORY_PLAIN || batch->fate == HISTORY_COMMITTED);
        assert_false(is_superseded(history, i, clean_offset));
    }
}

/* --- A history --- */

/* What the log lost or kept of the last moments is what counts from now on. */
static void adopt(struct history *history)
{
    struct log *log = history->fixture->log;
    int64_t end_offset = log_end_offset(log);
    assert_int_equal(log_status(log), 0);
    while (history->record_count > end_offset) {
        struct history_batch *batch = &history->batches[--history->batch_count];
        history->record_count = batch->base_offset;
    }
    assert_int_equal(history->record_count, end_offset);
    for (int producer = 0; producer < HISTORY_PRODUCERS; producer++) {
        struct history_producer *noted = &history->producers[producer];
        *noted = (struct history_producer){.first_batch = -1};
        for (int i = 0; i < history->batch_count; i++) {
            struct history_batch *batch = &history->batches[i];
            if (batch->producer_id != producer) {
                continue;
            }
            if (batch->is_control) {
                noted->first_batch = -1;
                continue;
            }
            noted->sequence =
                batch->base_sequence + (int32_t)(batch->last_offset - batch->base_offset) + 1;
            if (producer >= HISTORY_PRODUCERS / 2 && noted->first_batch < 0) {
                noted->first_batch = i;
            }
        }
        /* The marker may be what was lost. */
        for (int i = noted->first_batch; i >= 0 && i < history->batch_count; i++) {
            if (history->batches[i].producer_id == producer) {
                history->batches[i].fate = HISTORY_OPEN;
            }
        }
    }
}

/* An append that was under way may be there: it is taken over from the log. */
static void adopt_unknown(struct history *history)
{
    struct fixture *fixture = history->fixture;
    struct batch batch;
    if (log_end_offset(fixture->log) <= history->record_count) {
        return;
    }
    assert_int_equal(batch_read_header(buffer_bytes(&fixture->batch), &batch, NULL), 0);
    struct history_record records[4] = {{.key = -1, .timestamp_ms = batch.base_timestamp}};
    struct batch_iterator iterator;
    struct batch_record record;
    assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 20), 0);
    for (int i = 0; batch_iterator_next(&iterator, &record) > 0; i++) {
        records[i].timestamp_ms = record.timestamp_ms;
        if (!batch_is_control(&batch)) {
            memcpy(&records[i].key, record.key.data, sizeof(int));
            records[i].value = -1;
            if (!bytes_is_null(record.value)) {
                memcpy(&records[i].value, record.value.data, sizeof(int));
            }
        }
    }
    batch_iterator_close(&iterator);
    enum history_fate fate = batch_is_transactional(&batch) ? HISTORY_OPEN : HISTORY_PLAIN;
    int marker = history->batch_count;
    note_append(history, &batch, records, fate);
    if (batch_is_control(&batch)) {
        bool is_commit = endian_read_i16(fixture->batch.data + fixture->batch.size - 10) == 1;
        int producer = (int)batch.producer_id;
        int first = history->producers[producer].first_batch;
        for (int i = first < 0 ? marker : first; i < marker; i++) {
            if (history->batches[i].producer_id == producer && !history->batches[i].is_control) {
                history->batches[i].fate = is_commit ? HISTORY_COMMITTED : HISTORY_ABORTED;
            }
        }
    }
}

static void start_again(struct history *history)
{
    struct fixture *fixture = history->fixture;
    history->crash_countdown = 0;
    if (history->is_crashed) {
        sim_kill(fixture->sim, 0); /* not every operation has an after at which to die */
    } else {
        sim_crash(fixture->sim, 0);
    }
    history->is_crashed = false;
    store_abandon(fixture->store);
    fixture_open(fixture);
    if (fixture->log == NULL) {
        fixture_create(fixture); /* it had no records, and is gone with the power */
    }
    adopt_unknown(history);
    adopt(history);
    look(history);
}

static void pass_time(struct history *history, uint64_t until_ns)
{
    struct sim *sim = history->fixture->sim;
    while (!history->is_crashed && sim_now(sim) < until_ns && sim_step(sim)) {
        if (!history->is_crashed) {
            store_check(history->fixture->store);
        }
    }
}

static void take_step(struct history *history)
{
    struct fixture *fixture = history->fixture;
    uint64_t pick = chance(history, 100);
    if (pick < 70) {
        append(history);
    } else if (pick < 95) {
        uint64_t span_ms = chance(history, 8) == 0 ? 4000 : 60;
        pass_time(history, sim_now(fixture->sim) + chance(history, span_ms) * 1000000);
    } else if (pick < 98) {
        history->is_crash_of_names = chance(history, 2) == 0;
        history->crash_countdown = 1 + chance(history, history->is_crash_of_names ? 25 : 60);
    } else {
        start_again(history);
    }
    if (history->is_crashed) {
        start_again(history);
    }
}

/* Nobody disturbs any more, no transaction is open, everything is below the growing segment. */
static void finish(struct history *history)
{
    struct fixture *fixture = history->fixture;
    history->crash_countdown = 0;
    for (int producer = HISTORY_PRODUCERS / 2; producer < HISTORY_PRODUCERS; producer++) {
        end_transaction(history, producer, true);
    }
    int64_t base_offset = log_last_segment(fixture->log)->base_offset;
    while (log_last_segment(fixture->log)->base_offset == base_offset) {
        append_data(history);
        for (int producer = HISTORY_PRODUCERS / 2; producer < HISTORY_PRODUCERS; producer++) {
            end_transaction(history, producer, true);
        }
    }
    fixture_settle(fixture);
    assert_true(fixture->log->clean_offset > base_offset / 2);
    look_closely(history);
}

static void tell(const struct history *history, uint64_t seed)
{
    const struct cleaner *cleaner = &history->fixture->store->cleaner;
    if (getenv("TELL") != NULL) {
        printf("seed %d: %d records, clean %d, last process: %d runs, %d dropped of %d\n",
               (int)seed, (int)history->record_count, (int)history->fixture->log->clean_offset,
               (int)cleaner->stats.run_count, (int)cleaner->stats.dropped_count,
               (int)cleaner->stats.record_count);
    }
}

static void run_history(uint64_t seed)
{
    struct history *history = memory_new(struct history);
    struct fixture *fixture = memory_new(struct fixture);
    history->fixture = fixture;
    fixture->sim = sim_new(seed, 1);
    fixture->options = store_options_default("/data");
    fixture->options.open_file_max = 4;
    fixture->options.checkpoint_interval_ms = 700;
    fixture->options.snapshot_size = 500;
    fixture->options.cleaner.backoff_ms = 20;
    fixture->options.cleaner.map_size = 24 * (2 + (int64_t)sim_random(fixture->sim, 30));
    fixture->settings = log_settings_default();
    fixture->settings.is_compacted = true;
    fixture->settings.is_deleted = false;
    fixture->settings.min_dirty_ratio = 0.3;
    fixture->settings.delete_retention_ms = HISTORY_RETENTION_MS;
    fixture->settings.segment_size = 500 + (int64_t)sim_random(fixture->sim, 1500);
    fixture->settings.index_interval_size = 200;
    fixture->settings.file_delete_delay_ms = 100;
    for (int i = 0; i < HISTORY_PRODUCERS; i++) {
        history->producers[i].first_batch = -1;
    }
    buffer_init(&fixture->batch);
    fixture_open(fixture);
    fixture_create(fixture);
    sim_on_operation(fixture->sim, on_operation, history);
    for (int step = 0; step < HISTORY_STEPS; step++) {
        take_step(history);
    }
    fixture->settings.min_dirty_ratio = 0;
    log_set_settings(fixture->log, &fixture->settings);
    finish(history);
    tell(history, seed);
    sim_on_operation(fixture->sim, NULL, NULL);
    sim_kill(fixture->sim, 0);
    store_abandon(fixture->store);
    sim_free(fixture->sim);
    buffer_fini(&fixture->batch);
    free(fixture);
    free(history);
}

static void whatever_happens_the_model_agrees(void **state)
{
    (void)state;
    const char *seed = getenv("SEED");
    trace_set_stream(getenv("TRACE") != NULL ? stderr : NULL);
    if (seed != NULL) {
        run_history(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= HISTORY_COUNT; i++) {
        run_history(i);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_model_agrees),
    };
    bool is_planted = planted_begin(count, arguments);
    return planted_end(is_planted, cmocka_run_group_tests(tests, NULL, NULL));
}
