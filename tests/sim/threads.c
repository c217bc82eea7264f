/* Workers and shards without a second thing happening at once.
 *
 * A worker has a thread, because plugin code has a stack of its own, but it runs only inside an
 * event: the world gives it the baton and waits until it gives it back, which it does when
 * worker_take would wait or when `run` has returned. So a run is as deterministic as any, io_post
 * and io_now are safe from there, and time stands still while a plugin works.
 *
 * A shard is the io that asked for it: its objects live on the same loop and notice nothing but
 * that posts take a turn. */
#include "log/io/shard.h"
#include "log/io/worker.h"
#include "tests/sim/world.h"

#include <pthread.h>
#include <stdlib.h>

static const uint64_t WORKER_START_NS = 10000;
static const uint64_t WORKER_WAKE_NS = 1000;

struct sim_worker {
    struct worker worker; /* first */
    struct sim_process *process;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t passed;
    bool has_baton; /* under the lock; everything below belongs to whoever has it */
    bool is_waiting;
    bool is_woken;
    bool is_interrupted; /* before it was allowed */
    void (*interrupt)(void *owner);
    void *interrupt_owner;
    bool is_ended;
    struct list messages;
    struct sim_event
        *turn; /* the next; while it waits: for a message, or the end of its patience */
    void (*run)(struct worker *worker, void *owner);
    void *owner;
};

static struct sim_worker *worker_of(struct worker *worker)
{
    return (struct sim_worker *)(void *)worker;
}

static void baton_await(struct sim_worker *worker, bool is_ours)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->has_baton != is_ours) {
        pthread_cond_wait(&worker->passed, &worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
}

static void baton_pass(struct sim_worker *worker, bool to_worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->has_baton = to_worker;
    pthread_cond_broadcast(&worker->passed);
    pthread_mutex_unlock(&worker->lock);
}

static void *worker_main(void *argument)
{
    struct sim_worker *worker = argument;
    baton_await(worker, true);
    worker->run(&worker->worker, worker->owner);
    worker->is_ended = true;
    baton_pass(worker, false);
    return NULL;
}

static void worker_run_turn(struct sim_event *event)
{
    struct sim_worker *worker = event->subject;
    worker->turn = NULL;
    worker->is_waiting = false;
    baton_pass(worker, true);
    baton_await(worker, false);
}

static void worker_schedule(struct sim_worker *worker, uint64_t delay_ns)
{
    if (worker->turn != NULL) {
        sim_event_cancel(worker->process->sim, worker->turn);
    }
    worker->turn = sim_event_add(worker->process, delay_ns, worker_run_turn);
    worker->turn->subject = worker;
}

static void worker_wake_if_waiting(struct sim_worker *worker)
{
    if (worker->is_waiting) {
        worker_schedule(worker, WORKER_WAKE_NS);
    }
}

static void sim_worker_put(struct worker *base, struct worker_message *message)
{
    struct sim_worker *worker = worker_of(base);
    list_add(&worker->messages, &message->link);
    worker_wake_if_waiting(worker);
}

static void sim_worker_wake(struct worker *base)
{
    struct sim_worker *worker = worker_of(base);
    worker->is_woken = true;
    worker_wake_if_waiting(worker);
}

static void sim_worker_allow_interrupt(struct worker *base, void (*interrupt)(void *owner),
                                       void *owner)
{
    struct sim_worker *worker = worker_of(base);
    worker->interrupt = interrupt;
    worker->interrupt_owner = owner;
    if (worker->is_interrupted) {
        interrupt(owner);
    }
}

static void sim_worker_forbid_interrupt(struct worker *base)
{
    worker_of(base)->interrupt = NULL;
}

static void sim_worker_interrupt(struct worker *base)
{
    struct sim_worker *worker = worker_of(base);
    worker->is_interrupted = true;
    if (worker->interrupt != NULL) {
        worker->interrupt(worker->interrupt_owner);
    }
}

static struct worker_message *sim_worker_take(struct worker *base, int64_t timeout_ms)
{
    struct sim_worker *worker = worker_of(base);
    if (list_is_empty(&worker->messages) && !worker->is_woken && timeout_ms > 0) {
        worker->is_waiting = true;
        worker_schedule(worker, (uint64_t)timeout_ms * 1000000);
        baton_pass(worker, false);
        baton_await(worker, true);
    }
    worker->is_woken = false;
    struct list_link *link = list_take(&worker->messages);
    return link == NULL ? NULL : list_member(link, struct worker_message, link);
}

static void sim_worker_join(struct worker *base)
{
    struct sim_worker *worker = worker_of(base);
    check(worker->is_ended); /* nobody blocks on a shard */
    check(pthread_join(worker->thread, NULL) == 0);
    pthread_cond_destroy(&worker->passed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

static struct worker *sim_worker_start(struct io *io, const char *name,
                                       void (*run)(struct worker *worker, void *owner), void *owner)
{
    static const struct worker_ops ops = {.join = sim_worker_join,
                                          .put = sim_worker_put,
                                          .take = sim_worker_take,
                                          .wake = sim_worker_wake,
                                          .allow_interrupt = sim_worker_allow_interrupt,
                                          .forbid_interrupt = sim_worker_forbid_interrupt,
                                          .interrupt = sim_worker_interrupt};
    struct sim_worker *worker = memory_new(struct sim_worker);
    (void)name;
    worker->worker.ops = &ops;
    worker->process = sim_process_of(io);
    worker->run = run;
    worker->owner = owner;
    list_init(&worker->messages);
    check(pthread_mutex_init(&worker->lock, NULL) == 0);
    check(pthread_cond_init(&worker->passed, NULL) == 0);
    check(pthread_create(&worker->thread, NULL, worker_main, worker) == 0);
    worker_schedule(worker, WORKER_START_NS);
    return &worker->worker;
}

struct sim_shard {
    struct shard shard; /* first */
    struct io *io;
    const struct shard_events *events;
    void *owner;
};

static struct sim_shard *shard_of(struct shard *shard)
{
    return (struct sim_shard *)(void *)shard;
}

static struct io *sim_shard_io(struct shard *shard)
{
    return shard_of(shard)->io;
}

static void sim_shard_stop(struct shard *shard)
{
    (void)shard;
}

static void sim_shard_join(struct shard *base)
{
    struct sim_shard *shard = shard_of(base);
    if (shard->events->stop != NULL) {
        shard->events->stop(shard->owner, shard->io);
    }
    free(shard);
}

static struct shard *sim_shard_start(struct io *io, const char *name,
                                     const struct shard_events *events, void *owner)
{
    static const struct shard_ops ops = {
        .io = sim_shard_io, .stop = sim_shard_stop, .join = sim_shard_join};
    struct sim_shard *shard = memory_new(struct sim_shard);
    (void)name;
    *shard = (struct sim_shard){.shard = {.ops = &ops}, .io = io, .events = events, .owner = owner};
    events->start(owner, io);
    return &shard->shard;
}

void sim_thread_ops(struct io_ops *ops)
{
    ops->worker_start = sim_worker_start;
    ops->shard_start = sim_shard_start;
}
