/* Shows that the nodes of a task end before its last commit, and that a partition that was lost is
 * taken up again by a task of its own, once the task before it is gone. */
#include "tests/unit/runtime/app/app_world.h"

static const char SCRIPT[] = "local S = require 'tidemill'\n"
                             "return {\n"
                             "  name = 'app', input = 'in', output = 'out', value = 'text',\n"
                             "  stores = { n = S.kv { memory = true } },\n"
                             "  process = function(r, ctx)\n"
                             "    ctx.n[r.key] = (ctx.n[r.key] or 0) + 1\n"
                             "    return { key = r.key, value = ctx.n[r.key] }\n"
                             "  end,\n"
                             "  close = function(ctx)\n"
                             "    ctx.n.ends = (ctx.n.ends or 0) + 1\n"
                             "    emit('ends', { key = 'ends', value = ctx.n.ends })\n"
                             "  end,\n"
                             "}\n";

static struct app_world *world_new(void)
{
    struct app_world *world = app_world_new(1, SCRIPT);
    static const char *const topics[] = {"in", "out", "ends", "app-dlq", "app-n-changelog"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        fake_cluster_add_topic(world->cluster, topics[i], 1);
    }
    return world;
}

static void expect(struct app_world *world, const char *topic, const char *expected)
{
    struct buffer text;
    buffer_init(&text);
    assert_string_equal(app_world_read(world, topic, 0, &text), expected);
    buffer_fini(&text);
}

static void nodes_end_before_the_last_commit(void **state)
{
    (void)state;
    struct app_world *world = world_new();
    struct app_seat *seat = app_world_start(world, 1);
    app_world_put(world, "in", 0, "k", "v");
    app_world_put(world, "in", 0, "k", "v");
    app_world_run(world, 10000);
    expect(world, "out", "k=1 k=2");
    assert_int_equal(fake_group_committed(world->cluster, "app", "in", 0), 2);
    expect(world, "ends", "");
    app_world_stop(seat);
    expect(world, "ends", "ends=1");
    seat = app_world_start(world, 1);
    app_world_put(world, "in", 0, "k", "v");
    app_world_run(world, 60000);
    expect(world, "out", "k=1 k=2 k=3");
    app_world_stop(seat);
    expect(world, "ends", "ends=1 ends=2"); /* what the first wrote was committed */
    assert_int_equal(seat->failure_count, 0);
    app_world_free(world);
}

/* Also when it is lost while a commit is on its way. */
static void a_partition_that_was_lost_is_taken_up_again(void **state)
{
    (void)state;
    struct app_world *world = world_new();
    struct app_seat *seat = app_world_start(world, 1);
    world->cluster->produce_delay_ns = 20000000;
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 40; j++) {
            app_world_put(world, "in", 0, "k", "v");
            app_world_run(world, 10);
        }
        app_world_run(world, i * 7);
        fake_group_expel(world->cluster, "app");
        app_world_run(world, 60000);
        assert_int_equal(app_task_count(seat->app), 1);
    }
    app_world_put(world, "in", 0, "k", "v");
    app_world_run(world, 10000);
    assert_string_equal(seat->reason, "");
    assert_int_equal(fake_group_committed(world->cluster, "app", "in", 0), 12 * 40 + 1);
    struct buffer text;
    buffer_init(&text);
    const char *values = app_world_read(world, "out", 0, &text);
    assert_string_equal(strrchr(values, ' '), " k=481"); /* each was counted once */
    buffer_fini(&text);
    app_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_end_before_the_last_commit),
        cmocka_unit_test(a_partition_that_was_lost_is_taken_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
