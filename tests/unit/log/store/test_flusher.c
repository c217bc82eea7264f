/* Shows that each log is flushed for itself: none waits for another's flush, each flush takes what
 * gathered during the one before, and a log may be deleted under its flush. */
#include "log/store/flusher.h"
#include "tests/unit/log/store/fixture.h"

enum { SYNC_MS = 10, MANY = 40 };

static const uint64_t SYNC_NS = SYNC_MS * FIXTURE_SECOND / 1000;

static int set_up(void **state)
{
    int error = fixture_set_up(state);
    struct fixture *fixture = *state;
    fixture_settle(fixture);
    sim_plan(fixture->sim, 0)->sync = (struct sim_range){SYNC_NS, SYNC_NS};
    return error;
}

static struct log *make_log(struct fixture *fixture, int partition)
{
    struct wire_uuid id = {{5, 6, 7, 8}};
    struct log *log = NULL;
    assert_int_equal(
        store_create_log(fixture->store, "bills", partition, id, &fixture->settings, &log), 0);
    return log;
}

static void append_and_ask(struct fixture *fixture, struct log *log)
{
    fixture->log = log;
    fixture_append(fixture, 1);
    log_ask_flush(log);
}

static void run_for(struct fixture *fixture, uint64_t time_ns)
{
    sim_run(fixture->sim, sim_now(fixture->sim) + time_ns);
    store_check(fixture->store);
}

static int64_t flush_count(struct fixture *fixture)
{
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    return stats.flush_count;
}

static void no_log_waits_for_the_flush_of_another(void **state)
{
    struct fixture *fixture = *state;
    struct log *first = fixture->log;
    struct log *second = make_log(fixture, 0);
    append_and_ask(fixture, first);
    run_for(fixture, SYNC_NS / 2);
    append_and_ask(fixture, second);
    run_for(fixture, SYNC_NS * 3 / 4);
    assert_int_equal(log_flushed_offset(first), 1);
    assert_int_equal(log_flushed_offset(second), 0);
    run_for(fixture, SYNC_NS / 2);
    assert_int_equal(log_flushed_offset(second), 1);
}

static void what_comes_during_a_flush_shares_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    int64_t before = flush_count(fixture);
    append_and_ask(fixture, fixture->log);
    run_for(fixture, SYNC_NS / 4);
    for (int i = 0; i < 5; i++) {
        append_and_ask(fixture, fixture->log);
    }
    run_for(fixture, SYNC_NS);
    assert_int_equal(log_flushed_offset(fixture->log), 1);
    run_for(fixture, SYNC_NS);
    assert_int_equal(log_flushed_offset(fixture->log), 6);
    assert_int_equal(flush_count(fixture) - before, 2);
}

static void many_logs_are_flushed_in_turns_and_all_of_them(void **state)
{
    struct fixture *fixture = *state;
    struct log *logs[MANY];
    for (int i = 0; i < MANY; i++) {
        logs[i] = make_log(fixture, i);
    }
    for (int i = 0; i < MANY; i++) {
        append_and_ask(fixture, logs[i]);
    }
    int turns = (MANY + FLUSHER_RUNNING_MAX - 1) / FLUSHER_RUNNING_MAX;
    run_for(fixture, SYNC_NS * (uint64_t)(turns - 1) + SYNC_NS / 2);
    assert_int_equal(log_flushed_offset(logs[MANY - 1]), 0);
    run_for(fixture, SYNC_NS);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(log_flushed_offset(logs[i]), 1);
    }
}

static void a_log_may_be_deleted_under_its_flush(void **state)
{
    struct fixture *fixture = *state;
    struct log *kept = fixture->log;
    struct log *deleted = make_log(fixture, 0);
    append_and_ask(fixture, deleted);
    run_for(fixture, SYNC_NS / 2);
    assert_int_equal(store_delete_log(fixture->store, deleted), 0);
    append_and_ask(fixture, kept);
    run_for(fixture, SYNC_NS * 2);
    assert_int_equal(log_flushed_offset(kept), 1);
    fixture_close(fixture);
}

static void a_store_closes_only_when_every_log_is_flushed(void **state)
{
    struct fixture *fixture = *state;
    append_and_ask(fixture, fixture->log);
    run_for(fixture, SYNC_NS / 2);
    fixture_append(fixture, 1); /* nobody asks for this one */
    fixture->log = make_log(fixture, 0);
    fixture_append(fixture, 1);
    fixture_close(fixture);
    sim_crash(fixture->sim, 0);
    fixture_open(fixture);
    assert_int_equal(log_end_offset(fixture->log), 2);
    assert_int_equal(log_end_offset(store_find_log(fixture->store, "bills", 0)), 1);
}

static enum sim_verdict refuse_epoch_files(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_epochs = strstr(call->path, "leader-epoch-checkpoint") != NULL;
    return is_epochs && call->operation == SIM_FILE_WRITE ? SIM_NO_SPACE : SIM_GO_ON;
}

/* The start moved and with it the first epoch, which finds no room: nothing is acknowledged,
 * nothing is given up. */
static void a_flush_without_room_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    append_and_ask(fixture, fixture->log);
    run_for(fixture, SYNC_NS * 2);
    append_and_ask(fixture, fixture->log);
    sim_on_operation(fixture->sim, refuse_epoch_files, NULL);
    assert_int_equal(log_set_start_offset(fixture->log, 1), 0);
    run_for(fixture, SYNC_NS * 20);
    assert_int_equal(store_status(fixture->store), 0);
    assert_int_equal(log_flushed_offset(fixture->log), 1);
    sim_on_operation(fixture->sim, NULL, NULL);
    run_for(fixture, SYNC_NS * 20);
    assert_int_equal(log_flushed_offset(fixture->log), 2);
}

static void a_store_that_closes_waits_for_no_room(void **state)
{
    struct fixture *fixture = *state;
    append_and_ask(fixture, fixture->log);
    run_for(fixture, SYNC_NS * 2);
    fixture_append(fixture, 1);
    sim_on_operation(fixture->sim, refuse_epoch_files, NULL);
    assert_int_equal(log_set_start_offset(fixture->log, 1), 0);
    fixture_close(fixture);
    sim_on_operation(fixture->sim, NULL, NULL);
    fixture_open(fixture);
    assert_int_equal(log_end_offset(fixture->log), 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_log_waits_for_the_flush_of_another),
        CASE(what_comes_during_a_flush_shares_the_next_one),
        CASE(many_logs_are_flushed_in_turns_and_all_of_them),
        CASE(a_log_may_be_deleted_under_its_flush),
        CASE(a_flush_without_room_is_tried_again),
        CASE(a_store_that_closes_waits_for_no_room),
        CASE(a_store_closes_only_when_every_log_is_flushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
