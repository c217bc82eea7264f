/* Shows that values in any format are seen by scripts, conditions and paths as JSON is, that what
 * nobody changed leaves as it came, and that a sink writes the format it says. */
#include "log/base/error.h"
#include "tests/unit/runtime/lua/lua_bench.h"

static const char shop[] =
    "local S = require 'tidemill'\n"
    "local app = S.app 'shop'\n"
    "local CSV = { format = 'csv', columns = { 'id', 'who', 'ms', 'at' }, numbers = { 'ms', 'at' } "
    "}\n"
    "local orders = app:stream('in', { value = CSV, time = '$.at' })\n"
    "orders:filter('$.ms > 10'):to 'slow'\n"
    "orders:to('json', { value = 'json', key = '$.who' })\n"
    "orders:map(function(r)\n"
    "  assert(r.json.id == r.value.id and r.value.ms == math.tointeger(r.value.ms))\n"
    "  local list = {}\n"
    "  for name in pairs(r.value) do list[#list + 1] = name end\n"
    "  return { value = { names = table.concat(list, ' '), bytes = r.bytes } }\n"
    "end):to 'seen'\n"
    "orders:map(function(r) r.json.ms = r.json.ms * 2 return r end)\n"
    "  :to('back', { value = { format = 'csv', columns = { 'ms', 'id' }, separator = ';' } })\n"
    "orders:group_by('$.who'):count { name = 'n' }:to 'counts'\n"
    "return app\n";

static void csv_is_seen_as_json_is(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, shop);
    assert_int_equal(mill_driver_send(driver, "in", "k", "1,\"A, B\",9,70\n", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "2,C,11,90", 1), 0);
    assert_string_equal(mill_driver_text(driver, "slow"), "k=2,C,11,90");
    assert_int_equal(mill_driver_last(driver, "slow")->timestamp_ms, 90);
    assert_string_equal(mill_driver_text(driver, "json"),
                        "A, B={\"id\":\"1\",\"who\":\"A, B\",\"ms\":9,\"at\":70} "
                        "C={\"id\":\"2\",\"who\":\"C\",\"ms\":11,\"at\":90}");
    assert_string_equal(mill_driver_text(driver, "seen"),
                        "k={\"bytes\":\"1,\\\"A, B\\\",9,70\\n\",\"names\":\"id who ms at\"} "
                        "k={\"bytes\":\"2,C,11,90\",\"names\":\"id who ms at\"}");
    assert_string_equal(mill_driver_text(driver, "back"), "k=18;1 k=22;2");
    assert_string_equal(mill_driver_text(driver, "counts"), "A, B=1 C=1");
}

static void what_is_malformed_is_refused_with_its_place(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, shop);
    assert_int_not_equal(mill_driver_send(driver, "in", "k", "1,A,x,70", 1), 0);
    assert_string_equal(driver->context.error_kind, "decode");
    assert_non_null(strstr(driver->context.error_text,
                           "the value is not CSV: column 'ms' of row 1 is no number"));
    driver = lua_bench_run(*state, "return { input = 'in', output = 'out', value = 'logfmt',\n"
                                   "process = function(r)\n"
                                   "  if r.json.drop then return nil end\n"
                                   "  return r\n"
                                   "end }");
    assert_int_not_equal(mill_driver_send(driver, "in", "k", "a=\"1", 1), 0);
    assert_string_equal(driver->context.error_kind, "decode");
    assert_non_null(strstr(driver->context.error_text, "key 'a' has no closing quote"));
    assert_int_equal(mill_driver_send(driver, "in", "k", "a=1", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "drop", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "k=a=1");
}

static void a_sink_refuses_what_its_format_cannot_say(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local app = require('tidemill').app 'a'\n"
                "app:stream('in', { value = 'json' }):to('out', { value = 'logfmt' })\n"
                "return app");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":\"x y\"}", 1), 0);
    assert_int_not_equal(mill_driver_send(driver, "in", "k", "{\"a b\":1}", 1), 0);
    assert_string_equal(driver->context.error_kind, "encode");
    assert_non_null(strstr(driver->context.error_text, "the member 'a b' cannot be a key"));
    assert_int_equal(mill_driver_send(driver, "in", "k", NULL, 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "k=a=\"x y\" k=-");
}

static void wrong_formats_are_sentences_with_a_place(void **state)
{
    static const struct {
        const char *step;
        const char *words;
    } rows[] = {
        {"app:stream('in', { value = 'jsn' })", "did you mean 'json'?"},
        {"app:stream('in', { value = 7 })", "value must be a string or a table"},
        {"app:stream('in', { value = { columns = { 'a' } } })", "a format is a name"},
        {"app:stream('in', { value = { format = 'csv', colums = { 'a' } } })",
         "it has no option 'colums'; did you mean 'columns'?"},
        {"app:stream('in'):to('out', { value = { format = 'csv', separator = 'ab' } })",
         "must be one character"},
        {"app:stream('in'):process { stores = { s = S.kv { value = 'csv' } },\n"
         "process = function() end }",
         "the store s holds json, text or bytes, not csv"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill' local app = S.app 'a'\n%s\nreturn app",
                 rows[i].step);
        lua_bench_expect_refused(*state, text, rows[i].words);
        assert_string_equal(((struct lua_bench *)*state)->report.place, "app.lua:2");
    }
}

static void protobuf_is_seen_as_json_is(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state,
        "local app = require('tidemill').app 'a'\n"
        "local ORDER = { format = 'protobuf', descriptor = 'shop.desc', message = 'shop.Order' }\n"
        "app:stream('in', { value = ORDER }):filter(\"$.status == 'SENT'\")\n"
        "  :map(function(r) r.json.status = 'PAID' r.json.items[1] = { sku = 'b' } return r end)\n"
        "  :to('out', { value = ORDER, key = '$.id' })\n"
        "return app");
    assert_int_equal(mill_driver_send(driver, "in", "k", "\x08\x07\x18\x02", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "\x08\x08\x18\x01", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "7=\x08\x07\x18\x01\"\x03\n\x01"
                                                         "b");
    lua_bench_expect_refused(*state,
                             "local app = require('tidemill').app 'a'\n"
                             "app:stream('in', { value = { format = 'protobuf',\n"
                             "  descriptor = '../shop.desc', message = 'shop.Order' } })\n"
                             "return app",
                             "the descriptor ../shop.desc cannot be read: not found");
}

static void the_same_stream_with_the_same_format_is_one(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local app = require('tidemill').app 'a'\n"
                "app:stream('in', { value = { format = 'csv', columns = { 'a' } } }):to 'one'\n"
                "app:stream('in', { value = { columns = { 'a' }, format = 'csv' } }):to 'two'\n"
                "return app");
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
    assert_string_equal(mill_driver_text(driver, "one"), "k=1");
    assert_string_equal(mill_driver_text(driver, "two"), "k=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(csv_is_seen_as_json_is),
        LUA_BENCH_TEST(what_is_malformed_is_refused_with_its_place),
        LUA_BENCH_TEST(a_sink_refuses_what_its_format_cannot_say),
        LUA_BENCH_TEST(wrong_formats_are_sentences_with_a_place),
        LUA_BENCH_TEST(protobuf_is_seen_as_json_is),
        LUA_BENCH_TEST(the_same_stream_with_the_same_format_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
