/* Stops a callback that runs too long, without costing anything while none does.
 *
 * A timer of the thread's processor time sends a signal every ten milliseconds that the thread
 * really runs. The handler counts how many of them the current callback has seen; past the limit it
 * sets a hook on the running coroutine that raises an error at the next instruction, and at every
 * instruction after that. It does so once for each coroutine: Lua marks every call that is under
 * way then, and of a million of them that may take longer than a tick, so that the thread would do
 * nothing else. As the hook stays until the callback has unwound, and as the sandbox's
 * pcall, xpcall and resume pass the error on while is_late, no protected call and no coroutine can
 * swallow it. When no callback has run for a while the handler stops the timer; an idle thread is
 * never woken.
 *
 * Not stopped: one call of a C function. Those that a script can reach do bounded work, or call
 * watchdog_check as they go (matcher.h and json.h look at is_late; sandbox_table.c,
 * sandbox_order.c, sandbox_string.c and script_value.c check).
 *
 * Owns:   the timer. The state's extra space must point to a struct that begins with the watchdog.
 * Keeps:  (1) the hook is set only while a callback runs late;
 *         (2) the signal is sent only to the thread that entered last.
 * Thread: the script's; enter, leave and fini on the same one. */
#pragma once

#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { WATCHDOG_TICK_MS = 10 };

struct watchdog {
    lua_State *volatile running;   /* the coroutine that runs; NULL outside callbacks */
    lua_State *volatile hooked;    /* the last that got the hook; NULL: none in this callback */
    volatile sig_atomic_t ticks;   /* seen by this callback */
    volatile sig_atomic_t limit;   /* ticks */
    volatile sig_atomic_t is_late; /* until the callback has unwound */
    volatile sig_atomic_t is_armed;
    volatile sig_atomic_t idle_ticks;
    int64_t limit_ms; /* for the message */
    timer_t timer;
    bool has_timer;
    pthread_t thread;
};

void watchdog_init(struct watchdog *watchdog);
void watchdog_fini(struct watchdog *watchdog);
void watchdog_set_limit(struct watchdog *watchdog, int64_t limit_ms);
/* Called at the first callback of a thread and after idle times. */
void watchdog_arm(struct watchdog *watchdog);

static inline struct watchdog *watchdog_of(lua_State *lua)
{
    return *(struct watchdog **)lua_getextraspace(lua);
}

/* A callback begins. */
static inline void watchdog_enter(struct watchdog *watchdog, lua_State *lua)
{
    if (!watchdog->is_armed || !pthread_equal(watchdog->thread, pthread_self())) {
        watchdog_arm(watchdog);
    }
    watchdog->ticks = 0;
    watchdog->running = lua;
}

/* It has unwound; true when it was late. */
static inline bool watchdog_leave(struct watchdog *watchdog, lua_State *lua)
{
    watchdog->running = NULL;
    if (__builtin_expect(watchdog->is_late, 0)) {
        watchdog->is_late = 0;
        watchdog->hooked = NULL;
        lua_sethook(lua, NULL, 0, 0);
        return true;
    }
    return false;
}

void watchdog_raise(lua_State *lua);
/* Raises the error again when the callback is late; for whoever could swallow it. */
static inline void watchdog_check(lua_State *lua)
{
    if (__builtin_expect(watchdog_of(lua)->is_late, 0)) {
        watchdog_raise(lua);
    }
}
