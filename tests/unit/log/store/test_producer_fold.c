/* Shows what is known of producers when a log is opened again: what its batches say, whatever
 * snapshots are there, damaged, of the future, or missing. */
#include "tests/unit/log/store/fixture.h"

static const char fold_snapshot_path[] = "/data/orders-0/00000000000000000024.snapshot";

static void produce_eight(struct fixture *fixture)
{
    struct log_append out;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(fixture_produce(fixture, 5, 0, i * 3, 3, &out), 0);
    }
    fixture_settle(fixture);
}

static void expect_all_known(struct fixture *fixture)
{
    struct log_append out;
    assert_int_equal(log_check_replay(fixture->log), 0);
    for (int i = 3; i < 8; i++) {
        assert_int_equal(fixture_produce(fixture, 5, 0, i * 3, 3, &out), 0);
        assert_true(out.is_duplicate);
        assert_int_equal(out.base_offset, i * 3);
    }
    assert_int_equal(fixture_produce(fixture, 5, 0, 27, 1, &out),
                     ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(fixture_produce(fixture, 6, 0, 1, 1, &out),
                     ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

static void duplicates_are_known_after_a_crash_and_after_a_close(void **state)
{
    struct fixture *fixture = *state;
    produce_eight(fixture);
    fixture_crash(fixture);
    expect_all_known(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    expect_all_known(fixture);
}

static void a_damaged_snapshot_is_no_loss_while_the_batches_are_there(void **state)
{
    struct fixture *fixture = *state;
    produce_eight(fixture);
    fixture_close(fixture);
    assert_true(sim_corrupt(fixture->sim, 0, fold_snapshot_path, 9, 7));
    fixture_open(fixture);
    expect_all_known(fixture);
}

/* What the log lost is not known to a producer's state either. */
static void a_snapshot_of_the_future_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    struct io_file_info info;
    struct log_append out;
    produce_eight(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(io_path_info(sim_io(fixture->sim, 0), fold_snapshot_path, &info), 0);
    assert_int_equal(log_truncate(fixture->log, 12), 0);
    fixture_settle(fixture);
    assert_int_equal(io_path_info(sim_io(fixture->sim, 0), fold_snapshot_path, &info),
                     ERROR_NOT_FOUND);
    assert_int_equal(log_check_replay(fixture->log), 0);
    assert_int_equal(fixture_produce(fixture, 5, 0, 12, 3, &out), 0);
    assert_false(out.is_duplicate);
    assert_int_equal(out.base_offset, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        CASE(duplicates_are_known_after_a_crash_and_after_a_close),
        CASE(a_damaged_snapshot_is_no_loss_while_the_batches_are_there),
        CASE(a_snapshot_of_the_future_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
