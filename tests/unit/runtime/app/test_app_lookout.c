/* Shows that a stream by pattern reads the topics of now from their beginnings, and that who comes
 * later is told of, and read by the application that takes its place, with the stores of before. */
#include "tests/unit/runtime/app/app_world.h"

static const char COUNTING[] = "local S = require 'tidemill'\n"
                               "local app = S.app 'counting'\n"
                               "app:stream(S.pattern 'logs-[a-z]+', { value = 'text' })\n"
                               "  :group_by_key():count { name = 'seen' }:to 'counts'\n"
                               "return app\n";

static struct app_world *counting_new(uint64_t seed)
{
    struct app_world *world = app_world_new(seed, COUNTING);
    world->cluster->is_creating_topics = true;
    fake_cluster_add_topic(world->cluster, "counts", 1);
    return world;
}

static bool is_outdated(void *owner)
{
    return ((struct app_seat *)owner)->outdated_count > 0;
}

static void await_outdated(struct app_seat *seat)
{
    assert_true(sim_run_until(seat->world->sim, is_outdated, seat, 30 * APP_WORLD_SECOND));
    assert_int_equal(seat->failure_count, 0);
}

static void it_reads_what_matches_and_nothing_else(void **state)
{
    (void)state;
    struct app_world *world = counting_new(1);
    const char *const topics[] = {"logs-a", "logs-b", "logs-1", "logs-b-changelog", "xlogs-a"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        fake_cluster_add_topic(world->cluster, topics[i], 2);
        app_world_put(world, topics[i], 0, "k", "line");
        app_world_put(world, topics[i], 1, "l", "line");
    }
    struct app_seat *seat = app_world_start(world, 0);
    app_world_await(world, "counts", 4);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_world_count(world, "counts"), 4);
    assert_int_equal(app_task_count(seat->app), 2); /* one for each number */
    assert_int_equal(seat->outdated_count, 0);
    app_world_free(world);
}

static void a_topic_that_comes_later_is_found_and_read_from_its_beginning(void **state)
{
    (void)state;
    struct buffer out;
    struct app_world *world = counting_new(2);
    fake_cluster_add_topic(world->cluster, "logs-a", 2);
    app_world_put(world, "logs-a", 0, "k", "line");
    struct app_seat *seat = app_world_start(world, 0);
    app_world_await(world, "counts", 1);
    fake_cluster_add_topic(world->cluster, "others", 2);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    assert_int_equal(seat->outdated_count, 0);
    fake_cluster_add_topic(world->cluster, "logs-b", 2);
    app_world_put(world, "logs-b", 0, "k", "line");
    await_outdated(seat);
    assert_int_equal(app_world_count(world, "counts"), 1);
    app_world_stop(seat);
    app_world_start(world, 0);
    app_world_await(world, "counts", 2);
    app_world_put(world, "logs-a", 0, "k", "line");
    app_world_await(world, "counts", 3);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    assert_int_equal(seat->outdated_count, 0);
    buffer_init(&out);
    assert_string_equal(app_world_read(world, "counts", 0, &out), "k=1 k=2 k=3");
    buffer_fini(&out);
    app_world_free(world);
}

/* A topic that is read by its name, too: who has joined reads the partitions of then. */
static void partitions_that_come_later_are_found_and_read(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(8, "local S = require 'tidemill'\n"
                                               "local app = S.app 'copy'\n"
                                               "app:stream 'in':to 'out'\nreturn app\n");
    world->cluster->is_creating_topics = true;
    struct fake_topic *in = fake_cluster_add_topic(world->cluster, "in", 2);
    fake_cluster_add_topic(world->cluster, "out", 1);
    struct app_seat *seat = app_world_start(world, 0);
    app_world_put(world, "in", 1, "k", "1");
    app_world_await(world, "out", 1);
    app_world_run(world, 25 * APP_WORLD_SECOND_MS);
    assert_int_equal(seat->outdated_count, 0);
    fake_cluster_grow_topic(in, 4);
    app_world_put(world, "in", 3, "k", "2");
    await_outdated(seat);
    app_world_stop(seat);
    app_world_start(world, 0);
    app_world_await(world, "out", 2);
    app_world_run(world, 25 * APP_WORLD_SECOND_MS);
    assert_int_equal(seat->outdated_count, 0);
    app_world_free(world);
}

static void without_any_topic_it_waits_for_the_first_one(void **state)
{
    (void)state;
    struct app_world *world = counting_new(3);
    struct app_seat *seat = app_world_start(world, 0);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    assert_true(app_is_running(seat->app));
    assert_int_equal(app_task_count(seat->app), 0);
    fake_cluster_add_topic(world->cluster, "logs-a", 1);
    app_world_put(world, "logs-a", 0, "k", "line");
    await_outdated(seat);
    app_world_stop(seat);
    app_world_start(world, 0);
    app_world_await(world, "counts", 1);
    app_world_free(world);
}

/* Two processes find the topic at different times; nothing is counted twice or left out. */
static void members_that_find_it_one_after_the_other_share_it(void **state)
{
    (void)state;
    for (uint64_t seed = 4; seed < 14; seed++) {
        struct app_world *world = counting_new(seed);
        fake_cluster_add_topic(world->cluster, "logs-a", 4);
        struct app_seat *first = app_world_start(world, 0);
        struct app_seat *second = app_world_start(world, 1);
        app_world_run(world, 20 * APP_WORLD_SECOND_MS);
        fake_cluster_add_topic(world->cluster, "logs-b", 4);
        for (int32_t i = 0; i < 4; i++) {
            app_world_put(world, "logs-a", i, "k", "line");
            app_world_put(world, "logs-b", i, "k", "line");
        }
        await_outdated(first);
        app_world_stop(first);
        app_world_start(world, 0);
        app_world_run(world, 10 * APP_WORLD_SECOND_MS);
        await_outdated(second);
        app_world_stop(second);
        app_world_start(world, 1);
        app_world_await(world, "counts", 8);
        app_world_run(world, 30 * APP_WORLD_SECOND_MS);
        assert_int_equal(app_world_count(world, "counts"), 8);
        assert_int_equal(app_task_count(first->app) + app_task_count(second->app), 4);
        app_world_free(world);
    }
}

static void unequal_topics_that_meet_in_a_store_are_named(void **state)
{
    (void)state;
    struct app_world *world = counting_new(20);
    fake_cluster_add_topic(world->cluster, "logs-a", 2);
    fake_cluster_add_topic(world->cluster, "logs-b", 3);
    struct app_seat *seat = app_world_start(world, 0);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    assert_int_equal(seat->failure_count, 1);
    assert_non_null(strstr(seat->reason, "'logs-a' (2 partitions) and 'logs-b' (3) meet in one"));
    app_world_free(world);
}

/* At any moment, also while it looks. */
static void it_closes_while_it_looks(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 1200; event_count += 13) {
        struct app_world *world = counting_new(30);
        fake_cluster_add_topic(world->cluster, "logs-a", 1);
        struct app_seat *seat = app_world_start(world, 0);
        app_world_run(world, 4 * APP_WORLD_SECOND_MS);
        fake_cluster_add_topic(world->cluster, "logs-b", 1);
        for (int i = 0; i < event_count; i++) {
            sim_step(world->sim);
        }
        app_world_stop(seat);
        app_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_what_matches_and_nothing_else),
        cmocka_unit_test(a_topic_that_comes_later_is_found_and_read_from_its_beginning),
        cmocka_unit_test(partitions_that_come_later_are_found_and_read),
        cmocka_unit_test(without_any_topic_it_waits_for_the_first_one),
        cmocka_unit_test(members_that_find_it_one_after_the_other_share_it),
        cmocka_unit_test(unequal_topics_that_meet_in_a_store_are_named),
        cmocka_unit_test(it_closes_while_it_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
