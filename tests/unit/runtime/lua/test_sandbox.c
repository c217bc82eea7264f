/* Shows that nothing a script does escapes its limits or its environment, whatever it tries, and
 * that the next record is processed as if nothing had happened. */
#include "tests/unit/runtime/lua/lua_bench.h"

static void endless_loops_are_stopped_wherever_they_hide(void **state)
{
    struct lua_bench *bench = *state;
    const char *const bodies[] = {
        "while true do end",
        "local function f() return f() end f()",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(pcall, function() while true do end end) end",
        "while true do pcall(error) end",
        "while true do xpcall(function() error 'x' end, function() end) end",
        "xpcall(error, function() while true do end end)",
        "xpcall(function() while true do end end, function() while true do end end)",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "local c = coroutine.wrap(function() while true do coroutine.yield() end end) "
        "while true do c() end",
        "local function nest(n) if n == 0 then while true do end end "
        "return coroutine.wrap(function() return nest(n - 1) end)() end nest(20)",
        "while true do coroutine.wrap(function() pcall(function() while true do end end) end)() "
        "end",
        "local x <close> = setmetatable({}, {__close = function() while true do end end})",
        "do local x <close> = setmetatable({}, {__close = function() while true do end end}) "
        "error 'x' end",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) "
        "while true do pcall(function() return t[1] end) end",
        "local t = {} for i = 1, 100 do t[i] = i end "
        "while true do table.sort(t, function(a, b) return a < b end) end",
        "while true do ('x'):gsub('.', function() while true do end end) end",
        "for k in (function() return 1 end) do end",
        "goto a ::a:: goto a",
        "repeat until false",
        "for i = 1, math.huge do end",
        "local s = 'x' while true do s:find('y') end",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        lua_bench_expect_failure(bench, bodies[i], "timeout", "longer than 50 ms");
    }
}

static void the_record_after_a_late_one_is_processed(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run_body(
        bench, "if r.key == 'bad' then local c = coroutine.wrap(function() while true do "
               "pcall(function() while true do end end) end end) c() end "
               "local n = 0 for i = 1, 100000 do n = n + i end "
               "local ok = pcall(error, 'x') return { value = { ok, n } }");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mill_driver_send(driver, "in", "bad", "{}", 1), ERROR_TIMEOUT);
        assert_int_equal(mill_driver_send(driver, "in", "good", "{}", 1), 0);
    }
    assert_string_equal(mill_driver_text(driver, "out"),
                        "good=[false,5000050000] good=[false,5000050000] good=[false,5000050000]");
}

static void a_coroutine_kept_from_a_late_callback_runs_on_in_the_next(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver = lua_bench_run(
        bench, "local kept\n"
               "return { input = 'in', output = 'out', process = function(r)\n"
               "  if not kept then kept = coroutine.create(function() local n = 0\n"
               "    while true do n = n + 1 coroutine.yield(n) end end) end\n"
               "  if r.key == 'bad' then while true do coroutine.resume(kept) end end\n"
               "  local ok, n = coroutine.resume(kept) return { value = { ok } } end }");
    assert_int_equal(mill_driver_send(driver, "in", "bad", "1", 1), ERROR_TIMEOUT);
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
}

static void patterns_have_a_budget(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits.callback_ms = 5000; /* the sanitizers are slow */
    lua_bench_expect_failure(bench, "('a'):rep(20000):find(('.-'):rep(6) .. 'b')", "process",
                             "too long");
    lua_bench_expect_failure(bench, "('a'):rep(30000):match('.-.-.-.-b')", "process", "too long");
    lua_bench_expect_failure(bench, "('a'):rep(30000):gsub('.-.-.-b', '')", "process", "too long");
    lua_bench_expect_failure(bench, "for x in ('a'):rep(30000):gmatch('.-.-.-b') do end", "process",
                             "too long");
    bench->limits.callback_ms = 50;
    lua_bench_expect_failure(bench,
                             "while true do pcall(string.find, ('a'):rep(30000), '.-.-.-b') end",
                             "timeout", "longer");
}

static void memory_has_a_limit(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits = (struct script_limits){.memory_size = 8 << 20};
    lua_bench_expect_failure(bench, "local t = {} while true do t[#t + 1] = {} end", "memory",
                             "8388608");
    lua_bench_expect_failure(bench, "local s = 'x' while true do s = s .. s end", "memory",
                             "limit");
    lua_bench_expect_failure(bench, "('x'):rep(1 << 40)", "memory", "string.rep");
    lua_bench_expect_failure(bench, "('x'):rep(7 << 20, ('y'):rep(1000))", "memory", "string.rep");
    lua_bench_expect_failure(bench, "local t = {} for i = 1, 1e9 do t[i] = i end", "memory",
                             "limit");
    lua_bench_expect_failure(bench,
                             "local s = ('x'):rep(1 << 20) local t = {} "
                             "for i = 1, 100 do t[i] = s end table.concat(t)",
                             "memory", "limit");
    lua_bench_expect_failure(bench,
                             "string.format(('%s'):rep(20), ('x'):rep(1 << 20), "
                             "('x'):rep(1 << 22), ('x'):rep(1 << 22))",
                             "memory", "limit");
    bench->limits.callback_ms = 5000;
    lua_bench_expect_failure(bench,
                             "r.json.a = ('x'):rep(1 << 20) while true do local x = r.bytes end",
                             "memory", "copied");
    lua_bench_expect_failure(bench, "while true do r.key = ('x'):rep(1 << 20) end", "memory",
                             "copied");
    bench->limits.callback_ms = 50;
    lua_bench_expect_failure(bench,
                             "local t = {} local ok repeat ok = pcall(function() "
                             "while true do t[#t + 1] = {} end end) until false",
                             "timeout", "longer");
    struct mill_driver *driver = lua_bench_run_body(
        bench, "if r.key == 'bad' then local t = {} while true do t[#t + 1] = { {} } end end "
               "local t = {} for i = 1, 10000 do t[i] = {} end return r");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mill_driver_send(driver, "in", "bad", "1", 1), ERROR_NO_MEMORY);
        assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
    }
    assert_true(script_memory_size(bench->script) <= 8 << 20);
}

static void deep_recursion_ends_with_an_error(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits = (struct script_limits){.callback_ms = 5000, .memory_size = 256 << 20};
    lua_bench_expect_failure(bench, "local function f() return 1 + f() end f()", "process",
                             "stack overflow");
    lua_bench_expect_failure(bench, "local function f() pcall(f) error 'deep' end f()", "process",
                             "");
    lua_bench_expect_failure(bench, "local function f() return coroutine.wrap(f)() end f()",
                             "process", "overflow");
    lua_bench_expect_failure(
        bench,
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) "
        "return tostring(t[k]) end return t.x",
        "process", "overflow");
    lua_bench_expect_failure(bench, "local t = {} t.t = t return { value = t }", "encode",
                             "holds itself");
    lua_bench_expect_failure(bench, "local s = ('('):rep(300) ; ('x'):find(s)", "process",
                             "captures");
    lua_bench_expect_failure(bench,
                             "local j = r.json for i = 1, 1000 do j.a = {} j = j.a end return r",
                             "encode", "cannot be set");
}

static void emits_have_a_limit_that_pcall_does_not_lift(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits.emit_count = 10;
    bench->limits.emit_size = 10000;
    lua_bench_expect_failure(bench, "for i = 1, 11 do emit('out', r) end", "emit", "10 records");
    lua_bench_expect_failure(bench, "for i = 1, 11 do pcall(emit, 'out', r) end", "emit", "limit");
    lua_bench_expect_failure(bench, "for i = 1, 6 do ctx:forward(r) emit('out', r) end", "emit",
                             "10 records");
    lua_bench_expect_failure(bench, "emit('out', { value = ('x'):rep(10001) })", "emit", "10000");
    lua_bench_expect_failure(bench, "for i = 1, 3 do emit('out', { value = ('x'):rep(4000) }) end",
                             "emit", "10000");
    lua_bench_expect_failure(bench, "return r, r, r, r, r, r, r, r, r, r, r", "emit", "10 records");
    lua_bench_expect_output(bench, "for i = 1, 9 do emit('x', r) end return r", "1", "k=1");
}

static void what_is_dangerous_is_not_there(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "local names = {} for _, n in ipairs { 'io', 'os', 'debug', 'package', 'load', "
        "'loadstring', 'loadfile', 'dofile', 'module' } do if _G[n] ~= nil then "
        "names[#names + 1] = n end end "
        "if string.dump then names[#names + 1] = 'dump' end "
        "if coroutine.close then names[#names + 1] = 'close' end "
        "if math.randomseed then names[#names + 1] = 'randomseed' end "
        "return { value = S.array(names) }",
        "1", "k=[]");
    lua_bench_expect_failure(bench, "os.execute('true')", "process", "'os'");
    lua_bench_expect_failure(bench, "io.open('/etc/passwd')", "process", "'io'");
    lua_bench_expect_failure(bench, "collectgarbage('stop')", "process", "count");
    lua_bench_expect_failure(bench, "collectgarbage()", "process", "count");
    lua_bench_expect_failure(bench, "string.format('%p', {})", "process", "%p");
    lua_bench_expect_refused(bench, "\x1bLuaT\0", "binary");
    lua_bench_expect_refused(bench, "require 'io'", "not found");
    lua_bench_expect_refused(bench, "require '../secret'", "only");
    lua_bench_expect_refused(bench, "require '/etc/passwd'", "only");
}

static void libraries_and_metatables_cannot_be_tampered_with(void **state)
{
    struct lua_bench *bench = *state;
    const char *const bodies[] = {
        "string.find = nil",
        "rawset(string, 'find', nil)",
        "getmetatable('').__index = {}",
        "setmetatable(string, {})",
        "setmetatable(_G, {})",
        "rawset(_G, 'x', 1)",
        "setmetatable({}, { __gc = function() end })",
        "getmetatable(r).__index = nil",
        "getmetatable(r.json).__index = nil",
        "getmetatable(ctx).__index = nil",
        "getmetatable(ctx.s).__index = nil",
        "ctx.s = 1",
        "ctx.other = 1",
        "x = 1",
        "setmetatable(r, {})",
        "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 1)",
        "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)",
        "table.concat(setmetatable({}, { __index = tostring }), '', 1, 1 << 60)",
        "table.sort(setmetatable({}, { __len = function() return 1 << 30 end }), rawequal)",
        "table.move({}, 1, math.maxinteger - 1, 2)",
        "table.unpack({}, 1, 1e8)",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        lua_bench_expect_failure(bench, bodies[i], "process", "");
    }
}

static void sorting_keeps_equals_in_order_and_is_whole_or_not_at_all(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "local t = {} for i = 1, 3000 do t[i] = { key = i * 7919 % 10, index = i } end "
        "table.sort(t, function(a, b) return a.key < b.key end) "
        "for i = 2, #t do local a, b = t[i - 1], t[i] "
        "if a.key > b.key or a.key == b.key and a.index > b.index then error(i) end end "
        "local n = { 3, 1, 2, 1.5 } table.sort(n) local s = { 'b', 'a', 'B' } table.sort(s) "
        "local d = { 1, 2, 3 } table.sort(d, function(a, b) return a > b end) "
        "local e = { 3, 1, 2 } local ok = pcall(table.sort, e, function(a, b) "
        "if a == 2 or b == 2 then error 'no' end return a < b end) "
        "return { value = { n, s, d, e, ok, #t, (pcall(table.sort, { 1, 'a' })) } }",
        "1", "k=[[1,1.5,2,3],[\"B\",\"a\",\"b\"],[3,2,1],[3,1,2],false,3000,false]");
}

static void an_empty_string_repeated_for_ever_is_quick(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(bench, "return { value = { #(''):rep(1 << 62), #(''):rep(-1) } }", "1",
                            "k=[0,0]");
}

static void protected_calls_still_do_their_work(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "local ok, a, b = pcall(function(...) return ... end, 1, 2) "
        "local bad, e = pcall(error, 'boom') "
        "local x, h = xpcall(function() error('inner', 0) end, function(m) return m .. '!' end) "
        "local y, z = xpcall(function(v) return v end, print, 7) "
        "local co = coroutine.wrap(function() local ok, v = pcall(function() "
        "return coroutine.yield(1) + 1 end) coroutine.yield(v) return 'end' end) "
        "local c1 = co() local c2 = co(41) local c3 = co() "
        "local dead, why = pcall(co) "
        "local r1, r2 = coroutine.resume(coroutine.create(function() error({}) end)) "
        "return { value = { ok, a, b, bad, e, x, h, y, z, c1, c2, c3, dead, r1, type(r2) } }",
        "1",
        "k=[true,1,2,false,\"boom\",false,\"inner!\",true,7,1,42,\"end\",false,false,\"table\"]");
}

static void iteration_is_in_the_order_of_keys(void **state)
{
    struct lua_bench *bench = *state;
    lua_bench_expect_output(
        bench,
        "local t = { z = 1, a = 2, [10] = 3, [2] = 4, [1.5] = 5, [true] = 6 } "
        "local s = {} for k, v in pairs(t) do s[#s + 1] = tostring(k) .. v if k == 2 then "
        "t[10] = nil end end "
        "local n = {} local k, v = next(t) while k ~= nil do n[#n + 1] = tostring(k) "
        "k, v = next(t, k) end "
        "return { value = table.concat(s, ' ') .. '|' .. table.concat(n, ' ') .. "
        "'|' .. tostring(next({})) }",
        "1", "k=true6 1.55 24 a2 z1|true 1.5 2 a z|nil");
    lua_bench_expect_output(
        bench,
        "return { value = tostring({}) .. tostring(print) .. string.format('%s %5s', {}, 1) "
        ".. tostring(S.null) .. tostring(nil) }",
        "1", "k=tablefunctiontable     1nullnil");
}

static void random_numbers_are_the_same_in_every_run(void **state)
{
    struct lua_bench *bench = *state;
    const char *body = "return { value = { math.random(1000000), math.random(1000000) } }";
    char first[100];
    struct mill_driver *driver = lua_bench_run_body(bench, body);
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
    snprintf(first, sizeof first, "%s", mill_driver_text(driver, "out"));
    lua_bench_expect_output(bench, body, "1", first);
}

static void modules_beside_the_script_can_be_required(void **state)
{
    struct lua_bench *bench = *state;
    struct mill_driver *driver =
        lua_bench_run(bench, "local h = require 'helper' assert(h == require 'helper')\n"
                             "return { input = 'in', output = 'out',\n"
                             "process = function(r) return { value = h.twice(21) } end }");
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "k=42");
    lua_bench_expect_refused(bench, "require 'absent'", "no absent.lua");
    lua_bench_expect_refused(bench, "require 'selfish'", "requires itself");
    lua_bench_expect_refused(bench, "require 'broken'", "<name> expected");
    assert_string_equal(bench->report.place, "broken.lua:3");
    lua_bench_expect_failure(bench, "require 'helper'", "process", "while the script is loaded");
}

static void loading_has_limits_too(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits.memory_size = 4 << 20;
    lua_bench_expect_refused(bench, "while true do end", "longer than 100 ms");
    lua_bench_expect_refused(bench, "while true do pcall(function() while true do end end) end",
                             "longer than 100 ms");
    lua_bench_expect_refused(bench, "local t = {} while true do t[#t + 1] = {} end", "memory");
    lua_bench_expect_refused(bench, "local function f() return 1 + f() end f()", "memory");
    lua_bench_expect_refused(bench, "emit('x', {})", "only while");
    lua_bench_expect_refused(bench, "error({})", "a table");
    lua_bench_expect_refused(bench,
                             "return setmetatable({ nodes = { { kind = 'map' } }, name = 'x' }, "
                             "getmetatable(require 'tidemill'.app 'x'))",
                             "broken plan");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(endless_loops_are_stopped_wherever_they_hide),
        LUA_BENCH_TEST(the_record_after_a_late_one_is_processed),
        LUA_BENCH_TEST(a_coroutine_kept_from_a_late_callback_runs_on_in_the_next),
        LUA_BENCH_TEST(patterns_have_a_budget),
        LUA_BENCH_TEST(memory_has_a_limit),
        LUA_BENCH_TEST(deep_recursion_ends_with_an_error),
        LUA_BENCH_TEST(emits_have_a_limit_that_pcall_does_not_lift),
        LUA_BENCH_TEST(what_is_dangerous_is_not_there),
        LUA_BENCH_TEST(libraries_and_metatables_cannot_be_tampered_with),
        LUA_BENCH_TEST(sorting_keeps_equals_in_order_and_is_whole_or_not_at_all),
        LUA_BENCH_TEST(an_empty_string_repeated_for_ever_is_quick),
        LUA_BENCH_TEST(protected_calls_still_do_their_work),
        LUA_BENCH_TEST(iteration_is_in_the_order_of_keys),
        LUA_BENCH_TEST(random_numbers_are_the_same_in_every_run),
        LUA_BENCH_TEST(modules_beside_the_script_can_be_required),
        LUA_BENCH_TEST(loading_has_limits_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
