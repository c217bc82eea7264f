/* Shows that a task with much state goes on where it is while the process that is to get it reads a
 * copy, that it moves soon after the copy has caught up, and that nothing is lost on the way. */
#include "runtime/app/app_totals.h"
#include "runtime/app/app_view.h"
#include "tests/unit/runtime/app/app_world.h"

#include <inttypes.h>

enum { PARTITIONS = 6, KEYS = 5, ROUNDS = 40, WARMUPS = 2, LAG = 20 };

static const char SCRIPT[] = "local S = require 'tidemill'\n"
                             "local app = S.app 'counter'\n"
                             "app:topic('counts', { partitions = 1 })\n"
                             "local keys = app:stream('in', { value = 'text' }):group_by_key()\n"
                             "keys:count { name = 'first' }:to 'counts'\n"
                             "keys:count { name = 'second' }\n"
                             "return app\n";

static void put_round(struct app_world *world)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        for (int j = 0; j < KEYS; j++) {
            char key[16];
            snprintf(key, sizeof key, "k%d-%d", (int)i, j);
            app_world_put(world, "in", i, key, "x");
        }
    }
}

/* One process has counted for a while. */
static struct app_world *counter_new(uint64_t seed, int32_t standby_count)
{
    struct app_world *world = app_world_new(seed, SCRIPT);
    world->standby_count = standby_count;
    world->recovery_lag = LAG;
    fake_cluster_add_topic(world->cluster, "in", PARTITIONS);
    app_world_start(world, 0);
    for (int i = 0; i < ROUNDS; i++) {
        put_round(world);
        app_world_run(world, 200); /* commits of their own */
    }
    app_world_await(world, "counts", (int64_t)ROUNDS * PARTITIONS * KEYS);
    return world;
}

/* Each key was counted once for every round: the last count is there, and none beyond. */
static void expect_counts(struct app_world *world, int rounds)
{
    struct buffer text = {0};
    app_world_await(world, "counts", (int64_t)rounds * PARTITIONS * KEYS);
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    const char *counts = app_world_read(world, "counts", 0, &text);
    for (int i = 0; i < PARTITIONS * KEYS; i++) {
        char last[32];
        char beyond[32];
        snprintf(last, sizeof last, "k%d-%d=%d", i / KEYS, i % KEYS, rounds);
        snprintf(beyond, sizeof beyond, "k%d-%d=%d", i / KEYS, i % KEYS, rounds + 1);
        assert_non_null(strstr(counts, last));
        assert_null(strstr(counts, beyond));
    }
    buffer_fini(&text);
}

static struct app_standby_counts copies(const struct app_world *world, int number)
{
    return app_count_standby(world->seats[number].app);
}

static bool warms_up(void *owner)
{
    return copies(owner, 1).warmup_count > 0;
}

static bool is_even(void *owner)
{
    const struct app_world *world = owner;
    return app_task_count(world->seats[0].app) == PARTITIONS / 2 &&
           app_task_count(world->seats[1].app) == PARTITIONS / 2 &&
           copies(world, 0).warmup_count + copies(world, 1).warmup_count == 0;
}

static int64_t restored_by(const struct app_world *world, int number)
{
    struct task_counts counts;
    app_read_counts(world->seats[number].app, &counts);
    return counts.restored_count;
}

static void who_comes_warms_up_while_the_others_count(void **state)
{
    (void)state;
    struct app_world *world = counter_new(1, 0);
    struct buffer text = {0};
    struct app_totals totals = {0};
    int rounds = ROUNDS;
    app_world_start(world, 1);
    assert_true(sim_run_until(world->sim, warms_up, world, 30 * APP_WORLD_SECOND));
    app_totals_add(&totals, world->seats[1].app);
    assert_in_range(totals.warmup_count, 1, WARMUPS);
    app_totals_fini(&totals);
    app_view_add_parts(world->seats[1].app, 0, &text);
    assert_non_null(strstr(buffer_string(&text), "\"state\":\"warm-up\",\"lag\":"));
    assert_int_equal(app_task_count(world->seats[0].app), PARTITIONS);
    put_round(world);
    expect_counts(world, ++rounds);
    assert_true(sim_run_until(world->sim, is_even, world, 60 * APP_WORLD_SECOND));
    put_round(world);
    expect_counts(world, ++rounds);
    /* Both stores of a task that moves lack at most so much; one that restored would read it all.
     */
    assert_in_range(restored_by(world, 1), 0, PARTITIONS / 2 * LAG);
    assert_int_equal(copies(world, 1).count, 0);
    app_world_run(world, 20 * 60 * APP_WORLD_SECOND_MS);
    assert_true(is_even(world)); /* and it stays */
    assert_int_equal(world->seats[0].failure_count + world->seats[1].failure_count, 0);
    buffer_fini(&text);
    app_world_free(world);
}

/* The tasks with more than that run there, and so do the copies with --standbys: they need no
 * others, and their keeper gets half of the tasks. */
static void a_standby_is_a_warmup(void **state)
{
    (void)state;
    struct app_world *world = counter_new(2, 1);
    app_world_start(world, 1);
    assert_true(sim_run_until(world->sim, is_even, world, 90 * APP_WORLD_SECOND));
    put_round(world);
    expect_counts(world, ROUNDS + 1);
    assert_in_range(restored_by(world, 1), 0, PARTITIONS / 2 * LAG);
    assert_int_equal(copies(world, 0).count, PARTITIONS / 2);
    assert_int_equal(copies(world, 1).count, PARTITIONS / 2);
    app_world_free(world);
}

struct watch {
    struct app_world *world;
    int64_t most;
};

static bool watch_most(void *owner)
{
    struct watch *watch = owner;
    int64_t count = 0;
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        count += watch->world->seats[i].app == NULL ? 0 : copies(watch->world, i).count;
    }
    watch->most = count > watch->most ? count : watch->most;
    return false;
}

/* Without --standbys all copies are of those that warm up; what is being handed over has one, too.
 */
static void few_warm_up_at_a_time(void **state)
{
    (void)state;
    struct app_world *world = counter_new(3, 0);
    struct watch watch = {.world = world};
    app_world_start(world, 1);
    app_world_start(world, 2);
    (void)sim_run_until(world->sim, watch_most, &watch, 60 * APP_WORLD_SECOND);
    assert_in_range(watch.most, 1, 2 * WARMUPS);
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        assert_int_equal(app_task_count(world->seats[i].app), PARTITIONS / APP_WORLD_SEATS);
    }
    put_round(world);
    expect_counts(world, ROUNDS + 1);
    app_world_free(world);
}

/* The one with the state goes away before the other has it. */
static void the_heir_of_a_warmup_reads_on(void **state)
{
    (void)state;
    struct app_world *world = counter_new(4, 0);
    app_world_start(world, 1);
    assert_true(sim_run_until(world->sim, warms_up, world, 30 * APP_WORLD_SECOND));
    app_world_stop(&world->seats[0]);
    put_round(world);
    expect_counts(world, ROUNDS + 1);
    assert_int_equal(app_task_count(world->seats[1].app), PARTITIONS);
    assert_int_equal(copies(world, 1).count, 0);
    assert_int_equal(world->seats[1].failure_count, 0);
    app_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_warms_up_while_the_others_count),
        cmocka_unit_test(a_standby_is_a_warmup),
        cmocka_unit_test(few_warm_up_at_a_time),
        cmocka_unit_test(the_heir_of_a_warmup_reads_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
