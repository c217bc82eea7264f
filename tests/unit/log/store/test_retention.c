/* Shows what time, size and request remove, what they must not, and what a cut leaves. */
#include "log/store/store_state.h"
#include "tests/unit/log/store/fixture.h"

static int64_t now_ms(struct fixture *fixture)
{
    return io_wall_clock(sim_io(fixture->sim, 0));
}

/* Segments of three batches of one record each. */
static void fill(struct fixture *fixture, int count, int64_t timestamp_ms)
{
    for (int i = 0; i < count; i++) {
        fixture_build(fixture, NULL, 1, timestamp_ms, 100, COMPRESS_NONE);
        fixture->settings.segment_size = (int64_t)fixture->batch.size * 3;
        log_set_settings(fixture->log, &fixture->settings);
        struct log_append out;
        assert_int_equal(fixture_append_built(fixture, &out), 0);
    }
    fixture_settle(fixture);
}

static void old_segments_go_and_the_start_moves(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 6, now_ms(fixture) - 10000);
    fill(fixture, 3, now_ms(fixture));
    fixture->settings.retention_ms = 5000;
    log_set_settings(fixture->log, &fixture->settings);
    assert_true(log_clean(fixture->log) > 0);
    assert_int_equal(log_start_offset(fixture->log), 6);
    assert_int_equal(fixture_count(fixture), 3);
    fixture_crash(fixture);
    assert_int_equal(log_start_offset(fixture->log), 6);
    assert_int_equal(fixture_count(fixture), 3);
    struct buffer bytes;
    buffer_init(&bytes);
    assert_int_equal(fixture_read(fixture, 5, 1000, &bytes), ERROR_OFFSET_OUT_OF_RANGE);
    buffer_fini(&bytes);
}

static void a_timestamp_in_the_future_pins_nothing(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 6, now_ms(fixture) + INT64_C(1000000000000));
    fixture->settings.retention_ms = 5000;
    log_set_settings(fixture->log, &fixture->settings);
    assert_int_equal(log_clean(fixture->log), 0);
    sim_run(fixture->sim, sim_now(fixture->sim) + 6 * FIXTURE_SECOND);
    assert_true(log_clean(fixture->log) > 0);
    /* The growing segment was too old as well. */
    assert_int_equal(log_start_offset(fixture->log), 6);
    assert_int_equal(log_size(fixture->log), 0);
    assert_int_equal(fixture_append(fixture, 1), 6);
}

static void size_keeps_at_least_what_it_says(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 12, now_ms(fixture));
    int64_t size = log_size(fixture->log);
    fixture->settings.retention_size = size / 2 + 1;
    log_set_settings(fixture->log, &fixture->settings);
    assert_int_equal(log_clean(fixture->log), size / 4);
    assert_int_equal(log_start_offset(fixture->log), 3);
    assert_int_equal(log_clean(fixture->log), 0);
}

static enum sim_verdict refuse_segment_names(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_segment = call->operation == SIM_PATH_RENAME && strstr(call->path, ".tmp") == NULL;
    return is_segment ? SIM_NO_SPACE : SIM_GO_ON;
}

/* A rename may need room too, and removing is what makes some. */
static void a_full_disk_lets_segments_go(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 9, now_ms(fixture));
    uint64_t used = sim_disk_used(fixture->sim, 0);
    sim_on_operation(fixture->sim, refuse_segment_names, NULL);
    assert_int_equal(log_set_start_offset(fixture->log, 6), 0);
    assert_true(sim_disk_used(fixture->sim, 0) < used);
    assert_int_equal(log_start_offset(fixture->log), 6);
    assert_int_equal(fixture_count(fixture), 3);
    assert_int_equal(fixture_append(fixture, 1), 9);
    sim_on_operation(fixture->sim, NULL, NULL);
}

static void a_log_that_is_only_compacted_is_not_shortened(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 6, 1000);
    fixture->settings.retention_ms = 1;
    fixture->settings.retention_size = 0;
    fixture->settings.is_deleted = false;
    log_set_settings(fixture->log, &fixture->settings);
    assert_int_equal(log_clean(fixture->log), 0);
    assert_int_equal(fixture_count(fixture), 6);
}

static void deleted_records_stay_deleted_and_whole_segments_leave(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 9, now_ms(fixture));
    assert_int_equal(log_set_start_offset(fixture->log, 4), 0);
    assert_int_equal(log_start_offset(fixture->log), 4);
    assert_int_equal(fixture_count(fixture), 5);
    assert_int_equal(log_set_start_offset(fixture->log, 10), ERROR_OFFSET_OUT_OF_RANGE);
    fixture_crash(fixture);
    assert_int_equal(log_start_offset(fixture->log), 4);
    struct io_file_info info;
    assert_int_equal(
        io_path_info(sim_io(fixture->sim, 0), "/data/orders-0/00000000000000000000.log", &info),
        ERROR_NOT_FOUND);
    assert_int_equal(log_set_start_offset(fixture->log, 9), 0);
    assert_int_equal(log_size(fixture->log), 0);
    assert_int_equal(fixture_append(fixture, 1), 9);
}

static void a_cut_stays_cut_and_forgets_producers_and_epochs(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fixture_produce(fixture, 1, 0, i, 1, &out), 0);
    }
    fixture_settle(fixture);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    assert_int_equal(log_truncate(fixture->log, 2), 0);
    assert_int_equal(log_end_offset(fixture->log), 2);
    assert_int_equal(log_flushed_offset(fixture->log), 2);
    store_check(fixture->store);
    assert_int_equal(log_check_replay(fixture->log), 0);
    fixture_crash(fixture);
    assert_int_equal(log_status(fixture->log), 0);
    assert_int_equal(log_end_offset(fixture->log), 2);
    assert_int_equal(fixture_produce(fixture, 1, 0, 3, 1, &out),
                     ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(fixture_produce(fixture, 1, 0, 2, 1, &out), 0);
    assert_int_equal(out.base_offset, 2);
}

static void a_segment_is_rolled_when_it_is_old(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.segment_ms = 2000;
    fixture->settings.retention_ms = -1;
    log_set_settings(fixture->log, &fixture->settings);
    fixture_append(fixture, 1);
    sim_run(fixture->sim, sim_now(fixture->sim) + 3 * FIXTURE_SECOND);
    assert_int_equal(log_clean(fixture->log), 0);
    struct io_file_info info;
    assert_int_equal(
        io_path_info(sim_io(fixture->sim, 0), "/data/orders-0/00000000000000000001.log", &info), 0);
    assert_int_equal(fixture_count(fixture), 1);
}

static void less_retention_counts_at_once(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture, 9, now_ms(fixture) - 10000);
    assert_int_equal(log_start_offset(fixture->log), 0);
    fixture->settings.retention_ms = 5000;
    log_set_settings(fixture->log, &fixture->settings);
    fixture_settle(fixture);
    assert_int_equal(log_start_offset(fixture->log), 9);
    /* Settings of a log that was just opened are no change. */
    fill(fixture, 9, now_ms(fixture) - 10000);
    fixture->settings.retention_ms = 100000;
    fixture_crash(fixture);
    fixture_settle(fixture);
    assert_int_equal(log_end_offset(fixture->log) - log_start_offset(fixture->log), 9);
}

static void segments_end_earlier_by_chance(void **state)
{
    struct fixture *fixture = *state;
    bool is_seen[2] = {false, false};
    fixture->settings.segment_ms = 10000;
    fixture->settings.segment_jitter_ms = 8000;
    log_set_settings(fixture->log, &fixture->settings);
    for (int i = 0; i < 40; i++) {
        int64_t first_offset = log_end_offset(fixture->log);
        fixture_append(fixture, 1);
        sim_run(fixture->sim, sim_now(fixture->sim) + 1900 * FIXTURE_SECOND / 1000);
        fixture_append(fixture, 1);
        assert_true(log_last_segment(fixture->log)->base_offset <= first_offset);
        sim_run(fixture->sim, sim_now(fixture->sim) + 4 * FIXTURE_SECOND);
        fixture_append(fixture, 1);
        is_seen[log_last_segment(fixture->log)->base_offset > first_offset] = true;
        sim_run(fixture->sim, sim_now(fixture->sim) + 5 * FIXTURE_SECOND);
        fixture_append(fixture, 1);
        assert_true(log_last_segment(fixture->log)->base_offset > first_offset);
        sim_run(fixture->sim, sim_now(fixture->sim) + 11 * FIXTURE_SECOND);
    }
    assert_true(is_seen[0] && is_seen[1]);
}

static void a_compacted_segment_ends_when_a_record_may_wait_no_longer(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.is_compacted = true;
    fixture->settings.max_compaction_lag_ms = 2000;
    log_set_settings(fixture->log, &fixture->settings);
    fixture_append(fixture, 1);
    sim_run(fixture->sim, sim_now(fixture->sim) + 3 * FIXTURE_SECOND);
    fixture_append(fixture, 1);
    assert_int_equal(log_last_segment(fixture->log)->base_offset, 1);
}

/* The oldest of all logs go, but not what still grows nor what is only compacted. */
static void all_logs_together_have_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct wire_uuid id = {{7}};
    struct log *first = fixture->log;
    struct log *compacted = NULL;
    fill(fixture, 9, now_ms(fixture) - 5000);
    assert_int_equal(
        store_create_log(fixture->store, "newer", 0, id, &fixture->settings, &fixture->log), 0);
    struct log *newer = fixture->log;
    fill(fixture, 9, now_ms(fixture) - 1000);
    fixture->settings.is_deleted = false;
    fixture->settings.is_compacted = true;
    assert_int_equal(
        store_create_log(fixture->store, "compacted", 0, id, &fixture->settings, &compacted), 0);
    fixture->log = compacted;
    fill(fixture, 6, now_ms(fixture) - 9000);
    int64_t total = log_size(first) + log_size(newer) + log_size(compacted);
    store_set_retention_total(fixture->store, total);
    fixture_settle(fixture);
    assert_int_equal(log_start_offset(first), 0);
    store_set_retention_total(fixture->store, total - 1);
    fixture_settle(fixture);
    assert_int_equal(log_start_offset(first), 3);
    assert_int_equal(log_start_offset(newer), 0);
    store_set_retention_total(fixture->store, 0);
    fixture_settle(fixture);
    assert_int_equal(log_start_offset(first), 6);
    assert_int_equal(log_start_offset(newer), 6);
    assert_int_equal(log_start_offset(compacted), 0);
    /* It is kept while bytes come, too. */
    fixture->log = newer;
    fixture->settings.is_deleted = true;
    fixture->settings.is_compacted = false;
    fill(fixture, 6, now_ms(fixture));
    assert_true(log_start_offset(newer) > 6);
}

static void a_new_segment_may_have_its_whole_size_at_once(void **state)
{
    struct fixture *fixture = *state;
    sim_plan(fixture->sim, 0)->can_allocate = true;
    fixture->settings.segment_size = 1 << 20;
    log_set_settings(fixture->log, &fixture->settings);
    fixture_append(fixture, 1);
    assert_true(sim_disk_used(fixture->sim, 0) < 200 << 10);
    fixture->settings.is_preallocated = true;
    log_set_settings(fixture->log, &fixture->settings);
    assert_int_equal(log_roll(fixture->log), 0);
    fixture_append(fixture, 1);
    assert_true(sim_disk_used(fixture->sim, 0) >= 1 << 20);
    assert_int_equal(log_roll(fixture->log), 0);
    assert_true(sim_disk_used(fixture->sim, 0) < 200 << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        CASE(old_segments_go_and_the_start_moves),
        CASE(a_timestamp_in_the_future_pins_nothing),
        CASE(size_keeps_at_least_what_it_says),
        CASE(a_full_disk_lets_segments_go),
        CASE(a_log_that_is_only_compacted_is_not_shortened),
        CASE(deleted_records_stay_deleted_and_whole_segments_leave),
        CASE(a_cut_stays_cut_and_forgets_producers_and_epochs),
        CASE(a_segment_is_rolled_when_it_is_old),
        CASE(less_retention_counts_at_once),
        CASE(segments_end_earlier_by_chance),
        CASE(a_compacted_segment_ends_when_a_record_may_wait_no_longer),
        CASE(all_logs_together_have_a_limit),
        CASE(a_new_segment_may_have_its_whole_size_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
