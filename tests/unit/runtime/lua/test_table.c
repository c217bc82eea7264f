/* Shows what tables do beside what Kafka Streams was asked (test_conformance.c): JSON values, keys
 * that move between groups, what is said of them in a plan, and mistakes. */
#include "runtime/format/headers.h"
#include "tests/unit/runtime/lua/lua_bench.h"

#define APP "local S = require 'tidemill'\nlocal app = S.app 'app'\n"

static void send(struct mill_driver *driver, const char *topic, const char *key, const char *value,
                 int64_t time_ms)
{
    if (mill_driver_send(driver, topic, key, value, time_ms) != 0) {
        fail_msg("%s: %s", driver->context.error_place, driver->context.error_text);
    }
    assert_int_equal(driver->failures, 0);
}

static void a_table_can_be_filtered_and_mapped(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, APP "local t = app:table('in', { name = 't', value = 'json' })\n"
                    "t:filter('$.n > 1'):map_values(function(r) return r.json.n * 2 end):to 'big'\n"
                    "t:map(function(r) return { key = 'x' .. r.key, value = r.value } end):to "
                    "'moved'\nreturn app\n");
    send(driver, "in", "a", "{\"n\":1}", 1);
    send(driver, "in", "a", "{\"n\":2}", 2);
    send(driver, "in", "a", "{\"n\":0}", 3);
    send(driver, "in", "a", NULL, 4);
    assert_string_equal(mill_driver_text(driver, "big"), "a=- a=4 a=- a=-");
    assert_string_equal(mill_driver_text(driver, "moved"),
                        "xa={\"n\":1} xa={\"n\":2} xa={\"n\":0} xa=-");
    assert_int_equal(kv_count(mill_driver_store(driver, "t")), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{}", 5), ERROR_INVALID);
    assert_non_null(strstr(driver->context.error_text, "without a key"));
    assert_string_equal(driver->context.error_node->name, "t-table");
}

static void a_key_leaves_its_old_group_before_it_joins_another(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, APP "app:table('in', { name = 't', value = 'json' })\n"
                                  ":group_by '$.team'\n"
                                  ":aggregate { name = 'sum', init = 0,\n"
                                  "  add = function(a, r) return a + r.json.n end,\n"
                                  "  sub = function(a, r) return a - r.json.n end }:to 'out'\n"
                                  "return app\n");
    send(driver, "in", "a", "{\"team\":\"x\",\"n\":1}", 1);
    send(driver, "in", "b", "{\"team\":\"x\",\"n\":10}", 2);
    send(driver, "in", "a", "{\"team\":\"y\",\"n\":2}", 3);
    send(driver, "in", "b", "{\"team\":\"x\",\"n\":20}", 4);
    send(driver, "in", "b", NULL, 5);
    assert_string_equal(mill_driver_text(driver, "out"), "x=1 x=11 x=10 y=2 x=20 x=0");
    assert_string_equal(topology_topic_at(driver->topology, 0)->name, "app-sum-repartition");
    int sent = 0;
    for (size_t i = 0; i < driver->output_count; i++) {
        sent += strcmp(driver->outputs[i].topic, "app-sum-repartition") == 0;
    }
    assert_int_equal(sent, 6); /* one where the key stayed, two where it moved */
}

static void an_aggregate_of_an_aggregate_takes_old_results_away(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, APP "app:stream('in', { value = 'text' }):group_by_key():count { name = 'n' }\n"
                    ":group_by(function(r) return r.json end):count { name = 'keys' }:to 'out'\n"
                    "return app\n");
    send(driver, "in", "a", "", 1);
    send(driver, "in", "b", "", 1);
    send(driver, "in", "a", "", 1);
    assert_string_equal(mill_driver_text(driver, "out"), "1=1 1=2 1=1 2=1");
}

static void a_record_is_no_key(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        APP "local pair = function(r) return { key = r.json.g, value = 1 } end\n"
            "app:table('t', { name = 't', value = 'json' }):group_by(pair):count { name = 'n' }\n"
            "app:stream('s', { value = 'json' }):group_by(pair):count { name = 'm' }\n"
            "app:stream('other'):group_by(function() return { key = 1, value = 2, n = 3 } end)\n"
            ":count { name = 'o' }:to 'out'\nreturn app\n");
    assert_true(mill_driver_send(driver, "t", "a", "{\"g\":\"x\"}", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "return key, value"));
    assert_true(mill_driver_send(driver, "s", "a", "{\"g\":\"x\"}", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "as a key; return the key"));
    assert_int_equal(mill_driver_send(driver, "other", "a", "", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "{\"key\":1,\"n\":3,\"value\":2}=1");
}

static void a_stream_becomes_a_table_where_its_keys_meet(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver =
        lua_bench_run(bench, APP "app:stream('in', { value = 'json' }):select_key '$.k'\n"
                                 ":map_values(function(r) return r.json.v or S.null end)\n"
                                 ":to_table { name = 't', versioned = '1m' }:to_stream()\n"
                                 ":filter(function(r) return r.value end):to 'out'\nreturn app\n");
    send(driver, "in", NULL, "{\"k\":\"a\",\"v\":[1]}", 100000);
    send(driver, "in", NULL, "{\"k\":\"a\",\"v\":\"s\"}", 90000);
    send(driver, "in", NULL, "{\"k\":\"a\"}", 100001);
    send(driver, "in", NULL, "{\"k\":\"a\",\"v\":2}", 1);
    assert_string_equal(mill_driver_text(driver, "out"), "a=[1] a=s");
    assert_string_equal(mill_driver_text(driver, "app-late"), "a=2");
    struct headers_entry entry;
    const struct record *late = mill_driver_last(driver, "app-late");
    assert_int_equal(
        headers_find(late->headers_encoded, BYTES_LITERAL("tidemill.late.time"), &entry), 1);
    assert_true(bytes_equal_string(entry.value, "100001"));
    struct buffer text;
    buffer_init(&text);
    topology_describe(script_topology(bench->script), &text);
    assert_non_null(strstr(buffer_string(&text), "t-table (table versioned 1m)"));
    assert_non_null(strstr(buffer_string(&text), "topic app-t-table-repartition (internal)"));
    buffer_fini(&text);
}

static void a_store_can_be_asked_for_the_past(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench, APP "app:stream('in', { value = 'json' }):process {\n"
                   "  stores = { s = S.versioned { history = '1s' } },\n"
                   "  process = function(r, ctx)\n"
                   "    local was = ctx.s[r.key]\n"
                   "    if r.json.gone then ctx.s:delete(r.key) else ctx.s[r.key] = r.json end\n"
                   "    local at, from, to = ctx.s:as_of(r.key, 100)\n"
                   "    return { value = { was or 0, at or 0, from or 0, to or 0 } }\n"
                   "  end }:to 'out'\nreturn app\n");
    send(driver, "in", "a", "{\"n\":1}", 100);
    send(driver, "in", "a", "{\"n\":2}", 200);
    send(driver, "in", "a", "{\"gone\":true}", 300);
    send(driver, "in", "a", "{\"n\":3}", 90);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "a=[0,{\"n\":1},100,0] a=[{\"n\":1},{\"n\":1},100,200] "
                        "a=[{\"n\":2},{\"n\":1},100,200] a=[0,{\"n\":1},100,200]");
    struct buffer text;
    buffer_init(&text);
    topology_describe(script_topology(bench->script), &text);
    assert_non_null(strstr(buffer_string(&text), "with changelog, history of 1000 ms"));
    buffer_fini(&text);
}

static void mistakes_are_sentences(void **state)
{
    static const char *const cases[][2] = {
        {"app:table('in')", "a table keeps state, so it needs a name"},
        {"app:table('in', { name = 't', versoined = '1h' })", "did you mean 'versioned'"},
        {"app:table('in', { name = 't', versioned = 'soon' })", "not a span of time"},
        {"app:stream('in'):to_table()", "to_table keeps state, so it needs a name"},
        {"app:table('in', { name = 't' }):fliter('true')", "did you mean 'filter'"},
        {"app:table('in', { name = 't' }):group_by '$.a':reduce { name = 'r', fn = print }",
         "reduce of a table also needs sub"},
        {"app:table('in', { name = 't' }):group_by '$.a':window(S.tumbling '1m')",
         "a grouped table has no 'window'"},
        {"S.versioned {}", "needs history"},
        {"app:stream('in'):process { process = print, stores = { s = 5 } }", "S.versioned"},
        {"app:table('in', { name = 't', value = 'text' }) app:stream('in')", "read twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[500];
        snprintf(text, sizeof text, APP "%s\nreturn app\n", cases[i][0]);
        lua_bench_expect_refused(*state, text, cases[i][1]);
        assert_string_equal(((struct lua_bench *)*state)->report.place, "app.lua:3");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(a_table_can_be_filtered_and_mapped),
        LUA_BENCH_TEST(a_key_leaves_its_old_group_before_it_joins_another),
        LUA_BENCH_TEST(an_aggregate_of_an_aggregate_takes_old_results_away),
        LUA_BENCH_TEST(a_record_is_no_key),
        LUA_BENCH_TEST(a_stream_becomes_a_table_where_its_keys_meet),
        LUA_BENCH_TEST(a_store_can_be_asked_for_the_past),
        LUA_BENCH_TEST(mistakes_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
