/* Shows that what was applied is what a replay applies, whenever power is lost: the log of the next
 * life begins with everything the last life applied and goes on with whole proposals in the order
 * of their calls. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/quorum/quorum.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { FIXTURE_COMMAND_MAX = 4096, FIXTURE_PROPOSAL_MAX = 512 };

struct fixture_proposal {
    struct quorum_proposal proposal; /* first: the callback gets it */
    struct fixture *fixture;
    int first;          /* number of its first command */
    int count;          /* 0: a barrier */
    size_t made_before; /* proposals that were made before it in this life */
    bool is_answered;
    int error;
};

struct fixture {
    struct sim *sim;
    struct store *store;
    struct quorum *quorum;
    struct store_options options;
    int next_command;
    int applied[FIXTURE_COMMAND_MAX]; /* numbers, in the order of this life's applies */
    size_t applied_count;
    int64_t last_offset;
    struct fixture_proposal proposals[FIXTURE_PROPOSAL_MAX]; /* of this life */
    size_t proposal_count;
};

static void on_apply(void *owner, int64_t offset, struct bytes command)
{
    struct fixture *fixture = (struct fixture *)owner;
    int number = 0;
    assert_true(offset > fixture->last_offset);
    assert_true(command.size >= sizeof number);
    memcpy(&number, command.data, sizeof number);
    for (size_t i = sizeof number; i < command.size; i++) {
        assert_int_equal(command.data[i], (uint8_t)number);
    }
    assert_in_range(fixture->applied_count, 0, FIXTURE_COMMAND_MAX - 1);
    fixture->last_offset = offset;
    fixture->applied[fixture->applied_count++] = number;
}

static const struct quorum_events events = {.apply = on_apply};

static void on_event(void *owner)
{
    struct fixture *fixture = (struct fixture *)owner;
    if (fixture->quorum != NULL) {
        quorum_check(fixture->quorum);
        store_check(fixture->store);
    }
}

static void start(struct fixture *fixture)
{
    struct report report = {0};
    fixture->applied_count = 0;
    fixture->proposal_count = 0;
    fixture->last_offset = -1;
    assert_int_equal(
        store_open(sim_io(fixture->sim, 0), &fixture->options, &fixture->store, &report), 0);
    assert_int_equal(quorum_open(sim_io(fixture->sim, 0), fixture->store, &events, fixture,
                                 &fixture->quorum, &report),
                     0);
}

static struct fixture *fixture_new(uint64_t seed)
{
    struct fixture *fixture = memory_new(struct fixture);
    fixture->sim = sim_new(seed, 1);
    fixture->options = store_options_default("/data");
    start(fixture);
    sim_on_event(fixture->sim, on_event, fixture);
    return fixture;
}

static void abandon(struct fixture *fixture)
{
    quorum_abandon(fixture->quorum);
    store_abandon(fixture->store);
    fixture->quorum = NULL;
    fixture->store = NULL;
}

static void fixture_free(struct fixture *fixture)
{
    abandon(fixture);
    sim_free(fixture->sim);
    free(fixture);
}

static int open_fixture(void **state)
{
    *state = fixture_new(1);
    return 0;
}

static int close_fixture(void **state)
{
    fixture_free((struct fixture *)*state);
    return 0;
}

/* A proposal is answered after its commands were applied and after all that were made before it. */
static void on_done(struct quorum_proposal *proposal, int error, int64_t offset)
{
    struct fixture_proposal *made = (struct fixture_proposal *)(void *)proposal;
    struct fixture *fixture = made->fixture;
    assert_false(made->is_answered);
    made->is_answered = true;
    made->error = error;
    for (size_t i = 0; error == 0 && i < made->made_before; i++) {
        assert_true(fixture->proposals[i].is_answered);
    }
    if (error == 0 && made->count > 0) {
        assert_int_equal(fixture->applied[fixture->applied_count - 1],
                         made->first + made->count - 1);
        assert_int_equal(offset, fixture->last_offset - made->count + 1);
    }
}

static struct fixture_proposal *make(struct fixture *fixture, int count)
{
    assert_in_range(fixture->proposal_count, 0, FIXTURE_PROPOSAL_MAX - 1);
    struct fixture_proposal *made = &fixture->proposals[fixture->proposal_count];
    *made = (struct fixture_proposal){
        .proposal = {.done = on_done},
        .fixture = fixture,
        .first = fixture->next_command,
        .count = count,
        .made_before = fixture->proposal_count++,
    };
    return made;
}

static struct fixture_proposal *propose(struct fixture *fixture, int count)
{
    struct fixture_proposal *made = make(fixture, count);
    struct bytes commands[8];
    uint8_t content[8][256];
    for (int i = 0; i < count; i++) {
        int number = fixture->next_command++;
        size_t size = sizeof number + (size_t)sim_random(fixture->sim, 200);
        memset(content[i], (uint8_t)number, sizeof content[i]);
        memcpy(content[i], &number, sizeof number);
        commands[i] = bytes_make(content[i], size);
    }
    quorum_propose(fixture->quorum, &made->proposal, commands, (size_t)count);
    assert_false(made->is_answered);
    return made;
}

static void run_ms(struct fixture *fixture, uint64_t ms)
{
    sim_run(fixture->sim, sim_now(fixture->sim) + ms * 1000000);
}

static void a_proposal_is_applied_before_it_is_answered(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct fixture_proposal *made = propose(fixture, 3);
    assert_int_equal(fixture->applied_count, 0);
    run_ms(fixture, 1000);
    assert_true(made->is_answered);
    assert_int_equal(made->error, 0);
    assert_int_equal(fixture->applied_count, 3);
}

static void a_barrier_waits_for_what_was_proposed_before(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct fixture_proposal *idle = make(fixture, 0);
    quorum_barrier(fixture->quorum, &idle->proposal);
    assert_false(idle->is_answered);
    propose(fixture, 1);
    struct fixture_proposal *barrier = make(fixture, 0);
    quorum_barrier(fixture->quorum, &barrier->proposal);
    run_ms(fixture, 1000);
    assert_true(idle->is_answered);
    assert_true(barrier->is_answered); /* on_done looked at the order */
}

static void many_proposals_share_a_flush(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct store_stats before;
    struct store_stats after;
    run_ms(fixture, 1000);
    store_read_stats(fixture->store, &before);
    for (int i = 0; i < 100; i++) {
        propose(fixture, 1);
    }
    run_ms(fixture, 1000);
    store_read_stats(fixture->store, &after);
    assert_int_equal(fixture->applied_count, 100);
    assert_true(after.flush_count - before.flush_count <= 3);
}

static void a_failed_flush_leaves_the_fate_open_and_later_proposals_refused(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    propose(fixture, 1); /* the first of an epoch is refused by an append that cannot sync it */
    run_ms(fixture, 1000);
    sim_plan(fixture->sim, 0)->io_error[SIM_FILE_SYNC] = 1000000;
    struct fixture_proposal *open = propose(fixture, 1);
    run_ms(fixture, 1000);
    assert_int_equal(open->error, ERROR_CLOSED);
    struct fixture_proposal *refused = propose(fixture, 1);
    run_ms(fixture, 1000);
    assert_int_equal(refused->error, ERROR_FENCED);
    assert_int_equal(fixture->applied_count, 1);
}

static void on_closed(void *owner)
{
    *(bool *)owner = true;
}

static void what_waits_at_the_end_is_called_back(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct fixture_proposal *made = propose(fixture, 2);
    struct fixture_proposal *barrier = make(fixture, 0);
    quorum_barrier(fixture->quorum, &barrier->proposal);
    quorum_close(fixture->quorum);
    fixture->quorum = NULL;
    assert_false(made->is_answered);
    run_ms(fixture, 1000);
    assert_int_equal(made->error, ERROR_SHUTDOWN);
    assert_int_equal(barrier->error, ERROR_SHUTDOWN);
    assert_int_equal(fixture->applied_count, 0);
}

/* Whoever starts a broker on damaged metadata is told which files, and what to do next. */
static void damage_is_named_with_its_place_and_the_next_step(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct report report = {0};
    bool is_closed = false;
    propose(fixture, 3);
    run_ms(fixture, 1000);
    quorum_close(fixture->quorum);
    fixture->quorum = NULL;
    store_close(fixture->store, on_closed, &is_closed);
    run_ms(fixture, 1000);
    assert_true(is_closed);
    assert_true(sim_corrupt(fixture->sim, 0, "/data/__cluster_metadata-0/00000000000000000000.log",
                            100, 3));
    assert_int_equal(
        store_open(sim_io(fixture->sim, 0), &fixture->options, &fixture->store, &report), 0);
    assert_int_equal(quorum_open(sim_io(fixture->sim, 0), fixture->store, &events, fixture,
                                 &fixture->quorum, &report),
                     ERROR_CORRUPT);
    assert_string_equal(report.place, "/data");
    assert_non_null(strstr(report.text, "/data/__cluster_metadata-0"));
    assert_non_null(strstr(report.text, "tidemill log repair /data"));
}

/* What the life that just ended left for certain, and what it may have left. */
struct memory {
    int applied[FIXTURE_COMMAND_MAX];
    size_t applied_count;
    struct fixture_proposal proposals[FIXTURE_PROPOSAL_MAX];
    size_t proposal_count;
};

/* The replay is the applied commands, then whole proposals in their order. */
static void expect_prefix(const struct fixture *fixture, const struct memory *memory)
{
    size_t at = memory->applied_count;
    assert_true(fixture->applied_count >= at);
    assert_memory_equal(fixture->applied, memory->applied, at * sizeof(int));
    for (size_t i = 0; i < memory->proposal_count && at < fixture->applied_count; i++) {
        const struct fixture_proposal *made = &memory->proposals[i];
        if (made->count == 0 || (made->is_answered && made->error == 0)) {
            continue;
        }
        for (int j = 0; j < made->count; j++, at++) {
            assert_true(at < fixture->applied_count);
            assert_int_equal(fixture->applied[at], made->first + j);
        }
    }
    assert_int_equal(at, fixture->applied_count);
}

static void live(struct fixture *fixture)
{
    uint64_t turns = sim_random(fixture->sim, 40);
    for (uint64_t i = 0; i < turns; i++) {
        uint64_t choice = sim_random(fixture->sim, 10);
        if (choice < 5) {
            propose(fixture, (int)sim_random(fixture->sim, 8) + 1);
        } else if (choice == 5) {
            quorum_barrier(fixture->quorum, &make(fixture, 0)->proposal);
        } else {
            uint64_t steps = sim_random(fixture->sim, 6);
            for (uint64_t step = 0; step < steps; step++) {
                sim_step(fixture->sim);
            }
        }
    }
}

static void one_campaign(uint64_t seed)
{
    struct fixture *fixture = fixture_new(seed);
    struct memory *memory = memory_new(struct memory);
    for (int life = 0; life < 8; life++) {
        live(fixture);
        run_ms(fixture, 1000);
        for (uint64_t late = sim_random(fixture->sim, 5); late > 0; late--) {
            propose(fixture, (int)sim_random(fixture->sim, 8) + 1); /* not flushed any more */
        }
        memcpy(memory->applied, fixture->applied, sizeof memory->applied);
        memory->applied_count = fixture->applied_count;
        memcpy(memory->proposals, fixture->proposals, sizeof memory->proposals);
        memory->proposal_count = fixture->proposal_count;
        if (sim_random(fixture->sim, 4) == 0) {
            sim_kill(fixture->sim, 0);
        } else {
            sim_crash(fixture->sim, 0);
        }
        abandon(fixture);
        start(fixture);
        expect_prefix(fixture, memory);
    }
    free(memory);
    fixture_free(fixture);
}

static void what_was_applied_is_what_is_replayed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        one_campaign(seed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_proposal_is_applied_before_it_is_answered),
        TEST(a_barrier_waits_for_what_was_proposed_before),
        TEST(many_proposals_share_a_flush),
        TEST(a_failed_flush_leaves_the_fate_open_and_later_proposals_refused),
        TEST(what_waits_at_the_end_is_called_back),
        TEST(damage_is_named_with_its_place_and_the_next_step),
        cmocka_unit_test(what_was_applied_is_what_is_replayed),
    };
    trace_set_stream(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
