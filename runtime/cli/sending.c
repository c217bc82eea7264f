/* Sends, and ends what was begun; see sending.h. */
#include "runtime/cli/sending.h"

#include "log/base/error.h"

static void on_waited(struct transactional_wait *wait, int error)
{
    struct sending *sending = wait->owner;
    sending->error = error;
    sending->is_done = true;
    errand_wake(sending->errand);
}

static void on_flushed(struct producer_flush *flush, int error)
{
    struct sending *sending = flush->owner;
    sending->error = error;
    sending->is_done = true;
    errand_wake(sending->errand);
}

static void on_closed(void *owner)
{
    struct sending *sending = owner;
    sending->is_done = true;
    errand_wake(sending->errand);
}

static struct transactional_wait *expect(struct sending *sending)
{
    sending->is_done = false;
    sending->wait = (struct transactional_wait){.done = on_waited, .owner = sending};
    return &sending->wait;
}

/* The error of what is awaited, or of the waiting. */
static int await(struct sending *sending)
{
    int error = errand_wait(sending->errand, &sending->is_done);
    return error != 0 ? error : sending->error;
}

int sending_open(struct sending *sending, struct errand *errand,
                 const struct producer_options *options, const char *transactional_id)
{
    *sending = (struct sending){.errand = errand};
    if (transactional_id == NULL) {
        sending->producer = producer_new(errand->client, options);
        return 0;
    }
    struct transactional_options transactional = transactional_options_default();
    transactional.id = transactional_id;
    transactional.producer = *options;
    sending->transactional = transactional_new(errand->client, &transactional);
    sending->producer = transactional_producer(sending->transactional);
    transactional_init(sending->transactional, expect(sending));
    int error = await(sending);
    return error != 0 ? error : transactional_begin(sending->transactional);
}

int sending_send(struct sending *sending, const struct producer_record *record)
{
    return sending->transactional == NULL ? producer_send(sending->producer, record)
                                          : transactional_send(sending->transactional, record);
}

static void on_room(void *owner)
{
    struct sending *sending = owner;
    sending->has_room = true;
    errand_wake(sending->errand);
}

int sending_send_patiently(struct sending *sending, const struct producer_record *record)
{
    int error;
    producer_on_room(sending->producer, on_room, sending);
    do {
        sending->has_room = false;
        error = sending_send(sending, record);
        if (error == ERROR_AGAIN) {
            int wait_error = errand_wait(sending->errand, &sending->has_room);
            error = wait_error != 0 ? wait_error : error;
        }
    } while (error == ERROR_AGAIN);
    return error;
}

static int end_transaction(struct sending *sending, bool is_good)
{
    int error = 0;
    if (is_good) {
        transactional_commit(sending->transactional, expect(sending));
        error = await(sending);
    }
    enum transactional_state state = transactional_get_state(sending->transactional);
    if (state == TRANSACTIONAL_OPEN || state == TRANSACTIONAL_ABORTABLE) {
        transactional_abort(sending->transactional, expect(sending));
        int abort_error = await(sending);
        error = error != 0 ? error : abort_error;
    }
    return error;
}

int sending_finish(struct sending *sending, bool is_good)
{
    if (sending->transactional != NULL) {
        return end_transaction(sending, is_good);
    }
    sending->is_done = false;
    sending->flush = (struct producer_flush){.done = on_flushed, .owner = sending};
    producer_flush(sending->producer, &sending->flush);
    return await(sending);
}

int sending_begin(struct sending *sending)
{
    return transactional_begin(sending->transactional);
}

int sending_send_offsets(struct sending *sending, const char *group,
                         const struct member_partition *partitions, size_t count)
{
    const struct transactional_reader reader = {
        .group = group, .member_id = BYTES_LITERAL(""), .generation = -1};
    transactional_send_offsets(sending->transactional, &reader, partitions, count, expect(sending));
    return await(sending);
}

void sending_close(struct sending *sending)
{
    struct command_world *world = sending->errand->world;
    sending->is_done = false;
    if (sending->transactional != NULL) {
        transactional_close(sending->transactional, on_closed, sending);
    } else {
        producer_close(sending->producer, on_closed, sending);
    }
    while (!sending->is_done) {
        world->run(world->owner);
    }
}
