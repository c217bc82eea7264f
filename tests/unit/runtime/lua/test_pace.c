/* Shows changes that are held back as a script writes it: what is behind them sees the latest of
 * each key and what it saw before, a change that fails behind them was never there, and wrong words
 * are refused. When what goes on is held against Kafka Streams in test_conformance.c. */
#include "tests/unit/runtime/lua/lua_bench.h"

#define APP   "local S = require 'tidemill'\nlocal app = S.app 'app'\n"
#define TABLE APP "local t = app:table('in', { name = 't', value = 'json' })\n"

static void send(struct mill_driver *driver, const char *key, const char *value, int64_t time_ms)
{
    if (mill_driver_send(driver, "in", key, value, time_ms) != 0) {
        fail_msg("%s: %s", driver->context.error_place, driver->context.error_text);
    }
}

static void the_latest_change_goes_on_in_time(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, TABLE "t:emit { every = '10ms' }:to 'out'\nreturn app\n");
    send(driver, "a", "1", 100);
    send(driver, "a", "2", 105);
    send(driver, "b", "1", 109);
    assert_string_equal(mill_driver_text(driver, "out"), "");
    send(driver, "b", "2", 110);
    assert_string_equal(mill_driver_text(driver, "out"), "a=2");
    send(driver, "a", NULL, 112);
    send(driver, "c", "1", 130);
    assert_string_equal(mill_driver_text(driver, "out"), "a=2 b=2 a=-");
}

static void too_many_keys_let_the_oldest_go(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, TABLE "t:emit { every = '1h', max = 2 }:to 'out'\nreturn app\n");
    send(driver, "a", "1", 300);
    send(driver, "b", "1", 200);
    send(driver, "a", "2", 310);
    assert_string_equal(mill_driver_text(driver, "out"), "");
    send(driver, "c", "1", 100);
    assert_string_equal(mill_driver_text(driver, "out"), "c=1");
    send(driver, "d", "1", 400);
    assert_string_equal(mill_driver_text(driver, "out"), "c=1 b=1");
}

/* What lies between was never seen behind, so it is not taken away either. */
static void what_is_behind_takes_away_what_it_saw(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, TABLE "t:emit { every = '10ms' }:group_by '$.g'\n"
                      "  :aggregate { name = 'sum', init = 0,\n"
                      "    add = function(a, r) return a + r.json.n end,\n"
                      "    sub = function(a, r) return a - r.json.n end }:to 'out'\nreturn app\n");
    send(driver, "a", "{\"g\":\"x\",\"n\":1}", 100);
    send(driver, "a", "{\"g\":\"y\",\"n\":2}", 101);
    send(driver, "b", "{\"g\":\"x\",\"n\":10}", 110);
    assert_string_equal(mill_driver_text(driver, "out"), "y=2");
    send(driver, "a", "{\"g\":\"y\",\"n\":3}", 111);
    send(driver, "a", "{\"g\":\"x\",\"n\":4}", 112);
    send(driver, "a", "{\"g\":\"x\",\"n\":5}", 121);
    assert_string_equal(mill_driver_text(driver, "out"), "y=2 x=10 y=0 x=15");
}

static void a_change_that_fails_behind_goes_on_later(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        APP "local bad = true\n"
            "app:stream('in'):group_by_key():window(S.tumbling '100ms'):count { name = 'n' }\n"
            "  :emit { every = '10ms' }\n"
            "  :peek(function(r)\n"
            "    if bad and r.key == 'a' then bad = false; error 'no' end\n"
            "  end):to 'out'\nreturn app\n");
    send(driver, "a", "1", 3);
    assert_true(mill_driver_send(driver, "in", "b", "1", 13) != 0);
    assert_string_equal(mill_driver_text(driver, "out"), "");
    send(driver, "a", "1", 14);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",0,100]=2");
    assert_int_equal(kv_count(mill_driver_store(driver, "n-held")), 1); /* the numbers */
    assert_true(mill_driver_send(driver, "in", NULL, "1", 14) != 0);
}

static void a_jump_of_time_lets_go_in_pieces(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, TABLE "t:emit { every = '10ms' }:to 'out'\nreturn app\n");
    char key[16];
    for (int i = 0; i < 1500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        send(driver, key, "1", 100);
    }
    send(driver, "late", "1", 1000);
    assert_int_equal(driver->output_count, 1000);
    send(driver, "late", "2", 1001);
    assert_int_equal(driver->output_count, 1500);
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"t:emit { every = '0s' }", "from a millisecond on"},
        {"t:emit { every = 'soon' }", "soon"},
        {"t:emit {}", "every"},
        {"t:emit { each = '1s' }", "no option 'each'"},
        {"t:emit { every = '1s', max = -1 }", "whole number of keys"},
        {"t:emit { every = '1s', max = 1.5 }", "not 1.5"},
        {"t:emit { every = '1s', max = 'a' }", "must be a number"},
        {"t:filter('$.a > 1'):emit { every = '1s' }", "needs a name"},
        {"app:stream('s'):emit { every = '1s' }", "no latest value"},
        {"t:emit 'final'", "behind an aggregate in windows"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[500];
        snprintf(text, sizeof text, TABLE "%s\nreturn app\n", rows[i][0]);
        lua_bench_expect_refused(*state, text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(the_latest_change_goes_on_in_time),
        LUA_BENCH_TEST(too_many_keys_let_the_oldest_go),
        LUA_BENCH_TEST(what_is_behind_takes_away_what_it_saw),
        LUA_BENCH_TEST(a_change_that_fails_behind_goes_on_later),
        LUA_BENCH_TEST(a_jump_of_time_lets_go_in_pieces),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
