/* See thread.h. A new thread has the mask of the one that makes it. */
#include "log/io/thread.h"

#include "log/base/check.h"

#include <signal.h>

void thread_start(pthread_t *out, void *(*run)(void *argument), void *argument)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        sigdelset(&blocked, faults[i]);
    }
    check(pthread_sigmask(SIG_SETMASK, &blocked, &before) == 0);
    check(pthread_create(out, NULL, run, argument) == 0);
    check(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}
