/* Shows windows as a script writes them: what is late goes to its topic, a record that fails behind
 * a window was never there, and wrong words are refused with a sentence. What windows answer is
 * held against Kafka Streams in test_conformance.c. */
#include "tests/unit/runtime/lua/lua_bench.h"

static void late_records_go_to_their_topic(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "local app = S.app 'shop'\n"
                "app:stream('in'):group_by_key():window(S.tumbling('10ms', { grace = '5ms' }))\n"
                "  :count { name = 'n' }:emit 'final':to 'out'\n"
                "app:stream('other'):group_by_key():window(S.sliding('10ms'))\n"
                "  :count { name = 'm' }:late_to 'too.late':to 'out2'\n"
                "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 3), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "2", 14), 0);
    assert_int_equal(mill_driver_send(driver, "in", "b", "3", 9), 0); /* within the grace */
    assert_string_equal(mill_driver_text(driver, "out"), "");
    assert_int_equal(mill_driver_send(driver, "in", "a", "4", 15), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",0,10]=1 [\"b\",0,10]=1");
    assert_int_equal(mill_driver_send(driver, "in", "c", "5", 9), 0);
    assert_string_equal(mill_driver_text(driver, "shop-late"), "c=5");
    assert_int_equal(mill_driver_send(driver, "other", "a", "1", 100), 0);
    assert_int_equal(mill_driver_send(driver, "other", "a", "2", 20), 0);
    assert_string_equal(mill_driver_text(driver, "too.late"), "a=2");
    assert_int_equal(driver->failures, 0);
}

/* What a function is told of the window is the result's, and the group's key has none. */
static void results_of_windows_are_grouped_by_their_window(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "local app = S.app 'shop'\n"
                "local per_page = app:stream('in'):group_by_key():window(S.tumbling '10ms')\n"
                "  :count { name = 'per-page' }\n"
                "per_page:group_by(function(r) return r.window_start .. '-' .. r.window_end end)\n"
                "  :aggregate { name = 'table', init = 0,\n"
                "    add = function(a, r) return a + r.json end,\n"
                "    sub = function(a, r) return a - r.json end }:to 'by-table'\n"
                "per_page:to_stream():group_by(function(r) return r.window_start end)\n"
                "  :count { name = 'stream' }:to 'by-stream'\n"
                "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 3), 0);
    assert_int_equal(mill_driver_send(driver, "in", "b", "2", 4), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "3", 5), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "4", 14), 0);
    assert_string_equal(mill_driver_text(driver, "by-table"), "0-10=1 0-10=2 0-10=3 10-20=1");
    assert_string_equal(mill_driver_text(driver, "by-stream"), "0=1 0=2 0=3 10=1");
    assert_int_equal(driver->failures, 0);
}

/* A key of several paths is a list, and can be read as one. */
static void the_parts_of_a_key_can_be_read(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "local app = S.app 'shop'\n"
                "app:stream('in', { value = 'json' }):group_by { '$.a', '$.b' }\n"
                "  :window(S.tumbling '10ms'):count { name = 'n' }\n"
                "  :group_by(function(r) return { r.key_json[1], r.window_start } end)\n"
                "  :aggregate { name = 'sum', init = 0,\n"
                "    add = function(a, r) return a + r.json end,\n"
                "    sub = function(a, r) return a - r.json end }:to 'out'\n"
                "app:stream('keys'):map(function(r) return { value = r.key_json } end):to 'read'\n"
                "app:stream('set'):peek(function(r) r.key_json = {} end):to 'read'\n"
                "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":\"x\",\"b\":1}", 3), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":\"x\",\"b\":2}", 3), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":\"y\",\"b\":2}", 13), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"x\",0]=1 [\"x\",0]=2 [\"y\",10]=1");
    assert_int_equal(mill_driver_send(driver, "keys", "{\"n\": 7}", "", 1), 0);
    assert_int_equal(mill_driver_send(driver, "keys", NULL, "", 1), 0);
    assert_string_equal(mill_driver_text(driver, "read"), "{\"n\": 7}={\"n\":7} -=");
    assert_true(mill_driver_send(driver, "keys", "a b", "", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "the key is not JSON"));
    assert_true(mill_driver_send(driver, "set", "a", "", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "set r.key to a table"));
}

static void a_record_that_fails_behind_a_window_leaves_nothing(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, "local S = require 'tidemill'\n"
                              "local app = S.app 'shop'\n"
                              "app:stream('in'):group_by_key():window(S.tumbling '10ms')\n"
                              "  :count { name = 'n' }\n"
                              "  :peek(function(r) if r.ts > 50 then error 'no' end end)\n"
                              "  :to 'out'\n"
                              "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 3), 0);
    assert_true(mill_driver_send(driver, "in", "a", "2", 99) != 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "3", 4), 0); /* time did not go on */
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",0,10]=1 [\"a\",0,10]=2");
    assert_true(mill_driver_send(driver, "in", NULL, "4", 5) != 0);
    assert_non_null(strstr(driver->context.error_text, "without a key"));
}

/* As if time had passed: final results come, one after the other, and what comes later is late. */
static void windows_close_where_nothing_comes_in(void **state)
{
    static const char *const kinds[] = {"tumbling('10ms', { grace = '5ms', idle = '1s' })",
                                        "sliding('10ms', { grace = '5ms', idle = '1s' })",
                                        "session('10ms', { grace = '5ms', idle = '1s' })"};
    struct lua_bench *bench = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[500];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
                 "app:stream('in'):group_by_key():window(S.%s)\n"
                 "  :count { name = 'seen' }:emit 'final':to 'out'\nreturn app\n",
                 kinds[i]);
        struct mill_driver *driver = lua_bench_run(bench, text);
        assert_int_equal(mill_driver_idle(driver), 0);
        assert_int_equal(mill_driver_send(driver, "in", "a", "1", 3), 0);
        assert_int_equal(mill_driver_send(driver, "in", "b", "1", 4), 0);
        assert_string_equal(mill_driver_text(driver, "out"), "");
        assert_int_equal(mill_driver_idle(driver), 0);
        const char *out = mill_driver_text(driver, "out");
        assert_non_null(strstr(out, "[\"a\","));
        assert_non_null(strstr(out, "[\"b\","));
        size_t count = driver->output_count;
        assert_int_equal(mill_driver_idle(driver), 0); /* nothing is open */
        mill_driver_restart(driver);
        assert_int_equal(mill_driver_idle(driver), 0);
        assert_int_equal(driver->output_count, count);
        assert_int_equal(mill_driver_send(driver, "in", "a", "1", 3), 0);
        assert_true(driver->context.late_count > 0);
        lua_bench_close(bench);
    }
}

/* One record may not carry the time of everybody past its end. */
static void a_time_beyond_all_calendars_is_refused(void **state)
{
    static const char *const kinds[] = {"tumbling '10ms'", "sliding '10ms'", "session '10ms'"};
    static const char *const rows[][2] = {
        {"in", "{\"ts\":9223372036854775807}"}, /* from the value */
        {"in", "{\"ts\":253402300800000}"},
        {"other", "9223372036854775807"}, /* from a function */
        {"other", "-9223372036854775807"},
    };
    struct lua_bench *bench = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
                 "local timed = app:stream('in', { value = 'json', time = '$.ts' })\n"
                 "local other = app:stream('other', { value = 'json' })\n"
                 "  :map(function(r) r.ts = r.value return r end)\n"
                 "timed:merge(other):group_by_key():window(S.%s):count { name = 'n' }:to 'out'\n"
                 "return app\n",
                 kinds[i]);
        struct mill_driver *driver = lua_bench_run(bench, text);
        assert_int_equal(mill_driver_send(driver, "in", "a", "{\"ts\":103}", 1), 0);
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            assert_true(mill_driver_send(driver, rows[j][0], "a", rows[j][1], 1) != 0);
            assert_non_null(strstr(driver->context.error_text, "no time"));
        }
        size_t count = driver->output_count;
        assert_int_equal(mill_driver_send(driver, "in", "a", "{\"ts\":104}", 1), 0);
        assert_true(driver->output_count > count); /* it is not late */
        lua_bench_close(bench);
    }
}

/* It fits no window. In silence it would be gone. */
static void a_record_without_a_time_is_refused(void **state)
{
    static const char *const kinds[] = {"tumbling '10ms'", "hopping('10ms', '5ms')",
                                        "sliding '10ms'", "session '10ms'"};
    struct lua_bench *bench = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
                 "app:stream('in'):group_by_key():window(S.%s):count { name = 'n' }:to 'out'\n"
                 "return app\n",
                 kinds[i]);
        struct mill_driver *driver = lua_bench_run(bench, text);
        assert_true(mill_driver_send(driver, "in", "a", "1", -1) != 0);
        assert_non_null(strstr(driver->context.error_text, "without a time"));
        assert_int_equal(driver->output_count, 0);
        assert_int_equal(mill_driver_send(driver, "in", "a", "1", 0), 0);
        assert_true(driver->output_count > 0);
        lua_bench_close(bench);
    }
}

static void functions_see_the_window(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        "local S = require 'tidemill'\n"
        "local app = S.app 'shop'\n"
        "app:stream('in'):group_by_key():window(S.hopping('10ms', '5ms'))\n"
        "  :reduce { name = 'r', function(a, v) return a + v end }\n"
        "  :map(function(r) return { key = r.key .. r.window_start, value = r.window_end } end)\n"
        "  :to 'out'\n"
        "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 7), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "a0=10 a5=15");
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"window(S.session '5ms'):aggregate { name = 'a', init = 0, add = print }", "merge"},
        {"window(S.hopping('5ms', '10ms')):count { name = 'a' }", "miss records"},
        {"window(S.hopping('365d', '1ms')):count { name = 'a' }", "more than 100000"},
        {"window(S.tumbling 'soon'):count { name = 'a' }", "'soon' is no size"},
        {"window(S.tumbling('1m', { grace = 'x' })):count { name = 'a' }", "'x' is no grace"},
        {"window(S.tumbling('0ms')):count { name = 'a' }", "'0ms' is no size"},
        {"window(S.tumbling('1m', { idle = '0s' })):count { name = 'a' }", "'0s' is no idle"},
        {"window(S.tumbling('1m', { graze = '1s' })):count { name = 'a' }", "did you mean 'grace'"},
        {"window(S.tumbling '1m'):count {}", "needs a name"},
        {"window('1m')", "takes S.tumbling"},
        {"count { name = 'a' }:emit 'final'", "behind an aggregate in windows"},
        {"window(S.tumbling '1m'):count { name = 'a' }:emit 'never'", "\"updates\""},
        {"window(S.tumbling '1m'):count { name = 'a' }:late_to 'a b'", "a b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[500];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                 "app:stream('in'):group_by_key():%s\nreturn app\n",
                 rows[i][0]);
        lua_bench_expect_refused(*state, text, rows[i][1]);
    }
}

/* Windows of a store are read within the callback that began to, with values of older versions. */
static void iterations_over_stored_windows_end_with_the_callback(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits.callback_ms = 60000; /* the sanitizers are slow */
    struct mill_driver *driver = lua_bench_run(
        bench,
        "local S = require 'tidemill'\n"
        "local app = S.app 'shop'\n"
        "local kept\n"
        "app:stream('in'):process {\n"
        "  stores = { w = S.window_store { retention = '1s', memory = true },\n"
        "    s = S.session_store { retention = '1m', value = 'text' } },\n"
        "  process = function(r, ctx)\n"
        "    if r.value == 'more' then return { value = kept() } end\n"
        "    ctx.w:put(r.key, r.value)\n"
        "    ctx.w:put(r.key, 2, r.ts + 1)\n"
        "    kept = ctx.w:pairs()\n"
        "    local key, start = kept()\n"
        "    if r.value == 'many' then\n"
        "      for i = 1, 10000 do ctx.w:fetch(r.key, 0, 9) end\n"
        "    end\n"
        "    local count = 0\n"
        "    for i = 1, 20000 do for _ in ctx.w:fetch_all(0, 0) do count = count + 1 end end\n"
        "    return { key = key, value = start + count }\n"
        "  end }:to 'out'\nreturn app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 5), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "a=5");
    assert_int_equal(driver->failures, 0);
    assert_true(mill_driver_send(driver, "in", "a", "more", 5) != 0);
    assert_non_null(strstr(driver->context.error_text, "the iteration expired with its callback"));
    assert_true(mill_driver_send(driver, "in", "a", "many", 5) != 0);
    assert_non_null(strstr(driver->context.error_text, "more than 10000 iterations are open"));
    struct buffer text;
    buffer_init(&text);
    topology_describe(script_topology(bench->script), &text);
    assert_non_null(strstr(buffer_string(&text),
                           "store s (persistent, text, with changelog, sessions of 60000 ms)"));
    assert_non_null(
        strstr(buffer_string(&text), "store w (memory, json, with changelog, windows of 1000 ms)"));
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(late_records_go_to_their_topic),
        LUA_BENCH_TEST(results_of_windows_are_grouped_by_their_window),
        LUA_BENCH_TEST(the_parts_of_a_key_can_be_read),
        LUA_BENCH_TEST(a_record_that_fails_behind_a_window_leaves_nothing),
        LUA_BENCH_TEST(windows_close_where_nothing_comes_in),
        LUA_BENCH_TEST(a_time_beyond_all_calendars_is_refused),
        LUA_BENCH_TEST(a_record_without_a_time_is_refused),
        LUA_BENCH_TEST(functions_see_the_window),
        LUA_BENCH_TEST(iterations_over_stored_windows_end_with_the_callback),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
