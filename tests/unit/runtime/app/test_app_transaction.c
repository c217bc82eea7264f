/* Shows that an application is exactly once: on a whole node, with its process killed, cut off,
 * stopped and its broker killed at any moment, a reader of what is committed finds each output once
 * and in order; and that whoever lost its partitions writes nothing more.
 *
 * The script counts, so its outputs for a key must be 1, 2, 3, …: one too few is a loss, one twice
 * is a repetition. SEED=N runs one seed. */
#include "log/base/memory.h"
#include "log/wire/batch.h"
#include "runtime/client/fetcher.h"
#include "tests/unit/runtime/app/seat.h"
#include "tests/unit/runtime/real_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;

enum { SEAT_COUNT = 2, PARTITION_COUNT = 2, SEED_COUNT = 25 };

static const char COUNTER[] = "local S = require 'tidemill'\n"
                              "local app = S.app 'counter'\n"
                              "app:topic('counts', { partitions = 1 })\n"
                              "app:stream('in', { value = 'text' })\n"
                              "  :group_by_key()\n"
                              "  :count { name = 'seen' }\n"
                              "  :to 'counts'\n"
                              "return app\n";

struct world {
    struct real_broker *broker;
    struct sim *sim;
    struct seat seats[SEAT_COUNT];
    int put_count[PARTITION_COUNT];
    int seen_count[PARTITION_COUNT];
    bool is_flag;
};

static void world_check(void *owner)
{
    struct world *world = owner;
    for (int i = 0; i < SEAT_COUNT; i++) {
        if (world->seats[i].app != NULL) {
            app_check(world->seats[i].app);
        }
    }
}

static struct world *world_new(uint64_t seed)
{
    struct world *world = memory_new(struct world);
    world->broker = real_broker_new(seed, SEAT_COUNT);
    world->sim = real_broker_sim(world->broker);
    real_broker_start(world->broker, world_check, world);
    real_broker_make_topic(world->broker, "in", PARTITION_COUNT);
    for (int i = 0; i < SEAT_COUNT; i++) {
        seat_init(&world->seats[i], world->sim, i, COUNTER);
    }
    return world;
}

/* --- Applications --- */

static struct seat *start(struct world *world, int number)
{
    seat_start(&world->seats[number]);
    return &world->seats[number];
}

/* Whoever runs them starts anew what failed for a passing reason. */
static void revive(struct world *world)
{
    for (int i = 0; i < SEAT_COUNT; i++) {
        struct seat *seat = &world->seats[i];
        if (seat->app != NULL && seat->reason[0] != 0) {
            seat_stop(seat);
            start(world, i);
        }
    }
}

static void kill_broker(struct world *world)
{
    real_broker_kill(world->broker);
    real_broker_start(world->broker, world_check, world);
}

/* --- Records --- */

static void put(struct world *world, int32_t partition)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    char key[8];
    snprintf(key, sizeof key, "p%d", (int)partition);
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, io_wall_clock(real_broker_client_io(world->broker)),
                      bytes_from_string(key), BYTES_LITERAL("v"), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    assert_int_equal(real_broker_produce(world->broker, "in", partition, buffer_bytes(&encoded)),
                     0);
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
    world->put_count[partition]++;
}

static void put_everywhere(struct world *world)
{
    for (int32_t i = 0; i < PARTITION_COUNT; i++) {
        put(world, i);
    }
}

static void count_record(struct world *world, const struct batch_record *record)
{
    char text[40];
    int partition = -1;
    int count = -1;
    snprintf(text, sizeof text, "%.*s=%.*s", BYTES_FORMAT(record->key),
             BYTES_FORMAT(record->value));
    assert_int_equal(sscanf(text, "p%d=%d", &partition, &count), 2);
    if (count != world->seen_count[partition] + 1) {
        fail_msg("p%d: %d follows %d", partition, count, world->seen_count[partition]);
    }
    world->seen_count[partition] = count;
}

struct reading {
    struct world *world;
    struct fetcher *fetcher;
};

/* Takes what is there; true when everything that was put was counted. */
static bool take(void *owner)
{
    struct reading *reading = owner;
    struct world *world = reading->world;
    struct fetcher_batch taken;
    while (fetcher_take(reading->fetcher, NULL, 0, &taken) == 1) {
        struct batch_iterator iterator;
        struct batch_record record;
        assert_int_equal(batch_iterator_open(&iterator, &taken.batch, 1 << 20), 0);
        while (batch_iterator_next(&iterator, &record) == 1) {
            count_record(world, &record);
        }
        batch_iterator_close(&iterator);
        fetcher_release(reading->fetcher, &taken);
    }
    for (int i = 0; i < PARTITION_COUNT; i++) {
        if (world->seen_count[i] < world->put_count[i]) {
            return false;
        }
    }
    return true;
}

static void on_flag(void *owner)
{
    ((struct world *)owner)->is_flag = true;
}

static bool is_flag(void *owner)
{
    return ((struct world *)owner)->is_flag;
}

static void await_flag(struct world *world)
{
    assert_true(sim_run_until(world->sim, is_flag, world, 60 * SECOND));
    world->is_flag = false;
}

static void on_ready(void *owner)
{
    (void)owner;
}

/* Reads what is committed until all counts are there, and a while longer. */
static void expect_each_once(struct world *world)
{
    struct client_options options = client_options_default();
    struct fetcher_options fetching = fetcher_options_default();
    options.bootstrap = "node0:9092";
    fetching.is_read_committed = true;
    struct client *client = client_new(real_broker_client_io(world->broker), &options);
    struct reading reading = {.world = world, .fetcher = fetcher_new(client, &fetching)};
    fetcher_on_ready(reading.fetcher, on_ready, NULL);
    fetcher_add(reading.fetcher, "counts", 0, FETCHER_OFFSET_EARLIEST);
    memset(world->seen_count, 0, sizeof world->seen_count);
    if (!sim_run_until(world->sim, take, &reading, 200 * SECOND)) {
        fail_msg("of %d and %d there are %d and %d; %s %s", world->put_count[0],
                 world->put_count[1], world->seen_count[0], world->seen_count[1],
                 world->seats[0].reason, world->seats[1].reason);
    }
    real_broker_run_ms(world->broker, 15000);
    assert_true(take(&reading));
    for (int i = 0; i < PARTITION_COUNT; i++) {
        assert_int_equal(world->seen_count[i], world->put_count[i]);
    }
    fetcher_close(reading.fetcher, on_flag, world);
    await_flag(world);
    client_close(client, on_flag, world);
    await_flag(world);
}

static void world_free(struct world *world)
{
    for (int i = 0; i < SEAT_COUNT; i++) {
        if (world->seats[i].app != NULL) {
            seat_stop(&world->seats[i]);
        }
    }
    sim_on_event(world->sim, NULL, NULL);
    real_broker_free(world->broker);
    free(world);
}

/* --- Tests --- */

static void outputs_and_positions_come_together(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    start(world, 0);
    for (int i = 0; i < 20; i++) {
        put_everywhere(world);
        real_broker_run_ms(world->broker, sim_random(world->sim, 300));
    }
    expect_each_once(world);
    assert_string_equal(world->seats[0].reason, "");
    assert_true(app_commit_count(world->seats[0].app) > 3);
    world_free(world);
}

static void transactions_of_before_v2_will_do(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    real_broker_set_transactions(world->broker, 1);
    start(world, 0);
    for (int i = 0; i < 20; i++) {
        put_everywhere(world);
        real_broker_run_ms(world->broker, sim_random(world->sim, 300));
    }
    expect_each_once(world);
    assert_string_equal(world->seats[0].reason, "");
    world_free(world);
}

/* A transaction stays open from commit to commit. */
static void commits_may_be_rare(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    world->seats[0].commit_interval_ms = 40000;
    start(world, 0);
    for (int i = 0; i < 10; i++) {
        put_everywhere(world);
        real_broker_run_ms(world->broker, 7000);
    }
    expect_each_once(world);
    assert_string_equal(world->seats[0].reason, "");
    assert_int_equal(app_rollback_count(world->seats[0].app), 0);
    world_free(world);
}

static void an_idle_application_says_nothing(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    start(world, 0);
    put_everywhere(world);
    expect_each_once(world);
    int64_t count = app_commit_count(world->seats[0].app);
    int64_t end = real_broker_end_offset(world->broker, "counts", 0, false);
    real_broker_run_ms(world->broker, 60000);
    assert_int_equal(app_commit_count(world->seats[0].app), count);
    assert_int_equal(real_broker_end_offset(world->broker, "counts", 0, false), end);
    world_free(world);
}

static void run_events(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        sim_step(world->sim);
    }
}

/* Wherever in a commit, or before the first one. `instance_id`: its heir takes its name over. */
static void kill_at_event(int event_count, const char *instance_id)
{
    struct world *world = world_new((uint64_t)event_count + 1);
    struct seat *seat = &world->seats[0];
    seat->instance_id = instance_id;
    start(world, 0);
    put_everywhere(world);
    run_events(world, event_count / 2);
    put_everywhere(world);
    run_events(world, event_count / 2);
    seat_murder(seat);
    real_broker_run_ms(world->broker, sim_random(world->sim, 500));
    start(world, 0);
    put_everywhere(world);
    expect_each_once(world);
    assert_string_equal(seat->reason, "");
    world_free(world);
}

static void it_can_be_killed_at_any_event(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 6000; event_count += 97) {
        kill_at_event(event_count, event_count % 2 == 0 ? "embedded" : NULL);
    }
}

static void it_can_be_closed_at_any_event(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 6000; event_count += 193) {
        struct world *world = world_new((uint64_t)event_count + 1);
        struct seat *seat = start(world, 0);
        put_everywhere(world);
        run_events(world, event_count);
        seat_stop(seat);
        start(world, 0);
        put_everywhere(world);
        expect_each_once(world);
        assert_string_equal(seat->reason, "");
        world_free(world);
    }
}

static bool has_open(struct world *world)
{
    return real_broker_end_offset(world->broker, "counts", 0, true) <
           real_broker_end_offset(world->broker, "counts", 0, false);
}

/* An heir of the same name needs not wait for the transaction of the dead. */
static void who_starts_again_goes_on_at_once(void **state)
{
    (void)state;
    struct world *world = world_new(3);
    struct seat *seat = &world->seats[0];
    seat->instance_id = "embedded";
    start(world, 0);
    put_everywhere(world);
    expect_each_once(world);
    put_everywhere(world);
    for (int i = 0; !has_open(world); i++) {
        assert_true(i < 1000);
        real_broker_run_ms(world->broker, 1);
    }
    seat_murder(seat);
    uint64_t died = real_broker_now_ms(world->broker);
    start(world, 0);
    while (real_broker_end_offset(world->broker, "counts", 0, true) <
           8) { /* 2 + 1, aborted 2 + 1, 2 */
        real_broker_run_ms(world->broker, 10);
        assert_true(real_broker_now_ms(world->broker) - died < 3000);
    }
    expect_each_once(world);
    world_free(world);
}

/* Its requests are held back until somebody else has its partitions, and come then. */
static void a_zombie_is_fenced(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world *world = world_new(seed);
        start(world, 0);
        put_everywhere(world);
        expect_each_once(world);
        start(world, 1);
        real_broker_run_ms(world->broker, 10000);
        put_everywhere(world);
        run_events(world, (int)sim_random(world->sim, 900));
        seat_cut(&world->seats[0]);
        real_broker_run_ms(world->broker, 70000);
        put_everywhere(world);
        real_broker_run_ms(world->broker, 5000);
        seat_mend(&world->seats[0]);
        real_broker_run_ms(world->broker, 5000);
        revive(world);
        put_everywhere(world);
        expect_each_once(world);
        assert_string_equal(world->seats[1].reason, "");
        world_free(world);
    }
}

/* It does not know yet, and goes on while somebody else has its partitions. */
static void who_was_put_out_writes_nothing_more(void **state)
{
    (void)state;
    int expelled_count = 0;
    int64_t rollback_count = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world *world = world_new(seed);
        start(world, 0);
        start(world, 1);
        real_broker_run_ms(world->broker, 10000);
        put_everywhere(world);
        expelled_count += real_broker_expel(world->broker, "counter", seed % 2 == 0);
        for (int i = 0; i < 60; i++) {
            put_everywhere(world);
            real_broker_run_ms(world->broker, sim_random(world->sim, 200));
        }
        expect_each_once(world);
        assert_string_equal(world->seats[0].reason, "");
        assert_string_equal(world->seats[1].reason, "");
        rollback_count += app_rollback_count(world->seats[0].app);
        rollback_count += app_rollback_count(world->seats[1].app);
        world_free(world);
    }
    assert_int_equal(expelled_count, 12);
    assert_true(rollback_count > 0);
}

static void it_closes_though_the_broker_is_gone(void **state)
{
    (void)state;
    struct world *world = world_new(5);
    struct seat *seat = start(world, 0);
    put_everywhere(world);
    expect_each_once(world);
    put_everywhere(world);
    run_events(world, 200);
    seat_cut(seat);
    real_broker_run_ms(world->broker, 300);
    seat_stop(seat);
    seat_mend(seat);
    start(world, 0);
    expect_each_once(world);
    world_free(world);
}

/* --- Everything at once --- */

static void tell(struct world *world, const struct seat *seat, const char *deed)
{
    if (getenv("TRACE") != NULL) {
        fprintf(stderr, "%8d ms: %s %d\n", (int)real_broker_now_ms(world->broker), deed,
                seat->machine - REAL_BROKER_MACHINE);
    }
}

static void disturb(struct world *world)
{
    int number = (int)sim_random(world->sim, SEAT_COUNT);
    struct seat *seat = &world->seats[number];
    uint64_t dice = sim_random(world->sim, 12);
    if (seat->is_cut) {
        tell(world, seat, "mend");
        seat_mend(seat);
    } else if (seat->app == NULL) {
        tell(world, seat, "start");
        start(world, number);
    } else if (dice < 3) {
        tell(world, seat, "murder");
        seat_murder(seat);
    } else if (dice < 5) {
        tell(world, seat, "cut");
        seat_cut(seat);
    } else if (dice < 6) {
        tell(world, seat, "stop");
        seat_stop(seat);
    } else if (dice < 7) {
        tell(world, seat, "kill_broker");
        kill_broker(world);
    } else if (dice < 9) {
        tell(world, seat, "expel");
        (void)real_broker_expel(world->broker, "counter", 0);
    }
}

static void run_campaign(uint64_t seed)
{
    struct world *world = world_new(seed);
    world->seats[0].instance_id = seed % 2 == 0 ? "embedded" : NULL;
    if (seed % 3 == 0) {
        real_broker_set_transactions(world->broker, 1);
    }
    for (int round = 0; round < 40; round++) {
        put(world, (int32_t)sim_random(world->sim, PARTITION_COUNT));
        run_events(world, (int)sim_random(world->sim, 600));
        if (sim_random(world->sim, 2) == 0) {
            disturb(world);
        }
        revive(world);
        real_broker_run_ms(world->broker, sim_random(world->sim, round % 5 == 0 ? 30000 : 500));
    }
    for (int i = 0; i < SEAT_COUNT; i++) {
        if (world->seats[i].is_cut) {
            seat_mend(&world->seats[i]);
        }
    }
    if (world->seats[0].app == NULL) {
        start(world, 0);
    }
    real_broker_run_ms(world->broker, 5000);
    revive(world);
    put_everywhere(world);
    expect_each_once(world);
    world_free(world);
}

static void each_output_is_there_once_whatever_happens(void **state)
{
    (void)state;
    const char *only = getenv("SEED");
    uint64_t first = only == NULL ? 1 : (uint64_t)atoll(only);
    uint64_t last = only == NULL ? SEED_COUNT : first;
    for (uint64_t seed = first; seed <= last; seed++) {
        fprintf(stderr, "seed %d\n", (int)seed);
        run_campaign(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_and_positions_come_together),
        cmocka_unit_test(transactions_of_before_v2_will_do),
        cmocka_unit_test(commits_may_be_rare),
        cmocka_unit_test(an_idle_application_says_nothing),
        cmocka_unit_test(it_can_be_killed_at_any_event),
        cmocka_unit_test(it_can_be_closed_at_any_event),
        cmocka_unit_test(who_starts_again_goes_on_at_once),
        cmocka_unit_test(a_zombie_is_fenced),
        cmocka_unit_test(who_was_put_out_writes_nothing_more),
        cmocka_unit_test(it_closes_though_the_broker_is_gone),
        cmocka_unit_test(each_output_is_there_once_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
