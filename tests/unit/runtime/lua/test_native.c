/* Shows native aggregates as a script writes them: the example of the reference as it stands there,
 * every function on keys, and wrong words refused with a sentence. */
#include "runtime/format/timed.h"
#include "tests/unit/runtime/lua/lua_bench.h"

static const char latency_text[] =
    "local S = require \"tidemill\"\n"
    "local app = S.app \"api-latency\"\n"
    "app:stream(\"http.requests\", { value = \"json\", time = \"$.ts\" })\n"
    "   :filter(\"$.route != nil and $.ms >= 0\")\n"
    "   :group_by { \"$.service\", \"$.route\" }\n"
    "   :window(S.tumbling(\"1m\", { grace = \"10s\", idle = \"30s\" }))\n"
    "   :aggregate {\n"
    "      name = \"latency-1m\",\n"
    "      n      = S.count(),\n"
    "      errors = S.count(\"$.status >= 500\"),\n"
    "      avg    = S.avg \"$.ms\",\n"
    "      p50    = S.quantile(\"$.ms\", 0.50),\n"
    "      p99    = S.quantile(\"$.ms\", 0.99),\n"
    "      max    = S.max \"$.ms\",\n"
    "   }\n"
    "   :emit \"final\"\n"
    "   :late_to \"http.requests.late\"\n"
    "   :to_stream()\n"
    "   :to(\"metrics.latency.1m\")\n"
    "return app\n";

static int send_request(struct mill_driver *driver, int64_t ts, int ms, int status)
{
    char value[200];
    snprintf(value, sizeof value,
             "{\"ts\":%lld,\"service\":\"api\",\"route\":\"/a\",\"ms\":%d,\"status\":%d}",
             (long long)ts, ms, status);
    return mill_driver_send(driver, "http.requests", NULL, value, 0);
}

/* A hundred requests of 1 to 100 ms, each tenth an error. */
static void latencies_of_a_minute_are_told_when_it_closed(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, latency_text);
    for (int i = 1; i <= 100; i++) {
        assert_int_equal(send_request(driver, i * 500, i, i % 10 == 0 ? 500 : 200), 0);
    }
    assert_string_equal(mill_driver_text(driver, "metrics.latency.1m"), "");
    assert_int_equal(send_request(driver, 70000, 7, 200), 0);
    assert_string_equal(
        mill_driver_text(driver, "metrics.latency.1m"),
        "[[\"api\",\"/a\"],0,60000]={\"avg\":50.5,\"errors\":10,\"max\":100,\"n\":100,"
        "\"p50\":49.90296094906759,\"p99\":98.50457626879381,"
        "\"window_start\":0,\"window_end\":60000}");
    assert_int_equal(send_request(driver, 59999, 7, 200), 0);
    assert_non_null(strstr(mill_driver_text(driver, "http.requests.late"), "59999"));
    assert_int_equal(driver->failures, 0);
}

static void expect_last(const struct mill_driver *driver, const char *text)
{
    struct bytes value = mill_driver_last(driver, "out")->value;
    if (!bytes_equal_string(value, text)) {
        fail_msg("%.*s instead of %s", BYTES_FORMAT(value), text);
    }
}

static void every_aggregator_works_on_keys(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        "local S = require 'tidemill'\n"
        "local app = S.app 'shop'\n"
        "app:stream('in', { value = 'json' }):group_by_key():aggregate { name = 'all',\n"
        "  n = S.count(), large = S.count '$.x > 2', sum = S.sum '$.x', avg = S.avg '$.x',\n"
        "  min = S.min '$.x', max = S.max '$.x', first = S.first '$.s', last = S.last '$.s',\n"
        "  mid = S.quantile('$.x', 0.5), kinds = S.distinct '$.s', top = S.topk('$.s', 1),\n"
        "  dev = S.stddev '$.x', all = S.collect('$.s', { limit = 2 }) }:to 'out'\n"
        "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"x\":1,\"s\":\"a\"}", 5), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"x\":4,\"s\":\"b\"}", 9), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"x\":1,\"s\":\"b\"}", 2), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"x\":null}", 1), 0);
    expect_last(
        driver,
        "{\"all\":[\"a\",\"b\"],\"avg\":2.0,\"dev\":1.7320508075688772,\"first\":\"b\",\"kinds\":2,"
        "\"large\":1,\"last\":\"b\",\"max\":4,\"mid\":1.0,\"min\":1,\"n\":4,"
        "\"sum\":6,\"top\":[{\"count\":2,\"error\":0,\"value\":\"b\"}]}");
}

static void sessions_merge_and_windows_have_rates(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "local app = S.app 'shop'\n"
                "app:stream('in', { value = 'json' }):group_by_key():window(S.session '1s')\n"
                "  :aggregate { name = 'a', n = S.rate(), bytes = S.rate '$.b',\n"
                "               p = S.quantile('$.b', 1) }:to 'out'\n"
                "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"b\":10}", 0), 0);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"k\",0,0]={\"bytes\":null,\"n\":null,\"p\":10.0,"
                        "\"window_start\":0,\"window_end\":0}");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"b\":50}", 1500), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"b\":40}", 1000), 0);
    expect_last(driver, "{\"bytes\":66.66666666666667,\"n\":2.0,\"p\":50.0,"
                        "\"window_start\":0,\"window_end\":1500}");
    assert_int_equal(mill_driver_send(driver, "in", "k", NULL, 2000), 0); /* grows the session */
    expect_last(driver, "{\"bytes\":50.0,\"n\":2.0,\"p\":50.0,"
                        "\"window_start\":0,\"window_end\":2000}");
}

static void values_of_tables_are_taken_away(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "local app = S.app 'shop'\n"
                "app:table('in', { value = 'json', name = 't' }):group_by '$.g'\n"
                "  :aggregate { name = 'a', n = S.count(), large = S.count '$.x > 5',\n"
                "    sum = S.sum '$.x', avg = S.avg '$.x', dev = S.stddev '$.x' }:to 'out'\n"
                "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", "{\"g\":\"g\",\"x\":9}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "b", "{\"g\":\"g\",\"x\":0.5}", 2), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "{\"g\":\"g\",\"x\":4}", 3), 0);
    expect_last(driver,
                "{\"avg\":2.25,\"dev\":2.4748737341529163,\"large\":0,\"n\":2,\"sum\":4.5}");
    assert_int_equal(mill_driver_send(driver, "in", "b", NULL, 4), 0);
    expect_last(driver, "{\"avg\":4.0,\"dev\":null,\"large\":0,\"n\":1,\"sum\":4}");
    assert_int_equal(driver->failures, 0);
    lua_bench_expect_refused(
        *state,
        "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
        "app:table('in', { value = 'json', name = 't' }):group_by '$.g'\n"
        "  :aggregate { name = 'a', n = S.count(), low = S.min '$.x' }\nreturn app\n",
        "min cannot be used on a table");
}

static void stores_of_other_aggregators_are_refused(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "local app = S.app 'shop'\n"
                "app:stream('in'):group_by_key():aggregate { name = 'a', n = S.count() }\n"
                "return app\n");
    struct buffer stored;
    buffer_init(&stored);
    timed_write_binary(&stored, 1, BYTES_LITERAL("\1\0\0\0\0"));
    assert_int_equal(
        kv_put(mill_driver_store(driver, "a"), BYTES_LITERAL("k"), buffer_bytes(&stored)), 0);
    assert_true(mill_driver_send(driver, "in", "k", "{}", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "other aggregators"));
    buffer_clear(&stored);
    timed_write(&stored, 1, BYTES_LITERAL("7"));
    assert_int_equal(
        kv_put(mill_driver_store(driver, "a"), BYTES_LITERAL("k"), buffer_bytes(&stored)), 0);
    assert_true(mill_driver_send(driver, "in", "k", "{}", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "something else"));
    buffer_fini(&stored);
}

static void a_value_of_another_type_is_refused(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        "local S = require 'tidemill'\n"
        "local app = S.app 'shop'\n"
        "app:stream('in', { value = 'json' }):group_by_key()\n"
        "  :aggregate { name = 'a', total = S.sum '$.x', kinds = S.distinct '$.s' }:to 'out'\n"
        "return app\n");
    static const char *const rows[][2] = {
        {"{\"x\":\"12\"}", "$.x is the string \"12\", but sum of 'total' takes a finite number"},
        {"{\"x\":1e999}", "$.x is the number 1e999, but sum of 'total' takes"},
        {"{\"s\":[1]}", "$.s is an array, but distinct of 'kinds' takes a string, a number or"},
        {"{\"x\":", "the value is not JSON"},
        {"{\"x\":9223372036854775807}", "sum of $.x of 'total': the sum passes 64 bits"},
    };
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"x\":1}", 1), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(mill_driver_send(driver, "in", "k", rows[i][0], 1) != 0);
        if (strstr(driver->context.error_text, rows[i][1]) == NULL) {
            fail_msg("%s: %s", rows[i][0], driver->context.error_text);
        }
    }
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"x\":2}", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "k={\"kinds\":0,\"total\":1} k={\"kinds\":0,\"total\":3}");
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"a = S.sum()", "S.sum needs a path"},
        {"a = S.sum '$.'", "$."},
        {"a = S.sum 'x'", "x"},
        {"a = S.count '$.x >'", "$.x >"},
        {"a = S.quantile '$.x'", "S.quantile needs the quantile"},
        {"a = S.quantile('$.x', 50)", "the quantile of quantile is a number from 0 to 1, not 50"},
        {"a = S.topk('$.x', 0.5)", "k of topk is an integer from 1 to 100, not 0.5"},
        {"a = S.collect '$.x'", "S.collect needs { limit = ... }"},
        {"a = S.collect('$.x', { limt = 3 })", "did you mean 'limit'"},
        {"a = S.collect('$.x', { limit = 1e9 })", "limit of collect is an integer"},
        {"a = S.max('$.x', 3)", "S.max takes one argument"},
        {"a = S.max '$.x', b = 3", "'b' is no aggregator"},
        {"a = S.max '$.x', init = 3", "'init' is no aggregator"},
        {"a = S.rate()", "rate needs windows"},
        {"window_end = S.count()", "'window_end' of its own"},
        {"a = S.count(), name = false", "name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[500];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                 "app:stream('in'):group_by_key():aggregate { name = 'n', %s }\nreturn app\n",
                 rows[i][0]);
        lua_bench_expect_refused(*state, text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(latencies_of_a_minute_are_told_when_it_closed),
        LUA_BENCH_TEST(every_aggregator_works_on_keys),
        LUA_BENCH_TEST(sessions_merge_and_windows_have_rates),
        LUA_BENCH_TEST(values_of_tables_are_taken_away),
        LUA_BENCH_TEST(stores_of_other_aggregators_are_refused),
        LUA_BENCH_TEST(a_value_of_another_type_is_refused),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
