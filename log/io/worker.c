/* A thread with a mailbox under a lock; see worker.h. */
#include "log/io/worker.h"

#include "log/base/check.h"
#include "log/base/memory.h"
#include "log/io/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct worker_thread {
    struct worker worker; /* first */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list messages;
    bool is_woken;
    bool is_interrupted; /* before it was allowed */
    void (*interrupt)(void *owner);
    void *interrupt_owner;
    void (*run)(struct worker *worker, void *owner);
    void *owner;
};

static struct worker_thread *worker_thread_of(struct worker *worker)
{
    return (struct worker_thread *)(void *)worker;
}

static void *worker_thread_run(void *argument)
{
    struct worker_thread *worker = argument;
    worker->run(&worker->worker, worker->owner);
    return NULL;
}

static void worker_thread_join(struct worker *base)
{
    struct worker_thread *worker = worker_thread_of(base);
    check(pthread_join(worker->thread, NULL) == 0);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

static void worker_thread_put(struct worker *base, struct worker_message *message)
{
    struct worker_thread *worker = worker_thread_of(base);
    pthread_mutex_lock(&worker->lock);
    list_add(&worker->messages, &message->link);
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void worker_thread_wake(struct worker *base)
{
    struct worker_thread *worker = worker_thread_of(base);
    pthread_mutex_lock(&worker->lock);
    worker->is_woken = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void worker_thread_allow_interrupt(struct worker *base, void (*interrupt)(void *owner),
                                          void *owner)
{
    struct worker_thread *worker = worker_thread_of(base);
    pthread_mutex_lock(&worker->lock);
    worker->interrupt = interrupt;
    worker->interrupt_owner = owner;
    if (worker->is_interrupted) {
        interrupt(owner);
    }
    pthread_mutex_unlock(&worker->lock);
}

static void worker_thread_forbid_interrupt(struct worker *base)
{
    struct worker_thread *worker = worker_thread_of(base);
    pthread_mutex_lock(&worker->lock);
    worker->interrupt = NULL;
    pthread_mutex_unlock(&worker->lock);
}

static void worker_thread_interrupt(struct worker *base)
{
    struct worker_thread *worker = worker_thread_of(base);
    pthread_mutex_lock(&worker->lock);
    worker->is_interrupted = true;
    if (worker->interrupt != NULL) {
        worker->interrupt(worker->interrupt_owner);
    }
    pthread_mutex_unlock(&worker->lock);
}

static struct timespec worker_deadline(int64_t timeout_ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += timeout_ms % 1000 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

static struct worker_message *worker_thread_take(struct worker *base, int64_t timeout_ms)
{
    struct worker_thread *worker = worker_thread_of(base);
    struct timespec deadline = worker_deadline(timeout_ms);
    int result = timeout_ms > 0 ? 0 : ETIMEDOUT;
    pthread_mutex_lock(&worker->lock);
    while (list_is_empty(&worker->messages) && !worker->is_woken && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&worker->changed, &worker->lock, &deadline);
    }
    worker->is_woken = false;
    struct list_link *link = list_take(&worker->messages);
    pthread_mutex_unlock(&worker->lock);
    return link == NULL ? NULL : list_member(link, struct worker_message, link);
}

struct worker *worker_thread_start(struct io *io, const char *name,
                                   void (*run)(struct worker *worker, void *owner), void *owner)
{
    static const struct worker_ops ops = {.join = worker_thread_join,
                                          .put = worker_thread_put,
                                          .take = worker_thread_take,
                                          .wake = worker_thread_wake,
                                          .allow_interrupt = worker_thread_allow_interrupt,
                                          .forbid_interrupt = worker_thread_forbid_interrupt,
                                          .interrupt = worker_thread_interrupt};
    struct worker_thread *worker = memory_new(struct worker_thread);
    (void)io;
    worker->worker.ops = &ops;
    pthread_condattr_t attributes;
    char short_name[16];
    worker->run = run;
    worker->owner = owner;
    list_init(&worker->messages);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    thread_start(&worker->thread, worker_thread_run, worker);
    size_t i = 0;
    for (; i < sizeof short_name - 1 && name[i] != 0; i++) {
        short_name[i] = name[i];
    }
    short_name[i] = 0;
    pthread_setname_np(worker->thread, short_name);
    return &worker->worker;
}
