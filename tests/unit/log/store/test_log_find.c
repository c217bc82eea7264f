/* Shows what a log tells of aborted transactions: those that reach into what was read, across
 * segments, after a restart and a crash, when their file is damaged, and while others are open. */
#include "log/store/aborted_index.h"
#include "tests/unit/log/store/fixture.h"

enum { ABORT, COMMIT };

static int64_t append(struct fixture *fixture, int64_t producer_id, int32_t sequence)
{
    struct batch_builder builder;
    struct log_append out;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = producer_id;
    builder.producer_epoch = 0;
    builder.base_sequence = sequence;
    builder.attributes = BATCH_TRANSACTIONAL;
    batch_builder_add(&builder, 1000, BYTES_LITERAL("k"), BYTES_LITERAL("value"), NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    return out.base_offset;
}

static int64_t end(struct fixture *fixture, int64_t producer_id, int how)
{
    const uint8_t key[] = {0, 0, 0, (uint8_t)how};
    const uint8_t value[] = {0, 0, 0, 0, 0, 1};
    struct batch_builder builder;
    struct log_append out;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = producer_id;
    builder.producer_epoch = 0;
    builder.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    batch_builder_add(&builder, 1000, bytes_make(key, sizeof key), bytes_make(value, sizeof value),
                      NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
    assert_int_equal(log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0,
                                LOG_ORIGIN_COORDINATOR, &out),
                     0);
    return out.base_offset;
}

struct found {
    struct log_aborted rows[16];
    size_t count;
};

static void on_aborted(void *owner, const struct log_aborted *aborted)
{
    struct found *found = owner;
    assert_true(found->count < 16);
    found->rows[found->count++] = *aborted;
}

static struct found find(struct fixture *fixture, int64_t offset, int64_t end_offset)
{
    struct found found = {.count = 0};
    assert_int_equal(log_each_aborted(fixture->log, offset, end_offset, on_aborted, &found), 0);
    return found;
}

/* Offsets: 0 a, 1 b, 2 abort a, 3 c, 4 commit b, 5 abort c, 6 plain. */
static void write_three(struct fixture *fixture)
{
    append(fixture, 1, 0);
    append(fixture, 2, 0);
    assert_int_equal(end(fixture, 1, ABORT), 2);
    append(fixture, 3, 0);
    assert_int_equal(end(fixture, 2, COMMIT), 4);
    assert_int_equal(end(fixture, 3, ABORT), 5);
    fixture_append(fixture, 1);
    fixture_settle(fixture);
}

static void check_three(struct fixture *fixture)
{
    struct found found = find(fixture, 0, 7);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.rows[0].producer_id, 1);
    assert_int_equal(found.rows[0].first_offset, 0);
    assert_int_equal(found.rows[0].last_offset, 2);
    assert_int_equal(found.rows[1].producer_id, 3);
    assert_int_equal(found.rows[1].first_offset, 3);
    assert_int_equal(found.rows[1].last_offset, 5);
    assert_int_equal(find(fixture, 0, 3).count, 1);
    assert_int_equal(find(fixture, 2, 3).count, 1);
    assert_int_equal(find(fixture, 3, 4).count, 1);
    assert_int_equal(find(fixture, 3, 4).rows[0].producer_id, 3);
    assert_int_equal(find(fixture, 1, 2).rows[0].producer_id, 1);
    assert_int_equal(find(fixture, 6, 7).count, 0);
    assert_int_equal(log_check_replay(fixture->log), 0);
}

static void those_that_reach_into_a_range_are_told(void **state)
{
    struct fixture *fixture = *state;
    write_three(fixture);
    assert_int_equal(log_stable_offset(fixture->log), 7);
    check_three(fixture);
}

static void they_are_told_after_a_clean_end_and_after_a_crash(void **state)
{
    struct fixture *fixture = *state;
    write_three(fixture);
    fixture_crash(fixture);
    check_three(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    check_three(fixture);
    fixture_crash(fixture);
    check_three(fixture);
}

static bool has_file(struct fixture *fixture, const char *path)
{
    struct io_file_info info;
    return io_path_info(sim_io(fixture->sim, 0), path, &info) == 0;
}

static void they_cross_segments_and_leave_with_them(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.segment_size = 300;
    log_set_settings(fixture->log, &fixture->settings);
    append(fixture, 1, 0); /* 0; two or three batches fit a segment */
    append(fixture, 2, 0);
    for (int32_t i = 1; i < 9; i++) {
        append(fixture, 1, i);
    }
    assert_int_equal(end(fixture, 1, ABORT), 10);
    assert_int_equal(log_stable_offset(fixture->log), 0);
    assert_int_equal(end(fixture, 2, COMMIT), 11);
    append(fixture, 3, 0);
    assert_int_equal(end(fixture, 3, ABORT), 13);
    fixture_append(fixture, 1);
    fixture_append(fixture, 1);
    fixture_settle(fixture);
    assert_int_equal(find(fixture, 0, 1).count, 1);
    assert_int_equal(find(fixture, 0, 1).rows[0].last_offset, 10);
    assert_int_equal(find(fixture, 0, 14).count, 2);
    fixture_crash(fixture);
    log_set_settings(fixture->log, &fixture->settings);
    assert_int_equal(find(fixture, 0, 1).count, 1);
    assert_int_equal(find(fixture, 0, 14).count, 2);
    assert_int_equal(log_check_replay(fixture->log), 0);
    assert_int_equal(log_set_start_offset(fixture->log, 14), 0);
    fixture_settle(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(find(fixture, 14, 15).count, 0);
    assert_false(has_file(fixture, "/data/orders-0/00000000000000000009.txnindex"));
    assert_int_equal(log_check_replay(fixture->log), 0);
}

/* Proving a row opens the file where its transaction begins, which closes the one with the row. */
static void rows_are_proven_with_few_files_open(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.segment_size = 300;
    log_set_settings(fixture->log, &fixture->settings);
    for (int64_t id = 1; id <= 3; id++) {
        append(fixture, id, 0);
        fixture_append(fixture, 1);
    }
    for (int64_t id = 1; id <= 3; id++) {
        end(fixture, id, ABORT);
    }
    fixture_settle(fixture);
    fixture_close(fixture);
    fixture->options.open_file_max = 1;
    fixture_open(fixture);
    assert_int_equal(find(fixture, 0, 9).count, 3);
    assert_int_equal(log_check_replay(fixture->log), 0);
}

static void a_cut_takes_them_along(void **state)
{
    struct fixture *fixture = *state;
    write_three(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(log_truncate(fixture->log, 5), 0);
    assert_int_equal(find(fixture, 0, 3).count, 1);
    assert_int_equal(log_stable_offset(fixture->log), 3); /* open again */
    assert_int_equal(log_check_replay(fixture->log), 0);
    assert_int_equal(end(fixture, 3, COMMIT), 5);
    fixture_settle(fixture);
    fixture_crash(fixture);
    assert_int_equal(find(fixture, 0, 6).count, 1);
    assert_int_equal(log_check_replay(fixture->log), 0);
}

static void a_damaged_file_is_told_anew(void **state)
{
    static const char path[] = "/data/orders-0/00000000000000000000.txnindex";
    struct fixture *fixture = *state;
    struct io *io = sim_io(fixture->sim, 0);
    write_three(fixture);
    fixture_close(fixture);
    assert_true(has_file(fixture, path));
    for (int i = 0; i < 2; i++) {
        struct io_file *file = NULL;
        struct bytes junk = BYTES_LITERAL("junk");
        assert_int_equal(io_file_open(io, path, IO_OPEN_WRITE, &file), 0);
        assert_int_equal(io_file_write(io, file, &junk, 1, i == 0 ? 0 : 68), 0);
        io_file_close(io, file);
        fixture_open(fixture);
        check_three(fixture);
        fixture_append(fixture, 1);
        fixture_settle(fixture);
        fixture_close(fixture);
    }
    fixture_open(fixture);
    check_three(fixture);
}

/* No checksum guards the file, so each row is compared with the batches it speaks of. Only what it
 * says of the stable offset cannot be. */
static void a_flipped_bit_is_found(void **state)
{
    static const char path[] = "/data/orders-0/00000000000000000000.txnindex";
    struct fixture *fixture = *state;
    struct io *io = sim_io(fixture->sim, 0);
    write_three(fixture);
    fixture_close(fixture);
    for (uint64_t bit = 0; bit < 2 * ABORTED_INDEX_ROW_SIZE * 8; bit++) {
        if (bit / 8 % ABORTED_INDEX_ROW_SIZE >= ABORTED_INDEX_ROW_SIZE - 8) {
            continue;
        }
        struct io_file *file = NULL;
        uint8_t byte = 0;
        assert_int_equal(io_file_open(io, path, IO_OPEN_WRITE, &file), 0);
        assert_int_equal(io_file_read(io, file, &byte, 1, bit / 8, IO_READ_WAIT), 1);
        byte ^= (uint8_t)(1 << bit % 8);
        struct bytes part = bytes_make(&byte, 1);
        assert_int_equal(io_file_write(io, file, &part, 1, bit / 8), 0);
        io_file_close(io, file);
        fixture_open(fixture);
        check_three(fixture);
        store_abandon(fixture->store);
        fixture->store = NULL;
        byte ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(io_file_open(io, path, IO_OPEN_WRITE, &file), 0);
        assert_int_equal(io_file_write(io, file, &part, 1, bit / 8), 0);
        io_file_close(io, file);
    }
}

/* What its first records were is gone, but it is still open: the stable offset cannot be below the
 * start. */
static void the_stable_offset_is_never_below_the_start(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 0);
    fixture_append(fixture, 5);
    fixture_settle(fixture);
    assert_int_equal(log_stable_offset(fixture->log), 0);
    assert_int_equal(log_set_start_offset(fixture->log, 4), 0);
    assert_int_equal(log_stable_offset(fixture->log), 4);
    log_check(fixture->log);
    assert_int_equal(end(fixture, 1, ABORT), 6);
    fixture_settle(fixture);
    assert_int_equal(log_stable_offset(fixture->log), 7);
    assert_int_equal(find(fixture, 4, 7).count, 1);
}

#define FIND_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

struct power {
    uint64_t left; /* operations until it is lost */
};

static enum sim_verdict lose_power(void *owner, const struct sim_call *call)
{
    struct power *power = owner;
    (void)call;
    return power->left-- == 0 ? SIM_CRASH : SIM_GO_ON;
}

/* With the transaction in a segment that goes, and a snapshot behind it; false when the cut was
 * over before power was lost. */
static bool cut_and_lose_power(int draw_count, uint64_t operation)
{
    void *state = NULL;
    fixture_set_up(&state);
    struct fixture *fixture = state;
    struct power power = {.left = operation};
    for (int i = 0; i < draw_count; i++) {
        (void)sim_random(fixture->sim, 2); /* another power failure each time */
    }
    fixture->settings.segment_size = 300;
    log_set_settings(fixture->log, &fixture->settings);
    int64_t cut = append(fixture, 9, 0);
    for (int32_t i = 0; i < 6; i++) {
        append(fixture, 1, i);
        end(fixture, 1, ABORT);
    }
    fixture_settle(fixture);
    sim_on_operation(fixture->sim, lose_power, &power);
    int error = log_truncate(fixture->log, cut + 1);
    sim_on_operation(fixture->sim, NULL, NULL);
    if (error != 0) {
        store_abandon(fixture->store);
        fixture_open(fixture);
        assert_int_equal(log_status(fixture->log), 0);
        assert_int_equal(log_check_replay(fixture->log), 0);
    }
    fixture_tear_down(&state);
    return error != 0;
}

static void a_cut_that_loses_power_leaves_none_untold(void **state)
{
    (void)state;
    for (int draw_count = 0; draw_count < 20; draw_count++) {
        for (uint64_t operation = 0; cut_and_lose_power(draw_count, operation); operation++) {}
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIND_TEST(those_that_reach_into_a_range_are_told),
        FIND_TEST(they_are_told_after_a_clean_end_and_after_a_crash),
        FIND_TEST(they_cross_segments_and_leave_with_them),
        FIND_TEST(rows_are_proven_with_few_files_open),
        FIND_TEST(a_cut_takes_them_along),
        FIND_TEST(a_damaged_file_is_told_anew),
        FIND_TEST(a_flipped_bit_is_found),
        FIND_TEST(the_stable_offset_is_never_below_the_start),
        cmocka_unit_test(a_cut_that_loses_power_leaves_none_untold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
