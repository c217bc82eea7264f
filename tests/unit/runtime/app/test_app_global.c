/* Shows that a global table is read whole by each instance before its first task begins, whatever
 * the partitions, that it follows its topic, and that a record it cannot take stops nothing. */
#include "tests/unit/runtime/app/app_world.h"

enum { RATE_COUNT = 40, ORDER_COUNT = 12 };

static const char SHOP[] =
    "local S = require 'tidemill'\n"
    "local app = S.app 'shop'\n"
    "local rates = app:global_table('rates', { name = 'rates', value = 'text' "
    "})\n"
    "app:topic('out', { partitions = 1 })\n"
    "app:stream('orders', { value = 'text' })\n"
    "  :left_join(rates, { on = function(r) return r.value end },\n"
    "    function(o, rate) return o .. ':' .. (rate or 'none') end)\n"
    "  :to 'out'\n"
    "return app\n";

static void put_rates(struct app_world *world, const char *value)
{
    for (int i = 0; i < RATE_COUNT; i++) {
        char key[8];
        snprintf(key, sizeof key, "r%d", i);
        app_world_put(world, "rates", i % 3, key, value);
    }
}

static void put_orders(struct app_world *world)
{
    for (int i = 0; i < ORDER_COUNT; i++) {
        char value[8];
        snprintf(value, sizeof value, "r%d", i * 3);
        app_world_put(world, "orders", i % 2, "k", value);
    }
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

static void no_task_begins_before_the_whole_table_is_there(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct app_world *world = app_world_new(seed, SHOP);
        struct buffer text;
        buffer_init(&text);
        fake_cluster_add_topic(world->cluster, "rates", 3);
        fake_cluster_add_topic(world->cluster, "orders", 2);
        put_orders(world);
        app_world_put(world, "rates", 0, NULL, "left out");
        put_rates(world, "one");
        world->cluster->error_chance = 600000; /* some partitions answer much later than others */
        app_world_start(world, 0);
        app_world_start(world, 1);
        app_world_await(world, "out", ORDER_COUNT);
        world->cluster->error_chance = 0;
        assert_int_equal(count_of(app_world_read(world, "out", 0, &text), ":one"), ORDER_COUNT);
        put_rates(world, "two");
        app_world_run(world, 5 * APP_WORLD_SECOND_MS);
        put_orders(world);
        app_world_await(world, "out", 2 * ORDER_COUNT);
        assert_int_equal(count_of(app_world_read(world, "out", 0, &text), ":two"), ORDER_COUNT);
        app_world_stop(&world->seats[0]);
        app_world_stop(&world->seats[1]);
        put_orders(world);
        app_world_start(world, 2);
        app_world_await(world, "out", 3 * ORDER_COUNT);
        assert_int_equal(count_of(app_world_read(world, "out", 0, &text), ":two"), 2 * ORDER_COUNT);
        assert_int_equal(count_of(buffer_string(&text), "none"), 0);
        buffer_fini(&text);
        app_world_free(world);
    }
}

static void an_app_can_be_closed_while_it_reads_a_global_table(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct app_world *world = app_world_new(seed, SHOP);
        fake_cluster_add_topic(world->cluster, "rates", 3);
        fake_cluster_add_topic(world->cluster, "orders", 1);
        put_rates(world, "one");
        app_world_start(world, 0);
        app_world_run(world, (int64_t)sim_random(world->sim, 400));
        app_world_stop(&world->seats[0]);
        app_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_task_begins_before_the_whole_table_is_there),
        cmocka_unit_test(an_app_can_be_closed_while_it_reads_a_global_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
