/* Shows stored values of several versions: a script reads what an older one kept as its own version
 * has it, in stores, histories and aggregates; what nobody wrote since stays as it was; and what a
 * later one kept is never read. */
#include "runtime/lua/script_migration.h"
#include "tests/unit/runtime/lua/lua_bench.h"

#define HEAD "local S = require 'tidemill'\nlocal app = S.app 'app'\n"

/* Another version of the script goes on with the rows of the store. */
static struct mill_driver *go_on(struct lua_bench *bench, const char *store, const char *text)
{
    struct kv *kept = kv_new_memory("kept");
    struct kv_iterator *iterator =
        kv_iterate(mill_driver_store(&bench->driver, store), (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    while (kv_iterator_next(iterator, &key, &value)) {
        assert_int_equal(kv_put(kept, key, value), 0);
    }
    kv_iterator_free(iterator);
    struct mill_driver *driver = lua_bench_run(bench, text);
    iterator = kv_iterate(kept, (struct bytes){0}, (struct bytes){0});
    while (kv_iterator_next(iterator, &key, &value)) {
        assert_int_equal(kv_put(mill_driver_store(driver, store), key, value), 0);
    }
    kv_iterator_free(iterator);
    kv_free(kept);
    kv_mark_committed(mill_driver_store(driver, store));
    mill_driver_restart(driver); /* nodes look at their stores when they start */
    return driver;
}

static void expect_stored(struct mill_driver *driver, const char *store, const char *key,
                          const char *wanted)
{
    struct bytes stored;
    assert_true(kv_get(mill_driver_store(driver, store), bytes_from_string(key), &stored));
    char *text = bytes_to_string(stored);
    assert_string_equal(text, wanted);
    free(text);
}

static void send(struct mill_driver *driver, const char *key, const char *value)
{
    if (mill_driver_send(driver, "in", key, value, 1) != 0) {
        fail_msg("%s: %s", driver->context.error_place, driver->context.error_text);
    }
}

#define LAST(options)                                                                              \
    HEAD "app:stream('in', { value = 'json' }):process { name = 'last',\n"                         \
         "  stores = { last = S.kv { " options " } },\n"                                           \
         "  process = function(r, ctx)\n"                                                          \
         "    local old = ctx.last:get(r.key)\n"                                                   \
         "    if r.json.put ~= nil then ctx.last:put(r.key, S.table(r.json).put) end\n"            \
         "    return { value = S.json.encode(old == nil and 'nothing' or old) }\n"                 \
         "  end }:to 'out'\nreturn app\n"

static void a_store_is_read_as_its_version_has_it(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(bench, LAST(""));
    send(driver, "a", "{\"put\":1}");
    send(driver, "b", "{\"put\":2}");
    expect_stored(driver, "last", "a", "1");
    driver = go_on(bench, "last",
                   LAST("version = 2, migrate = function(v, n) return { v = v, n = n } end"));
    send(driver, "a", "{}");
    expect_stored(driver, "last", "a", "1"); /* it was only read */
    send(driver, "a", "{\"put\":{\"n\":3}}");
    expect_stored(driver, "last", "a", "\n\t \n{\"n\":3}");
    send(driver, "a", "{}");
    assert_string_equal(mill_driver_text(driver, "out"),
                        "a={\"n\":1,\"v\":1} a={\"n\":1,\"v\":1} a={\"n\":3}");
    driver = go_on(bench, "last",
                   LAST("version = 5, migrate = function(v, x)\n"
                        "  return v == 1 and { first = x } or { second = x.n } end"));
    send(driver, "a", "{}");
    send(driver, "b", "{}");
    assert_string_equal(mill_driver_text(driver, "out"), "a={\"second\":3} b={\"first\":2}");
}

static void what_a_later_version_kept_is_not_read(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver =
        lua_bench_run(bench, LAST("version = 3, migrate = function(v, x) return x end"));
    send(driver, "a", "{\"put\":1}");
    driver = go_on(bench, "last", LAST(""));
    assert_true(mill_driver_send(driver, "in", "a", "{}", 1) != 0);
    assert_true(driver->context.ends_task);
    assert_non_null(strstr(driver->context.error_text, "of version 3, and this script knows"));
}

static void a_migration_that_fails_refuses_the_record(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(bench, LAST(""));
    send(driver, "a", "{\"put\":1}");
    send(driver, "b", "{\"put\":2}");
    driver = go_on(bench, "last",
                   LAST("version = 2, migrate = function(v, x)\n"
                        "  if x == 1 then error 'not this one' end end"));
    assert_true(mill_driver_send(driver, "in", "a", "{}", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "not this one"));
    assert_false(driver->context.ends_task);
    assert_true(mill_driver_send(driver, "in", "b", "{}", 1) != 0);
    assert_non_null(strstr(driver->context.error_text, "gave nil for a value of version 1"));
}

static void the_past_is_migrated_too(void **state)
{
#define PAST(options)                                                                              \
    HEAD "app:stream('in', { value = 'json' }):process { name = 'p',\n"                            \
         "  stores = { past = S.versioned { history = '1h' " options " } },\n"                     \
         "  process = function(r, ctx)\n"                                                          \
         "    if r.json.put then ctx.past:put(r.key, r.json.put, r.json.at) end\n"                 \
         "    return { value = S.json.encode((ctx.past:as_of(r.key, r.json.at))) }\n"              \
         "  end }:to 'out'\nreturn app\n"
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(bench, PAST(""));
    send(driver, "a", "{\"put\":1,\"at\":10}");
    send(driver, "a", "{\"put\":2,\"at\":20}");
    driver =
        go_on(bench, "past", PAST(", version = 2, migrate = function(v, n) return n * 100 end"));
    send(driver, "a", "{\"put\":7,\"at\":30}");
    send(driver, "a", "{\"at\":10}");
    send(driver, "a", "{\"at\":25}");
    send(driver, "a", "{\"at\":30}");
    assert_string_equal(mill_driver_text(driver, "out"), "a=7 a=100 a=200 a=7");
#undef PAST
}

/* The results say nothing of versions, also of windows that were only closed. */
static void accumulators_are_migrated(void **state)
{
#define SUM(window, options, fn)                                                                   \
    HEAD "app:stream('in', { value = 'json' }):group_by_key()" window                              \
         ":aggregate { name = 'sum', init = { s = 0 }, " options "\n"                              \
         "  add = function(a, r) " fn " return a end }:to 'out'\nreturn app\n"
    static const char *const migrate =
        "version = 2, migrate = function(v, a) return { total = a.s } end,";
    struct lua_bench *bench = *state;
    char text[1000];
    struct mill_driver *driver = lua_bench_run(bench, SUM("", "", "a.s = a.s + r.json"));
    send(driver, "a", "1");
    send(driver, "a", "2");
    snprintf(text, sizeof text, SUM("", "%s", "a.total = (a.total or 0) + r.json"), migrate);
    driver = go_on(bench, "sum", text);
    send(driver, "a", "4");
    send(driver, "a", "8");
    assert_string_equal(mill_driver_text(driver, "out"), "a={\"total\":7} a={\"total\":15}");
    expect_stored(driver, "sum", "a", "[1,\n\t \n{\"total\":15}]");
    driver = lua_bench_run(bench, SUM(":window(S.tumbling '10ms')", "", "a.s = a.s + r.json"));
    send(driver, "a", "1");
    snprintf(text, sizeof text,
             HEAD "app:stream('in', { value = 'json' }):group_by_key():window(S.tumbling '10ms')"
                  ":aggregate { name = 'sum', init = {}, %s\n"
                  "  add = function(a, r) a.total = (a.total or 0) + r.json return a end }\n"
                  ":emit 'final':to 'out'\nreturn app\n",
             migrate);
    driver = go_on(bench, "sum", text);
    assert_int_equal(mill_driver_send(driver, "in", "b", "5", 20), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "[\"a\",0,10]={\"total\":1}");
#undef SUM
}

static void marks_are_read_as_they_were_written(void **state)
{
    static const int32_t versions[] = {1, 2, 3, 4, 7, 8, 1000, SCRIPT_MIGRATION_VERSION_MAX};
    static const char *const wrong[] = {"\n", "\n\n1", "\n \n1", "\n\t\n1", "\n\tx\n1", "\n\t\t"};
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct buffer text = {0};
        script_migration_mark(&text, versions[i]);
        buffer_add_string(&text, "[1]");
        struct bytes rest = buffer_bytes(&text);
        assert_int_equal(script_migration_read(&rest), versions[i]);
        assert_true(bytes_equal_string(rest, "[1]"));
        buffer_fini(&text);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bytes rest = bytes_from_string(wrong[i]);
        assert_true(script_migration_read(&rest) < 0);
    }
}

static void wrong_words_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"S.kv { version = 2 }", "needs migrate"},
        {"S.kv { version = 0, migrate = print }", "whole number from 1"},
        {"S.kv { version = 1.5, migrate = print }", "not 1.5"},
        {"S.kv { version = '2', migrate = print }", "must be a number"},
        {"S.kv { version = 2, migrate = 'x' }", "must be a function"},
        {"S.kv { version = 2, migrate = print, value = 'text' }", "only values that are JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[500];
        snprintf(text, sizeof text,
                 HEAD "app:stream('in'):process { name = 'p', stores = { s = %s },\n"
                      "  process = function(r) return r end }:to 'out'\nreturn app\n",
                 rows[i][0]);
        lua_bench_expect_refused(*state, text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(a_store_is_read_as_its_version_has_it),
        LUA_BENCH_TEST(what_a_later_version_kept_is_not_read),
        LUA_BENCH_TEST(a_migration_that_fails_refuses_the_record),
        LUA_BENCH_TEST(the_past_is_migrated_too),
        LUA_BENCH_TEST(accumulators_are_migrated),
        LUA_BENCH_TEST(marks_are_read_as_they_were_written),
        LUA_BENCH_TEST(wrong_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
