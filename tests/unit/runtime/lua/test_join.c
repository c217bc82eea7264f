/* Shows what joins do beside what Kafka Streams was asked (test_conformance.c): JSON values and
 * what stands for a function, changed keys, late records, restarts, and mistakes. */
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

/* All tasks end and begin again, with what is in their stores. */
static void restart(struct mill_driver *driver)
{
    for (size_t i = 0; i < topology_part_count(driver->topology); i++) {
        topology_instance_free(driver->instances[i]);
        driver->instances[i] =
            topology_instance_new(driver->topology, topology_part_at(driver->topology, i));
        assert_int_equal(topology_instance_start(driver->instances[i], &driver->context), 0);
    }
}

static void a_stream_is_enriched_from_a_table(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench,
        APP "local customers = app:table('customers', { name = 'customers', value = 'json',\n"
            "  versioned = '24h' })\n"
            "app:stream('orders', { value = 'json' }):select_key '$.customer'\n"
            "  :left_join(customers, function(o, c, key)\n"
            "    o.name, o.of = c and c.name or 'unknown', key\n"
            "    return o\n"
            "  end):to 'out'\nreturn app\n");
    send(driver, "customers", "c", "{\"name\":\"Ann\"}", 10);
    send(driver, "customers", "c", "{\"name\":\"Anna\"}", 50);
    send(driver, "orders", "1", "{\"customer\":\"c\"}", 20);
    send(driver, "orders", "2", "{\"customer\":\"c\"}", 60);
    send(driver, "orders", "3", "{\"customer\":\"d\"}", 60);
    send(driver, "customers", "c", "{\"name\":\"Annie\"}", 30);
    send(driver, "orders", "4", "{\"customer\":\"c\"}", 40);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "c={\"customer\":\"c\",\"name\":\"Ann\",\"of\":\"c\"} "
                        "c={\"customer\":\"c\",\"name\":\"Anna\",\"of\":\"c\"} "
                        "d={\"customer\":\"d\",\"name\":\"unknown\",\"of\":\"d\"} "
                        "c={\"customer\":\"c\",\"name\":\"Annie\",\"of\":\"c\"}");
    const struct topology_part *part = topology_part_at(driver->topology, 0);
    assert_string_equal(part->name, "customers");
    assert_int_equal(part->copartitioned_count, 2);
    assert_string_equal(part->copartitioned[0], "app-customers-join-repartition");
    assert_string_equal(part->copartitioned[1], "customers");
}

static void without_a_function_both_values_stand_side_by_side(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, APP "local t = app:table('t', { name = 't', value = 'json' })\n"
                                  "app:stream('s', { value = 'text' }):left_join(t):to 'out'\n"
                                  "return app\n");
    send(driver, "t", "a", "{\"n\":1}", 1);
    send(driver, "s", "a", "x\"y", 2);
    send(driver, "s", "b", "z", 3);
    assert_string_equal(
        mill_driver_text(driver, "out"),
        "a={\"left\":\"x\\\"y\",\"right\":{\"n\":1}} b={\"left\":\"z\",\"right\":null}");
}

static void aggregates_and_filtered_tables_are_joined_too(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, APP "local s = app:stream('s', { value = 'json' })\n"
                    "local n = s:group_by_key():count { name = 'n' }\n"
                    "local t = app:table('t', { name = 't', value = 'json' }):filter '$.n > 1'\n"
                    "n:join(t, { name = 'both' }, function(l, r) return { l, r.n } end):to 'out'\n"
                    "return app\n");
    send(driver, "s", "a", "{}", 1);
    send(driver, "t", "a", "{\"n\":1}", 2);
    send(driver, "t", "a", "{\"n\":2}", 3);
    send(driver, "s", "a", "{}", 4);
    send(driver, "t", "a", "{\"n\":0}", 5);
    send(driver, "t", "a", "{\"n\":3}", 6);
    assert_string_equal(mill_driver_text(driver, "out"), "a=[1,2] a=[2,2] a=- a=[2,3]");
}

#define MEETING                                                                                    \
    APP "local l = app:stream('l', { value = 'text' })\n"                                          \
        "local r = app:stream('r', { value = 'text' })\n"                                          \
        "l:left_join(r, { name = 'pairs', within = '10ms', grace = '5ms' }, function(a, b)\n"      \
        "  return a .. (b or '~') end):to 'out'\nreturn app\n"

static void who_met_nobody_goes_on_alone_also_after_a_restart(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, MEETING);
    send(driver, "l", "a", "A", 100);
    send(driver, "l", "b", "B", 101);
    restart(driver);
    send(driver, "r", "a", "1", 110);
    restart(driver);
    send(driver, "r", "c", "2", 116);
    assert_string_equal(mill_driver_text(driver, "out"), "a=A1");
    restart(driver);
    send(driver, "r", "c", "3", 117);
    assert_string_equal(mill_driver_text(driver, "out"), "a=A1 b=B~");
    assert_int_equal(mill_driver_last(driver, "out")->timestamp_ms, 101);
    send(driver, "l", "d", "D", 102); /* its span is over: at once */
    assert_string_equal(mill_driver_text(driver, "out"), "a=A1 b=B~ d=D~");
}

static void what_is_too_old_to_be_kept_is_not_lost(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, MEETING);
    send(driver, "l", "a", "A", 1000);
    send(driver, "r", "a", "1", 1000);
    send(driver, "r", "b", "2", 900);
    assert_string_equal(mill_driver_text(driver, "out"), "a=A1");
    assert_string_equal(mill_driver_text(driver, "app-late"), "b=2");
    /* It is counted as late, and not as one that changed the store. */
    assert_false(kv_is_changed(mill_driver_store(driver, "pairs")));
    const struct record *late = mill_driver_last(driver, "app-late");
    struct headers_entry entry;
    assert_int_equal(
        headers_find(late->headers_encoded, BYTES_LITERAL("tidemill.late.node"), &entry), 1);
    assert_true(bytes_equal_string(entry.value, "pairs-right"));
    assert_int_equal(
        headers_find(late->headers_encoded, BYTES_LITERAL("tidemill.late.window"), &entry), 1);
    assert_true(bytes_equal_string(entry.value, "890,910"));
}

static void a_failed_function_leaves_the_join_as_it_was(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, APP "local l = app:stream('l', { value = 'text' })\n"
                    "local r = app:stream('r', { value = 'text' })\n"
                    "l:outer_join(r, { name = 'p', within = '10ms' }, function(a, b)\n"
                    "  if a == 'bad' then error 'no' end\n"
                    "  return (a or '~') .. (b or '~') end):to 'out'\nreturn app\n");
    send(driver, "r", "a", "1", 10);
    assert_int_not_equal(mill_driver_send(driver, "l", "a", "bad", 20), 0);
    assert_non_null(strstr(driver->context.error_text, "no"));
    driver->failures = 0;
    send(driver, "l", "a", "A", 15);
    assert_string_equal(mill_driver_text(driver, "out"), "a=A1");
}

static void what_expired_is_removed_from_the_store(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, MEETING);
    for (int i = 0; i < 500; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i % 7);
        send(driver, "l", key, "l", 10 * i);
        send(driver, "r", key, "r", 10 * i + 3);
    }
    assert_true(kv_count(mill_driver_store(driver, "pairs")) < 30);
}

/* Kafka's key of a window is the key together with its start. */
static void results_of_windows_meet_those_of_the_same_window(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        APP "local function per_window(topic)\n"
            "  return app:stream(topic, { value = 'text' }):group_by_key()\n"
            "    :window(S.tumbling '100ms'):count { name = topic .. '-n' }:to_stream()\n"
            "end\n"
            "per_window 'l':outer_join(per_window 'r', { name = 'both', within = '200ms' },\n"
            "  function(l, r) return (l or '~') .. ':' .. (r or '~') end):to 'out'\n"
            "return app\n");
    send(driver, "l", "k", "", 20);
    send(driver, "r", "k", "", 110); /* near enough, but of the next window */
    assert_string_equal(mill_driver_text(driver, "out"), "");
    restart(driver);
    send(driver, "l", "k", "", 150);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"k\",100,200]=1:1");
    restart(driver);
    send(driver, "l", "k", "", 900); /* that of the first window goes on alone, as what it was */
    send(driver, "r", "k", "", 1900);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"k\",100,200]=1:1 [\"k\",0,100]=1:~ [\"k\",900,1000]=1:~");
    for (int i = 0; i < 300; i++) {
        send(driver, "l", "k", "", 2000 + 100 * i);
        send(driver, "r", "k", "", 2050 + 100 * i);
    }
    assert_true(kv_count(mill_driver_store(driver, "both")) < 40);
}

static void a_result_of_a_window_waits_for_a_table_with_its_window(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        APP "local t = app:table('t', { name = 't', value = 'text', versioned = '1h' })\n"
            "app:stream('l', { value = 'text' }):group_by_key():window(S.tumbling '100ms')\n"
            "  :count { name = 'n' }:to_stream()\n"
            "  :join(t, { name = 'waits', grace = '200ms' }, function(l, r) return l .. r end)\n"
            "  :to 'out'\nreturn app\n");
    send(driver, "t", "k", "x", 0);
    send(driver, "l", "k", "", 20);
    send(driver, "l", "other", "", 90);
    restart(driver);
    send(driver, "l", "k", "", 420);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"k\",0,100]=1x");
}

static void an_aggregate_of_results_of_windows_leaves_the_window_behind(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        APP "app:stream('l', { value = 'text' }):group_by_key():window(S.tumbling '100ms')\n"
            "  :count { name = 'n' }:emit 'final':to_stream():group_by_key()\n"
            "  :count { name = 'windows' }:to 'out'\nreturn app\n");
    send(driver, "l", "k", "", 20);
    send(driver, "l", "k", "", 120);
    send(driver, "l", "k", "", 220);
    assert_string_equal(mill_driver_text(driver, "out"), "k=1 k=2");
}

static void a_value_names_the_key_of_the_other_table(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench, APP "local orders = app:table('orders', { name = 'orders', value = 'json' })\n"
                   "local customers = app:table('customers', { name = 'customers', value = 'json' "
                   "})\n"
                   "local named = orders:left_join(customers, { name = 'named', on = '$.of' },\n"
                   "  function(o, c) return { o.n, c and c.name or '?' } end)\n"
                   "named:to 'out'\n"
                   "named:group_by(function(r) return r.json[2] end):count { name = 'n' }:to 'n'\n"
                   "return app\n");
    send(driver, "orders", "1", "{\"of\":\"a\",\"n\":1}", 1);
    send(driver, "customers", "a", "{\"name\":\"Ann\"}", 2);
    send(driver, "orders", "2", "{\"of\":\"a\",\"n\":2}", 3);
    send(driver, "customers", "a", "{\"name\":\"Bob\"}", 4);
    send(driver, "orders", "1", NULL, 5);
    assert_string_equal(mill_driver_text(driver, "out"), "1=[1,\"?\"] 1=[1,\"Ann\"] 2=[2,\"Ann\"] "
                                                         "1=[1,\"Bob\"] 2=[2,\"Bob\"] 1=-");
    assert_string_equal(mill_driver_text(driver, "n"),
                        "?=1 ?=0 Ann=1 Ann=2 Ann=1 Bob=1 Ann=0 Bob=2 Bob=1");
    assert_int_equal(kv_count(mill_driver_store(driver, "named-subscriptions")), 1);
}

/* What an answer was made for may have changed meanwhile. */
static void an_answer_for_another_value_is_dropped(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, APP "app:table('l', { name = 'l', value = 'text' })\n"
                    "  :join(app:table('r', { name = 'r', value = 'text' }), { name = 'j',\n"
                    "    on = function(r) return r.value:sub(1, 1) end },\n"
                    "  function(l, r) return l .. r end):to 'out'\nreturn app\n");
    send(driver, "r", "x", "R", 1);
    send(driver, "l", "k", "x1", 2);
    struct record answer = *mill_driver_last(driver, "app-j-answers-repartition");
    char value[64];
    char headers[256];
    assert_true(answer.value.size < sizeof value && answer.headers_encoded.size < sizeof headers);
    answer.value =
        bytes_make(memcpy(value, answer.value.data, answer.value.size), answer.value.size);
    answer.headers_encoded =
        bytes_make(memcpy(headers, answer.headers_encoded.data, answer.headers_encoded.size),
                   answer.headers_encoded.size);
    answer.key = BYTES_LITERAL("k");
    send(driver, "l", "k", "x2", 3);
    assert_int_equal(mill_driver_send_record(driver, &answer), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "k=x1R k=x2R");
    send(driver, "l", "k", "x1", 4);
    assert_int_equal(mill_driver_send_record(driver, &answer), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "k=x1R k=x2R k=x1R k=x1R");
}

static void mistakes_are_sentences(void **state)
{
    static const char *const cases[][2] = {
        {"s:join(s, { within = '1s' })", "join of streams keeps state, so it needs a name"},
        {"s:join(s, { name = 'j' })", "needs within"},
        {"s:join(s, { name = 'j', within = 'soon' })", "not a span of time"},
        {"s:join(s, { name = 'j', before = '-2s', after = '1s' })", "leave no time"},
        {"s:join(s, { name = 'j', within = '1s', grace = '-1s' })", "cannot be negative"},
        {"s:join(t, { grace = '1s' })", "versioned"},
        {"s:join(t, { within = '1s' })", "has no 'within'"},
        {"s:outer_join(t)", "no outer_join"},
        {"t:join(s)", "a table is joined with a table"},
        {"s:join('t')", "takes a stream or a table"},
        {"s:join(t, {}, 5)", "must be a function"},
        {"t:join(t:filter 'true')", "needs a name"},
        {"s:join(app:global_table('g', { name = 'g' }), { within = '1s' })", "no option 'within'"},
        {"app:global_table 'g'", "needs a name"},
        {"app:global_table('s', { name = 'g' })", "read twice"},
        {"app:global_table('g', { name = 'g' }):filter 'true'", "a global table has no 'filter'"},
        {"t:join(t, { on = '$.a' })", "needs a name"},
        {"t:join(t, { name = 'j', on = 'a b' })", "$"},
        {"t:outer_join(t, { name = 'j', on = '$.a' })", "no outer_join"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 APP "local s, t = app:stream 's', app:table('t', { name = 't' })\n%s\n"
                     "return app\n",
                 cases[i][0]);
        lua_bench_expect_refused(*state, text, cases[i][1]);
        assert_string_equal(((struct lua_bench *)*state)->report.place, "app.lua:4");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(a_stream_is_enriched_from_a_table),
        LUA_BENCH_TEST(without_a_function_both_values_stand_side_by_side),
        LUA_BENCH_TEST(aggregates_and_filtered_tables_are_joined_too),
        LUA_BENCH_TEST(who_met_nobody_goes_on_alone_also_after_a_restart),
        LUA_BENCH_TEST(what_is_too_old_to_be_kept_is_not_lost),
        LUA_BENCH_TEST(a_failed_function_leaves_the_join_as_it_was),
        LUA_BENCH_TEST(what_expired_is_removed_from_the_store),
        LUA_BENCH_TEST(results_of_windows_meet_those_of_the_same_window),
        LUA_BENCH_TEST(a_result_of_a_window_waits_for_a_table_with_its_window),
        LUA_BENCH_TEST(an_aggregate_of_results_of_windows_leaves_the_window_behind),
        LUA_BENCH_TEST(a_value_names_the_key_of_the_other_table),
        LUA_BENCH_TEST(an_answer_for_another_value_is_dropped),
        LUA_BENCH_TEST(mistakes_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
