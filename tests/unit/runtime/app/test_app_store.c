/* Shows what a person finds in stores: keys and values as their steps give them, all partitions one
 * after the other, in steps that let records go on; what a tap shows; and that a paused application
 * stands still. */
#include "runtime/app/app_store.h"
#include "runtime/app/app_tap.h"
#include "runtime/app/app_view.h"
#include "tests/unit/runtime/app/app_world.h"

static const char SHOP[] =
    "local S = require 'tidemill'\n"
    "local app = S.app 'shop'\n"
    "local rates = app:global_table('rates', { name = 'rates', value = 'text' })\n"
    "local people = app:table('people', { name = 'people', value = 'json' })\n"
    "app:table('past', { name = 'past', value = 'text', versioned = '1h' }):to_stream():to 'out'\n"
    "local orders = app:stream('orders', { value = 'json', time = '$.at' })\n"
    "orders:join(people, { name = 'known' }, function(o, p) return o end):to 'out'\n"
    "orders:join(rates, { on = '$.rate' }, function(o, rate) return o end):to 'out'\n"
    "orders:group_by_key():count { name = 'n' }:to 'out'\n"
    "orders:group_by_key():window(S.tumbling '1m')\n"
    "  :aggregate { name = 'minutes', n = S.count(), sum = S.sum '$.v' }:to 'out'\n"
    "orders:join(app:stream('others', { value = 'json' }),\n"
    "  { within = '1m', name = 'near' }, function(l, r) return l end):to 'out'\n"
    "orders:process { name = 'seen', stores = { seen = S.kv { value = 'text' } },\n"
    "  process = function(r, ctx) ctx.seen:put(r.key .. '!', 'x' .. r.json.v) end }\n"
    "return app\n";

enum { PARTITION_COUNT = 2 };

static struct app_world *shop_new(void)
{
    static const char *const topics[] = {"rates", "people", "past", "orders", "others"};
    struct app_world *world = app_world_new(1, SHOP);
    world->cluster->is_creating_topics = true;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        fake_cluster_add_topic(world->cluster, topics[i], PARTITION_COUNT);
    }
    fake_cluster_add_topic(world->cluster, "out", 1);
    app_world_put(world, "rates", 0, "eur", "1.1");
    app_world_put(world, "people", 0, "a", "{\"name\":\"Ann\"}");
    app_world_put(world, "past", 1, "p", "now");
    app_world_put(world, "orders", 0, "a", "{\"at\":1000,\"v\":1}");
    app_world_put(world, "orders", 0, "b", "{\"at\":2000,\"v\":2}");
    app_world_put(world, "orders", 1, "c", "{\"at\":3000,\"v\":3}");
    app_world_put(world, "orders", 0, "a", "{\"at\":61000,\"v\":4}");
    return world;
}

static struct app_world *shop_run(void)
{
    struct app_world *world = shop_new();
    app_world_start(world, 0);
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    assert_string_equal(world->seats[0].reason, "");
    return world;
}

/* As a person asks: step by step, with whatever happens between. */
static enum app_store_result look(struct app_world *world, struct app_store_look *asked,
                                  struct buffer *out)
{
    enum app_store_result result = APP_STORE_AGAIN;
    buffer_clear(out);
    asked->out = out;
    asked->count_max = asked->count_max == 0 ? 100 : asked->count_max;
    while (result == APP_STORE_AGAIN) {
        result = app_store_step(world->seats[0].app, asked);
        app_world_run(world, 10);
    }
    app_store_end(asked);
    return result;
}

static void expect(struct app_world *world, struct app_store_look asked, const char *wanted)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(look(world, &asked, &out), APP_STORE_DONE);
    assert_string_equal(buffer_string(&out), wanted);
    buffer_fini(&out);
}

static void a_store_shows_what_its_step_gives(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    expect(world, (struct app_store_look){.store = "n"},
           "{\"partition\":0,\"ts\":61000,\"key\":\"a\",\"value\":2},"
           "{\"partition\":0,\"ts\":2000,\"key\":\"b\",\"value\":1},"
           "{\"partition\":1,\"ts\":3000,\"key\":\"c\",\"value\":1}");
    expect(world, (struct app_store_look){.store = "minutes"},
           "{\"partition\":0,\"ts\":61000,\"key\":\"a\",\"value\":{\"n\":1,\"sum\":4,\"window_"
           "start\":60000,\"window_end\":120000},\"window_start\":60000,\"window_end\":120000},"
           "{\"partition\":1,\"ts\":3000,\"key\":\"c\",\"value\":{\"n\":1,\"sum\":3,\"window_"
           "start\":0,\"window_end\":60000},\"window_start\":0,\"window_end\":60000}");
    expect(world, (struct app_store_look){.store = "people"},
           "{\"partition\":0,\"ts\":1000,\"key\":\"a\",\"value\":{\"name\":\"Ann\"}}");
    expect(world, (struct app_store_look){.store = "past"},
           "{\"partition\":1,\"ts\":1000,\"key\":\"p\",\"value\":\"now\"}");
    expect(world, (struct app_store_look){.store = "rates"},
           "{\"partition\":0,\"ts\":1000,\"key\":\"eur\",\"value\":\"1.1\"}");
    expect(world, (struct app_store_look){.store = "seen"},
           "{\"partition\":0,\"key\":\"a!\",\"value\":\"x4\"},"
           "{\"partition\":0,\"key\":\"b!\",\"value\":\"x2\"},"
           "{\"partition\":1,\"key\":\"c!\",\"value\":\"x3\"}");
    app_world_free(world);
}

static void keys_choose_rows(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    expect(world, (struct app_store_look){.store = "n", .key = BYTES_LITERAL("c")},
           "{\"partition\":1,\"ts\":3000,\"key\":\"c\",\"value\":1}");
    expect(world, (struct app_store_look){.store = "n", .key = BYTES_LITERAL("d")}, "");
    expect(
        world,
        (struct app_store_look){.store = "n", .from = BYTES_LITERAL("b"), .to = BYTES_LITERAL("c")},
        "{\"partition\":0,\"ts\":2000,\"key\":\"b\",\"value\":1}");
    expect(world, (struct app_store_look){.store = "past", .key = BYTES_LITERAL("p")},
           "{\"partition\":1,\"ts\":1000,\"key\":\"p\",\"value\":\"now\"}");
    app_world_free(world);
}

static void what_is_too_much_is_left_out_and_told(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    struct app_store_look asked = {.store = "n", .count_max = 2};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(look(world, &asked, &out), APP_STORE_DONE);
    assert_true(asked.has_more);
    assert_int_equal(asked.count, 2);
    buffer_fini(&out);
    app_world_free(world);
}

static void what_a_step_keeps_for_itself_is_not_shown(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    struct app_store_look asked = {.store = "near"};
    struct app_store_look unknown = {.store = "far"};
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(look(world, &asked, &out), APP_STORE_HIDDEN);
    assert_int_equal(look(world, &unknown, &out), APP_STORE_UNKNOWN);
    buffer_fini(&out);
    app_world_free(world);
}

/* More rows than a step looks at, while records come in. */
static void a_large_store_is_walked_in_steps(void **state)
{
    (void)state;
    enum { KEY_COUNT = 3 * APP_STORE_STEP_COUNT };
    struct app_world *world = shop_run();
    struct app_store_look asked = {.store = "n", .count_max = 2 * KEY_COUNT};
    struct buffer out;
    buffer_init(&out);
    for (int i = 0; i < KEY_COUNT; i++) {
        char key[20];
        snprintf(key, sizeof key, "k%06d", i);
        app_world_put(world, "orders", i % PARTITION_COUNT, key, "{\"at\":61000,\"v\":1}");
    }
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    assert_int_equal(look(world, &asked, &out), APP_STORE_DONE);
    assert_int_equal(asked.count, KEY_COUNT + 3);
    assert_false(asked.has_more);
    assert_non_null(strstr(buffer_string(&out), "\"key\":\"k005999\""));
    buffer_fini(&out);
    app_world_free(world);
}

static void a_paused_app_stands_still_and_goes_on(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    struct app *app = world->seats[0].app;
    int64_t count = app_world_count(world, "out");
    app_pause(app, true);
    app_world_put(world, "orders", 0, "a", "{\"at\":62000,\"v\":1}");
    app_world_run(world, 30 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_world_count(world, "out"), count);
    assert_int_equal(app_task_count(app), 2 * PARTITION_COUNT); /* its partitions stay */
    app_pause(app, false);
    app_world_await(world, "out", count + 1);
    assert_string_equal(world->seats[0].reason, "");
    app_world_free(world);
}

static const char *tap(struct app_world *world, const char *node, int64_t number,
                       struct buffer *out)
{
    int64_t lost = 0;
    buffer_clear(out);
    assert_true(app_tap_read(world->seats[0].app, node, &number, &lost, out));
    buffer_printf(out, " last %d lost %d", (int)number, (int)lost);
    return buffer_string(out);
}

static void a_tap_shows_what_a_node_is_given(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    struct buffer out;
    buffer_init(&out);
    int64_t number = -1;
    int64_t lost = 0;
    assert_false(app_tap_read(world->seats[0].app, "nobody", &number, &lost, &out));
    assert_string_equal(tap(world, "n", -1, &out), " last 0 lost 0");
    app_world_put(world, "orders", 1, "c", "{\"at\":70000,\"v\":5}");
    app_world_run(world, 1000);
    assert_string_equal(tap(world, "n", 0, &out),
                        "{\"number\":1,\"partition\":1,\"ts\":70000,\"key\":\"c\","
                        "\"value\":{\"at\":70000,\"v\":5}} last 1 lost 0");
    assert_string_equal(tap(world, "n", 1, &out), " last 1 lost 0");
    /* Nobody asks: it ends, and what comes is not noted. */
    app_world_run(world, 3 * APP_TAP_IDLE_MS);
    app_world_put(world, "orders", 1, "c", "{\"at\":71000,\"v\":5}");
    app_world_run(world, 1000);
    assert_string_equal(tap(world, "n", 1, &out), " last 0 lost 0");
    buffer_fini(&out);
    app_world_free(world);
}

static void a_tap_outlives_a_rebalance_and_loses_what_is_too_much(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    struct buffer out;
    buffer_init(&out);
    tap(world, "n", -1, &out);
    app_world_start(world, 1); /* takes a partition, and gives it back */
    for (int i = 0; i < 8; i++) {
        app_world_run(world, APP_TAP_IDLE_MS / 2);
        tap(world, "n", 0, &out);
    }
    app_world_stop(&world->seats[1]);
    for (int i = 0; i < 8; i++) {
        app_world_run(world, APP_TAP_IDLE_MS / 2);
        tap(world, "n", 0, &out);
    }
    for (int i = 0; i < APP_TAP_LINE_COUNT + 7; i++) {
        app_world_put(world, "orders", i % PARTITION_COUNT, "k", "{\"at\":80000,\"v\":1}");
    }
    app_world_run(world, APP_TAP_IDLE_MS / 2);
    assert_non_null(strstr(tap(world, "n", 0, &out), " last 507 lost 7"));
    assert_null(strstr(buffer_string(&out), "\"number\":7,"));
    assert_non_null(strstr(buffer_string(&out), "\"number\":8,"));
    buffer_fini(&out);
    app_world_free(world);
}

static void a_paused_app_can_be_closed(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    app_pause(world->seats[0].app, true);
    app_world_put(world, "orders", 0, "a", "{\"at\":62000,\"v\":1}");
    app_world_run(world, 1000);
    app_world_stop(&world->seats[0]);
    app_world_free(world);
}

static void the_view_is_json(void **state)
{
    (void)state;
    struct app_world *world = shop_run();
    struct buffer out;
    struct json json;
    struct app_totals totals = {0};
    struct app_view_places places = {0};
    buffer_init(&out);
    json_init(&json);
    app_totals_add(&totals, world->seats[0].app);
    app_view_add_places(world->seats[0].app, &places);
    buffer_add_byte(&out, '{');
    app_view_write_totals(world->seats[0].app, &totals, &out);
    buffer_add_string(&out, ",\"parts\":[");
    size_t before = out.size;
    app_view_add_parts(world->seats[0].app, 1, &out);
    assert_int_equal(out.data[before], ',');
    out.data[before] = ' ';
    buffer_add_string(&out, "],");
    app_view_write_connectors(world->seats[0].app, &out);
    buffer_add_byte(&out, ',');
    app_view_write_stores(world->seats[0].app, &places, &out);
    buffer_add_byte(&out, ',');
    app_view_write_plan(world->seats[0].app, &out);
    buffer_add_byte(&out, '}');
    assert_int_equal(json_parse(&json, buffer_bytes(&out)), 0);
    const char *text = buffer_string(&out);
    assert_non_null(strstr(text, "\"guarantee\":\"at_least_once\",\"tasks\":4,"));
    assert_non_null(
        strstr(text, "{\"topic\":\"orders\",\"ours\":true,\"offset\":3,\"pending\":0}"));
    assert_non_null(strstr(text, "\"thread\":1,"));
    assert_non_null(strstr(text, "\"partitions\":[0,1]"));
    assert_non_null(strstr(text, "{\"name\":\"rates\",\"kind\":\"global\""));
    assert_non_null(strstr(text, "\"plan\":\"application shop\\n"));
    json_fini(&json);
    buffer_fini(&out);
    app_view_places_fini(&places);
    app_totals_fini(&totals);
    app_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_shows_what_its_step_gives),
        cmocka_unit_test(keys_choose_rows),
        cmocka_unit_test(what_is_too_much_is_left_out_and_told),
        cmocka_unit_test(what_a_step_keeps_for_itself_is_not_shown),
        cmocka_unit_test(a_large_store_is_walked_in_steps),
        cmocka_unit_test(a_paused_app_stands_still_and_goes_on),
        cmocka_unit_test(a_paused_app_can_be_closed),
        cmocka_unit_test(a_tap_shows_what_a_node_is_given),
        cmocka_unit_test(a_tap_outlives_a_rebalance_and_loses_what_is_too_much),
        cmocka_unit_test(the_view_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
