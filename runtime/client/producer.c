/* The producer: an accumulator, a sender, a timer, and those who wait; see producer.h. */
#include "runtime/client/producer.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/client/accumulator.h"
#include "runtime/client/sender.h"

#include <stdlib.h>

struct producer {
    struct client *client;
    struct io *io;
    struct accumulator accumulator;
    struct sender sender;
    struct io_timer timer; /* drains */
    uint64_t timer_deadline;
    bool is_draining;
    struct list flushes; /* in the order of their numbers */
    int flush_error;     /* the first since the newest flush; for the next */
    void (*room)(void *owner);
    void *room_owner;
    bool is_room_wanted; /* a send was refused */
    bool is_held;
    bool is_closing;
    void (*closed)(void *owner);
    void *closed_owner;
};

struct producer_options producer_options_default(void)
{
    return (struct producer_options){
        .codec = COMPRESS_NONE,
        .acks = -1,
        .is_idempotent = true,
        .linger_ns = 0,
        .batch_size = 256 * 1024,
        .buffer_size = 32 << 20,
        .request_size_max = 1 << 20,
        .delivery_timeout_ms = 120000,
    };
}

/* Brings the timer forward to `when`. */
static void producer_wake_at(struct producer *producer, uint64_t when)
{
    if (when == UINT64_MAX ||
        (producer->timer.private_state != NULL && producer->timer_deadline <= when)) {
        return;
    }
    uint64_t now = io_now(producer->io);
    producer->timer_deadline = when;
    io_timer_start(producer->io, &producer->timer, when > now ? when - now : 0);
}

static void producer_tell_flushes(struct producer *producer)
{
    while (!list_is_empty(&producer->flushes)) {
        struct producer_flush *flush =
            list_member(producer->flushes.head.next, struct producer_flush, link);
        /* Asked anew each time: the one before may have sent more and flushed again. */
        if (flush->number >= accumulator_oldest_flush(&producer->accumulator)) {
            return;
        }
        list_remove(&flush->link);
        flush->done(flush, flush->error);
    }
}

static void producer_tell_room(struct producer *producer)
{
    size_t half = producer->accumulator.limit_size / 2;
    if (producer->is_room_wanted && !producer->is_held &&
        producer->accumulator.pending_size <= half) {
        producer->is_room_wanted = false;
        if (producer->room != NULL) {
            producer->room(producer->room_owner);
        }
    }
}

static void producer_finish_close(struct producer *producer)
{
    sender_cancel(&producer->sender);
    producer_tell_flushes(producer);
    void (*closed)(void *owner) = producer->closed;
    void *owner = producer->closed_owner;
    sender_fini(&producer->sender);
    accumulator_fini(&producer->accumulator);
    io_timer_stop(producer->io, &producer->timer);
    free(producer);
    if (closed != NULL) {
        closed(owner);
    }
}

static void producer_drain(struct producer *producer)
{
    if (producer->is_closing) {
        producer_wake_at(producer, 0);
        return;
    }
    producer->is_draining = true;
    uint64_t wake = sender_drain(&producer->sender);
    producer->is_draining = false;
    producer_tell_flushes(producer);
    producer_tell_room(producer);
    producer_wake_at(producer, wake);
    producer_wake_at(producer, producer->accumulator.wake);
}

static void producer_on_timer(struct io_timer *timer)
{
    struct producer *producer = timer->owner;
    if (producer->is_closing) {
        producer_finish_close(producer);
    } else {
        producer_drain(producer);
    }
}

static void producer_on_changed(void *owner)
{
    producer_drain(owner);
}

static void producer_on_finished(void *owner, uint64_t flush_number, int error)
{
    struct producer *producer = owner;
    bool is_told = error == 0;
    for (list_each (&producer->flushes, link)) {
        struct producer_flush *flush = list_member(link, struct producer_flush, link);
        if (error != 0 && flush_number <= flush->number) {
            flush->error = flush->error == 0 ? error : flush->error;
            is_told = true;
        }
    }
    if (!is_told && producer->flush_error == 0) {
        producer->flush_error = error;
    }
}

struct producer *producer_new(struct client *client, const struct producer_options *options)
{
    check(options->acks >= -1 && options->acks <= 1);
    check(!options->is_idempotent || options->acks == -1);
    check(options->transactional_id == NULL || options->is_idempotent);
    check(options->batch_size > 0 && options->request_size_max > 0);
    check(options->linger_ns >= 0 && options->delivery_timeout_ms >= 0);
    struct producer *producer = memory_new(struct producer);
    producer->client = client;
    producer->io = client_io(client);
    producer->timer = (struct io_timer){.fired = producer_on_timer, .owner = producer};
    list_init(&producer->flushes);
    accumulator_init(&producer->accumulator, producer->io, options);
    producer->accumulator.finished = producer_on_finished;
    producer->accumulator.owner = producer;
    sender_init(&producer->sender, client, &producer->accumulator, options);
    producer->sender.changed = producer_on_changed;
    producer->sender.owner = producer;
    return producer;
}

void producer_close(struct producer *producer, void (*closed)(void *owner), void *owner)
{
    check(!producer->is_closing);
    producer->is_closing = true;
    producer->closed = closed;
    producer->closed_owner = owner;
    producer_wake_at(producer, 0);
}

static void producer_wake_if_wanted(struct producer *producer)
{
    if (producer->accumulator.wake != UINT64_MAX && !producer->is_draining) {
        producer_wake_at(producer, producer->accumulator.wake);
        producer->accumulator.wake = UINT64_MAX;
    }
}

int producer_send(struct producer *producer, const struct producer_record *record)
{
    check(!producer->is_closing);
    int error = producer->is_held ? ERROR_AGAIN : accumulator_add(&producer->accumulator, record);
    if (error == ERROR_AGAIN) {
        producer->is_room_wanted = true;
    }
    producer_wake_if_wanted(producer);
    return error;
}

int producer_validate(const struct producer *producer, int32_t partition, size_t size)
{
    return accumulator_validate(&producer->accumulator, partition, size);
}

int producer_reserve(struct producer *producer, const char *topic, int32_t partition, size_t size)
{
    check(!producer->is_closing);
    int error = producer->is_held
                    ? ERROR_AGAIN
                    : accumulator_reserve(&producer->accumulator, topic, partition, size);
    if (error == ERROR_AGAIN) {
        producer->is_room_wanted = true;
    }
    producer_wake_if_wanted(producer);
    return error;
}

void producer_on_room(struct producer *producer, void (*room)(void *owner), void *owner)
{
    producer->room = room;
    producer->room_owner = owner;
}

void producer_flush(struct producer *producer, struct producer_flush *flush)
{
    check(!producer->is_closing);
    accumulator_close_open(&producer->accumulator);
    flush->number = producer->accumulator.flush_number++;
    flush->error = producer->flush_error;
    producer->flush_error = 0;
    list_add(&producer->flushes, &flush->link);
    producer_wake_at(producer, 0);
}

void producer_set_identity(struct producer *producer, int64_t producer_id, int16_t epoch,
                           bool is_bumped)
{
    check(producer->sender.is_transactional);
    producer->sender.producer_id = producer_id;
    producer->sender.epoch = epoch;
    producer->sender.is_bumped = is_bumped;
    producer->sender.fatal = 0;
    producer_wake_at(producer, 0);
}

void producer_hold(struct producer *producer, bool is_held)
{
    producer->is_held = is_held;
    if (!is_held && producer->is_room_wanted) {
        producer_wake_at(producer, 0);
    }
}

void producer_refuse(struct producer *producer, int error)
{
    check(error != 0);
    producer->sender.fatal = error;
    producer_wake_at(producer, 0);
}

int producer_refusal(const struct producer *producer)
{
    return producer->sender.fatal;
}

void producer_on_permit(struct producer *producer,
                        bool (*permit)(void *owner, const char *topic, int32_t partition),
                        void *owner)
{
    producer->sender.permit = permit;
    producer->sender.permit_owner = owner;
}

void producer_wake(struct producer *producer)
{
    producer_wake_at(producer, 0);
}

size_t producer_pending_size(const struct producer *producer)
{
    return producer->accumulator.pending_size;
}

void producer_check(const struct producer *producer)
{
    accumulator_check(&producer->accumulator);
    sender_check(&producer->sender);
    uint64_t number = 0;
    for (list_each (&producer->flushes, link)) {
        const struct producer_flush *flush = list_member(link, struct producer_flush, link);
        check(flush->number >= number);
        check(flush->number < producer->accumulator.flush_number);
        number = flush->number;
    }
}
