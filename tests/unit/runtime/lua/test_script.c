/* Shows what scripts can say and what their functions see and do: both styles, records, JSON,
 * stores, timers, keys, aggregates, errors with their places, and that a failed record leaves
 * nothing behind. */
#include "runtime/format/headers.h"
#include "runtime/format/json.h"
#include "tests/unit/runtime/format/random_json.h"
#include "tests/unit/runtime/lua/lua_bench.h"

static const char route[] = "return {\n"
                            "  input  = 'logs.raw',\n"
                            "  output = 'logs.clean',\n"
                            "  process = function(r)\n"
                            "    local j = r.json\n"
                            "    local level = j.level\n"
                            "    if level == 'debug' then return nil end\n"
                            "    if level == 'error' or j.status and j.status >= 500 then\n"
                            "      emit('logs.errors', r)\n"
                            "    end\n"
                            "    if j.password then j.password = nil end\n"
                            "    return r\n"
                            "  end,\n"
                            "}\n";

static void the_routing_example_runs(void **state)
{
    struct mill_driver *driver = lua_bench_run(*state, route);
    const char *const values[] = {"{\"level\":\"debug\"}",
                                  "{\"level\":\"info\",\"password\":\"p\"}",
                                  "{ \"level\":\"error\" }", "{\"level\":\"info\",\"status\":503}"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(mill_driver_send(driver, "logs.raw", "k", values[i], 1), 0);
    }
    assert_string_equal(mill_driver_text(driver, "logs.clean"),
                        "k={\"level\":\"info\"} k={ \"level\":\"error\" } "
                        "k={\"level\":\"info\",\"status\":503}");
    assert_string_equal(mill_driver_text(driver, "logs.errors"),
                        "k={ \"level\":\"error\" } k={\"level\":\"info\",\"status\":503}");
    assert_string_equal(topology_name(script_topology(((struct lua_bench *)*state)->script)),
                        "app");
}

static void values_are_mapped_under_their_key(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, "local S = require 'tidemill'\nlocal app = S.app 'app'\n"
                              "local s = app:stream('in', { value = 'text' })\n"
                              "s:flat_map_values(function(r)\n"
                              "  if r.value == 'none' then return nil end\n"
                              "  if r.value == 'few' then return {} end\n"
                              "  if r.value == 'bad' then return 'text' end\n"
                              "  return { r.value .. '1', { n = 2 }, r, S.null }\n"
                              "end):to 'flat'\n"
                              "s:filter \"value == 'x'\":map_values(function(r) r.key, r.value = "
                              "'other', 'y' return r end)"
                              ":to 'mapped'\nreturn app\n");
    for (const char *const *value = (const char *const[]){"x", "none", "few", NULL}; *value;
         value++) {
        assert_int_equal(mill_driver_send(driver, "in", "k", *value, 1), 0);
    }
    assert_string_equal(mill_driver_text(driver, "flat"), "k=x1 k={\"n\":2} k=x k=-");
    assert_string_equal(mill_driver_text(driver, "mapped"), "k=y");
    assert_true(mill_driver_send(driver, "in", "k", "bad", 1) != 0);
    assert_non_null(strstr(driver->context.error_text,
                           "flat_map_values must return a list of values, not a string"));
    driver->failures = 0;
    int node = topology_node_find(driver->topology, "flat_map_values-1");
    assert_false(topology_key_is_changed(driver->topology, node));
}

static const char wordcount[] =
    "local S = require 'tidemill'\n"
    "local app = S.app 'wordcount'\n"
    "app:stream('lines', { value = 'text' })\n"
    "   :flat_map(function(r)\n"
    "      local out = {}\n"
    "      for w in r.value:lower():gmatch('%w+') do out[#out + 1] = { key = w, value = 1 } end\n"
    "      return out\n"
    "   end)\n"
    "   :group_by_key()\n"
    "   :count { name = 'words' }\n"
    "   :to_stream()\n"
    "   :to('word-counts', { value = 'json' })\n"
    "return app\n";

static void the_counting_example_runs(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(bench, wordcount);
    assert_int_equal(mill_driver_send(driver, "lines", NULL, "To be or not to be", 5), 0);
    assert_int_equal(driver->failures, 0);
    assert_string_equal(mill_driver_text(driver, "word-counts"), "to=1 be=1 or=1 not=1 to=2 be=2");
    const struct topology *topology = script_topology(bench->script);
    assert_int_equal(topology_part_count(topology), 2);
    assert_string_equal(topology_topic_at(topology, 0)->name, "wordcount-words-repartition");
    struct buffer text;
    buffer_init(&text);
    topology_describe(topology, &text);
    assert_non_null(strstr(buffer_string(&text), "flat_map lua app.lua:4"));
    buffer_fini(&text);
}

static void an_untouched_value_is_reproduced_byte_for_byte(void **state)
{
    struct mill_driver *driver = lua_bench_run_body(
        *state, "local j = r.json if j ~= S.null and type(j) == 'userdata' then local n = #j "
                "for k, v in pairs(j) do n = v end local x = j.a, j[1], j.key end return r");
    struct buffer text;
    buffer_init(&text);
    for (uint64_t round = 1; round <= 300; round++) {
        uint64_t seed = round * 6700417;
        buffer_clear(&text);
        random_value(&seed, &text, 4);
        struct record record = {.topic = "in", .value = buffer_bytes(&text)};
        if (mill_driver_send_record(driver, &record) != 0) {
            fail_msg("%s: %s", buffer_string(&text), driver->context.error_text);
        }
        assert_true(bytes_equal(mill_driver_last(driver, "out")->value, buffer_bytes(&text)));
    }
    buffer_fini(&text);
}

static void a_deep_copy_encodes_to_the_same_data(void **state)
{
    struct mill_driver *driver = lua_bench_run_body(
        *state, "return { value = S.json.decode(S.json.encode(S.table(r.json))) }");
    const char *value = "{\"a\":[],\"b\":{},\"c\":[null,true,1.5,[[]]],\"d\":{\"e\":\"\\u00e4\"},"
                        "\"n\":-9223372036854775808}";
    assert_int_equal(mill_driver_send(driver, "in", "k", value, 1), 0);
    assert_string_equal(
        mill_driver_text(driver, "out"),
        "k={\"a\":[],\"b\":{},\"c\":[null,true,1.5,[[]]],\"d\":{\"e\":\"\xc3\xa4\"},"
        "\"n\":-9223372036854775808}");
}

static void integers_are_exact_and_null_is_not_absent(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(bench,
                            "local j = r.json return { value = { j.a + 1, j.b, j.c == S.null, "
                            "j.d == nil, math.type(j.e), math.type(j.f), j.g } }",
                            "{\"a\":9007199254740993,\"b\":9223372036854775807,\"c\":null,"
                            "\"e\":1,\"f\":1.0,\"g\":18446744073709551616}",
                            "k=[9007199254740994,9223372036854775807,true,true,\"integer\","
                            "\"float\",1.8446744073709552e+19]");
    lua_bench_expect_output(bench, "r.json.x = 1 return r", "{\"g\":18446744073709551616.0}",
                            "k={\"g\":18446744073709551616.0,\"x\":1}");
}

static void changes_are_spliced_in(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "local j = r.json j.a.b = 2 j.l[2] = S.null j.l[3] = 'x' j.n = { z = 1, "
        "y = S.array() } j.gone = nil j.n.z = nil j.o = j.a return r",
        "{ \"a\": {\"b\": 1, \"c\":1.50}, \"gone\":1, \"l\":[1, 2 ] }",
        "k={ \"a\": {\"b\": 2, \"c\":1.50}, \"l\":[1, null,\"x\" ],"
        "\"n\":{\"y\":[]},\"o\":{\"b\": 2, \"c\":1.50} }");
    lua_bench_expect_output(bench, "r.json = { a = 1 } r.json.b = r.json.a + 1 return r", "[1]",
                            "k={\"a\":1,\"b\":2}");
    lua_bench_expect_output(bench, "r.value = { a = 1 } r.json.b = 2 return r", "x",
                            "k={\"a\":1,\"b\":2}");
    lua_bench_expect_output(bench, "r.value = 'text' r.key = 12 r.ts = 99 return r", "x",
                            "12=text");
    lua_bench_expect_output(bench, "r.value = S.null return r", "x", "k=-");
    lua_bench_expect_output(bench, "return { key = S.null, value = S.null }", "x", "-=-");
    lua_bench_expect_output(bench, "local t = S.table(r.json) t.b = nil return { value = t }",
                            "{\"b\":1,\"a\":2}", "k={\"a\":2}");
    lua_bench_expect_output(bench, "return { value = r.json.a }", "{\"a\": [ 1 ]}", "k=[ 1 ]");
    lua_bench_expect_failure(bench, "r.json.l[5] = 1", "process", "index");
    lua_bench_expect_failure(bench, "r.value = nil", "process", "S.null");
    lua_bench_expect_failure(bench, "r.offset = 1", "process", "cannot be set");
    lua_bench_expect_failure(bench, "r.vlaue = 1", "process", "no field 'vlaue'");
    lua_bench_expect_failure(bench, "return r.tpoic", "process", "no field 'tpoic'");
}

static void a_change_after_an_emit_does_not_reach_it(void **state)
{
    struct mill_driver *driver = lua_bench_run_body(
        *state, "r.json.a = 1 emit('first', r) r.json.a = 2 r.key = 'z' return r");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{}", 1), 0);
    assert_string_equal(mill_driver_text(driver, "first"), "k={\"a\":1}");
    assert_string_equal(mill_driver_text(driver, "out"), "z={\"a\":2}");
}

static void siblings_do_not_see_changes(void **state)
{
    struct mill_driver *driver =
        lua_bench_run(*state, "local S = require 'tidemill' local app = S.app 'a'\n"
                              "local s = app:stream('in', { value = 'json' })\n"
                              "s:peek(function(r) r.json.x = 1 end):to('peeked')\n"
                              "s:map(function(r) r.json.x = 2 return r end):to('mapped')\n"
                              "s:filter(function(r) r.json.x = 3 return true end):to('filtered')\n"
                              "return app");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{}", 1), 0);
    assert_string_equal(mill_driver_text(driver, "peeked"), "k={}");
    assert_string_equal(mill_driver_text(driver, "mapped"), "k={\"x\":2}");
    assert_string_equal(mill_driver_text(driver, "filtered"), "k={}");
}

static void records_and_views_expire_with_their_callback(void **state)
{
    struct lua_bench *bench = *state;
    const char *const kept[] = {"r", "r.json", "r.headers", "r.json.a"};
    const char *const used[] = {"kept.value", "kept.a", "kept.x", "kept.b"};
    for (size_t i = 0; i < 4; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "local kept return { input = 'in', process = function(r) "
                 "if kept then local x = %s else kept = %s end end }",
                 used[i], kept[i]);
        struct mill_driver *driver = lua_bench_run(bench, text);
        assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":{}}", 1), 0);
        assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":{}}", 1), ERROR_INVALID);
        assert_non_null(strstr(driver->context.error_text, "expired"));
    }
    lua_bench_expect_failure(bench, "local j = r.json r.value = '[1]' return j.a", "process",
                             "expired");
}

static void what_a_record_says_about_itself_can_be_read(void **state)
{
    struct mill_driver *driver = lua_bench_run_body(
        *state, "local names = {} for k, v in pairs(r.headers) do names[#names + 1] = k end "
                "r.headers.b = nil r.headers.new = 'n' r.headers.a = 'A'"
                "return { value = { r.topic, r.partition, r.offset, r.ts, r.key, r.value, r.bytes, "
                "names, r.headers.a, r.headers.none == nil, tostring(r) } }, r");
    struct buffer headers;
    buffer_init(&headers);
    headers_append(&headers, BYTES_LITERAL("a"), BYTES_LITERAL("1"));
    headers_append(&headers, BYTES_LITERAL("b"), BYTES_LITERAL("2"));
    struct record record = {.topic = "in",
                            .partition = 3,
                            .offset = 17,
                            .timestamp_ms = 1000,
                            .key = BYTES_LITERAL("k"),
                            .value = BYTES_LITERAL("{\"v\":1}"),
                            .headers_encoded = buffer_bytes(&headers),
                            .header_count = 2};
    assert_int_equal(mill_driver_send_record(driver, &record), 0);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "k=[\"in\",3,17,1000,\"k\",\"{\\\"v\\\":1}\",\"{\\\"v\\\":1}\","
                        "[\"a\",\"b\"],\"A\",true,\"record in/3/17\"] k={\"v\":1}");
    const struct record *last = mill_driver_last(driver, "out");
    assert_int_equal(last->header_count, 2);
    struct headers_entry entry;
    assert_int_equal(headers_find(last->headers_encoded, BYTES_LITERAL("new"), &entry), 1);
    assert_int_equal(headers_find(last->headers_encoded, BYTES_LITERAL("b"), &entry), 0);
    assert_int_equal(last->partition, -1);
    buffer_fini(&headers);
}

static void returned_tables_are_encoded_in_a_fixed_order(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "return { value = { z = 1, a = { 1, 2.0, 'x' }, m = {}, l = S.array {}, "
        "n = S.null, t = true, ['a b'] = 1e300 } }",
        "1",
        "k={\"a\":[1,2.0,\"x\"],\"a b\":1e+300,\"l\":[],\"m\":{},\"n\":null,"
        "\"t\":true,\"z\":1}");
    lua_bench_expect_output(bench, "return { key = 'a', value = 'raw' }, { value = 7 }, nil, r",
                            "v", "a=raw k=7 k=v");
    lua_bench_expect_failure(bench, "return { value = 0/0 }", "encode", "number");
    lua_bench_expect_failure(bench, "return { value = { 1 / 0 } }", "encode", "number");
    lua_bench_expect_failure(bench, "return { value = { '\\xff' } }", "encode", "UTF-8");
    lua_bench_expect_failure(bench, "return { value = { 1, a = 2 } }", "encode", "both");
    lua_bench_expect_failure(bench, "return { value = { [5] = 1 } }", "encode", "key");
    lua_bench_expect_failure(bench, "return { value = print }", "encode", "function");
    lua_bench_expect_failure(bench, "return { name = 'x' }", "process", "no field 'name'");
    lua_bench_expect_failure(bench, "return { 1, 2 }", "process", "names");
    lua_bench_expect_failure(bench, "return 'text'", "process", "got a string");
    lua_bench_expect_failure(bench, "return { ts = 'x' }", "process", "ts");
    lua_bench_expect_failure(bench, "return { value = r }", "process", "r.value");
    lua_bench_expect_failure(bench, "emit('no spaces', r)", "process", "topic");
    lua_bench_expect_failure(bench, "emit(r)", "process", "emit needs the topic first");
}

static void errors_say_where_and_what(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench,
        "local function check(v)\n  if v.bad then\n    error('unparsable line')\n  end\nend\n"
        "return { input = 'in', process = function(r)\n  check(r.json)\n"
        "  local x = r.json.a.b.c\nend }");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"bad\":1}", 1), ERROR_INVALID);
    assert_string_equal(driver->context.error_place, "app.lua:3");
    assert_string_equal(driver->context.error_text, "unparsable line");
    assert_string_equal(driver->context.error_kind, "process");
    assert_string_equal(driver->context.error_node->name, "process");
    assert_int_equal(mill_driver_send(driver, "in", "k", "{}", 1), ERROR_INVALID);
    assert_string_equal(driver->context.error_place, "app.lua:8");
    assert_non_null(strstr(driver->context.error_text, "nil value"));
    assert_int_equal(mill_driver_send(driver, "in", "k", "{\"a\":", 1), ERROR_INVALID);
    assert_string_equal(driver->context.error_place, "app.lua:7");
    assert_string_equal(driver->context.error_kind, "decode");
    assert_non_null(strstr(driver->context.error_text, "not JSON"));
    lua_bench_expect_failure(bench, "error({ code = 1 })", "process", "a table");
    lua_bench_expect_failure(bench, "error('no place', 0)", "process", "no place");
    assert_string_equal(bench->driver.context.error_place, "");
}

static void a_failed_record_leaves_no_write_and_no_emit(void **state)
{
    struct mill_driver *driver = lua_bench_run_body(
        *state, "ctx.s[r.key] = (ctx.s[r.key] or 0) + 1 emit('side', r) ctx:emit('side', r) "
                "if r.value == 'bad' then error 'bad' end return { value = ctx.s[r.key] }");
    assert_int_equal(mill_driver_send(driver, "in", "a", "ok", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "a", "bad", 1), ERROR_INVALID);
    assert_int_equal(mill_driver_send(driver, "in", "b", "bad", 1), ERROR_INVALID);
    assert_int_equal(mill_driver_send(driver, "in", "a", "ok", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "a=1 a=2");
    assert_string_equal(mill_driver_text(driver, "side"), "a=ok a=ok a=ok a=ok");
    assert_int_equal(kv_count(mill_driver_store(driver, "s")), 1);
}

static void stores_hold_values_by_key(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "local s = ctx.s s.a = { n = 1 } s:put('b', 'text') s[3] = 3 s:put('get', 4) s.d = 5 "
        "s:delete 'd' s.e = 6 s.e = nil s:add('n') s:add('n', 41) s:put('pa', 1) s:put('pb', 2) "
        "local keys = {} for k, v in s:pairs() do keys[#keys + 1] = k s:put('x' .. k, 0) end "
        "local range = {} for k in s:range('b', 'get') do range[#range + 1] = k end "
        "local prefix = {} for k, v in s:prefix 'p' do prefix[#prefix + 1] = v end "
        "return { value = { s.a.n, s.b, s['3'], s:get 'get', s.d == nil, s:get 'n', "
        "table.concat(keys, ' '), range, prefix, s:count() } }",
        "1", "k=[1,\"text\",3,4,true,42,\"3 a b get n pa pb\",[\"b\"],[1,2],14]");
    lua_bench_expect_failure(bench, "ctx.s.get = 1", "process", "store:put");
    lua_bench_expect_failure(bench, "ctx.s[nil] = 1", "process", "nil cannot");
    lua_bench_expect_failure(bench, "ctx.s[('x'):rep(501)] = 1", "process", "larger");
    lua_bench_expect_failure(bench, "ctx.s.x = print", "encode", "function");
    lua_bench_expect_failure(bench, "ctx.s.t = 'x' ctx.s:add('t')", "process", "not a number");
    lua_bench_expect_failure(bench, "ctx.missing.x = 1", "process", "missing");
    lua_bench_expect_failure(bench, "ctx.s.get('x')", "process", "colon");
}

static void timers_init_and_close_run(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench,
        "local S = require 'tidemill'\n"
        "return { input = 'in', output = 'out', stores = { s = S.kv { changelog = false } },\n"
        "init = function(ctx) ctx.s.started = ctx:now() end,\n"
        "process = function(r, ctx) ctx.s:add('n') end,\n"
        "every = {\n"
        "  ['10s'] = function(now, ctx) ctx:emit('ticks', { key = 'wall', value = now }) end,\n"
        "  ['stream:1m'] = function(now, ctx)\n"
        "    ctx:forward { key = 'n', value = { n = ctx.s.n, at = now, st = ctx:stream_time() } }\n"
        "  end },\n"
        "close = function(ctx) emit('closed', { value = ctx.s.n }) end }");
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1000), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 130000), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "n={\"at\":120000,\"n\":2,\"st\":130000}");
    assert_int_equal(mill_driver_advance(driver, 5000), 0);
    assert_int_equal(mill_driver_advance(driver, 26000), 0);
    assert_string_equal(mill_driver_text(driver, "ticks"), "wall=30000");
    assert_int_equal(mill_driver_stop(driver), 0);
    assert_string_equal(mill_driver_text(driver, "closed"), "-=2");
}

static void steps_of_the_builder_do_what_they_say(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench,
        "local S = require 'tidemill' local app = S.app 'steps'\n"
        "local s = app:stream({ 'a', 'b' }, { value = 'json', time = '$.ts' })\n"
        "s:filter('$.n > 1'):filter_not(function(r) return r.value.n > 5 end):to 'filtered'\n"
        "s:map_values(function(r) return r.value.n * 10 end):to 'values'\n"
        "s:select_key('$.id'):to 'keyed'\n"
        "s:select_key(function(r) return { r.value.id, 1 } end):to 'listed'\n"
        "s:flat_map(function(r) return { r, { key = 'x', value = S.null } } end):to 'flat'\n"
        "s:branch { { 'big', '$.n > 5' }, { 'rest', true } }:to { big = 'big', rest = 'rest' }\n"
        "local b = s:branch { odd = function(r) return r.value.n % 2 == 1 end, even = true }\n"
        "b.odd:merge(b.even):to('merged', { value = 'text', key = '$.id', partition = 2 })\n"
        "app:stream('c'):map(function(r) return { value = r.value .. '!' } end):to 'bytes'\n"
        "return app");
    assert_int_equal(mill_driver_send(driver, "a", "k", "{\"n\":1,\"id\":\"i\",\"ts\":50}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "b", "k", "{\"n\":4,\"id\":7,\"ts\":60}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "b", "k", "{\"n\":9,\"id\":7,\"ts\":60}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "c", "k", "\xff", 1), 0);
    assert_string_equal(mill_driver_text(driver, "filtered"), "k={\"n\":4,\"id\":7,\"ts\":60}");
    assert_int_equal(mill_driver_last(driver, "filtered")->timestamp_ms, 60);
    assert_string_equal(mill_driver_text(driver, "values"), "k=10 k=40 k=90");
    assert_string_equal(mill_driver_text(driver, "keyed"),
                        "i={\"n\":1,\"id\":\"i\",\"ts\":50} 7={\"n\":4,\"id\":7,\"ts\":60} "
                        "7={\"n\":9,\"id\":7,\"ts\":60}");
    assert_true(bytes_equal_string(mill_driver_last(driver, "listed")->key, "[7,1]"));
    assert_true(bytes_is_null(mill_driver_last(driver, "flat")->value));
    assert_string_equal(mill_driver_text(driver, "big"), "k={\"n\":9,\"id\":7,\"ts\":60}");
    assert_int_equal(mill_driver_last(driver, "merged")->partition, 2);
    assert_string_equal(mill_driver_text(driver, "bytes"), "k=\xff!");
}

static void aggregates_keep_their_accumulator_and_newest_time(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench, "local S = require 'tidemill' local app = S.app 'agg'\n"
               "local g = app:stream('in', { value = 'json' }):group_by '$.u'\n"
               "g:aggregate { name = 'sums', init = { n = 0, sum = 0 }, add = function(a, r)\n"
               "  a.n = a.n + 1 a.sum = a.sum + r.value.v if a.n == 3 then return S.null end "
               "return a end }\n"
               "  :to 'sums'\n"
               "app:stream('nums', { value = 'json' }):group_by_key():reduce { name = 'max',\n"
               "  function(a, v) return math.max(a, v) end }:to 'max'\n"
               "app:stream('fresh'):group_by_key():aggregate { name = 'f', init = function() "
               "return 10 end,\n"
               "  add = function(a, r) return a + 1 end }:to 'fresh-out'\n"
               "return app");
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"u\":\"a\",\"v\":5}", 100), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"u\":\"b\",\"v\":1}", 50), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"u\":\"a\",\"v\":2}", 60), 0);
    assert_int_equal(driver->failures, 0);
    assert_int_equal(mill_driver_last(driver, "sums")->timestamp_ms, 100);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"u\":\"a\",\"v\":2}", 60), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"u\":\"a\",\"v\":3}", 70), 0);
    assert_string_equal(mill_driver_text(driver, "sums"),
                        "a={\"n\":1,\"sum\":5} b={\"n\":1,\"sum\":1} a={\"n\":2,\"sum\":7} a=- "
                        "a={\"n\":1,\"sum\":3}");
    assert_int_equal(mill_driver_send(driver, "nums", "k", "3", 1), 0);
    assert_int_equal(mill_driver_send(driver, "nums", "k", "7", 1), 0);
    assert_int_equal(mill_driver_send(driver, "nums", "k", "5", 1), 0);
    assert_string_equal(mill_driver_text(driver, "max"), "k=3 k=7 k=7");
    assert_int_equal(mill_driver_send(driver, "nums", NULL, "5", 1), ERROR_INVALID);
    assert_int_equal(mill_driver_send(driver, "fresh", "k", "x", 1), 0);
    assert_string_equal(mill_driver_text(driver, "fresh-out"), "k=11");
}

static void the_value_of_a_json_stream_is_what_it_says(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill' local app = S.app 'v'\n"
                "app:stream('in', { value = 'json' })\n"
                "  :map(function(r) return { key = 'n', value = { n = r.value } } end)\n"
                "  :repartition('again')\n"
                "  :map_values(function(r) return type(r.value) .. type(r.value.n) end)\n"
                "  :repartition('twice')\n"
                "  :map_values(function(r) return { s = r.value } end):to 'out'\n"
                "return app");
    assert_int_equal(mill_driver_send(driver, "in", "k", "12", 1), 0);
    assert_int_equal(driver->failures, 0);
    assert_string_equal(mill_driver_text(driver, "out"), "n={\"s\":\"userdatanumber\"}");
}

static void times_are_read_and_written(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "return { value = { S.time.clf '10/Oct/2025:13:55:36 +0000', "
        "S.time.clf '10/Oct/2025:15:55:36 +0200', S.time.iso '2025-10-10T13:55:36.123Z', "
        "S.time.iso '1969-12-31T23:59:59-00:30', S.time.utc(1760104536123), S.time.utc(-1), "
        "S.time.iso '2024-02-29 00:00:00Z', S.time.utc(951782400000) } }",
        "1",
        "k=[1760104536000,1760104536000,1760104536123,1799000,\"2025-10-10T13:55:36.123Z\","
        "\"1969-12-31T23:59:59.999Z\",1709164800000,\"2000-02-29T00:00:00.000Z\"]");
    lua_bench_expect_failure(bench, "S.time.iso '2025-02-29T00:00:00Z'", "process", "not a time");
    lua_bench_expect_failure(bench, "S.time.clf '10/Okt/2025:13:55:36 +0000'", "process",
                             "not a time");
    lua_bench_expect_failure(bench, "S.time.utc(1 << 60)", "process", "years");
}

static void a_file_defines_connectors_topics_and_policies(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_run(bench,
                  "local S = require 'tidemill' local app = S.app 'c'\n"
                  "app:topic('t', { partitions = 3, retention = '7d', compact = true })\n"
                  "app:source('files', { type = 'file', path = '/var/log/*.log', topic = 'raw',\n"
                  "  poll = 5, deep = true, tags = { 'a', 'b' } })\n"
                  "app:sink('db', { type = 'sqlite', topics = { 'x', 'y' }, file = 'x.db' })\n"
                  "app:sink('all', { type = 'file', topics = S.pattern 'logs-.*', path = 'l' })\n"
                  "app:errors { policy = 'skip' }\n"
                  "app:guarantee 'at_least_once'\n"
                  "return app");
    size_t count = 0;
    const struct script_connector *all = script_connectors(bench->script, &count);
    assert_int_equal(count, 3);
    assert_string_equal(all[0].name, "files");
    assert_string_equal(all[0].type, "file");
    assert_string_equal(all[0].topics[0], "raw");
    assert_string_equal(all[0].place, "app.lua:3");
    assert_int_equal(all[0].option_count, 4);
    assert_string_equal(all[0].options[0].name, "deep");
    assert_string_equal(all[0].options[0].value, "true");
    assert_string_equal(all[0].options[2].value, "5");
    assert_string_equal(all[0].options[3].value, "a,b");
    assert_true(all[1].is_sink);
    assert_int_equal(all[1].topic_count, 2);
    assert_null(all[1].pattern);
    assert_int_equal(all[2].topic_count, 0);
    assert_string_equal(all[2].pattern, "logs-.*");
    assert_int_equal(all[2].option_count, 1);
    const struct topology *topology = script_topology(bench->script);
    assert_int_equal(topology_part_count(topology), 0);
    assert_int_equal(topology_topic_at(topology, 0)->partitions, 3);
    assert_int_equal(topology_topic_at(topology, 0)->retention_ms, 604800000);
    assert_int_equal(topology_errors(topology)->policy, TOPOLOGY_SKIP);
    assert_int_equal(topology_guarantee(topology), TOPOLOGY_AT_LEAST_ONCE);
}

static void mistakes_in_a_file_are_sentences_with_a_place(void **state)
{
    struct lua_bench *bench = *state;
    const struct {
        const char *body;
        const char *words;
        const char *place;
    } cases[] = {
        {"app:stream('a'):filtre('$.x')", "did you mean 'filter'", "app.lua:2"},
        {"app:stream('a', { vlaue = 'json' })", "did you mean 'value'", "app.lua:2"},
        {"app:stream('a', { value = 'yaml' })", "bytes, text, json", "app.lua:2"},
        {"app:stream('a', { time = 'ts' })", "not a path", "app.lua:2"},
        {"app:stream('a'):filter('$.x >')", "expected a path", "app.lua:2"},
        {"app:stream('a'):group_by('x')", "not a path", "app.lua:2"},
        {"app:stream('a'):group_by_key():count()", "needs a name", "app.lua:2"},
        {"app:stream('a'):map('x')", "must be a function", "app.lua:2"},
        {"app:stream('a'):to(nil)", "the topic is missing: it must be a string", "app.lua:2"},
        {"app:stream('a'):count { name = 'n' }", "has no 'count': group it first", "app.lua:2"},
        {"app:stream('a'):foreach(print)", "has no 'foreach': peek", "app.lua:2"},
        {"app:stream('a'):group_by_key():aggregate { name = 'n', n = S.count }",
         "call it, S.count(...)", "app.lua:2"},
        {"app:stream('a b')", "letters", "app.lua:2"},
        {"app:stream('a'):process { stores = { s = {} }, process = print }", "S.kv", "app.lua:2"},
        {"app:stream('a'):process { process = print, every = { ['1x'] = print } }", "interval",
         "app.lua:2"},
        {"app:stream('a'):map(print):process { stores = { s = S.kv() }, process = print }",
         "repartition", "app.lua:2"},
        {"app:stream('a'):to('b') app:stream('a', { value = 'json' })", "read twice", "app.lua:2"},
        {"app:errors { policy = 'retry' }", "dlq, stop or skip", "app.lua:2"},
        {"app:guarantee 'at_most_once'", "exactly_once_v2 or at_least_once", "app.lua:2"},
        {"app:sink('x', { topics = 'a' })", "needs a type", "app.lua:2"},
        {"app:sink('x', { type = 'a' })", "needs topics", "app.lua:2"},
        {"app:topic('t', { partitions = -1 })", "partitions", "app.lua:2"},
        {"app:topic('t', { retention = 'x' })", "duration", "app.lua:2"},
        {"S.kv { tll = '1d' }", "no option 'tll'; did you mean 'ttl'", "app.lua:2"},
        {"S.kv { ttl = '60' }", "without a unit", "app.lua:2"},
        {"local y = S.app 'x y' do return y end", "name of an app", "app.lua:2"},
        {"nothing.x = 1", "nil value", "app.lua:2"},
        {"local =", "<name> expected", "app.lua:2"},
        {"do return 1 end", "must return an app", "app.lua"},
        {"do return { process = print } end", "needs an input", "app.lua"},
        {"do return { input = 'a', proces = print } end", "did you mean 'process'", "app.lua"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill' local app = S.app 'x'\n%s\nreturn app",
                 cases[i].body);
        lua_bench_expect_refused(bench, text, cases[i].words);
        if (strcmp(bench->report.place, cases[i].place) != 0) {
            fail_msg("%s: at '%s'", cases[i].body, bench->report.place);
        }
    }
}

static void tiny_style_can_take_its_key_from_the_value(void **state)
{
    struct mill_driver *driver = lua_bench_run(
        *state, "local S = require 'tidemill'\n"
                "return { input = { 'a', 'b' }, output = 'out', key = '$.u', value = 'json',\n"
                "stores = { s = S.kv() }, errors = { policy = 'stop' },\n"
                "guarantee = 'at_least_once',\n"
                "process = function(r, ctx) return { value = ctx.s:add(r.key, r.value.n) } end }");
    assert_int_equal(mill_driver_send(driver, "a", NULL, "{\"u\":\"x\",\"n\":2}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "b", NULL, "{\"u\":\"x\",\"n\":3}", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "x=2 x=5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(the_routing_example_runs),
        LUA_BENCH_TEST(values_are_mapped_under_their_key),
        LUA_BENCH_TEST(the_counting_example_runs),
        LUA_BENCH_TEST(an_untouched_value_is_reproduced_byte_for_byte),
        LUA_BENCH_TEST(a_deep_copy_encodes_to_the_same_data),
        LUA_BENCH_TEST(integers_are_exact_and_null_is_not_absent),
        LUA_BENCH_TEST(changes_are_spliced_in),
        LUA_BENCH_TEST(a_change_after_an_emit_does_not_reach_it),
        LUA_BENCH_TEST(siblings_do_not_see_changes),
        LUA_BENCH_TEST(records_and_views_expire_with_their_callback),
        LUA_BENCH_TEST(what_a_record_says_about_itself_can_be_read),
        LUA_BENCH_TEST(returned_tables_are_encoded_in_a_fixed_order),
        LUA_BENCH_TEST(errors_say_where_and_what),
        LUA_BENCH_TEST(a_failed_record_leaves_no_write_and_no_emit),
        LUA_BENCH_TEST(stores_hold_values_by_key),
        LUA_BENCH_TEST(timers_init_and_close_run),
        LUA_BENCH_TEST(steps_of_the_builder_do_what_they_say),
        LUA_BENCH_TEST(aggregates_keep_their_accumulator_and_newest_time),
        LUA_BENCH_TEST(the_value_of_a_json_stream_is_what_it_says),
        LUA_BENCH_TEST(times_are_read_and_written),
        LUA_BENCH_TEST(a_file_defines_connectors_topics_and_policies),
        LUA_BENCH_TEST(mistakes_in_a_file_are_sentences_with_a_place),
        LUA_BENCH_TEST(tiny_style_can_take_its_key_from_the_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
