/* Shows that tasks follow their partitions whatever the group gives and takes: what was counted
 * stays counted, nothing is processed twice after a commit, and a task with stores runs in one
 * place only. */
#include "log/base/error.h"
#include "runtime/client/member.h"
#include "tests/unit/runtime/app/app_world.h"

enum { KEY_JOIN = 11 };

static const char TWINS[] = "local S = require 'tidemill'\n"
                            "local app = S.app 'twins'\n"
                            "app:topic('counts', { partitions = 1 })\n"
                            "app:stream({ 'left', 'right' }, { value = 'text' })\n"
                            "  :group_by_key()\n"
                            "  :count { name = 'seen' }\n"
                            "  :to 'counts'\n"
                            "return app\n";

static struct app_world *twins_new(uint64_t seed)
{
    struct app_world *world = app_world_new(seed, TWINS);
    fake_cluster_add_topic(world->cluster, "left", 2);
    fake_cluster_add_topic(world->cluster, "right", 2);
    return world;
}

static void put_everywhere(struct app_world *world)
{
    for (int32_t i = 0; i < 2; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", (int)i);
        app_world_put(world, "left", i, key, "l");
        app_world_put(world, "right", i, key, "r");
    }
}

/* It would be refused again and again. */
static void a_session_timeout_that_the_broker_refuses_ends_the_application(void **state)
{
    (void)state;
    static const struct {
        int error;
        bool is_final;
        const char *words;
    } rows[] = {
        {ERROR_INVALID_SESSION_TIMEOUT, true,
         "--session-timeout 45000ms: it is less than its group.min.session.timeout.ms"},
        {ERROR_GROUP_AUTHORIZATION_FAILED, false, "the group membership ended: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct app_world *world = twins_new(1);
        fake_cluster_fail(world->cluster, KEY_JOIN, rows[i].error, 1, false);
        app_world_start(world, 0);
        app_world_run(world, 20 * APP_WORLD_SECOND_MS);
        assert_int_equal(world->seats[0].failure_count, 1);
        assert_int_equal(world->seats[0].is_final, rows[i].is_final);
        assert_non_null(strstr(world->seats[0].reason, rows[i].words));
        app_world_free(world);
    }
}

/* The value that was asked for is named, and what the broker just takes is no mistake. */
static void the_least_session_timeout_that_the_broker_takes_is_taken(void **state)
{
    (void)state;
    for (int64_t timeout_ms = 5999; timeout_ms <= 6000; timeout_ms++) {
        struct app_world *world = twins_new(2);
        struct app_seat *seat = &world->seats[0];
        bool is_refused = timeout_ms < 6000;
        world->session_timeout_ms = timeout_ms;
        world->cluster->session_timeout_min_ms = 6000;
        app_world_start(world, 0);
        put_everywhere(world);
        app_world_run(world, 20 * APP_WORLD_SECOND_MS);
        assert_int_equal(app_world_count(world, "counts"), is_refused ? 0 : 4);
        assert_int_equal(seat->failure_count, is_refused);
        assert_int_equal(seat->is_final, is_refused);
        assert_int_equal(strstr(seat->reason, "--session-timeout 5999ms") != NULL, is_refused);
        app_world_free(world);
    }
}

static void a_member_that_comes_and_goes_disturbs_no_count(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct app_world *world = twins_new(seed);
        struct buffer text = {0};
        app_world_start(world, 0);
        put_everywhere(world);
        app_world_await(world, "counts", 4);
        app_world_start(world, 1);
        app_world_run(world, 20 * APP_WORLD_SECOND_MS);
        put_everywhere(world);
        app_world_await(world, "counts", 8);
        app_world_stop(&world->seats[1]);
        app_world_run(world, 20 * APP_WORLD_SECOND_MS);
        put_everywhere(world);
        app_world_await(world, "counts", 12);
        app_world_run(world, 5 * APP_WORLD_SECOND_MS);
        const char *counts = app_world_read(world, "counts", 0, &text);
        assert_int_equal(app_world_count(world, "counts"), 12);
        assert_non_null(strstr(counts, "k0=6"));
        assert_non_null(strstr(counts, "k1=6"));
        assert_int_equal(world->seats[0].failure_count, 0);
        buffer_fini(&text);
        app_world_free(world);
    }
}

/* Somebody else's consumer in our group, which knows nothing of units. */
struct stranger {
    struct client *client;
    struct member *member;
    bool is_closed;
};

static void stranger_on_assigned(void *owner, const struct member_partition *partitions,
                                 size_t count)
{
    (void)owner, (void)partitions, (void)count;
}

static void stranger_on_revoked(void *owner, const struct member_partition *partitions,
                                size_t count)
{
    (void)partitions, (void)count;
    struct stranger *stranger = owner;
    member_revoked(stranger->member);
}

static void stranger_on_failed(void *owner, int error)
{
    (void)owner, (void)error;
}

static void stranger_join(struct app_world *world, struct stranger *stranger, const char *group)
{
    static const char *const topics[] = {"left", "right"};
    static const struct member_events events = {.assigned = stranger_on_assigned,
                                                .revoked = stranger_on_revoked,
                                                .lost = stranger_on_assigned,
                                                .failed = stranger_on_failed};
    struct client_options client_options = client_options_default();
    struct member_options options = member_options_default(group);
    client_options.bootstrap = "node1:9092";
    options.topics = topics;
    options.topic_count = 2;
    *stranger = (struct stranger){.client = client_new(world->seats[2].io, &client_options)};
    stranger->member = member_new(stranger->client, &options, &events, stranger);
}

static void stranger_on_closed(void *owner)
{
    ((struct stranger *)owner)->is_closed = true;
}

static bool stranger_is_closed(void *owner)
{
    return ((struct stranger *)owner)->is_closed;
}

static void stranger_leave(struct app_world *world, struct stranger *stranger)
{
    member_close(stranger->member, stranger_on_closed, stranger);
    assert_true(sim_run_until(world->sim, stranger_is_closed, stranger, 60 * APP_WORLD_SECOND));
    stranger->is_closed = false;
    client_close(stranger->client, stranger_on_closed, stranger);
    assert_true(sim_run_until(world->sim, stranger_is_closed, stranger, 60 * APP_WORLD_SECOND));
}

static void a_task_with_stores_waits_for_the_rest_of_its_inputs(void **state)
{
    (void)state;
    struct app_world *world = twins_new(3);
    struct stranger stranger;
    struct buffer text = {0};
    stranger_join(world, &stranger, "twins");
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    app_world_start(world, 0);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    put_everywhere(world);
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_task_count(world->seats[0].app), 0); /* it was dealt left alone */
    stranger_leave(world, &stranger);
    app_world_await(world, "counts", 4);
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    const char *counts = app_world_read(world, "counts", 0, &text);
    assert_int_equal(app_world_count(world, "counts"), 4);
    assert_non_null(strstr(counts, "k0=2"));
    assert_non_null(strstr(counts, "k1=2"));
    assert_int_equal(world->seats[0].failure_count, 0);
    buffer_fini(&text);
    app_world_free(world);
}

static void a_task_without_stores_runs_with_what_it_has(void **state)
{
    (void)state;
    struct app_world *world = app_world_new(4, "local S = require 'tidemill'\n"
                                               "local app = S.app 'pair'\n"
                                               "app:topic('out', { partitions = 1 })\n"
                                               "app:stream({ 'left', 'right' }):to 'out'\n"
                                               "return app\n");
    struct stranger stranger;
    fake_cluster_add_topic(world->cluster, "left", 1);
    fake_cluster_add_topic(world->cluster, "right", 1);
    stranger_join(world, &stranger, "pair");
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    app_world_start(world, 0);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    app_world_put(world, "left", 0, "k", "l");
    app_world_put(world, "right", 0, "k", "r");
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_task_count(world->seats[0].app), 1);
    assert_int_equal(app_world_count(world, "out"), 1);
    stranger_leave(world, &stranger);
    app_world_await(world, "out", 2);
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_world_count(world, "out"), 2);
    assert_int_equal(world->seats[0].failure_count, 0);
    app_world_free(world);
}

static void what_was_lost_comes_back_and_counts_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct app_world *world = twins_new(seed);
        struct buffer text = {0};
        app_world_start(world, 0);
        for (int i = 0; i < 5; i++) {
            put_everywhere(world);
            app_world_run(world, (int64_t)sim_random(world->sim, 3000));
            fake_group_expel(world->cluster, "twins");
            app_world_run(world, (int64_t)sim_random(world->sim, 10000));
        }
        put_everywhere(world);
        app_world_await(world, "counts", 24);
        app_world_run(world, 30 * APP_WORLD_SECOND_MS);
        /* Outputs may be repeated, counts never. */
        const char *counts = app_world_read(world, "counts", 0, &text);
        assert_non_null(strstr(counts, "k0=12"));
        assert_non_null(strstr(counts, "k1=12"));
        assert_null(strstr(counts, "=13"));
        assert_int_equal(world->seats[0].failure_count, 0);
        buffer_fini(&text);
        app_world_free(world);
    }
}

/* Starts, stops, and sessions that run out, at random; in the end every record is counted once. */
static void chaos_counts_every_record_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct app_world *world = twins_new(seed);
        world->standby_count = (int32_t)(seed % 3);
        world->recovery_lag = seed % 2 == 0 ? 1 : 0;
        struct buffer text = {0};
        char last[32];
        char beyond[32];
        int rounds = 0;
        for (; rounds < 14; rounds++) {
            int number = (int)sim_random(world->sim, APP_WORLD_SEATS);
            put_everywhere(world);
            if (map_find_string(&world->cluster->groups, "twins") != NULL &&
                sim_random(world->sim, 4) == 0) {
                fake_group_expel(world->cluster, "twins");
            } else if (world->seats[number].app == NULL) {
                app_world_start(world, number);
            } else {
                app_world_stop(&world->seats[number]);
            }
            app_world_run(world, (int64_t)sim_random(world->sim, 15000));
        }
        if (world->seats[0].app == NULL) {
            app_world_start(world, 0);
        }
        app_world_run(world, 180 * APP_WORLD_SECOND_MS);
        snprintf(last, sizeof last, "k0=%d", 2 * rounds);
        snprintf(beyond, sizeof beyond, "k0=%d", 2 * rounds + 1);
        const char *counts = app_world_read(world, "counts", 0, &text);
        assert_non_null(strstr(counts, last));
        assert_null(strstr(counts, beyond));
        for (int i = 0; i < APP_WORLD_SEATS; i++) {
            assert_int_equal(world->seats[i].failure_count, 0);
        }
        buffer_fini(&text);
        app_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_timeout_that_the_broker_refuses_ends_the_application),
        cmocka_unit_test(the_least_session_timeout_that_the_broker_takes_is_taken),
        cmocka_unit_test(a_member_that_comes_and_goes_disturbs_no_count),
        cmocka_unit_test(a_task_with_stores_waits_for_the_rest_of_its_inputs),
        cmocka_unit_test(a_task_without_stores_runs_with_what_it_has),
        cmocka_unit_test(what_was_lost_comes_back_and_counts_on),
        cmocka_unit_test(chaos_counts_every_record_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
