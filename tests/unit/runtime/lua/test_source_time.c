/* Shows what a value may say about the record's time, that it is read exactly in each unit, and
 * that the refusal of what is no time names the path and what was found. */
#include "tests/unit/runtime/lua/lua_bench.h"

static struct mill_driver *run(struct lua_bench *bench, const char *time)
{
    char text[400];
    snprintf(text, sizeof text,
             "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
             "app:stream('in', { value = 'json', time = %s })\n"
             "  :map_values(function(r) return r.ts end):to 'out'\nreturn app\n",
             time);
    return lua_bench_run(bench, text);
}

static void times_are_read_exactly(void **state)
{
    static const char *const rows[][3] = {
        {"'$.t'", "{\"t\":1760104536123}", "a=1760104536123"},
        {"'$.t'", "{\"t\":1760104536123.9}", "a=1760104536123"},
        {"'$.t'", "{\"t\":\"2025-10-10T13:55:36.123Z\"}", "a=1760104536123"},
        {"'$.t'", "{\"t\":\"2025-10-10T13:55:36.123456789Z\"}", "a=1760104536123"},
        {"'$.t'", "{\"t\":\"2025-10-10T15:55:36\\u002b02:00\"}", "a=1760104536000"},
        {"'$.t'", "{\"t\":\"2025-10-10T08:25:36-05:30\"}", "a=1760104536000"},
        {"{ path = '$.t' }", "{\"t\":7}", "a=7"},
        {"{ path = '$.t', unit = 's' }", "{\"t\":1760104536}", "a=1760104536000"},
        {"{ path = '$.t', unit = 's' }", "{\"t\":1760104536.123}", "a=1760104536123"},
        {"{ path = '$.t', unit = 's' }", "{\"t\":\"1970-01-01T00:00:01Z\"}", "a=1000"},
        {"{ path = '$.t', unit = 'us' }", "{\"t\":1760104536123456}", "a=1760104536123"},
        {"{ path = '$.t', unit = 'ns' }", "{\"t\":1760104536123456789}", "a=1760104536123"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mill_driver *driver = run(*state, rows[i][0]);
        assert_int_equal(mill_driver_send(driver, "in", "a", rows[i][1], 5), 0);
        assert_string_equal(mill_driver_text(driver, "out"), rows[i][2]);
    }
}

/* A null value says none, and a table must not lose what it removes. */
static void a_null_value_has_the_time_of_its_record(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
                "app:stream('in', { value = 'json', time = '$.t' }):to 'out'\n"
                "app:table('rows', { name = 'rows', value = 'json', time = '$.t' }):to 'rows-out'\n"
                "return app\n");
    assert_int_equal(mill_driver_send(driver, "in", "a", NULL, 9), 0);
    assert_int_equal(mill_driver_last(driver, "out")->timestamp_ms, 9);
    assert_int_equal(mill_driver_send(driver, "rows", "a", "{\"t\":5}", 100), 0);
    assert_int_equal(mill_driver_send(driver, "rows", "a", NULL, 200), 0);
    assert_string_equal(mill_driver_text(driver, "rows-out"), "a={\"t\":5} a=-");
    assert_int_equal(mill_driver_last(driver, "rows-out")->timestamp_ms, 200);
    assert_int_equal(kv_count(mill_driver_store(driver, "rows")), 0);
}

static void what_is_no_time_is_refused_with_what_was_found(void **state)
{
    static const char *const rows[][3] = {
        {"'$.t'", "{\"t\":\"yesterday\"}", "$.t is not a time: it is \"yesterday\""},
        {"'$.t'", "{\"t\":\"2025-10-10T13:55:36\"}", "$.t is not a time"}, /* no zone */
        {"'$.t'", "{\"t\":\"1969-12-31T23:59:59Z\"}", "from 1970 on"},
        {"'$.t'", "{\"t\":-5}", "it is -5"},
        {"'$.t'", "{\"t\":null}", "it is null"},
        {"'$.t'", "{\"t\":{\"x\":1}}", "it is {\"x\":1}"},
        {"'$.t'", "{\"u\":5}", "the value has no $.t"},
        {"{ path = '$.t', unit = 's' }", "{\"t\":true}", "a number of seconds"},
        {"{ path = '$.t', unit = 's' }", "{\"t\":9223372036854775807}", "is not a time"},
        {"{ path = '$.t', unit = 's' }", "{\"t\":1e300}", "is not a time"},
        {"{ path = '$.t', unit = 'ns' }", "{\"t\":[]}", "a number of nanoseconds"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mill_driver *driver = run(*state, rows[i][0]);
        assert_true(mill_driver_send(driver, "in", "a", rows[i][1], 5) != 0);
        if (strstr(driver->context.error_text, rows[i][2]) == NULL) {
            fail_msg("%s: %s", rows[i][1], driver->context.error_text);
        }
        assert_int_equal(driver->output_count, 0);
    }
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"{ path = '$.t', unit = 'h' }", "not 'h'"},
        {"{ unit = 's' }", "time's path is missing"},
        {"{ path = '$.t', units = 's' }", "did you mean 'unit'"},
        {"5", "time must be a string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill'\nlocal app = S.app 'a'\n"
                 "app:stream('in', { value = 'json', time = %s }):to 'out'\nreturn app\n",
                 rows[i][0]);
        lua_bench_expect_refused(*state, text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(times_are_read_exactly),
        LUA_BENCH_TEST(a_null_value_has_the_time_of_its_record),
        LUA_BENCH_TEST(what_is_no_time_is_refused_with_what_was_found),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
