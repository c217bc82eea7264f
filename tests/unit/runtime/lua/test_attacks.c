/* Shows that every attack ends within its deadline with the right kind of error, that nothing of it
 * is written, and that the record after it is processed; and the attacks that need more than one
 * callback. */
#include "runtime/lua/script_test.h"
#include "tests/unit/runtime/attack.h"
#include "tests/unit/runtime/lua/lua_bench.h"

#include <sys/resource.h>
#include <time.h>

#ifdef __SANITIZE_ADDRESS__
enum { SLOWNESS = 8 };
#else
enum { SLOWNESS = 1 };
#endif

enum { CALLBACK_MS = 50, PATIENT_CALLBACK_MS = 2000, OVERRUN_MS = 100 };

static int64_t processor_ms(void)
{
    struct timespec time;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* What another limit stops has time enough to come to it on any machine. */
static int64_t time_limit_ms(const struct attack *attack)
{
    bool is_endless = strcmp(attack->kind, "timeout") == 0;
    return (is_endless ? CALLBACK_MS : PATIENT_CALLBACK_MS) * SLOWNESS;
}

static void set_limits(struct lua_bench *bench, int64_t callback_ms)
{
    bench->limits = (struct script_limits){.callback_ms = callback_ms,
                                           .load_ms = 60000,
                                           .emit_count = 1000,
                                           .emit_size = 8 << 20,
                                           .store_size = 4 << 20};
}

static struct mill_driver *run_attack(struct lua_bench *bench, const struct attack *attack)
{
    char text[4096];
    snprintf(text, sizeof text,
             "local S = require 'tidemill' %s\nreturn { input = 'in', output = 'out', stores = { s "
             "= S.kv {} },\n"
             "process = function(r, ctx) if r.key == 'good' then return r end\n"
             "%s end }",
             attack_prelude(attack), attack->body);
    return lua_bench_run(bench, text);
}

static bool ends_right(struct mill_driver *driver, const struct attack *attack)
{
    int64_t began_ms = processor_ms();
    if (mill_driver_send(driver, "in", "bad", "{}", 1) == 0) {
        print_error("%s: succeeded\n", attack->about);
        return false;
    }
    int64_t took_ms = processor_ms() - began_ms;
    const char *kind = driver->context.error_kind;
    bool is_right = strcmp(kind, attack->kind) == 0 ||
                    (attack->other_kind != NULL && strcmp(kind, attack->other_kind) == 0);
    if (!is_right) {
        print_error("%s: %s '%s' instead of %s\n", attack->about, kind, driver->context.error_text,
                    attack->kind);
    }
    if (took_ms > time_limit_ms(attack) + OVERRUN_MS * SLOWNESS) {
        print_error("%s: ended after %d ms\n", attack->about, (int)took_ms);
        is_right = false;
    }
    return is_right;
}

static void every_attack_ends_in_time_and_the_next_record_is_processed(void **state)
{
    struct lua_bench *bench = *state;
    int failure_count = 0;
    for (size_t i = 0; i < ATTACK_COUNT; i++) {
        set_limits(bench, time_limit_ms(&attacks[i]));
        struct mill_driver *driver = run_attack(bench, &attacks[i]);
        failure_count += !ends_right(driver, &attacks[i]);
        if (mill_driver_send(driver, "in", "good", "1", 1) != 0) {
            fail_msg("%s: the record after it: %s", attacks[i].about, driver->context.error_text);
        }
        assert_string_equal(mill_driver_text(driver, "out"), "good=1");
        assert_int_equal(kv_count(mill_driver_store(driver, "s")), 0);
        assert_true(script_memory_size(bench->script) <= (size_t)65 << 20);
    }
    assert_int_equal(failure_count, 0);
}

static size_t process_size_most(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss << 10;
}

/* From here on. */
static void reset_process_size_most(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    assert_non_null(file);
    assert_true(fputs("5", file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The tokens of these texts would take five times the limit: 20 bytes for each value of two. */
static void what_reads_json_counts_against_the_limit(void **state)
{
    struct lua_bench *bench = *state;
    enum { LIMIT = 64 << 20 };
    static const struct attack rows[] = {
        {"decode", "S.json.decode('[' .. ('1,'):rep(8 << 20) .. '1]')", "memory", NULL},
        {"decode, caught",
         "pcall(S.json.decode, '[' .. ('1,'):rep(8 << 20) .. '1]') local t = {} "
         "while true do t[#t + 1] = ('x'):rep(1 << 18) .. #t end",
         "memory", NULL},
    };
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    bench->limits.callback_ms = 60000;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mill_driver *driver = run_attack(bench, &rows[i]);
        size_t before_size = process_size_most();
        assert_int_not_equal(mill_driver_send(driver, "in", "bad", "{}", 1), 0);
        assert_string_equal(driver->context.error_kind, rows[i].kind);
        assert_in_range(script_memory_most(bench->script), LIMIT / 2, LIMIT);
        assert_in_range(process_size_most() - before_size, 0, (size_t)2 * LIMIT * SLOWNESS);
        assert_int_equal(mill_driver_send(driver, "in", "good", "1", 1), 0);
        assert_true(script_memory_size(bench->script) < LIMIT / 2);
    }
}

/* Bodies whose changes and texts would take hundreds of megabytes that Lua does not know of. */
static void what_json_is_changed_and_written_counts_against_the_limit(void **state)
{
    struct lua_bench *bench = *state;
    enum { LIMIT = 32 << 20 };
    static const struct attack rows[] = {
        {"a member set again and again",
         "local x = ('x'):rep(1 << 20) for i = 1, 400 do r.json.a = x end", "memory", NULL},
        {"a member set to small values", "for i = 1, 4000000 do r.json.a = i end", "memory", NULL},
        {"members", "for i = 1, 400 do r.json['a' .. i] = ('x'):rep(1 << 20) end", "memory", NULL},
        {"a member with a long name", "for i = 1, 400 do r.json[('x'):rep(1 << 20) .. i] = 1 end",
         "memory", NULL},
        {"elements", "r.json.a = {1} for i = 1, 400 do r.json.a[i] = ('x'):rep(1 << 20) end",
         "memory", NULL},
        {"tokens of a member",
         "local t = {} for i = 1, 1 << 18 do t[i] = 1 end "
         "for i = 1, 100 do r.json.a = t end",
         "memory", NULL},
        {"tokens of a new value", "r.value = '[' .. ('1,'):rep(7 << 20) .. '1]' return r.json[1]",
         "memory", NULL},
        {"changes, caught",
         "local x = ('x'):rep(1 << 20) while true do pcall(function() r.json.a = x end) end",
         "timeout", NULL},
        {"a string of escapes", "S.json.encode(('\\1'):rep(15 << 20))", "memory", NULL},
        {"a string of escapes, caught",
         "local x = ('\\1'):rep(15 << 20) while true do pcall(S.json.encode, x) end", "timeout",
         NULL},
        {"a list of one string",
         "local x = ('x'):rep(1 << 20) local t = {} "
         "for i = 1, 400 do t[i] = x end S.json.encode(t)",
         "memory", NULL},
        {"a value of one string",
         "local x = ('x'):rep(1 << 20) local t = {} "
         "for i = 1, 400 do t[i] = x end r.value = t",
         "memory", NULL},
    };
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    bench->limits.memory_size = LIMIT;
    bench->limits.emit_size = (size_t)1 << 30;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is_endless = strcmp(rows[i].kind, "timeout") == 0;
        bench->limits.callback_ms = is_endless ? 200 * SLOWNESS : 60000;
        struct mill_driver *driver = run_attack(bench, &rows[i]);
        reset_process_size_most();
        size_t before_size = process_size_most();
        if (mill_driver_send(driver, "in", "bad", "{}", 1) == 0 ||
            strcmp(driver->context.error_kind, rows[i].kind) != 0) {
            fail_msg("%s: '%s' %s", rows[i].about, driver->context.error_kind,
                     driver->context.error_text);
        }
        size_t grown_size = process_size_most() - before_size;
        if (grown_size > (size_t)3 * LIMIT * SLOWNESS) {
            fail_msg("%s: took %zu bytes", rows[i].about, grown_size);
        }
        assert_in_range(script_memory_most(bench->script), LIMIT / 4, LIMIT);
        assert_int_equal(mill_driver_send(driver, "in", "good", "1", 1), 0);
        script_collect(bench->script);
        if (script_memory_size(bench->script) > LIMIT / 2) {
            fail_msg("%s: keeps %zu bytes", rows[i].about, script_memory_size(bench->script));
        }
    }
}

/* A text of many values that fits is read, and its tokens are given back. */
static void the_tokens_of_what_was_read_are_given_back(void **state)
{
    struct lua_bench *bench = *state;
    enum { VALUES = 500000, TOKEN_SIZE = 20 };
    static const struct attack decode = {
        "decode",
        "if #S.json.decode('[' .. ('1,'):rep(500000 - 1) .. '1]') == 500000 then "
        "return { value = collectgarbage 'count' } end",
        NULL, NULL};
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    bench->limits.callback_ms = 60000;
    struct mill_driver *driver = run_attack(bench, &decode);
    assert_int_equal(mill_driver_send(driver, "in", "k", "{}", 1), 0);
    assert_true(script_memory_most(bench->script) > (size_t)VALUES * (TOKEN_SIZE + 16));
    script_collect(bench->script);
    assert_int_equal(mill_driver_send(driver, "in", "good", "1", 1), 0);
}

/* One call on a string of 96 MB takes longer than is allowed here, if nobody looks meanwhile. */
static void one_call_on_a_long_string_is_stopped(void **state)
{
    struct lua_bench *bench = *state;
    static const char *const bodies[] = {
        "while true do text:upper() end",
        "while true do text:lower() end",
        "while true do utf8.len(text) end",
        "while true do tonumber(space) end",
        "while true do tonumber(space, 36) end",
        "while true do text:reverse() end",
        "while true do utf8.offset(text, #text) end",
        "while true do utf8.offset(text, -#text) end",
        "while true do utf8.offset(tail, 0) end",
        "while true do utf8.offset(tail, 2) end",
        "while true do ('%q'):format(text) end",
        "while true do text:format() end",
        "while true do ('x'):find(text) end",
        "while true do ('x'):gsub('x', text) end",
        "while true do local _ = space + 1 end",
        "while true do local _ = 2 ^ space end",
        "while true do local _ = -space end",
        "while true do pcall(function() return {} // space end) end",
    };
    enum { CALL_MS = 10, ALLOWED_MS = 50 };
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    bench->limits.callback_ms = CALL_MS * SLOWNESS;
    bench->limits.memory_size = (size_t)512 << 20;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "local text = ('x'):rep(96 << 20) local space = %s local tail = %s "
                 "return { input = 'in', output = 'out', "
                 "process = function(r) if r.key == 'good' then return r end %s end }",
                 strstr(bodies[i], "space") != NULL ? "(' '):rep((96 << 20) - 1) .. '1'" : "nil",
                 strstr(bodies[i], "tail") != NULL ? "'a' .. ('\\x80'):rep(96 << 20)" : "nil",
                 bodies[i]);
        struct mill_driver *driver = lua_bench_run(bench, text);
        int64_t began_ms = processor_ms();
        assert_int_not_equal(mill_driver_send(driver, "in", "bad", "{}", 1), 0);
        int64_t took_ms = processor_ms() - began_ms;
        assert_string_equal(driver->context.error_kind, "timeout");
        if (took_ms > ALLOWED_MS * SLOWNESS) {
            fail_msg("%s: ended after %d ms", bodies[i], (int)took_ms);
        }
        assert_int_equal(mill_driver_send(driver, "in", "good", "1", 1), 0);
    }
}

/* Bodies of a process that is called with the keys first and then. */
static const struct attack later[] = {
    {"a record kept", "if r.key == 'first' then kept = r else return { value = kept.key } end",
     "process", NULL},
    {"its JSON kept", "if r.key == 'first' then kept = r.json else return { value = kept.a } end",
     "process", NULL},
    {"a closure over a record",
     "if r.key == 'first' then kept = function() return r.key end else return { value = kept() } "
     "end",
     "process", NULL},
    {"an iteration kept",
     "if r.key == 'first' then ctx.s:put('a', 1) kept = ctx.s:pairs() else kept() end", "process",
     NULL},
    {"a coroutine that iterates",
     "if r.key == 'first' then ctx.s:put('a', 1) kept = coroutine.wrap(function() for k in "
     "ctx.s:pairs() do coroutine.yield() end end) kept() else kept() end",
     "process", NULL},
    {"a coroutine that spins when it goes on",
     "if r.key == 'first' then kept = coroutine.wrap(function() coroutine.yield() while true do "
     "end "
     "end) kept() else kept() end",
     "timeout", NULL},
};

static void what_is_kept_of_a_callback_is_dead_in_the_next(void **state)
{
    struct lua_bench *bench = *state;
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 "local S = require 'tidemill' local kept return { input = 'in', output = 'out', "
                 "stores = { s = S.kv {} }, process = function(r, ctx) %s end }",
                 later[i].body);
        struct mill_driver *driver = lua_bench_run(bench, text);
        if (mill_driver_send(driver, "in", "first", "{\"a\":{}}", 1) != 0) {
            fail_msg("%s: %s", later[i].about, driver->context.error_text);
        }
        assert_true(ends_right(driver, &later[i]));
    }
}

/* --- Functions that are called without a record --- */

static struct mill_driver *run_loop(struct lua_bench *bench, const char *field, const char *body)
{
    char text[1024];
    snprintf(text, sizeof text,
             "return { input = 'in', output = 'out', process = function(r) return r end,\n"
             "%s function(...) %s end %s }",
             field, body, field[0] == 'e' ? "}" : "");
    return lua_bench_run(bench, text);
}

static void nothing_more_happens(struct mill_driver *driver)
{
    (void)driver;
}

static void a_minute_passes(struct mill_driver *driver)
{
    (void)!mill_driver_advance(driver, 60000);
}

static void stream_time_passes(struct mill_driver *driver)
{
    assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1000), 0);
    (void)!mill_driver_send(driver, "in", "k", "1", 120000);
}

static void it_stops(struct mill_driver *driver)
{
    (void)!mill_driver_stop(driver);
}

/* The callback is stopped in time, and what comes after it is processed. */
static void timers_init_and_close_that_spin_are_stopped(void **state)
{
    struct lua_bench *bench = *state;
    static const struct {
        const char *field;
        void (*call)(struct mill_driver *driver);
    } rows[] = {
        {"init =", nothing_more_happens},
        {"every = { ['10s'] =", a_minute_passes},
        {"every = { ['stream:1m'] =", stream_time_passes},
        {"close =", it_stops},
    };
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows * ATTACK_LOOP_COUNT; i++) {
        const char *body = attack_loops[i % ATTACK_LOOP_COUNT];
        int64_t began_ms = processor_ms();
        struct mill_driver *driver = run_loop(bench, rows[i / ATTACK_LOOP_COUNT].field, body);
        rows[i / ATTACK_LOOP_COUNT].call(driver);
        const char *kind = driver->context.error_kind;
        if (driver->failures != 1 || kind == NULL || strcmp(kind, "timeout") != 0) {
            fail_msg("%s %s: %d failures, %s", rows[i / ATTACK_LOOP_COUNT].field, body,
                     driver->failures, kind == NULL ? "no error" : kind);
        }
        assert_true(processor_ms() - began_ms <= (CALLBACK_MS + OVERRUN_MS) * SLOWNESS);
        assert_int_equal(mill_driver_send(driver, "in", "k", "1", 1), 0);
    }
}

/* Files that spin while they are judged. */
static void top_level_code_is_stopped(void **state)
{
    struct lua_bench *bench = *state;
    const char *const files[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "local x <close> = setmetatable({}, { __close = function() while true do end end })",
        "local t = {} for i = 1, 1e6 do t[i] = i end while true do table.sort(t) end",
    };
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    bench->limits.load_ms = CALLBACK_MS * SLOWNESS;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int64_t began_ms = processor_ms();
        lua_bench_expect_refused(bench, files[i], "longer than");
        assert_true(processor_ms() - began_ms <= (CALLBACK_MS + OVERRUN_MS) * SLOWNESS);
    }
}

/* --- Tests of files --- */

static int begin(void *owner, const struct script_test_options *options, struct report *report)
{
    (void)owner, (void)options, (void)report;
    return 0;
}

static void a_test_that_never_ends_is_stopped(void **state)
{
    struct lua_bench *bench = *state;
    static const struct script_test_host host = {.begin = begin};
    static const struct {
        const char *body;
        const char *words;
    } rows[] = {
        {"while true do end", "ran longer than"},
        {"while true do pcall(function() while true do end end) end", "ran longer than"},
        {"coroutine.wrap(function() while true do end end)()", "ran longer than"},
        {"local s = 'x' while true do s = s .. s end", "more memory"},
    };
    set_limits(bench, CALLBACK_MS * SLOWNESS);
    bench->limits.test_ms = CALLBACK_MS * SLOWNESS;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        struct report report = {0};
        snprintf(text, sizeof text,
                 "local T = require 'tidemill.test'\nT.test('a', function() %s end)\n"
                 "T.test('b', function() end)\n"
                 "return { input = 'in', output = 'out', process = function(r) return r end }",
                 rows[i].body);
        lua_bench_run(bench, text);
        int64_t began_ms = processor_ms();
        assert_int_equal(script_test_run(bench->script, 0, &host, NULL, &report), ERROR_INVALID);
        assert_true(processor_ms() - began_ms <= (CALLBACK_MS + OVERRUN_MS) * SLOWNESS);
        if (strstr(report.text, rows[i].words) == NULL) {
            fail_msg("%s: '%s'", rows[i].body, report.text);
        }
        assert_int_equal(script_test_run(bench->script, 1, &host, NULL, &report), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(every_attack_ends_in_time_and_the_next_record_is_processed),
        LUA_BENCH_TEST(what_reads_json_counts_against_the_limit),
        LUA_BENCH_TEST(what_json_is_changed_and_written_counts_against_the_limit),
        LUA_BENCH_TEST(the_tokens_of_what_was_read_are_given_back),
        LUA_BENCH_TEST(one_call_on_a_long_string_is_stopped),
        LUA_BENCH_TEST(what_is_kept_of_a_callback_is_dead_in_the_next),
        LUA_BENCH_TEST(timers_init_and_close_that_spin_are_stopped),
        LUA_BENCH_TEST(top_level_code_is_stopped),
        LUA_BENCH_TEST(a_test_that_never_ends_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
