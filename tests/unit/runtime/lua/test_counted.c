/* Shows windows of a number of records as a script writes them: they close at the record that fills
 * them, with any kind of aggregate, go on behind a restart, and a record that fails behind one was
 * never there. */
#include "tests/unit/runtime/lua/lua_bench.h"

static struct mill_driver *run(struct lua_bench *bench, const char *steps)
{
    char text[700];
    int size = snprintf(text, sizeof text,
                        "local S = require 'tidemill'\nlocal app = S.app 'shop'\n"
                        "app:stream('in', { value = 'json' }):group_by_key():%s:to 'out'\n"
                        "return app\n",
                        steps);
    assert_true(size > 0 && (size_t)size < sizeof text);
    return lua_bench_run(bench, text);
}

/* Values 1, 2, ... of a key, one each ten milliseconds. */
static void send_many(struct mill_driver *driver, const char *key, int first, int last)
{
    for (int i = first; i <= last; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(mill_driver_send(driver, "in", key, value, 10 * i), 0);
    }
}

#define JOINED "reduce { name = 'r', fn = function(a, v) return a * 10 + v end }:emit 'final'"

static void a_window_closes_at_its_last_record(void **state)
{
    struct mill_driver *driver = run(*state, "window(S.records(3)):" JOINED);
    send_many(driver, "a", 1, 2);
    send_many(driver, "b", 1, 3);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"b\",10,30]=123");
    send_many(driver, "a", 3, 7);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"b\",10,30]=123 [\"a\",10,30]=123 [\"a\",40,60]=456");
}

static void windows_that_advance_overlap(void **state)
{
    struct mill_driver *driver = run(*state, "window(S.records(3, { advance = 2 })):" JOINED);
    send_many(driver, "a", 1, 7);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"a\",10,30]=123 [\"a\",30,50]=345 [\"a\",50,70]=567");
    driver = run(*state, "window(S.records(3, { advance = 1 })):" JOINED);
    send_many(driver, "a", 1, 5);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"a\",10,30]=123 [\"a\",20,40]=234 [\"a\",30,50]=345");
    driver = run(*state, "window(S.records(1)):count { name = 'n' }");
    send_many(driver, "a", 1, 2);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",10,10]=1 [\"a\",20,20]=1");
}

/* The end moves, so the result under the old key goes; records that come late move nothing. */
static void updates_tell_each_new_result(void **state)
{
    struct mill_driver *driver = run(*state, "window(S.records(3)):count { name = 'n' }");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 20), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 30), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 25), 0);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"a\",20,20]=1 [\"a\",20,20]=- [\"a\",20,30]=2 [\"a\",20,30]=3");
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 5), 0);
    assert_int_equal(driver->output_count, 5); /* of the next window */
}

static void native_aggregators_see_the_window(void **state)
{
    struct mill_driver *driver =
        run(*state, "window(S.records(2)):aggregate { name = 'x', n = S.count(), top = S.max '$' }"
                    ":emit 'final'");
    send_many(driver, "a", 1, 4);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"a\",10,20]={\"n\":2,\"top\":2,\"window_start\":10,\"window_end\":20} "
                        "[\"a\",30,40]={\"n\":2,\"top\":4,\"window_start\":30,\"window_end\":40}");
}

/* The same at every place where a restart can come, with windows that overlap. */
static void a_restart_changes_nothing(void **state)
{
    enum { RECORDS = 9 };
    for (int at = 1; at < RECORDS; at++) {
        struct mill_driver *driver = run(*state, "window(S.records(4, { advance = 3 })):" JOINED);
        send_many(driver, "a", 1, at);
        mill_driver_restart(driver);
        send_many(driver, "a", at + 1, RECORDS);
        assert_string_equal(mill_driver_text(driver, "out"),
                            "[\"a\",10,40]=1234 [\"a\",40,70]=4567");
    }
}

static void a_record_that_fails_behind_a_window_does_not_count(void **state)
{
    struct mill_driver *driver =
        run(*state, "window(S.records(2)):count { name = 'n' }:emit 'final'"
                    ":peek(function(r) if r.ts == 20 then error 'no' end end)");
    send_many(driver, "a", 1, 1);
    assert_true(mill_driver_send(driver, "in", "a", "2", 20) != 0);
    send_many(driver, "a", 3, 3);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",10,30]=2");
    assert_true(mill_driver_send(driver, "in", NULL, "1", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "without a key"));
    assert_true(mill_driver_send(driver, "in", "a", "1", -1) != 0);
    assert_non_null(strstr(driver->context.error_text, "without a time"));
}

/* The window goes on counting, and closes where it would have closed. */
static void a_deleted_accumulator_is_no_deleted_window(void **state)
{
    struct mill_driver *driver =
        run(*state, "window(S.records(3)):aggregate { name = 'x', init = 0, add = function(a, r)\n"
                    "  return r.json == 2 and S.null or a + r.json end }:emit 'final'");
    send_many(driver, "a", 1, 6);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",10,30]=3 [\"a\",40,60]=15");
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"window(S.records(0)):count { name = 'a' }", "count of a window of records"},
        {"window(S.records(2.5)):count { name = 'a' }", "not 2.5"},
        {"window(S.records('5')):count { name = 'a' }", "the count must be a number"},
        {"window(S.records(0/0)):count { name = 'a' }", "whole number"},
        {"window(S.records(3, { advance = 4 })):count { name = 'a' }", "from 1 to 3, not 4"},
        {"window(S.records(5000, { advance = 1 })):count { name = 'a' }", "more than 1000"},
        {"window(S.records(3, { grace = '1s' })):count { name = 'a' }", "no option 'grace'"},
        {"window(S.records(3)):count { name = 'a' }:late_to 'x'", "nothing is late"},
        {"window(S.records(3)):count { name = 'a' }:emit 'never'", "\"updates\""},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(a_window_closes_at_its_last_record),
        LUA_BENCH_TEST(windows_that_advance_overlap),
        LUA_BENCH_TEST(updates_tell_each_new_result),
        LUA_BENCH_TEST(native_aggregators_see_the_window),
        LUA_BENCH_TEST(a_restart_changes_nothing),
        LUA_BENCH_TEST(a_record_that_fails_behind_a_window_does_not_count),
        LUA_BENCH_TEST(a_deleted_accumulator_is_no_deleted_window),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
