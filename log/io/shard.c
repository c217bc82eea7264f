/* Threads around loops; see shard.h. */
#include "log/io/shard.h"

#include "log/base/memory.h"
#include "log/io/io_uv.h"
#include "log/io/thread.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

struct shard_thread {
    struct shard shard; /* first */
    pthread_t thread;
    struct io *io;
    const struct shard_events *events;
    void *owner;
    sem_t is_started;
    char name[SHARD_NAME_SIZE];
};

static struct shard_thread *shard_thread_of(struct shard *shard)
{
    return (struct shard_thread *)(void *)shard;
}

static void *shard_thread_run(void *argument)
{
    struct shard_thread *shard = argument;
    pthread_setname_np(pthread_self(), shard->name);
    shard->io = io_uv_new();
    shard->events->start(shard->owner, shard->io);
    check(sem_post(&shard->is_started) == 0);
    io_uv_run(shard->io);
    if (shard->events->stop != NULL) {
        shard->events->stop(shard->owner, shard->io);
    }
    io_uv_free(shard->io);
    return NULL;
}

static struct io *shard_thread_io(struct shard *shard)
{
    return shard_thread_of(shard)->io;
}

static void shard_thread_stop(struct shard *shard)
{
    io_uv_stop(shard_thread_of(shard)->io);
}

static void shard_thread_join(struct shard *base)
{
    struct shard_thread *shard = shard_thread_of(base);
    check(pthread_join(shard->thread, NULL) == 0);
    sem_destroy(&shard->is_started);
    free(shard);
}

struct shard *shard_thread_start(struct io *io, const char *name, const struct shard_events *events,
                                 void *owner)
{
    static const struct shard_ops ops = {
        .io = shard_thread_io, .stop = shard_thread_stop, .join = shard_thread_join};
    struct shard_thread *shard = memory_new(struct shard_thread);
    (void)io;
    shard->shard.ops = &ops;
    shard->events = events;
    shard->owner = owner;
    snprintf(shard->name, sizeof shard->name, "%s", name);
    check(sem_init(&shard->is_started, 0, 0) == 0);
    thread_start(&shard->thread, shard_thread_run, shard);
    while (sem_wait(&shard->is_started) != 0) {}
    return &shard->shard;
}

void shard_check(const struct io *io)
{
    check(!io_uv_is_foreign(io));
}
