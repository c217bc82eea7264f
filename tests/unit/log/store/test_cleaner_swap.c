/* Shows that the exchange of files survives the loss of power at each of its operations.
 *
 * A log of small segments, with aborted and committed transactions, is compacted into one file;
 * power is lost before the first operation on a directory, before the second, and so on, each
 * several times, since what was not synced survives by chance. Afterwards the old files are there
 * or the new one, each file ends where the next begins, and the rows of aborted transactions fit.
 */
#include "log/store/store_state.h"
#include "log/store/walker.h"
#include "tests/unit/log/store/fixture.h"
#include "tests/unit/log/store/planted.h"

enum { SWAP_OPERATIONS_MAX = 60, SWAP_SEEDS = 12 };

struct swap {
    struct fixture fixture;
    int countdown;
    bool is_over;
};

static enum sim_verdict on_operation(void *owner, const struct sim_call *call)
{
    struct swap *swap = owner;
    bool is_about_names = call->operation == SIM_PATH_RENAME || call->operation == SIM_DIR_SYNC ||
                          call->operation == SIM_PATH_REMOVE;
    if (swap->countdown == 0 || !is_about_names || --swap->countdown > 0) {
        return SIM_GO_ON;
    }
    swap->is_over = true;
    return SIM_CRASH;
}

static void append(struct fixture *fixture, int64_t producer, int32_t sequence, bool is_marker,
                   bool is_commit)
{
    struct batch_builder builder;
    struct log_append out;
    const uint8_t marker_key[4] = {0, 0, 0, is_commit ? 1 : 0};
    static const uint8_t value[40] = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    if (producer >= 0) {
        builder.producer_id = producer;
        builder.producer_epoch = 0;
        builder.base_sequence = is_marker ? -1 : sequence;
        builder.attributes = BATCH_TRANSACTIONAL | (is_marker ? BATCH_CONTROL : 0);
    }
    batch_builder_add(&builder, 1000,
                      is_marker ? bytes_make(marker_key, sizeof marker_key)
                                : bytes_make(&sequence, sizeof sequence),
                      bytes_make(value, sizeof value), NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    assert_int_equal(log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0,
                                is_marker ? LOG_ORIGIN_COORDINATOR : LOG_ORIGIN_CLIENT, &out),
                     0);
}

/* Offsets 2 and 3 are aborted, 5 is committed; all but the last records of each key are old. */
static void fill(struct fixture *fixture, bool has_transactions)
{
    append(fixture, -1, 1, false, false);
    append(fixture, -1, 2, false, false);
    if (has_transactions) {
        append(fixture, 7, 0, false, false);
        append(fixture, 7, 1, false, false);
        append(fixture, 7, 0, true, false);
        append(fixture, 7, 2, false, false);
        append(fixture, 7, 0, true, true);
    }
    for (int i = 0; i < 12; i++) {
        append(fixture, -1, i % 3, false, false);
    }
}

static void set_up(struct swap *swap, uint64_t seed)
{
    struct fixture *fixture = &swap->fixture;
    *swap = (struct swap){.countdown = 0};
    fixture->sim = sim_new(seed, 1);
    fixture->options = store_options_default("/data");
    fixture->options.cleaner.backoff_ms = 10;
    fixture->options.cleaner.is_enabled = false;
    fixture->settings = log_settings_default();
    fixture->settings.is_compacted = true;
    fixture->settings.is_deleted = false;
    fixture->settings.min_dirty_ratio = 0;
    fixture->settings.segment_size = 250;
    fixture->settings.index_interval_size = 100;
    buffer_init(&fixture->batch);
    fixture_open(fixture);
    fixture_create(fixture);
    fill(fixture, seed % 2 == 0);
    fixture->settings.segment_size = 100000; /* room for all in one */
    log_set_settings(fixture->log, &fixture->settings);
    /* Everything lies below a recovery point that is on the disk. */
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    assert_true(fixture->log->segment_count > 4);
}

static void look(struct swap *swap, int64_t end_offset)
{
    struct log *log = swap->fixture.log;
    assert_int_equal(log_status(log), 0);
    assert_int_equal(log_end_offset(log), end_offset);
    for (int32_t i = 0; i < log->segment_count; i++) {
        struct segment *segment = log->segments[i];
        struct walker walker;
        struct batch batch;
        int64_t position = 0;
        int result = 0;
        walker_open(&walker, segment, 0, segment->base_offset, segment->size, true);
        while ((result = walker_next(&walker, &batch, &position)) > 0) {
            assert_true(batch_crc_matches(&batch));
            struct buffer bytes;
            buffer_init(&bytes);
            assert_int_equal(fixture_read(&swap->fixture, batch.base_offset, 1, &bytes), 0);
            assert_memory_equal(bytes.data, batch.bytes.data, batch.bytes.size);
            buffer_fini(&bytes);
            bool is_abort = batch_is_control(&batch) && batch.base_offset == 4;
            assert_int_equal(log_load_aborts(log, segment), 0);
            bool has_row = segment->aborts != NULL &&
                           aborted_index_find(segment->aborts, 4) < segment->aborts->count;
            assert_true(!is_abort || has_row);
        }
        assert_int_equal(result, 0);
        assert_int_equal(walker.next_offset, segment->next_offset);
        walker_close(&walker);
    }
    assert_int_equal(log_check_replay(log), 0);
    store_check(swap->fixture.store);
}

/* False when there was no such operation. */
static bool crash_at(int operation, uint64_t seed)
{
    struct swap *swap = memory_new(struct swap);
    struct fixture *fixture = &swap->fixture;
    set_up(swap, seed);
    int64_t end_offset = log_end_offset(fixture->log);
    sim_on_operation(fixture->sim, on_operation, swap);
    swap->countdown = operation;
    fixture->options.cleaner.is_enabled = true;
    store_set_cleaner(fixture->store, &fixture->options.cleaner);
    uint64_t until_ns = sim_now(fixture->sim) + FIXTURE_SECOND;
    while (!swap->is_over && sim_now(fixture->sim) < until_ns && sim_step(fixture->sim)) {}
    bool was_there = swap->is_over;
    swap->countdown = 0;
    if (was_there) {
        store_abandon(fixture->store);
        fixture->options.cleaner.is_enabled = false;
        fixture_open(fixture);
    } else {
        assert_int_equal(fixture->log->segment_count, 2);
    }
    look(swap, end_offset);
    sim_on_operation(fixture->sim, NULL, NULL);
    sim_kill(fixture->sim, 0);
    store_abandon(fixture->store);
    sim_free(fixture->sim);
    buffer_fini(&fixture->batch);
    free(swap);
    return was_there;
}

static void power_may_be_lost_at_any_operation(void **state)
{
    (void)state;
    trace_set_stream(getenv("TRACE") != NULL ? stderr : NULL);
    for (uint64_t seed = 1; seed <= SWAP_SEEDS; seed++) {
        int operation = 1;
        while (crash_at(operation, seed)) {
            operation++;
            assert_true(operation < SWAP_OPERATIONS_MAX);
        }
        assert_true(operation > 20);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_may_be_lost_at_any_operation),
    };
    bool is_planted = planted_begin(count, arguments);
    return planted_end(is_planted, cmocka_run_group_tests(tests, NULL, NULL));
}
