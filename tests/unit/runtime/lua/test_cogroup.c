/* Shows several streams that go into one aggregate, each by its function: also through topics that
 * bring equal keys together, in windows and behind restarts. What Kafka Streams answers is in
 * test_conformance.c. */
#include "tests/unit/runtime/lua/lua_bench.h"

static const char balance[] =
    "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
    "local function by_user(t) return app:stream(t, { value = 'json' }):group_by '$.user' end\n"
    "S.cogroup {\n"
    "  { by_user 'deposits', function(sum, r) return sum + r.json.n end },\n"
    "  { by_user 'payments', function(sum, r) return sum - r.json.n end },\n"
    "  { by_user 'resets', add = function() return 0 end },\n"
    "}%s:aggregate { name = 'balance', init = 0 }:to 'out'\n"
    "return app\n";

static struct mill_driver *run(struct lua_bench *bench, const char *window)
{
    char text[800];
    snprintf(text, sizeof text, balance, window);
    return lua_bench_run(bench, text);
}

static void each_stream_goes_in_by_its_function(void **state)
{
    struct mill_driver *driver = run(*state, "");
    assert_int_equal(mill_driver_send(driver, "deposits", NULL, "{\"user\":\"a\",\"n\":5}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "payments", NULL, "{\"user\":\"a\",\"n\":2}", 2), 0);
    mill_driver_restart(driver);
    assert_int_equal(mill_driver_send(driver, "payments", NULL, "{\"user\":\"b\",\"n\":1}", 3), 0);
    assert_int_equal(mill_driver_send(driver, "deposits", NULL, "{\"user\":\"a\",\"n\":4}", 4), 0);
    assert_int_equal(mill_driver_send(driver, "resets", NULL, "{\"user\":\"a\"}", 5), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "a=5 a=3 b=-1 a=7 a=0");
    assert_int_equal(driver->failures, 0);
}

static void windows_cut_all_streams_alike(void **state)
{
    static const char *const rows[][2] = {
        {":window(S.tumbling '10ms')", "[\"a\",0,10]=5 [\"a\",0,10]=3 [\"a\",10,20]=4"},
        {":window(S.records(2))", "[\"a\",1,1]=5 [\"a\",1,1]=- [\"a\",1,2]=3 [\"a\",14,14]=4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mill_driver *driver = run(*state, rows[i][0]);
        assert_int_equal(mill_driver_send(driver, "deposits", NULL, "{\"user\":\"a\",\"n\":5}", 1),
                         0);
        assert_int_equal(mill_driver_send(driver, "payments", NULL, "{\"user\":\"a\",\"n\":2}", 2),
                         0);
        assert_int_equal(mill_driver_send(driver, "deposits", NULL, "{\"user\":\"a\",\"n\":4}", 14),
                         0);
        assert_string_equal(mill_driver_text(driver, "out"), rows[i][1]);
        assert_int_equal(driver->failures, 0);
    }
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"S.cogroup {}", "list is empty"},
        {"S.cogroup { { app:stream 'in', print } }", "member 1 is no grouped stream"},
        {"S.cogroup { { g } }", "the add of S.cogroup's member 1 is missing"},
        {"S.cogroup { { g, print }, { t, print } }", "member 2 is no grouped stream"},
        {"S.cogroup { { g, print } }:aggregate { init = 0 }", "name"},
        {"S.cogroup { { g, print } }:aggregate { name = 'x' }", "needs init"},
        {"S.cogroup { { g, print } }:window 'x'", "window takes"},
        {"S.cogroup { { g, print } }:window(S.session '1s'):aggregate { name = 'x', init = 0 }",
         "merge"},
        {"S.cogroup { { g, print } }:count { name = 'x' }", "a cogroup has no 'count'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[500];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                 "local g = app:stream('in'):group_by_key()\n"
                 "local t = app:table('t', { name = 't' }):group_by_key()\n%s\nreturn app\n",
                 rows[i][0]);
        lua_bench_expect_refused(*state, text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(each_stream_goes_in_by_its_function),
        LUA_BENCH_TEST(windows_cut_all_streams_alike),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
