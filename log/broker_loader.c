/* Feeds every batch of a coordinator's topic to its journal; see broker_loader.h. */
#include "log/broker_loader.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/store/log_read.h"

#include <stdlib.h>

enum { BROKER_LOADER_READ_SIZE = 1024 * 1024 };

struct broker_loader {
    struct io *io;
    struct replica_set *replicas;
    struct journal *journal;
    char *topic;
    int32_t partition_count;
    int32_t next;
    int64_t offset; /* in the partition being read; -1: not begun */
    struct log_read read;
    int error;
    bool is_cancelled;
    struct io_timer timer;
    void (*done)(void *owner, int error);
    void *owner;
};

static void broker_loader_step(struct broker_loader *loader);

static void broker_loader_next(struct broker_loader *loader, int error)
{
    if (error != 0 && loader->error == 0) {
        loader->error = error;
    }
    if (error == 0) {
        journal_load_end(loader->journal, loader->next);
    } else {
        journal_unload(loader->journal, loader->next);
    }
    loader->next++;
    loader->offset = -1;
}

/* What was read goes to the journal; the next read begins behind it. */
static int broker_loader_take(struct broker_loader *loader)
{
    struct bytes bytes = buffer_bytes(&loader->read.bytes);
    if (bytes.size == 0) {
        return ERROR_CORRUPT; /* there is more, and it cannot be had */
    }
    int error = journal_load_batch(loader->journal, loader->next, bytes);
    while (bytes.size > 0 && error == 0) {
        struct batch batch;
        error = batch_read_header(bytes, &batch, NULL);
        if (error == 0) {
            loader->offset = batch_next_offset(&batch);
            bytes = bytes_make(bytes.data + batch.bytes.size, bytes.size - batch.bytes.size);
        }
    }
    return error;
}

static void broker_loader_end_read(struct broker_loader *loader, int error)
{
    if (error == 0) {
        error = broker_loader_take(loader);
    }
    buffer_fini(&loader->read.bytes);
    if (error != 0) {
        broker_loader_next(loader, error);
    }
}

static void broker_loader_on_read(struct log_read *read, int error)
{
    struct broker_loader *loader = read->owner;
    if (loader->is_cancelled) {
        buffer_fini(&read->bytes);
        broker_loader_free(loader);
        return;
    }
    broker_loader_end_read(loader, error);
    broker_loader_step(loader);
}

/* True when the read will be called back. */
static bool broker_loader_read(struct broker_loader *loader, struct log *log)
{
    int error = 0;
    loader->read = (struct log_read){.offset = loader->offset,
                                     .limit_offset = log_end_offset(log),
                                     .size_max = BROKER_LOADER_READ_SIZE,
                                     .is_first_whole = true,
                                     .done = broker_loader_on_read,
                                     .owner = loader};
    if (!log_read(log, &loader->read, &error)) {
        return true;
    }
    broker_loader_end_read(loader, error);
    return false;
}

/* A log that could not be made yet (the disk is full) holds nothing: one that is on the disk is
 * always there, if damaged. Its coordinator answers from now on, and writes when the log is made,
 * as after the topic's creation. */
static void broker_loader_skip(struct broker_loader *loader)
{
    journal_load_start(loader->journal, loader->next);
    broker_loader_next(loader, 0);
}

static void broker_loader_step(struct broker_loader *loader)
{
    while (loader->next < loader->partition_count) {
        struct replica *replica =
            replica_set_find(loader->replicas, bytes_from_string(loader->topic), loader->next);
        if (replica == NULL) {
            broker_loader_skip(loader);
            continue;
        }
        struct log *log = replica_log(replica);
        if (log_status(log) != 0) {
            broker_loader_next(loader, ERROR_CORRUPT);
            continue;
        }
        if (loader->offset < 0) {
            journal_load_start(loader->journal, loader->next);
            loader->offset = log_start_offset(log);
        }
        if (loader->offset >= log_end_offset(log)) {
            broker_loader_next(loader, 0);
        } else if (broker_loader_read(loader, log)) {
            return;
        }
    }
    loader->done(loader->owner, loader->error);
}

static void broker_loader_on_turn(struct io_timer *timer)
{
    broker_loader_step(timer->owner);
}

struct broker_loader *broker_loader_start(struct io *io, struct replica_set *replicas,
                                          struct journal *journal, const char *topic,
                                          void (*done)(void *owner, int error), void *owner)
{
    struct broker_loader *loader = memory_new(struct broker_loader);
    *loader = (struct broker_loader){.io = io,
                                     .replicas = replicas,
                                     .journal = journal,
                                     .topic = memory_string(topic),
                                     .partition_count = journal_partition_count(journal),
                                     .offset = -1,
                                     .done = done,
                                     .owner = owner};
    loader->timer = (struct io_timer){.fired = broker_loader_on_turn, .owner = loader};
    io_timer_start(io, &loader->timer, 0);
    return loader;
}

void broker_loader_cancel(struct broker_loader *loader)
{
    if (loader->timer.private_state != NULL) {
        io_timer_stop(loader->io, &loader->timer);
        broker_loader_free(loader);
        return;
    }
    loader->is_cancelled = true;
}

void broker_loader_free(struct broker_loader *loader)
{
    free(loader->topic);
    free(loader);
}
