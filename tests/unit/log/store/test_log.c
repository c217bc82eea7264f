/* Shows that appended batches come back as they went in, are durable when the log says so, and
 * that only whole batches are read. */
#include "log/store/flusher.h"
#include "tests/unit/log/store/fixture.h"

#include <limits.h>

struct waiter {
    struct log_flush_wait wait;
    int error;
    int call_count;
};

static void on_flushed(struct log_flush_wait *wait, int error)
{
    struct waiter *waiter = wait->owner;
    waiter->error = error;
    waiter->call_count++;
}

static void wait_for(struct fixture *fixture, struct waiter *waiter, int64_t offset)
{
    *waiter = (struct waiter){
        .wait = {.done = on_flushed, .owner = waiter, .offset = offset},
        .error = 1,
    };
    log_wait_flushed(fixture->log, &waiter->wait);
}

static void a_batch_is_read_as_it_was_appended(void **state)
{
    struct fixture *fixture = *state;
    fixture_append(fixture, 3);
    struct buffer bytes;
    buffer_init(&bytes);
    assert_int_equal(fixture_read(fixture, 0, 1 << 20, &bytes), 0);
    assert_true(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&fixture->batch)));
    buffer_fini(&bytes);
    assert_int_equal(log_end_offset(fixture->log), 3);
    assert_int_equal(log_size(fixture->log), (int64_t)fixture->batch.size);
}

static void a_waiter_is_called_only_when_its_bytes_survive_a_power_loss(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter;
    fixture_append(fixture, 5);
    wait_for(fixture, &waiter, 5);
    assert_int_equal(waiter.call_count, 0);
    assert_int_equal(log_flushed_offset(fixture->log), 0);
    while (waiter.call_count == 0) {
        assert_true(sim_step(fixture->sim));
    }
    assert_int_equal(waiter.error, 0);
    assert_int_equal(log_flushed_offset(fixture->log), 5);
    fixture_crash(fixture);
    assert_int_equal(log_end_offset(fixture->log), 5);
    assert_int_equal(fixture_count(fixture), 5);
}

static void appends_of_one_turn_share_a_flush(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++) {
        fixture_append(fixture, 1);
    }
    fixture_settle(fixture);
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    assert_int_equal(stats.flush_count, 1);
    assert_int_equal(log_flushed_offset(fixture->log), 10);
}

static uint64_t settle_until_flushed(struct fixture *fixture, int64_t offset)
{
    uint64_t start_ns = sim_now(fixture->sim);
    while (log_flushed_offset(fixture->log) < offset) {
        assert_true(sim_step(fixture->sim));
        store_check(fixture->store);
    }
    return sim_now(fixture->sim) - start_ns;
}

static void bytes_nobody_waits_for_share_a_flush_a_little_later(void **state)
{
    struct fixture *fixture = *state;
    uint64_t delay_ns = FLUSHER_DELAY_MS * FIXTURE_SECOND / 1000;
    for (int i = 0; i < 10; i++) {
        fixture_append(fixture, 1);
        sim_run(fixture->sim, sim_now(fixture->sim) + delay_ns / 20);
    }
    assert_int_equal(log_flushed_offset(fixture->log), 0);
    settle_until_flushed(fixture, 10);
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    assert_int_equal(stats.flush_count, 1);
}

static void who_asks_for_a_flush_need_not_wait_for_the_others_delay(void **state)
{
    struct fixture *fixture = *state;
    uint64_t delay_ns = FLUSHER_DELAY_MS * FIXTURE_SECOND / 1000;
    fixture_append(fixture, 1);
    log_ask_flush(fixture->log);
    assert_true(settle_until_flushed(fixture, 1) < delay_ns / 2);
    fixture_append(fixture, 1);
    assert_true(settle_until_flushed(fixture, 2) >= delay_ns);
}

static void a_wait_for_flushed_bytes_is_called_in_a_later_turn(void **state)
{
    struct fixture *fixture = *state;
    fixture_append(fixture, 1);
    fixture_settle(fixture);
    struct waiter waiter;
    wait_for(fixture, &waiter, 1);
    assert_int_equal(waiter.call_count, 0);
    fixture_settle(fixture);
    assert_int_equal(waiter.call_count, 1);
}

static void a_cancelled_wait_is_never_called(void **state)
{
    struct fixture *fixture = *state;
    fixture_append(fixture, 1);
    struct waiter waiter;
    wait_for(fixture, &waiter, 1);
    log_wait_cancel(fixture->log, &waiter.wait);
    fixture_settle(fixture);
    assert_int_equal(waiter.call_count, 0);
}

static void a_closed_store_opens_without_looking_at_its_logs(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 50; i++) {
        fixture_append(fixture, 4);
    }
    fixture_close(fixture);
    fixture_open(fixture);
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    assert_int_equal(stats.recovered_log_count, 0);
    assert_int_equal(fixture_count(fixture), 200);
    struct wire_uuid id = log_topic_id(fixture->log);
    assert_int_equal(id.octets[0], 1);
    assert_int_equal(id.octets[3], 4);
    fixture_append(fixture, 4);
    assert_int_equal(fixture_count(fixture), 204);
}

static void a_full_segment_is_rolled_and_all_are_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.segment_size = 4096;
    log_set_settings(fixture->log, &fixture->settings);
    for (int i = 0; i < 60; i++) {
        fixture_append(fixture, 3);
    }
    assert_int_equal(fixture_count(fixture), 180);
    fixture_settle(fixture);
    fixture_crash(fixture);
    assert_int_equal(fixture_count(fixture), 180);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_count(fixture), 180);
}

static void a_batch_larger_than_a_segment_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.segment_size = 1000;
    log_set_settings(fixture->log, &fixture->settings);
    fixture_build(fixture, NULL, 20, 1, 100, COMPRESS_NONE);
    struct log_append out = {.base_offset = 4711};
    assert_int_equal(fixture_append_built(fixture, &out), ERROR_RECORD_LIST_TOO_LARGE);
    assert_int_equal(out.base_offset, 4711);
}

static void a_disk_without_space_refuses_the_append_and_takes_the_next(void **state)
{
    struct fixture *fixture = *state;
    fixture_append(fixture, 1);
    fixture_settle(fixture);
    sim_plan(fixture->sim, 0)->no_space[SIM_FILE_WRITE] = 1000000;
    fixture_build(fixture, NULL, 1, 1, 100, COMPRESS_NONE);
    struct log_append out;
    assert_int_equal(fixture_append_built(fixture, &out), ERROR_NO_SPACE);
    sim_plan(fixture->sim, 0)->no_space[SIM_FILE_WRITE] = 0;
    assert_int_equal(fixture_append(fixture, 2), 1);
    fixture_settle(fixture);
    fixture_crash(fixture);
    assert_int_equal(fixture_count(fixture), 3);
}

/* A large batch finds no room where a small one does. */
static void a_full_disk_is_told_of_once_and_when_it_is_over(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    trace_reset();
    for (int i = 0; i < 100; i++) {
        sim_plan(fixture->sim, 0)->no_space[SIM_FILE_WRITE] = 1000000;
        fixture_build(fixture, NULL, 1, 1, 100, COMPRESS_NONE);
        assert_int_equal(fixture_append_built(fixture, &out), ERROR_NO_SPACE);
        sim_plan(fixture->sim, 0)->no_space[SIM_FILE_WRITE] = 0;
        fixture_append(fixture, 1);
    }
    assert_int_equal(trace_count("store.no_space"), 1);
    assert_int_equal(trace_count("store.has_space"), 0);
    sim_run(fixture->sim, sim_now(fixture->sim) + 11 * FIXTURE_SECOND);
    fixture_append(fixture, 1);
    assert_int_equal(trace_count("store.has_space"), 1);
}

/* Whether what the hook below is asked for needs a descriptor. */
static bool is_opening(enum sim_operation operation)
{
    return operation == SIM_FILE_OPEN || operation == SIM_DIR_LIST || operation == SIM_DIR_SYNC;
}

static enum sim_verdict refuse_descriptors(void *owner, const struct sim_call *call)
{
    int *left = owner;
    return is_opening(call->operation) && (*left)-- > 0 ? SIM_NO_DESCRIPTORS : SIM_GO_ON;
}

/* The directory of the first attempt could not be removed: listing it takes a descriptor too. */
static void a_log_that_no_descriptor_was_left_for_is_made_later(void **state)
{
    struct fixture *fixture = *state;
    struct wire_uuid id = {{5}};
    struct log *log = NULL;
    int refusals = INT_MAX;
    sim_on_operation(fixture->sim, refuse_descriptors, &refusals);
    assert_int_equal(store_create_log(fixture->store, "bills", 0, id, &fixture->settings, &log),
                     ERROR_NO_DESCRIPTORS);
    sim_on_operation(fixture->sim, NULL, NULL);
    assert_int_equal(store_create_log(fixture->store, "bills", 0, id, &fixture->settings, &log), 0);
    assert_int_equal(store_status(fixture->store), 0);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_non_null(store_find_log(fixture->store, "bills", 0));
}

static enum sim_verdict refuse_segments(void *owner, const struct sim_call *call)
{
    bool is_segment = strstr(call->path, ".log") != NULL;
    return is_segment ? refuse_descriptors(owner, call) : SIM_GO_ON;
}

/* Of this time, so that nothing is rolled because of its age. */
static void append_now(struct fixture *fixture, size_t value_size)
{
    struct log_append out;
    int64_t now_ms = io_wall_clock(sim_io(fixture->sim, 0));
    fixture_build(fixture, NULL, 1, now_ms, value_size, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
}

static void a_file_that_is_not_used_gives_its_descriptor_to_one_that_is(void **state)
{
    struct fixture *fixture = *state;
    struct wire_uuid id = {{5}};
    struct store_stats before;
    struct store_stats after;
    assert_int_equal(
        store_create_log(fixture->store, "bills", 0, id, &fixture->settings, &fixture->log), 0);
    append_now(fixture, 10);
    fixture_close(fixture);
    fixture_open(fixture);
    append_now(fixture, 10);
    struct log *first = fixture->log;
    fixture_settle(fixture);
    fixture->log = store_find_log(fixture->store, "bills", 0);
    store_read_stats(fixture->store, &before);
    int refusals = 1;
    sim_on_operation(fixture->sim, refuse_segments, &refusals);
    append_now(fixture, 10);
    sim_on_operation(fixture->sim, NULL, NULL);
    assert_true(refusals < 1);
    store_read_stats(fixture->store, &after);
    assert_int_equal(after.open_file_count, before.open_file_count / 2 + 1);
    assert_int_equal(log_end_offset(first), 1);
    assert_int_equal(log_end_offset(fixture->log), 2);
}

/* One record of producer 7; with BATCH_CONTROL it ends a transaction without committing it. */
static void append_as(struct fixture *fixture, int16_t attributes, size_t value_size)
{
    static const uint8_t value[100] = {0};
    struct log_append out;
    struct batch_builder builder;
    bool is_marker = (attributes & BATCH_CONTROL) != 0;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.attributes = attributes;
    builder.producer_id = 7;
    builder.producer_epoch = 0;
    builder.base_sequence = is_marker ? -1 : 0;
    batch_builder_add(&builder, io_wall_clock(sim_io(fixture->sim, 0)), bytes_make(value, 4),
                      bytes_make(value, value_size), NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    assert_int_equal(log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0,
                                is_marker ? LOG_ORIGIN_COORDINATOR : LOG_ORIGIN_CLIENT, &out),
                     0);
}

/* Proving an aborted transaction looks into the segment where it began, and with one file open that
 * closes the growing one, whose index goes with it. */
static void an_append_has_its_index_however_few_files_are_open(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.segment_size = 250;
    log_set_settings(fixture->log, &fixture->settings);
    append_as(fixture, BATCH_TRANSACTIONAL, 100);
    append_as(fixture, BATCH_TRANSACTIONAL | BATCH_CONTROL, 6);
    fixture_close(fixture);
    fixture->options.open_file_max = 1;
    fixture_open(fixture);
    append_now(fixture, 10);
    assert_int_equal(log_end_offset(fixture->log), 3);
}

static void a_failed_flush_fences_the_store_for_good(void **state)
{
    struct fixture *fixture = *state;
    fixture_append(fixture, 1);
    struct waiter waiter;
    wait_for(fixture, &waiter, 1);
    sim_plan(fixture->sim, 0)->io_error[SIM_FILE_SYNC] = 1000000;
    fixture_settle(fixture);
    assert_int_equal(waiter.error, ERROR_FENCED);
    sim_plan(fixture->sim, 0)->io_error[SIM_FILE_SYNC] = 0;
    struct log_append out;
    assert_int_equal(fixture_append_built(fixture, &out), ERROR_FENCED);
    assert_int_equal(store_status(fixture->store), ERROR_FENCED);
    assert_int_equal(log_status(fixture->log), ERROR_FENCED);
    fixture_settle(fixture);
    assert_int_equal(log_flushed_offset(fixture->log), 0);
}

static void a_failed_write_fences_the_store(void **state)
{
    struct fixture *fixture = *state;
    sim_plan(fixture->sim, 0)->io_error[SIM_FILE_WRITE] = 1000000;
    fixture_build(fixture, NULL, 1, 1, 100, COMPRESS_NONE);
    struct log_append out;
    assert_int_equal(fixture_append_built(fixture, &out), ERROR_IO);
    assert_int_equal(store_status(fixture->store), ERROR_FENCED);
}

static void a_duplicate_is_answered_with_its_original(void **state)
{
    struct fixture *fixture = *state;
    struct log_append first;
    struct log_append again;
    assert_int_equal(fixture_produce(fixture, 7, 0, 0, 3, &first), 0);
    struct log_append other;
    assert_int_equal(fixture_produce(fixture, 8, 0, 0, 3, &other), 0);
    assert_int_equal(fixture_produce(fixture, 7, 0, 0, 3, &again), 0);
    assert_true(again.is_duplicate);
    assert_int_equal(again.base_offset, first.base_offset);
    assert_int_equal(again.last_offset, first.last_offset);
    assert_int_equal(log_end_offset(fixture->log), 6);
}

static void a_read_from_the_middle_of_a_batch_returns_the_whole_batch(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++) {
        fixture_append(fixture, 10);
    }
    struct buffer bytes;
    buffer_init(&bytes);
    for (int64_t offset = 0; offset < 1000; offset += 7) {
        assert_int_equal(fixture_read(fixture, offset, 1, &bytes), 0);
        struct batch batch;
        assert_int_equal(batch_read_header(buffer_bytes(&bytes), &batch, NULL), 0);
        assert_int_equal(batch.base_offset, offset - offset % 10);
        assert_int_equal(batch.bytes.size, bytes.size);
    }
    buffer_fini(&bytes);
}

static void nothing_at_or_beyond_the_limit_is_read(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++) {
        fixture_append(fixture, 2);
    }
    struct log_read read = {.offset = 4,
                            .limit_offset = 10,
                            .size_max = 1 << 20,
                            .is_first_whole = true,
                            .may_wait = true};
    int error = 1;
    assert_true(log_read(fixture->log, &read, &error));
    assert_int_equal(error, 0);
    assert_int_equal(read.bytes.size, 3 * fixture->batch.size);
    read.limit_offset = 5;
    assert_true(log_read(fixture->log, &read, &error));
    assert_int_equal(read.bytes.size, 0);
    read.offset = 21;
    read.limit_offset = 30;
    assert_true(log_read(fixture->log, &read, &error));
    assert_int_equal(error, ERROR_OFFSET_OUT_OF_RANGE);
    buffer_fini(&read.bytes);
}

static void on_read(struct log_read *read, int error)
{
    *(int *)read->owner = error;
}

static void a_read_from_the_disk_answers_later(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 30; i++) {
        fixture_append(fixture, 10);
    }
    fixture_settle(fixture);
    sim_plan(fixture->sim, 0)->read_again = 1000000;
    int answer = 1;
    int error = 1;
    struct log_read read = {.offset = 155,
                            .limit_offset = 300,
                            .size_max = 100,
                            .is_first_whole = true,
                            .done = on_read,
                            .owner = &answer};
    assert_false(log_read(fixture->log, &read, &error));
    assert_int_equal(answer, 1);
    fixture_settle(fixture);
    assert_int_equal(answer, 0);
    assert_int_equal(read.bytes.size, fixture->batch.size);
    /* A log may go while its disk is asked. */
    answer = 1;
    assert_false(log_read(fixture->log, &read, &error));
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    fixture_settle(fixture);
    assert_int_equal(answer, ERROR_NOT_FOUND);
    buffer_fini(&read.bytes);
}

static void a_read_of_a_dead_process_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    fixture_append(fixture, 3);
    fixture_settle(fixture);
    sim_kill(fixture->sim, 0);
    struct log_read read = {
        .limit_offset = 3, .size_max = 1 << 20, .is_first_whole = true, .may_wait = true};
    int error = 0;
    assert_true(log_read(fixture->log, &read, &error));
    assert_int_equal(error, ERROR_CANCELLED);
    buffer_fini(&read.bytes);
    store_abandon(fixture->store);
    fixture_open(fixture);
}

static void a_record_is_found_by_time_inside_a_compressed_batch(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    for (int i = 0; i < 40; i++) {
        fixture_build(fixture, NULL, 10, 1000 * i, 50, COMPRESS_LZ4);
        assert_int_equal(fixture_append_built(fixture, &out), 0);
    }
    struct log_position found;
    assert_int_equal(log_find_time(fixture->log, 17004, 400, &found), 0);
    assert_int_equal(found.offset, 174);
    assert_int_equal(found.timestamp_ms, 17004);
    assert_int_equal(log_find_time(fixture->log, 17500, 400, &found), 0);
    assert_int_equal(found.offset, 180);
    assert_int_equal(log_find_time(fixture->log, 39010, 400, &found), 0);
    assert_int_equal(found.offset, -1);
    assert_int_equal(log_find_max_time(fixture->log, 400, &found), 0);
    assert_int_equal(found.offset, 399);
    assert_int_equal(log_find_max_time(fixture->log, 100, &found), 0);
    assert_int_equal(found.offset, 99);
}

/* With durability = os nobody flushes, unless the topic says so. */
static void a_topic_may_ask_for_flushes_by_time(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    fixture->options.durability = STORE_DURABILITY_OS;
    fixture_open(fixture);
    struct store_stats before;
    struct store_stats after;
    store_read_stats(fixture->store, &before);
    fixture_append(fixture, 1);
    sim_run(fixture->sim, sim_now(fixture->sim) + 20 * FIXTURE_SECOND);
    store_read_stats(fixture->store, &after);
    assert_int_equal(after.flush_count, before.flush_count);
    fixture->settings.flush_ms = 3000;
    log_set_settings(fixture->log, &fixture->settings);
    fixture_append(fixture, 1);
    sim_run(fixture->sim, sim_now(fixture->sim) + 2 * FIXTURE_SECOND);
    store_read_stats(fixture->store, &after);
    assert_int_equal(after.flush_count, before.flush_count);
    sim_run(fixture->sim, sim_now(fixture->sim) + 2 * FIXTURE_SECOND);
    store_read_stats(fixture->store, &after);
    assert_int_equal(after.flush_count, before.flush_count + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        CASE(a_batch_is_read_as_it_was_appended),
        CASE(a_waiter_is_called_only_when_its_bytes_survive_a_power_loss),
        CASE(appends_of_one_turn_share_a_flush),
        CASE(bytes_nobody_waits_for_share_a_flush_a_little_later),
        CASE(who_asks_for_a_flush_need_not_wait_for_the_others_delay),
        CASE(a_wait_for_flushed_bytes_is_called_in_a_later_turn),
        CASE(a_cancelled_wait_is_never_called),
        CASE(a_closed_store_opens_without_looking_at_its_logs),
        CASE(a_full_segment_is_rolled_and_all_are_read),
        CASE(a_batch_larger_than_a_segment_is_refused),
        CASE(a_disk_without_space_refuses_the_append_and_takes_the_next),
        CASE(a_full_disk_is_told_of_once_and_when_it_is_over),
        CASE(a_log_that_no_descriptor_was_left_for_is_made_later),
        CASE(a_file_that_is_not_used_gives_its_descriptor_to_one_that_is),
        CASE(an_append_has_its_index_however_few_files_are_open),
        CASE(a_failed_flush_fences_the_store_for_good),
        CASE(a_failed_write_fences_the_store),
        CASE(a_duplicate_is_answered_with_its_original),
        CASE(a_read_from_the_middle_of_a_batch_returns_the_whole_batch),
        CASE(nothing_at_or_beyond_the_limit_is_read),
        CASE(a_read_from_the_disk_answers_later),
        CASE(a_read_of_a_dead_process_is_an_error),
        CASE(a_record_is_found_by_time_inside_a_compressed_batch),
        CASE(a_topic_may_ask_for_flushes_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
