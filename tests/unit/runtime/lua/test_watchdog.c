/* Shows that a late callback is stopped, and hooked once however long it goes on: setting the hook
 * takes as long as calls are deep, and the signal comes every ten milliseconds. */
#include "runtime/lua/watchdog.h"
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

enum { LIMIT_MS = 20, SPIN_MS = 150 };

static volatile sig_atomic_t hook_count;

/* In the place of Lua's own, which it calls. */
LUA_API void lua_sethook(lua_State *lua, lua_Hook hook, int mask, int count)
{
    static void (*real)(lua_State * lua, lua_Hook hook, int mask, int count);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "lua_sethook");
        memcpy(&real, &found, sizeof real);
    }
    hook_count += hook != NULL;
    real(lua, hook, mask, count);
}

static int64_t processor_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A C function that does not look at the time. */
static int spin(lua_State *lua)
{
    (void)lua;
    int64_t end_ms = processor_ms() + SPIN_MS;
    while (processor_ms() < end_ms) {}
    return 0;
}

struct bench {
    struct watchdog watchdog;
    lua_State *lua;
};

static void bench_init(struct bench *bench)
{
    watchdog_init(&bench->watchdog);
    watchdog_set_limit(&bench->watchdog, LIMIT_MS);
    bench->lua = luaL_newstate();
    struct watchdog *watchdog = &bench->watchdog;
    memcpy(lua_getextraspace(bench->lua), &watchdog, sizeof(void *));
    lua_register(bench->lua, "spin", spin);
    lua_sethook(bench->lua, NULL, 0, 0); /* finds the real one before a signal does */
    hook_count = 0;
}

static void bench_fini(struct bench *bench)
{
    watchdog_fini(&bench->watchdog);
    lua_close(bench->lua);
}

/* True when it was late; then it ended with the watchdog's error. */
static bool run(struct bench *bench, const char *text)
{
    assert_int_equal(luaL_loadstring(bench->lua, text), LUA_OK);
    watchdog_enter(&bench->watchdog, bench->lua);
    int result = lua_pcall(bench->lua, 0, 0, 0);
    bool is_late = watchdog_leave(&bench->watchdog, bench->lua);
    assert_int_equal(result, is_late ? LUA_ERRRUN : LUA_OK);
    if (is_late) {
        assert_non_null(strstr(lua_tostring(bench->lua, -1), "the callback ran longer than 20 ms"));
        lua_pop(bench->lua, 1);
    }
    return is_late;
}

static void a_late_callback_is_hooked_once(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    assert_false(run(&bench, "local x = 1"));
    assert_int_equal(hook_count, 0);
    assert_true(run(&bench, "spin() while true do end"));
    assert_int_equal(hook_count, 1);
    assert_false(run(&bench, "local x = 1"));
    assert_true(run(&bench, "while true do end")); /* and the next one again */
    assert_int_equal(hook_count, 2);
    bench_fini(&bench);
}

/* As deep as Lua goes. */
static void deep_calls_are_stopped(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    assert_true(run(&bench, "local function f(n) if n == 0 then while true do end end\n"
                            "return 1 + f(n - 1) end f(190000)"));
    assert_int_equal(hook_count, 1);
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_callback_is_hooked_once),
        cmocka_unit_test(deep_calls_are_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
