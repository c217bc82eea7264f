/* A per-thread timer that ends late callbacks; see watchdog.h.
 *
 * lua_sethook may be called from a signal handler on the thread that runs the state; the standalone
 * interpreter does the same for Control-C. */
#include "runtime/lua/watchdog.h"

#include "log/base/check.h"

#include <lauxlib.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IDLE_TICKS_MAX = 100 };

static int signal_number(void)
{
    return SIGRTMIN + 6;
}

static void set_timer(struct watchdog *watchdog, long nanoseconds)
{
    struct itimerspec every = {.it_interval = {.tv_nsec = nanoseconds},
                               .it_value = {.tv_nsec = nanoseconds}};
    timer_settime(watchdog->timer, 0, &every, NULL);
}

static void on_hook(lua_State *lua, lua_Debug *activation)
{
    (void)activation;
    struct watchdog *watchdog = watchdog_of(lua);
    if (!watchdog->is_late) {
        lua_sethook(lua, NULL, 0, 0); /* left on a coroutine by an earlier callback */
        return;
    }
    watchdog_check(lua);
}

static void on_signal(int number, siginfo_t *info, void *machine)
{
    (void)number;
    (void)machine;
    struct watchdog *watchdog = info->si_value.sival_ptr;
    lua_State *running = watchdog->running;
    if (info->si_code != SI_TIMER || watchdog == NULL) {
        return;
    }
    if (running == NULL) {
        if (++watchdog->idle_ticks > IDLE_TICKS_MAX) {
            set_timer(watchdog, 0);
            watchdog->is_armed = 0;
        }
        return;
    }
    watchdog->idle_ticks = 0;
    if (++watchdog->ticks > watchdog->limit) {
        watchdog->is_late = 1;
    }
    if (watchdog->is_late && watchdog->hooked != running) {
        watchdog->hooked = running;
        lua_sethook(running, on_hook, LUA_MASKCOUNT, 1);
    }
}

void watchdog_init(struct watchdog *watchdog)
{
    *watchdog = (struct watchdog){.limit = 100, .limit_ms = 1000};
}

static void remove_timer(struct watchdog *watchdog)
{
    if (watchdog->has_timer) {
        timer_delete(watchdog->timer);
        watchdog->has_timer = false;
    }
    watchdog->is_armed = 0;
}

void watchdog_fini(struct watchdog *watchdog)
{
    check(watchdog->running == NULL);
    remove_timer(watchdog);
}

void watchdog_set_limit(struct watchdog *watchdog, int64_t limit_ms)
{
    check(limit_ms > 0);
    int64_t ticks = limit_ms / WATCHDOG_TICK_MS;
    watchdog->limit_ms = limit_ms;
    watchdog->limit = (sig_atomic_t)(ticks < 1 ? 1 : ticks > 1000000 ? 1000000 : ticks);
}

static void add_timer(struct watchdog *watchdog)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    check(sigaction(signal_number(), &action, NULL) == 0);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal_number()};
    event.sigev_value.sival_ptr = watchdog;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    check(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &watchdog->timer) == 0);
    sigset_t unblocked;
    sigemptyset(&unblocked);
    sigaddset(&unblocked, signal_number());
    check(pthread_sigmask(SIG_UNBLOCK, &unblocked, NULL) == 0);
    watchdog->has_timer = true;
    watchdog->thread = pthread_self();
}

void watchdog_arm(struct watchdog *watchdog)
{
    if (watchdog->has_timer && !pthread_equal(watchdog->thread, pthread_self())) {
        remove_timer(watchdog);
    }
    if (!watchdog->has_timer) {
        add_timer(watchdog);
    }
    watchdog->idle_ticks = 0;
    watchdog->is_armed = 1;
    set_timer(watchdog, WATCHDOG_TICK_MS * 1000000L);
}

void watchdog_raise(lua_State *lua)
{
    luaL_error(lua, "the callback ran longer than %d ms", (int)watchdog_of(lua)->limit_ms);
}
