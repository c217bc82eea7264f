/* Shows when reads begin beside syncs that somebody waits for: behind those that were there first,
 * ahead of those that came later, and not many bytes at once; and that nobody else makes them wait.
 */
#include "log/store/flusher.h"
#include "log/store/log_slice.h"
#include "log/store/read_gate.h"
#include "tests/unit/log/store/fixture.h"

enum { SMALL = 8 << 10, BLOCK = 300 << 10 };

static const uint64_t SYNC_NS = 10 * FIXTURE_SECOND / 1000;
static const uint64_t READ_NS = FIXTURE_SECOND / 1000;

struct reading {
    struct read_gate_read read;
    bool has_begun;
};

struct world {
    struct sim *sim;
    struct read_gate gate;
};

static int set_up(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    world->sim = sim_new(1, 1);
    read_gate_init(&world->gate, sim_io(world->sim, 0));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    sim_free(world->sim);
    test_free(world);
    return 0;
}

static void on_begin(struct read_gate_read *read)
{
    list_member(read, struct reading, read)->has_begun = true;
}

static bool start(struct world *world, struct reading *reading, size_t size)
{
    *reading = (struct reading){.read.begin = on_begin};
    read_gate_read_start(&world->gate, &reading->read, size);
    read_gate_check(&world->gate);
    return reading->has_begun;
}

static void end(struct world *world, struct reading *reading)
{
    assert_true(reading->has_begun);
    read_gate_read_end(&world->gate, &reading->read);
    read_gate_check(&world->gate);
}

static void a_read_waits_for_the_syncs_before_it_and_for_no_others(void **state)
{
    struct world *world = *state;
    struct read_gate_sync syncs[3] = {0};
    struct reading reading;
    read_gate_await(&world->gate);
    read_gate_sync_start(&world->gate, &syncs[0]);
    read_gate_sync_start(&world->gate, &syncs[1]);
    assert_false(start(world, &reading, SMALL));
    read_gate_sync_start(&world->gate, &syncs[2]);
    read_gate_sync_end(&world->gate, &syncs[1]);
    assert_false(reading.has_begun);
    read_gate_sync_end(&world->gate, &syncs[0]);
    assert_true(reading.has_begun);
    read_gate_sync_end(&world->gate, &syncs[2]);
    end(world, &reading);
}

static void few_bytes_are_read_at_once(void **state)
{
    struct world *world = *state;
    struct reading large, small, second, third;
    read_gate_await(&world->gate);
    assert_true(start(world, &large, 4 * READ_GATE_SIZE_MAX)); /* alone, whatever its size */
    assert_false(start(world, &small, SMALL));
    assert_false(start(world, &second, BLOCK));
    assert_false(start(world, &third, BLOCK));
    end(world, &large);
    assert_true(small.has_begun);
    assert_true(second.has_begun);
    assert_false(third.has_begun);
    end(world, &small);
    assert_false(third.has_begun);
    end(world, &second);
    assert_true(third.has_begun);
    end(world, &third);
}

static void without_waiters_nothing_waits(void **state)
{
    struct world *world = *state;
    struct read_gate_sync sync = {0};
    struct reading first, second;
    read_gate_sync_start(&world->gate, &sync);
    assert_true(start(world, &first, 4 * READ_GATE_SIZE_MAX));
    assert_true(start(world, &second, BLOCK));
    read_gate_await(&world->gate);
    assert_true(read_gate_is_awaited(&world->gate));
    sim_run(world->sim, sim_now(world->sim) + io_delay_ns(READ_GATE_PATIENCE_MS));
    assert_false(read_gate_is_awaited(&world->gate));
    read_gate_sync_end(&world->gate, &sync);
    end(world, &first);
    end(world, &second);
}

static void a_read_that_is_forgotten_never_begins(void **state)
{
    struct world *world = *state;
    struct reading first, second;
    read_gate_await(&world->gate);
    assert_true(start(world, &first, READ_GATE_SIZE_MAX));
    assert_false(start(world, &second, SMALL));
    read_gate_read_forget(&second.read);
    end(world, &first);
    assert_false(second.has_begun);
}

static void on_sliced(struct log_slice *slice, int error)
{
    assert_int_equal(error, 0);
    *(bool *)slice->owner = true;
}

static void run_for(struct fixture *fixture, uint64_t time_ns)
{
    sim_run(fixture->sim, sim_now(fixture->sim) + time_ns);
    store_check(fixture->store);
}

/* Durable batches that are nowhere in memory, and one whose sync is under way. */
static void append_old_and_new(struct fixture *fixture)
{
    fixture_append(fixture, 3);
    fixture_append(fixture, 3);
    fixture_settle(fixture);
    sim_plan(fixture->sim, 0)->sync = (struct sim_range){SYNC_NS, SYNC_NS};
    sim_plan(fixture->sim, 0)->read = (struct sim_range){READ_NS, READ_NS};
    sim_plan(fixture->sim, 0)->read_again = 1000000;
    fixture_append(fixture, 1);
}

/* Whether the first batch is found while the sync is under way. */
static bool is_found_beside_sync(struct fixture *fixture)
{
    bool is_found = false;
    int error = 0;
    struct log_slice slice = {
        .limit_offset = 3, .size_max = 1 << 20, .done = on_sliced, .owner = &is_found};
    assert_false(log_slice_open(fixture->log, &slice, &error));
    run_for(fixture, SYNC_NS / 2);
    assert_int_equal(log_flushed_offset(fixture->log), 6);
    bool is_beside = is_found;
    run_for(fixture, SYNC_NS);
    assert_int_equal(log_flushed_offset(fixture->log), 7);
    assert_true(is_found);
    assert_true(slice.size > 0);
    log_slice_close(&slice);
    return is_beside;
}

static void old_records_wait_for_a_sync_that_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    append_old_and_new(fixture);
    log_ask_flush(fixture->log);
    run_for(fixture, SYNC_NS / 4);
    assert_false(is_found_beside_sync(fixture));
}

static void old_records_wait_for_no_other_sync(void **state)
{
    struct fixture *fixture = *state;
    append_old_and_new(fixture);
    run_for(fixture, io_delay_ns(FLUSHER_DELAY_MS) + SYNC_NS / 4);
    assert_true(is_found_beside_sync(fixture));
}

static void a_store_that_is_abandoned_forgets_waiting_reads(void **state)
{
    struct fixture *fixture = *state;
    bool is_found = false;
    int error = 0;
    struct log_slice slice = {
        .limit_offset = 3, .size_max = 1 << 20, .done = on_sliced, .owner = &is_found};
    append_old_and_new(fixture);
    log_ask_flush(fixture->log);
    run_for(fixture, SYNC_NS / 4);
    assert_false(log_slice_open(fixture->log, &slice, &error));
    fixture_crash(fixture);
    fixture_settle(fixture);
    assert_false(is_found);
    assert_int_equal(slice.size, 0);
}

#define GATE_CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define CASE(test)      cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_CASE(a_read_waits_for_the_syncs_before_it_and_for_no_others),
        GATE_CASE(few_bytes_are_read_at_once),
        GATE_CASE(without_waiters_nothing_waits),
        GATE_CASE(a_read_that_is_forgotten_never_begins),
        CASE(old_records_wait_for_a_sync_that_is_waited_for),
        CASE(old_records_wait_for_no_other_sync),
        CASE(a_store_that_is_abandoned_forgets_waiting_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
