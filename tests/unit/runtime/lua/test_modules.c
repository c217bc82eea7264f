/* Shows what the modules of scripts/lib make of lines and samples. Each case is a script whose
 * asserts must hold; lines are like those that servers write, or damaged. */
#include "tests/unit/runtime/lua/lua_bench.h"

static const char prelude[] =
    "local S = require 'tidemill'\n"
    "local logs = require 'tidemill.logs'\n"
    "local metrics = require 'tidemill.metrics'\n"
    "local NOW = S.time.iso '2026-01-01T00:10:00Z'\n"
    "local function same(entry, expected, why)\n"
    "  entry = entry and S.json.encode(entry) or tostring(why)\n"
    "  if entry ~= expected then error(entry .. ' instead of ' .. expected, 2) end\n"
    "end\n"
    "local function refused(words, entry, why)\n"
    "  if entry then error('accepted: ' .. S.json.encode(entry), 2) end\n"
    "  if not why:find(words, 1, true) then error(why .. ' says nothing of ' .. words, 2) end\n"
    "end\n";

static const char ending[] = "return { input = 'in', process = function(r) return r end }\n";

static void run(void **state, const char *body)
{
    char text[16384];
    ((struct lua_bench *)*state)->limits.load_ms = 10000;
    snprintf(text, sizeof text, "%s%s%s", prelude, body, ending);
    lua_bench_run(*state, text);
}

static void access_logs_are_read(void **state)
{
    run(state,
        "same(logs.access('127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /a.gif HTTP/1.0\" "
        "200 2326'), '{\"bytes\":2326,\"host\":\"127.0.0.1\",\"method\":\"GET\","
        "\"path\":\"/a.gif\",\"protocol\":\"HTTP/1.0\",\"request\":\"GET /a.gif HTTP/1.0\","
        "\"status\":200,\"ts\":971211336000,\"user\":\"frank\"}')\n"
        "local e = logs.access('::1 - - [27/Nov/2026:10:39:31 +0000] \"POST /b?x=1 HTTP/2.0\" 503 "
        "- \"https://a.example/\" \"curl/7 (\\\\\"x\\\\\" \\\\y)\" 0.003')\n"
        "assert(e.status == 503 and e.bytes == nil and e.path == '/b?x=1')\n"
        "assert(e.referer == 'https://a.example/' and e.agent == 'curl/7 (\"x\" \\\\y)')\n"
        "e = logs.access('h - - [27/Nov/2026:10:39:31 +0000] \"\\\\x16\\\\x03\" 400 150 \"-\" "
        "\"-\"')\n"
        "assert(e.method == nil and e.request == '\\\\x16\\\\x03' and e.agent == nil)\n"
        "refused('host ident user', logs.access '')\n"
        "refused('host ident user', logs.access 'GET / HTTP/1.0')\n"
        "refused('its time', logs.access 'h - - [10/Foo/2000:13:55:36 -0700] \"G\" 200 1')\n"
        "refused('its request', logs.access 'h - - [10/Oct/2000:13:55:36 -0700] \"G 200 1')\n"
        "refused('its request', logs.access 'h - - [10/Oct/2000:13:55:36 -0700] \"G\\\\\"')\n"
        "refused('status', logs.access 'h - - [10/Oct/2000:13:55:36 -0700] \"G\" OK 1')\n"
        "refused('referer', logs.access 'h - - [10/Oct/2000:13:55:36 -0700] \"G\" 200 1 \"a\" "
        "\"b')\n");
}

static void syslog_of_rfc_3164_is_read(void **state)
{
    run(state,
        "same(logs.syslog(\"<34>Oct 11 22:14:15 mymachine su: 'su root' failed on /dev/pts/8\", "
        "NOW), '{\"app\":\"su\",\"facility\":\"auth\",\"host\":\"mymachine\","
        "\"message\":\"\\'su root\\' failed on /dev/pts/8\",\"severity\":\"crit\","
        "\"ts\":1760220855000}')\n"
        "local e = logs.syslog('<13>Dec 31 23:59:59 h sshd[4711]: a: b[1]: c', NOW)\n"
        "assert(e.ts == NOW - 601000 and e.pid == '4711' and e.message == 'a: b[1]: c')\n"
        "e = logs.syslog3164('Jan  1 00:20:00 h kernel: x', NOW)\n" /* no priority, in the future */
        "assert(e.ts == NOW + 600000 and e.severity == nil and e.app == 'kernel')\n"
        "e = logs.syslog3164('2026-01-01T01:10:00.5+01:00 h cron[1]:', NOW)\n"
        "assert(e.ts == NOW + 500 and e.message == '')\n"
        "e = logs.syslog('<13>Feb 29 00:00:00 h no tag here', S.time.iso '2027-06-01T00:00:00Z')\n"
        "assert(e.ts == S.time.iso '2028-02-29T00:00:00Z' and e.app == nil)\n"
        "assert(e.message == 'no tag here')\n"
        "refused('priority', logs.syslog('<192>Oct 11 22:14:15 h a: b', NOW))\n"
        "refused('no time', logs.syslog('', NOW))\n"
        "refused('no time', logs.syslog('<13>Foo 11 22:14:15 h a: b', NOW))\n"
        "refused('no time', logs.syslog('<13>Feb 30 22:14:15 h a: b', NOW))\n"
        "refused('no time', logs.syslog('<13>Oct 11 24:14:15 h a: b', NOW))\n"
        "refused('no host', logs.syslog('<13>Oct 11 22:14:15 h', NOW))\n"
        "local ok, why = pcall(logs.syslog, '<13>Oct 11 22:14:15 h a: b')\n"
        "assert(not ok and why:find 'r.ts')\n");
}

static void syslog_of_rfc_5424_is_read(void **state)
{
    run(state, "same(logs.syslog('<165>1 2003-10-11T22:14:15.003Z host app - ID47 [a@1 iut=\"3\" "
               "s=\"\\\\\\\\ \\\\\" \\\\] \\\\n\"][b] \\xef\\xbb\\xbf' .. 'An event', NOW), "
               "'{\"app\":\"app\",\"data\":{\"a@1\":{\"iut\":\"3\",\"s\":\"\\\\\\\\ \\\\\" ] "
               "\\\\\\\\n\"},\"b\":{}},\"facility\":\"local4\",\"host\":\"host\",\"id\":\"ID47\","
               "\"message\":\"An event\",\"severity\":\"notice\",\"ts\":1065910455003}')\n"
               "local e = logs.syslog5424 '<0>1 - - - - - -'\n"
               "assert(e.ts == nil and e.host == nil and e.data == nil and e.message == '')\n"
               "e = logs.syslog5424 '<0>1 - - - - - -  x'\n"
               "assert(e.message == ' x')\n"
               "refused('priority', logs.syslog5424 '1 - - - - - -')\n"
               "refused('behind its priority', logs.syslog5424 '<13>2 - - - - - -')\n"
               "refused('its time', logs.syslog5424 '<13>1 now - - - - -')\n"
               "refused('structured', logs.syslog5424 '<13>1 - - - - - [a')\n"
               "refused('structured', logs.syslog5424 '<13>1 - - - - - [a b=\"c]')\n"
               "refused('structured', logs.syslog5424 '<13>1 - - - - - [a b=c]')\n"
               "refused('structured', logs.syslog5424 '<13>1 - - - - - [a]x')\n"
               "refused('structured', logs.syslog5424 '<13>1 - - - - - message')\n");
}

static void other_lines_are_read(void **state)
{
    run(state,
        "same(logs.klog('E1231 23:59:59.123456    4711 server.go:42] it failed', NOW), "
        "'{\"file\":\"server.go\",\"line\":42,\"message\":\"it failed\",\"severity\":\"error\","
        "\"thread\":4711,\"ts\":1767225599123}')\n"
        "refused('it is not like', logs.klog('X1231 23:59:59.1 1 a.go:1] x', NOW))\n"
        "refused('it is not like', logs.klog('', NOW))\n"
        "refused('its time', logs.klog('E1331 23:59:59.1 1 a.go:1] x', NOW))\n"
        "same(logs.json ' {\"a\":[1]} ', '{\"a\":[1]}')\n"
        "refused('not JSON', logs.json '{')\n"
        "refused('no object', logs.json '[1]')\n"
        "same(logs.logfmt ' at=info path=\"/a \\\\\"b\\\\\" \\\\\\\\n\\\\n\" ms=12 d= cached', "
        "'{\"at\":\"info\",\"cached\":true,\"d\":\"\",\"ms\":\"12\","
        "\"path\":\"/a \\\\\"b\\\\\" \\\\\\\\n\\\\n\"}')\n"
        "same(logs.logfmt '', '{}')\n"
        "refused('no key at byte 5', logs.logfmt 'a=1 =2')\n"
        "refused(\"'b' is malformed\", logs.logfmt 'a=1 b=\"x')\n"
        "refused(\"'b' is malformed\", logs.logfmt 'b=\"x\"y')\n"
        "refused(\"'b' is malformed\", logs.logfmt 'b=x\"y\"')\n");
}

static void long_lines_are_judged_in_bounded_work(void **state)
{
    struct lua_bench *bench = *state;
    bench->limits.load_ms = 2000; /* of a sanitizer; unbounded work takes minutes */
    run(state,
        "local long = ('a'):rep(100000)\n"
        "assert(not logs.access(long)) assert(not logs.access((' '):rep(100000)))\n"
        "assert(not logs.access('h - - [10/Oct/2000:13:55:36 -0700] \"' .. ('\\\\'):rep(100000)))\n"
        "assert(not logs.syslog(long, NOW)) assert(not logs.klog('I' .. long, NOW))\n"
        "assert(not logs.syslog('<1>1 - - - - - ' .. ('[a'):rep(50000), NOW))\n"
        "assert(not logs.syslog('<1>1 - - - - - [a ' .. ('b=\"\" '):rep(20000), NOW))\n"
        "assert(logs.logfmt(long)) assert(not logs.logfmt(('a=\"'):rep(30000)))\n");
}

static void sketches_and_counters_add_up(void **state)
{
    run(state,
        "assert(metrics.increase(3, 10) == 7 and metrics.increase(10, 3) == 3)\n"
        "local a, b\n"
        "for i = 1, 1000 do if i % 2 == 0 then a = metrics.sketch.add(a, i) else "
        "b = metrics.sketch.add(b, i) end end\n"
        "local all = metrics.sketch.merge(a, b)\n"
        "assert(metrics.sketch.count(all) == 1000 and metrics.sketch.count(nil) == 0)\n"
        "assert(math.abs(metrics.sketch.quantile(all, 0.99) - 990) <= 9.9)\n"
        "assert(metrics.sketch.quantile(all, 1) == 1000)\n"
        "assert(metrics.sketch.quantile(nil, 0.5) == nil)\n"
        "assert(metrics.sketch.add(nil, 1, 2) == metrics.sketch.add(metrics.sketch.add(nil, 2), "
        "1))\n"
        "for _, bad in ipairs { 'x', 'AAAA', a:sub(1, 8) } do\n"
        "  assert(not pcall(metrics.sketch.add, bad, 1))\n"
        "end\n"
        "assert(not pcall(metrics.sketch.add, nil, 0/0))\n"
        "assert(not pcall(metrics.sketch.quantile, a, 2))\n"
        "local kept = {}\n"
        "local store = { get = function(_, k) return kept[k] end, "
        "put = function(_, k, v) kept[k] = v end }\n"
        "assert(metrics.counter(store, 'k', 5, 1000) == nil)\n"
        "local grew, span = metrics.counter(store, 'k', 8, 3000)\n"
        "assert(grew == 3 and span == 2000)\n"
        "assert(metrics.counter(store, 'k', 7, 2000) == nil)\n" /* late */
        "assert(metrics.counter(store, 'k', 2, 4000) == 2)\n"   /* a reset */
        "assert(metrics.cumulative(store, 't', 2) == 2 and metrics.cumulative(store, 't', 3) == "
        "5)\n");
}

static void other_modules_are_not_found(void **state)
{
    lua_bench_expect_refused(*state, "require 'tidemill.log'", "module 'tidemill.log' not found");
    lua_bench_expect_refused(*state, "require 'tidemill.'", "not found");
    lua_bench_expect_refused(*state, "require 'tidemill.logs.lua'", "not found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(access_logs_are_read),
        LUA_BENCH_TEST(syslog_of_rfc_3164_is_read),
        LUA_BENCH_TEST(syslog_of_rfc_5424_is_read),
        LUA_BENCH_TEST(other_lines_are_read),
        LUA_BENCH_TEST(long_lines_are_judged_in_bounded_work),
        LUA_BENCH_TEST(sketches_and_counters_add_up),
        LUA_BENCH_TEST(other_modules_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
