/* Shows that what rotted while no process ran is not handed out, that the rest is, and that indexes
 * which lie are made anew. */
#include "tests/unit/log/store/fixture.h"

#define LOG_FILE   "/data/orders-0/00000000000000000000.log"
#define INDEX_FILE "/data/orders-0/00000000000000000000.index"
#define TIME_FILE  "/data/orders-0/00000000000000000000.timeindex"

enum { COUNT = 6 };

static size_t batch_size; /* all are alike */

/* Six batches of one record each, then a clean stop. */
static void fill(struct fixture *fixture)
{
    fixture->settings.index_interval_size = 1;
    log_set_settings(fixture->log, &fixture->settings);
    for (int i = 0; i < COUNT; i++) {
        struct log_append out;
        fixture_build(fixture, NULL, 1, 1000 * (i + 1), 100, COMPRESS_NONE);
        assert_int_equal(fixture_append_built(fixture, &out), 0);
    }
    batch_size = fixture->batch.size;
    fixture_settle(fixture);
    fixture_close(fixture);
}

static void damage(struct fixture *fixture, const char *path, uint64_t position, int bit)
{
    assert_true(sim_corrupt(fixture->sim, 0, path, position, bit));
    fixture_open(fixture);
}

/* Opens a slice of one batch: an error, or 0 when it holds the batch of that offset. */
static int look(struct fixture *fixture, int64_t offset)
{
    struct log_slice slice = {.offset = offset,
                              .limit_offset = log_end_offset(fixture->log),
                              .size_max = 1,
                              .is_first_whole = true,
                              .may_wait = true};
    int error = 0;
    assert_true(log_slice_open(fixture->log, &slice, &error));
    if (error == 0) {
        assert_int_equal(slice.size, batch_size);
        assert_int_equal(slice.position, (size_t)offset * batch_size);
    }
    log_slice_close(&slice);
    return error;
}

static void expect_only(struct fixture *fixture, int64_t damaged)
{
    for (int64_t offset = 0; offset < COUNT; offset++) {
        int wanted = offset == damaged ? ERROR_CORRUPT : 0;
        assert_int_equal(look(fixture, offset), wanted);
        assert_int_equal(look(fixture, offset), wanted);
    }
}

static void a_flipped_bit_is_not_handed_out(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    damage(fixture, LOG_FILE, 2 * batch_size + 70, 3);
    expect_only(fixture, 2);
    assert_int_equal(trace_count("segment.damaged"), 1);
    assert_int_equal(fixture_append(fixture, 1), COUNT); /* the log goes on */
}

static void what_comes_before_is_handed_out(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    damage(fixture, LOG_FILE, 3 * batch_size + 70, 3);
    struct log_slice slice = {
        .offset = 1, .limit_offset = COUNT, .size_max = 1 << 20, .may_wait = true};
    int error = 0;
    assert_true(log_slice_open(fixture->log, &slice, &error));
    assert_int_equal(error, 0);
    assert_int_equal(slice.position, batch_size);
    assert_int_equal(slice.size, 2 * batch_size);
    assert_int_equal(slice.next_offset, 3);
    log_slice_close(&slice);
    slice.offset = 3;
    assert_true(log_slice_open(fixture->log, &slice, &error));
    assert_int_equal(error, ERROR_CORRUPT);
}

/* The second time what comes before is proven already. */
static void what_comes_before_ends_at_the_same_offset_again(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    damage(fixture, LOG_FILE, 3 * batch_size + 70, 3);
    for (int i = 0; i < 2; i++) {
        struct log_slice slice = {.limit_offset = COUNT, .size_max = 1 << 20, .may_wait = true};
        int error = 0;
        assert_true(log_slice_open(fixture->log, &slice, &error));
        assert_int_equal(error, 0);
        assert_int_equal(slice.size, 3 * batch_size);
        assert_int_equal(slice.next_offset, 3);
        log_slice_close(&slice);
    }
}

/* The index of times and the batches disagree: not found is no answer. */
static void a_time_that_is_not_where_it_was_is_damage(void **state)
{
    struct fixture *fixture = *state;
    struct log_position found;
    fill(fixture);
    damage(fixture, LOG_FILE, (COUNT - 1) * batch_size + 41, 4); /* 6000 becomes 1904 */
    assert_int_equal(log_find_time(fixture->log, 1000 * COUNT, COUNT, &found), ERROR_CORRUPT);
}

/* A base offset is covered by no CRC; it gives the lie to its neighbour. */
static void an_offset_that_moved_up_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    damage(fixture, LOG_FILE, 2 * batch_size + 7, 3); /* 2 becomes 10 */
    assert_int_equal(look(fixture, 2), ERROR_CORRUPT);
}

static void an_index_that_leads_too_far_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    /* The second entry is that of offset 2; it may say 3, or lead beyond it. */
    damage(fixture, INDEX_FILE, 1 * 8 + 3, 7);
    expect_only(fixture, -1);
}

static void times_that_lie_are_not_believed(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    /* The largest timestamp is the last entry's; it becomes another one, which no batch has. */
    damage(fixture, TIME_FILE, (COUNT - 2) * 12 + 6, 3);
    struct log_position found;
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(log_find_time(fixture->log, 1000 * (i + 1), COUNT, &found), 0);
        assert_int_equal(found.offset, i);
    }
    assert_int_equal(log_find_max_time(fixture->log, COUNT, &found), 0);
    assert_int_equal(found.offset, COUNT - 1);
}

/* What recovery walked was looked at already; a gap beyond the recovery point is no compaction's.
 */
static void a_gap_in_the_tail_is_damage(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        fixture_append(fixture, 1);
    }
    batch_size = fixture->batch.size;
    fixture_settle(fixture);
    sim_kill(fixture->sim, 0);
    store_abandon(fixture->store);
    damage(fixture, LOG_FILE, 1 * batch_size + 6, 0);
    assert_int_equal(log_status(fixture->log), ERROR_CORRUPT);
    struct io_file_info info;
    assert_int_equal(io_path_info(sim_io(fixture->sim, 0), LOG_FILE, &info), 0);
    assert_true(info.size >= 3 * batch_size);
}

struct opening {
    struct log_slice slice;
    int error;
    bool is_done;
};

static void on_open(struct log_slice *slice, int error)
{
    struct opening *opening = slice->owner;
    opening->error = error;
    opening->is_done = true;
}

static bool is_open(void *owner)
{
    return ((struct opening *)owner)->is_done;
}

/* A batch of many windows, which now and then are not in the page cache. */
static void a_large_batch_is_proven_off_the_loop(void **state)
{
    struct fixture *fixture = *state;
    struct opening opening = {.is_done = false};
    struct log_append out;
    fixture_build(fixture, NULL, 1, 1000, 900000, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    fixture_settle(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    sim_plan(fixture->sim, 0)->read_again = 400000;
    opening.slice = (struct log_slice){.limit_offset = 1,
                                       .size_max = 1 << 20,
                                       .is_first_whole = true,
                                       .done = on_open,
                                       .owner = &opening};
    opening.is_done = log_slice_open(fixture->log, &opening.slice, &opening.error);
    assert_true(sim_run_until(fixture->sim, is_open, &opening, FIXTURE_SECOND * 10));
    assert_int_equal(opening.error, 0);
    assert_int_equal(opening.slice.size, fixture->batch.size);
    log_slice_close(&opening.slice);
}

static int set_up(void **state)
{
    trace_reset();
    return fixture_set_up(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
        CASE(a_flipped_bit_is_not_handed_out),
        CASE(an_offset_that_moved_up_is_noticed),
        CASE(an_index_that_leads_too_far_is_made_anew),
        CASE(times_that_lie_are_not_believed),
        CASE(what_comes_before_is_handed_out),
        CASE(what_comes_before_ends_at_the_same_offset_again),
        CASE(a_time_that_is_not_where_it_was_is_damage),
        CASE(a_gap_in_the_tail_is_damage),
        CASE(a_large_batch_is_proven_off_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
