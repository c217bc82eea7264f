/* Shows which records compaction keeps, what it leaves alone, and what happens when something is in
 * its way. tests/unit/log/store/test_cleaner_history.c compares random histories with a model. */
#include "log/store/store_state.h"
#include "tests/unit/log/store/fixture.h"

#include <stdio.h>

static void set_up_cleaner(struct fixture *fixture)
{
    struct store_cleaner_options options = fixture->options.cleaner;
    options.backoff_ms = 10;
    fixture->options.cleaner = options;
    store_set_cleaner(fixture->store, &options);
    fixture->settings.is_compacted = true;
    fixture->settings.is_deleted = false;
    fixture->settings.min_dirty_ratio = 0;
    fixture->settings.segment_size = 400;
    log_set_settings(fixture->log, &fixture->settings);
}

static int64_t now_ms(struct fixture *fixture)
{
    return io_wall_clock(sim_io(fixture->sim, 0));
}

struct put {
    const char *key;
    const char *value; /* NULL: a tombstone */
};

static void build(struct fixture *fixture, const struct put *puts, int count,
                  const struct fixture_producer *producer, int16_t attributes,
                  enum compress_codec codec)
{
    struct batch_builder builder;
    batch_builder_init(&builder, codec);
    builder.attributes = attributes;
    if (producer != NULL) {
        builder.producer_id = producer->id;
        builder.producer_epoch = producer->epoch;
        builder.base_sequence = producer->sequence;
    }
    for (int i = 0; i < count; i++) {
        batch_builder_add(&builder, now_ms(fixture), bytes_from_string(puts[i].key),
                          bytes_from_string(puts[i].value), NULL, 0);
    }
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
}

static void put(struct fixture *fixture, const char *key, const char *value)
{
    struct log_append out;
    const struct put one = {key, value};
    build(fixture, &one, 1, NULL, 0, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
}

static void put_as(struct fixture *fixture, int64_t id, int32_t sequence, bool is_transactional,
                   const char *key, const char *value)
{
    struct log_append out;
    const struct put one = {key, value};
    const struct fixture_producer producer = {id, 0, sequence};
    build(fixture, &one, 1, &producer, is_transactional ? BATCH_TRANSACTIONAL : 0, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
}

static void put_marker(struct fixture *fixture, int64_t id, bool is_commit)
{
    struct batch_builder builder;
    struct log_append out;
    static const uint8_t value[6] = {0};
    const uint8_t key[4] = {0, 0, 0, is_commit ? 1 : 0};
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.attributes = BATCH_CONTROL | BATCH_TRANSACTIONAL;
    builder.producer_id = id;
    builder.producer_epoch = 0;
    batch_builder_add(&builder, now_ms(fixture), bytes_make(key, sizeof key),
                      bytes_make(value, sizeof value), NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    assert_int_equal(log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0,
                                LOG_ORIGIN_COORDINATOR, &out),
                     0);
}

/* So that everything before lies below the growing segment. */
static void fill(struct fixture *fixture)
{
    int64_t base_offset = log_last_segment(fixture->log)->base_offset;
    while (log_last_segment(fixture->log)->base_offset == base_offset) {
        put(fixture, "filler", "................................................................");
    }
}

static void wait_for_cleaner(struct fixture *fixture)
{
    fixture_settle(fixture);
    assert_true(cleaner_is_idle(&fixture->store->cleaner));
}

static void compact(struct fixture *fixture)
{
    fill(fixture);
    wait_for_cleaner(fixture);
}

/* "offset:key=value ..." of all records but fillers; "M" for markers, "E" for empty batches. */
static const char *dump(struct fixture *fixture)
{
    static char text[2000];
    size_t size = 0;
    int64_t offset = log_start_offset(fixture->log);
    struct buffer bytes;
    buffer_init(&bytes);
    text[0] = '\0';
    while (offset < log_end_offset(fixture->log)) {
        assert_int_equal(fixture_read(fixture, offset, 1 << 20, &bytes), 0);
        for (size_t at = 0; at < bytes.size;) {
            struct batch batch;
            struct batch_iterator iterator;
            struct batch_record record;
            assert_int_equal(
                batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, NULL), 0);
            assert_true(batch_crc_matches(&batch));
            if (batch.record_count == 0 && batch.producer_id >= 0) {
                size += (size_t)snprintf(text + size, sizeof text - size, "%d:E ",
                                         (int)batch_last_offset(&batch));
            }
            assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 20), 0);
            while (batch_iterator_next(&iterator, &record) > 0) {
                if (batch_is_control(&batch)) {
                    size += (size_t)snprintf(text + size, sizeof text - size, "%d:M ",
                                             (int)record.offset);
                } else if (!bytes_equal_string(record.key, "filler")) {
                    size += (size_t)snprintf(text + size, sizeof text - size, "%d:%.*s=%.*s ",
                                             (int)record.offset, BYTES_FORMAT(record.key),
                                             BYTES_FORMAT(record.value));
                }
            }
            batch_iterator_close(&iterator);
            offset = batch_next_offset(&batch);
            at += batch.bytes.size;
        }
    }
    buffer_fini(&bytes);
    return text;
}

static void the_latest_record_of_each_key_stays(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "b", "1");
    put(fixture, "a", "2");
    put(fixture, "c", "1");
    put(fixture, "b", "2");
    compact(fixture);
    assert_string_equal(dump(fixture), "2:a=2 3:c=1 4:b=2 ");
    put(fixture, "c", "3");
    compact(fixture);
    int64_t end_offset = log_end_offset(fixture->log);
    assert_true(strstr(dump(fixture), "2:a=2 4:b=2 ") == dump(fixture));
    fixture_crash(fixture);
    assert_int_equal(log_status(fixture->log), 0);
    assert_int_equal(log_end_offset(fixture->log), end_offset);
    assert_true(strstr(dump(fixture), "2:a=2 4:b=2 ") == dump(fixture));
}

static void batches_keep_what_is_theirs(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    for (int codec = 0; codec < COMPRESS_CODEC_COUNT; codec++) {
        const struct put puts[] = {{"x", "1"}, {"keep", "1"}, {"x", "2"}, {"y", "3"}};
        const struct fixture_producer producer = {codec, 0, 0};
        struct log_append out;
        char key[8];
        snprintf(key, sizeof key, "k%d", codec);
        struct put mine[4];
        memcpy(mine, puts, sizeof puts);
        mine[1].key = key;
        build(fixture, mine, 4, &producer, 0, (enum compress_codec)codec);
        assert_int_equal(fixture_append_built(fixture, &out), 0);
    }
    put(fixture, "x", "9");
    put(fixture, "y", "9");
    compact(fixture);
    assert_string_equal(dump(fixture), "1:k0=1 5:k1=1 9:k2=1 13:k3=1 17:k4=1 20:x=9 21:y=9 ");
    struct buffer bytes;
    struct batch batch;
    buffer_init(&bytes);
    for (int codec = 0; codec < COMPRESS_CODEC_COUNT; codec++) {
        assert_int_equal(fixture_read(fixture, codec * 4, 1, &bytes), 0);
        assert_int_equal(batch_read_header(buffer_bytes(&bytes), &batch, NULL), 0);
        assert_int_equal(batch.base_offset, codec * 4);
        assert_int_equal(batch.last_offset_delta, 3);
        assert_int_equal(batch.record_count, 1);
        assert_int_equal(batch.producer_id, codec);
        assert_int_equal(batch.base_sequence, 0);
        assert_int_equal(batch_codec(&batch), codec);
    }
    buffer_fini(&bytes);
}

static void a_tombstone_stays_readable_and_then_goes(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    fixture->settings.delete_retention_ms = 60000;
    log_set_settings(fixture->log, &fixture->settings);
    put(fixture, "a", "1");
    put(fixture, "a", NULL);
    compact(fixture);
    assert_string_equal(dump(fixture), "1:a= ");
    sim_run(fixture->sim, sim_now(fixture->sim) + 30 * FIXTURE_SECOND);
    compact(fixture);
    assert_string_equal(dump(fixture), "1:a= ");
    sim_run(fixture->sim, sim_now(fixture->sim) + 40 * FIXTURE_SECOND);
    compact(fixture);
    assert_string_equal(dump(fixture), "");
}

static void aborted_data_goes_first_and_its_marker_later(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    fixture->settings.delete_retention_ms = 60000;
    log_set_settings(fixture->log, &fixture->settings);
    put(fixture, "a", "1");
    put_as(fixture, 7, 0, true, "a", "aborted");
    put_as(fixture, 7, 1, true, "b", "aborted");
    put_marker(fixture, 7, false);
    put_as(fixture, 7, 2, true, "c", "committed");
    put_marker(fixture, 7, true);
    put_as(fixture, 7, 3, false, "d", "last");
    compact(fixture);
    assert_string_equal(dump(fixture), "0:a=1 3:M 4:c=committed 5:M 6:d=last ");
    compact(fixture); /* now the abort has no data, and its time begins */
    assert_string_equal(dump(fixture), "0:a=1 3:M 4:c=committed 5:M 6:d=last ");
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    compact(fixture);
    assert_string_equal(dump(fixture), "0:a=1 4:c=committed 5:M 6:d=last ");
}

static void open_transactions_and_what_follows_them_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    put_as(fixture, 7, 0, true, "a", "open");
    put(fixture, "b", "1");
    put(fixture, "b", "2");
    compact(fixture);
    assert_string_equal(dump(fixture), "1:a=2 2:a=open 3:b=1 4:b=2 ");
    put_marker(fixture, 7, true);
    compact(fixture);
    assert_true(strstr(dump(fixture), "2:a=open 4:b=2 ") == dump(fixture));
}

/* The marker lies in the growing segment when the data can be compacted already. */
static void a_transaction_that_ends_in_the_growing_segment_waits(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put_as(fixture, 7, 0, true, "a", "aborted");
    fill(fixture);
    put_marker(fixture, 7, false);
    wait_for_cleaner(fixture);
    assert_true(strstr(dump(fixture), "0:a=1 1:a=aborted ") == dump(fixture));
    compact(fixture);
    assert_true(strstr(dump(fixture), "0:a=1 ") == dump(fixture));
    assert_null(strstr(dump(fixture), "aborted"));
}

static void the_sequence_of_a_living_producer_survives(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    set_up_cleaner(fixture);
    put_as(fixture, 5, 0, false, "a", "1");
    put_as(fixture, 5, 1, false, "a", "2");
    put(fixture, "a", "3");
    compact(fixture);
    assert_string_equal(dump(fixture), "1:E 2:a=3 ");
    assert_int_equal(log_check_replay(fixture->log), 0);
    /* Even when every snapshot is gone. */
    fixture_close(fixture);
    char path[100];
    struct io *io = sim_io(fixture->sim, 0);
    for (int offset = 0; offset < 50; offset++) {
        snprintf(path, sizeof path, "/data/orders-0/%020d.snapshot", offset);
        (void)!io_path_remove(io, path);
    }
    fixture_open(fixture);
    const struct put one = {"z", "1"};
    struct fixture_producer producer = {5, 0, 1};
    build(fixture, &one, 1, &producer, 0, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    assert_true(out.is_duplicate);
    producer.sequence = 2;
    build(fixture, &one, 1, &producer, 0, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    assert_false(out.is_duplicate);
}

static void young_segments_and_the_growing_one_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    fixture->settings.min_compaction_lag_ms = 100000;
    log_set_settings(fixture->log, &fixture->settings);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    compact(fixture);
    put(fixture, "a", "3");
    put(fixture, "a", "4");
    wait_for_cleaner(fixture);
    assert_true(strstr(dump(fixture), "0:a=1 1:a=2 ") == dump(fixture));
    sim_run(fixture->sim, sim_now(fixture->sim) + 101 * FIXTURE_SECOND);
    assert_true(strstr(dump(fixture), "1:a=2 ") == dump(fixture));
}

static void a_little_dirt_waits_until_its_lag_is_over(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        put(fixture, key, "1");
    }
    compact(fixture);
    fixture->settings.min_dirty_ratio = 0.9;
    fixture->settings.max_compaction_lag_ms = 30000;
    log_set_settings(fixture->log, &fixture->settings);
    put(fixture, "0", "2");
    compact(fixture);
    assert_non_null(strstr(dump(fixture), "0:0=1 "));
    sim_run(fixture->sim, sim_now(fixture->sim) + 31 * FIXTURE_SECOND);
    assert_null(strstr(dump(fixture), "0:0=1 "));
}

static void small_files_become_one(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    for (int i = 0; i < 40; i++) {
        put(fixture, "a", "some value that fills the segments");
    }
    int32_t count = fixture->log->segment_count;
    compact(fixture);
    compact(fixture);
    compact(fixture);
    assert_true(count > 8);
    assert_true(fixture->log->segment_count <= 4);
    assert_int_equal(fixture->log->segments[0]->base_offset, 0);
    fixture_crash(fixture);
    assert_int_equal(log_status(fixture->log), 0);
}

/* Nothing is left of most segments but the places of their last batches: one file has room for
 * many of them, and is swapped once. */
static void segments_of_which_nothing_is_left_become_one(void **state)
{
    struct fixture *fixture = *state;
    char value[1500];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    set_up_cleaner(fixture);
    fixture->settings.segment_size = 4000;
    fixture->settings.min_dirty_ratio = 1; /* not before all is there */
    log_set_settings(fixture->log, &fixture->settings);
    for (int i = 0; i < 21; i++) {
        put(fixture, "a", value);
    }
    fixture_settle(fixture);
    assert_int_equal(fixture->log->segment_count, 11);
    fixture->settings.min_dirty_ratio = 0;
    log_set_settings(fixture->log, &fixture->settings);
    wait_for_cleaner(fixture);
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    assert_int_equal(stats.cleaner.run_count, 1);
    assert_int_equal(stats.cleaner.dropped_count, 19);
    assert_int_equal(fixture->log->segment_count, 2);
    assert_int_equal(fixture->log->segments[0]->next_offset, 20);
    fixture_crash(fixture);
    assert_int_equal(log_status(fixture->log), 0);
    assert_int_equal(fixture->log->segment_count, 2);
}

static void little_memory_takes_several_passes(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.cleaner.map_size = 240; /* nine keys */
    set_up_cleaner(fixture);
    for (int i = 0; i < 120; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i % 40);
        put(fixture, key, "1");
    }
    compact(fixture);
    assert_true(fixture->store->cleaner.stats.run_count > 5);
    assert_int_equal(fixture->log->clean_offset, log_last_segment(fixture->log)->base_offset);
    const char *text = dump(fixture);
    assert_true(strstr(text, "80:0=1 ") == text);
    int count = 0;
    for (const char *at = text; (at = strchr(at, '=')) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 40);
}

/* One batch with more records than are looked up at once. */
static void compact_a_large_batch(struct fixture *fixture)
{
    enum { RECORD_COUNT = 50, KEY_COUNT = 19 };
    char keys[KEY_COUNT][12];
    char expected[2000];
    struct put puts[RECORD_COUNT];
    struct log_append out;
    size_t size = 0;
    fixture->settings.segment_size = 2000;
    log_set_settings(fixture->log, &fixture->settings);
    for (int i = 0; i < RECORD_COUNT; i++) {
        char *key = keys[i % KEY_COUNT];
        snprintf(key, sizeof *keys, "%d", i % KEY_COUNT);
        puts[i] = (struct put){key, "1"};
        if (i >= RECORD_COUNT - KEY_COUNT) {
            size += (size_t)snprintf(expected + size, sizeof expected - size, "%d:%s=1 ", i, key);
        }
    }
    build(fixture, puts, RECORD_COUNT, NULL, 0, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    compact(fixture);
    assert_string_equal(dump(fixture), expected);
}

static void a_large_batch_is_judged_record_by_record(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    compact_a_large_batch(fixture);
    assert_int_equal(fixture->store->cleaner.stats.run_count, 1);
}

static void a_map_may_be_full_in_the_middle_of_a_batch(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.cleaner.map_size = 240; /* nine keys */
    set_up_cleaner(fixture);
    compact_a_large_batch(fixture);
    assert_true(fixture->store->cleaner.stats.run_count > 5);
}

static void progress_survives_a_restart(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    compact(fixture);
    int64_t clean_offset = fixture->log->clean_offset;
    assert_true(clean_offset > 2);
    fixture_crash(fixture);
    assert_int_equal(fixture->log->clean_offset, clean_offset);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture->log->clean_offset, clean_offset);
    /* Of a log with the same name nothing is remembered. */
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    fixture_create(fixture);
    assert_int_equal(fixture->log->clean_offset, 0);
    put(fixture, "a", "1");
    fixture_settle(fixture);
    fixture_crash(fixture);
    assert_int_equal(fixture->log->clean_offset, 0);
}

/* Flips a bit in the base offset, which no CRC covers, of a batch of a full file; -1: the last. */
static void check_rotten_offset(struct fixture *fixture, int batch, int bit)
{
    uint64_t positions[16];
    int count = 0;
    set_up_cleaner(fixture);
    while (log_last_segment(fixture->log)->base_offset == 0) {
        positions[count++] = (uint64_t)log_last_segment(fixture->log)->size;
        put(fixture, "a", "1"); /* the last one is in the next file */
    }
    uint64_t position = positions[batch < 0 ? count - 2 : batch];
    assert_true(
        sim_corrupt(fixture->sim, 0, "/data/orders-0/00000000000000000000.log", position + 7, bit));
    wait_for_cleaner(fixture);
    assert_true(fixture->log->is_uncleanable);
    assert_int_equal(fixture->log->clean_offset, 0);
}

static void a_base_offset_below_the_one_before_ends_compaction(void **state)
{
    check_rotten_offset(*state, 1, 0);
}

static void a_base_offset_beyond_the_next_one_ends_compaction(void **state)
{
    check_rotten_offset(*state, 1, 1);
}

static void a_base_offset_beyond_the_file_ends_compaction(void **state)
{
    check_rotten_offset(*state, -1, 5);
}

static void damage_is_left_alone_and_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct wire_uuid id = {{9}};
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    struct log *damaged = fixture->log;
    assert_int_equal(
        store_create_log(fixture->store, "others", 0, id, &fixture->settings, &fixture->log), 0);
    put(fixture, "b", "1");
    put(fixture, "b", "2");
    struct log *other = fixture->log;
    fixture->log = damaged;
    fill(fixture);
    assert_true(sim_corrupt(fixture->sim, 0, "/data/orders-0/00000000000000000000.log", 65, 3));
    fixture->log = other;
    fill(fixture);
    wait_for_cleaner(fixture);
    assert_string_equal(dump(fixture), "1:b=2 ");
    assert_true(damaged->is_uncleanable);
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    assert_int_equal(stats.cleaner.uncleanable_count, 1);
    assert_int_equal(log_status(damaged), 0);
    fixture->log = damaged;
    put(fixture, "c", "1");
}

static void a_reader_goes_on_in_what_was_replaced(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    put(fixture, "a", "3");
    fill(fixture);
    struct log_slice slice = {.offset = 0,
                              .limit_offset = log_end_offset(fixture->log),
                              .size_max = 1 << 20,
                              .may_wait = true};
    int error = -1;
    assert_true(log_slice_open(fixture->log, &slice, &error));
    assert_int_equal(error, 0);
    wait_for_cleaner(fixture);
    assert_string_equal(dump(fixture), "2:a=3 ");
    uint8_t *bytes = memory_alloc(slice.size);
    assert_true(log_slice_read(&slice, 0, bytes, slice.size, &error));
    assert_int_equal(error, 0);
    struct batch batch;
    assert_int_equal(batch_read_header(bytes_make(bytes, slice.size), &batch, NULL), 0);
    assert_int_equal(batch.base_offset, 0);
    log_slice_close(&slice);
    free(bytes);
}

static void a_full_disk_ends_a_run_and_it_comes_again(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    fill(fixture);
    fixture->options.cleaner.is_enabled = false;
    store_set_cleaner(fixture->store, &fixture->options.cleaner);
    wait_for_cleaner(fixture);
    sim_plan(fixture->sim, 0)->no_space[SIM_FILE_OPEN] = 1000000;
    fixture->options.cleaner.is_enabled = true;
    store_set_cleaner(fixture->store, &fixture->options.cleaner);
    wait_for_cleaner(fixture);
    assert_true(strstr(dump(fixture), "0:a=1 1:a=2 ") == dump(fixture));
    assert_int_equal(store_status(fixture->store), 0);
    sim_plan(fixture->sim, 0)->no_space[SIM_FILE_OPEN] = 0;
    wait_for_cleaner(fixture);
    assert_string_equal(dump(fixture), "1:a=2 ");
}

static void a_log_that_is_deleted_or_closed_meanwhile_ends_the_run(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    fill(fixture);
    while (cleaner_is_idle(&fixture->store->cleaner)) {
        assert_true(sim_step(fixture->sim));
    }
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    wait_for_cleaner(fixture);
    fixture_create(fixture);
    put(fixture, "a", "1");
    put(fixture, "a", "2");
    fill(fixture);
    while (cleaner_is_idle(&fixture->store->cleaner)) {
        assert_true(sim_step(fixture->sim));
    }
    fixture_close(fixture);
    fixture_open(fixture);
    assert_true(strstr(dump(fixture), "1:a=2 ") != NULL);
}

static void its_speed_can_be_limited(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.cleaner.bytes_per_second = 1000;
    set_up_cleaner(fixture);
    for (int i = 0; i < 50; i++) {
        put(fixture, "a", "some value that fills the segments");
    }
    uint64_t start_ns = sim_now(fixture->sim);
    fill(fixture);
    while (fixture->log->clean_offset == 0) {
        assert_true(sim_step(fixture->sim));
    }
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    int64_t size = stats.cleaner.read_size + stats.cleaner.written_size;
    assert_true(size > 4000);
    assert_true((int64_t)(sim_now(fixture->sim) - start_ns) > size * 900000);
}

static void times_are_found_beside_empty_batches(void **state)
{
    struct fixture *fixture = *state;
    set_up_cleaner(fixture);
    int64_t first_ms = now_ms(fixture);
    put(fixture, "old", "1");
    put_as(fixture, 5, 0, false, "a", "1");
    sim_run(fixture->sim, sim_now(fixture->sim) + FIXTURE_SECOND);
    put(fixture, "a", "2");
    int64_t last_ms = now_ms(fixture);
    compact(fixture);
    struct log_position found;
    assert_int_equal(log_find_time(fixture->log, first_ms, 3, &found), 0);
    assert_int_equal(found.offset, 0);
    assert_int_equal(log_find_time(fixture->log, first_ms + 1, 3, &found), 0);
    assert_int_equal(found.offset, 2);
    assert_int_equal(log_find_max_time(fixture->log, 3, &found), 0);
    assert_int_equal(found.offset, 2);
    assert_int_equal(found.timestamp_ms, last_ms);
    assert_int_equal(log_find_max_time(fixture->log, 2, &found), 0);
    assert_int_equal(found.offset, 0);
}

/* What is left of a producer's last batch may have the largest timestamp of all, and no record. */
static void the_largest_time_is_that_of_a_record(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    struct log_position found;
    set_up_cleaner(fixture);
    struct fixture_producer producer = {5, 0, 0};
    fixture_build(fixture, &producer, 1, now_ms(fixture) + 500000, 10, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    put(fixture, "key", "2");
    int64_t end_offset = log_end_offset(fixture->log);
    compact(fixture);
    assert_string_equal(dump(fixture), "0:E 1:key=2 ");
    assert_int_equal(log_find_max_time(fixture->log, end_offset, &found), 0);
    assert_int_equal(found.offset, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        CASE(the_latest_record_of_each_key_stays),
        CASE(batches_keep_what_is_theirs),
        CASE(a_tombstone_stays_readable_and_then_goes),
        CASE(aborted_data_goes_first_and_its_marker_later),
        CASE(open_transactions_and_what_follows_them_are_left_alone),
        CASE(a_transaction_that_ends_in_the_growing_segment_waits),
        CASE(the_sequence_of_a_living_producer_survives),
        CASE(young_segments_and_the_growing_one_are_left_alone),
        CASE(a_little_dirt_waits_until_its_lag_is_over),
        CASE(small_files_become_one),
        CASE(segments_of_which_nothing_is_left_become_one),
        CASE(little_memory_takes_several_passes),
        CASE(a_large_batch_is_judged_record_by_record),
        CASE(a_map_may_be_full_in_the_middle_of_a_batch),
        CASE(progress_survives_a_restart),
        CASE(a_base_offset_below_the_one_before_ends_compaction),
        CASE(a_base_offset_beyond_the_next_one_ends_compaction),
        CASE(a_base_offset_beyond_the_file_ends_compaction),
        CASE(damage_is_left_alone_and_others_go_on),
        CASE(a_reader_goes_on_in_what_was_replaced),
        CASE(a_full_disk_ends_a_run_and_it_comes_again),
        CASE(a_log_that_is_deleted_or_closed_meanwhile_ends_the_run),
        CASE(its_speed_can_be_limited),
        CASE(times_are_found_beside_empty_batches),
        CASE(the_largest_time_is_that_of_a_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
