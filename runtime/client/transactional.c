/* The states of a transactional producer; see transactional.h.
 *
 * One timer goes on with whatever is to be done next, so nothing is called back inside a call. */
#include "runtime/client/transactional.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/transactional_state.h"

#include <stdlib.h>

enum {
    TRANSACTIONAL_TIMEOUT_MS = 60000,
    TRANSACTIONAL_INIT_MS = 60000,
    TRANSACTIONAL_MARKERS_NS = 20000000, /* as the Java client (KAFKA-4477) */
};

static const struct fsm_state transactional_states[TRANSACTIONAL_STATE_COUNT] = {
    [TRANSACTIONAL_NEW] = {"new", FSM_TO(TRANSACTIONAL_INITIALIZING)},
    [TRANSACTIONAL_INITIALIZING] = {"initializing",
                                    FSM_TO(TRANSACTIONAL_READY) | FSM_TO(TRANSACTIONAL_FATAL)},
    [TRANSACTIONAL_READY] = {"ready", FSM_TO(TRANSACTIONAL_OPEN) | FSM_TO(TRANSACTIONAL_FATAL)},
    [TRANSACTIONAL_OPEN] = {"open",
                            FSM_TO(TRANSACTIONAL_ABORTABLE) | FSM_TO(TRANSACTIONAL_COMMITTING) |
                                FSM_TO(TRANSACTIONAL_ABORTING) | FSM_TO(TRANSACTIONAL_FATAL)},
    [TRANSACTIONAL_ABORTABLE] = {"abortable",
                                 FSM_TO(TRANSACTIONAL_ABORTING) | FSM_TO(TRANSACTIONAL_FATAL)},
    [TRANSACTIONAL_COMMITTING] = {"committing", FSM_TO(TRANSACTIONAL_READY) |
                                                    FSM_TO(TRANSACTIONAL_ABORTABLE) |
                                                    FSM_TO(TRANSACTIONAL_FATAL)},
    [TRANSACTIONAL_ABORTING] = {"aborting",
                                FSM_TO(TRANSACTIONAL_READY) | FSM_TO(TRANSACTIONAL_FATAL)},
    [TRANSACTIONAL_FATAL] = {"fatal", 0},
};

const struct fsm transactional_fsm = FSM("transactional", transactional_states);

static void transactional_move(struct transactional *transactional, enum transactional_state state)
{
    transactional->state = fsm_move(&transactional_fsm, transactional->state, state);
    producer_hold(transactional->producer, state != TRANSACTIONAL_OPEN); /* (5) */
}

void transactional_later(struct transactional *transactional, uint64_t delay_ns)
{
    io_timer_start(transactional->io, &transactional->timer, delay_ns);
}

/* Tells the operation's end on the timer's turn. */
static void transactional_finish(struct transactional *transactional, int error)
{
    transactional->is_wait_done = transactional->wait != NULL;
    transactional->wait_error = error;
    transactional_later(transactional, 0);
}

static void transactional_tell_offsets(struct transactional *transactional, int error)
{
    struct transactional_wait *wait = transactional->offsets_wait;
    transactional->offsets_wait = NULL;
    transactional->offsets = NULL;
    if (wait != NULL) {
        wait->done(wait, error);
    }
}

static void transactional_forget_parts(struct transactional *transactional)
{
    for (map_each (&transactional->parts, entry)) {
        struct transactional_part *part = entry->value;
        free(part->topic);
        free(part);
    }
    map_fini(&transactional->parts, NULL);
    map_init(&transactional->parts);
}

/* Errors ------------------------------------------------------------------------------------- */

/* Another producer has the id, or the cluster does not let us use it: an abort helps nobody. */
static bool transactional_is_fatal(const struct transactional *transactional, int error)
{
    switch (error) {
    case ERROR_PRODUCER_FENCED:
    case ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case ERROR_INVALID_PRODUCER_ID_MAPPING:
    case ERROR_UNSUPPORTED:
    case ERROR_UNSUPPORTED_VERSION:
    case ERROR_INVALID_TRANSACTION_TIMEOUT:
    case ERROR_CLUSTER_AUTHORIZATION_FAILED:
        return true;
    }
    bool is_end_refused =
        transactional->step == TRANSACTIONAL_END && error != ERROR_TRANSACTION_ABORTABLE;
    return is_end_refused || transactional->state == TRANSACTIONAL_ABORTING ||
           transactional->state == TRANSACTIONAL_INITIALIZING;
}

static void transactional_fail(struct transactional *transactional, int error)
{
    bool is_fatal = transactional_is_fatal(transactional, error);
    trace(TRACE_WARN, "transactional.failed", TRACE_STRING("id", transactional->id),
          TRACE_STRING("error", error_name(error)), TRACE_INT("fatal", is_fatal));
    transactional->error = error;
    transactional->step = TRANSACTIONAL_NOTHING;
    producer_refuse(transactional->producer, error);
    if (is_fatal) {
        transactional_move(transactional, TRANSACTIONAL_FATAL);
    } else if (transactional->state != TRANSACTIONAL_ABORTABLE) {
        transactional_move(transactional, TRANSACTIONAL_ABORTABLE);
    }
    transactional_finish(transactional, error);
    transactional_tell_offsets(transactional, error); /* who is told may abort at once */
}

/* What the coordinator asks to be tried again, and what may have happened unseen. An end is asked
 * for until its fate is known; who cannot begin is told some day. */
static bool transactional_heals(const struct transactional *transactional, int error)
{
    bool is_late = transactional->state == TRANSACTIONAL_INITIALIZING &&
                   io_now(transactional->io) >= transactional->init_deadline;
    if (is_late) {
        return false;
    }
    return error == ERROR_COORDINATOR_LOAD_IN_PROGRESS || error == ERROR_CONCURRENT_TRANSACTIONS ||
           locator_is_misplaced(error) ||
           (error != ERROR_CANCELLED && error != ERROR_TRANSACTION_ABORTABLE &&
            error_is_retriable(error));
}

/* What is next ------------------------------------------------------------------------------- */

static bool transactional_has_unadded(const struct transactional *transactional)
{
    for (map_each (&transactional->parts, entry)) {
        if (!((const struct transactional_part *)entry->value)->is_added) {
            return true;
        }
    }
    return false;
}

static enum transactional_step transactional_choose(struct transactional *transactional)
{
    switch (transactional->state) {
    case TRANSACTIONAL_INITIALIZING:
        return TRANSACTIONAL_INIT;
    case TRANSACTIONAL_OPEN:
    case TRANSACTIONAL_COMMITTING:
        if (transactional_has_unadded(transactional)) {
            return TRANSACTIONAL_ADD;
        }
        if (transactional->offsets_wait != NULL) {
            bool must_add = !transactional->is_bumped && !transactional->is_group_added;
            return must_add ? TRANSACTIONAL_ADD_OFFSETS : TRANSACTIONAL_OFFSETS;
        }
        break;
    case TRANSACTIONAL_ABORTING:
        break;
    case TRANSACTIONAL_NEW:
    case TRANSACTIONAL_READY:
    case TRANSACTIONAL_ABORTABLE:
    case TRANSACTIONAL_FATAL:
    case TRANSACTIONAL_STATE_COUNT:
        return TRANSACTIONAL_NOTHING;
    }
    bool is_ending = transactional->state != TRANSACTIONAL_OPEN && !transactional->is_flushing;
    return is_ending ? TRANSACTIONAL_END : TRANSACTIONAL_NOTHING;
}

/* The transaction is over. */
static void transactional_conclude(struct transactional *transactional)
{
    transactional->has_begun = false;
    transactional->is_group_added = false;
    transactional->step = TRANSACTIONAL_NOTHING;
    transactional->error = 0;
    transactional_forget_parts(transactional);
    producer_set_identity(transactional->producer, transactional->producer_id, transactional->epoch,
                          transactional->is_bumped);
    transactional_move(transactional, TRANSACTIONAL_READY);
    transactional_finish(transactional, 0);
}

/* Whether the offsets are still the reader's, and in whose name: 0, or why not. */
static int transactional_identify(struct transactional *transactional, bool is_refused)
{
    struct transactional_reader *reader = &transactional->reader;
    if (transactional->step != TRANSACTIONAL_OFFSETS || reader->identify == NULL) {
        return 0;
    }
    return reader->identify(reader->owner, reader, is_refused);
}

static void transactional_advance(struct transactional *transactional)
{
    if (transactional->is_calling || transactional->is_wait_done) {
        return;
    }
    if (transactional->step == TRANSACTIONAL_NOTHING) {
        transactional->step = transactional_choose(transactional);
    }
    if (transactional->step == TRANSACTIONAL_END && !transactional->has_begun) {
        transactional_conclude(transactional); /* nobody has heard of it */
        return;
    }
    if (transactional->step == TRANSACTIONAL_NOTHING) {
        return;
    }
    int error = transactional_identify(transactional, false);
    if (error != 0) {
        transactional_on_step(transactional, error);
    } else {
        transactional_call(transactional);
    }
}

static void transactional_on_timer(struct io_timer *timer)
{
    struct transactional *transactional = timer->owner;
    if (transactional->is_wait_done) {
        struct transactional_wait *wait = transactional->wait;
        transactional->wait = NULL;
        transactional->is_wait_done = false;
        wait->done(wait, transactional->wait_error);
        return;
    }
    transactional_advance(transactional);
}

static void transactional_take_step(struct transactional *transactional)
{
    enum transactional_step step = transactional->step;
    transactional->step = TRANSACTIONAL_NOTHING;
    switch (step) {
    case TRANSACTIONAL_INIT:
    case TRANSACTIONAL_BUMP:
        transactional->is_bumped = client_transaction_version(transactional->client) >= 2;
        transactional_conclude(transactional);
        return;
    case TRANSACTIONAL_ADD:
        producer_wake(transactional->producer);
        break;
    case TRANSACTIONAL_ADD_OFFSETS:
        transactional->is_group_added = true;
        break;
    case TRANSACTIONAL_OFFSETS:
        transactional_later(transactional, 0);
        transactional_tell_offsets(transactional, 0);
        return;
    case TRANSACTIONAL_END:
        /* Before transactions v2 an aborted batch may still be on its way: a new epoch keeps it
         * out of the next transaction. */
        if (transactional->state == TRANSACTIONAL_ABORTING && !transactional->is_bumped) {
            transactional->step = TRANSACTIONAL_BUMP;
            break;
        }
        transactional_conclude(transactional);
        return;
    case TRANSACTIONAL_NOTHING:
        check(false);
    }
    transactional_later(transactional, 0);
}

/* The reader may have got a new name meanwhile, or be about to. */
static int transactional_judge(struct transactional *transactional, int error)
{
    if (error != ERROR_ILLEGAL_GENERATION && error != ERROR_UNKNOWN_MEMBER_ID) {
        return error;
    }
    if (transactional->step != TRANSACTIONAL_OFFSETS || transactional->reader.identify == NULL) {
        return error;
    }
    int judgement = transactional_identify(transactional, true);
    return judgement == 0 ? ERROR_AGAIN : judgement;
}

/* Before transactions v2 the markers of the transaction before may be on their way: that is soon
 * over. */
static uint64_t transactional_patience(struct transactional *transactional, int error)
{
    bool is_marking =
        transactional->step == TRANSACTIONAL_ADD && error == ERROR_CONCURRENT_TRANSACTIONS;
    return is_marking ? TRANSACTIONAL_MARKERS_NS
                      : backoff_next(&transactional->backoff, transactional->io);
}

void transactional_on_step(struct transactional *transactional, int error)
{
    error = error == 0 ? 0 : transactional_judge(transactional, error);
    if (error == 0) {
        backoff_clear(&transactional->backoff);
        transactional_take_step(transactional);
    } else if (error == ERROR_INVALID_TXN_STATE && transactional->step == TRANSACTIONAL_END &&
               transactional->state == TRANSACTIONAL_ABORTING) {
        transactional_take_step(transactional); /* the coordinator had not heard of it */
    } else if (transactional_heals(transactional, error)) {
        transactional_later(transactional, transactional_patience(transactional, error));
    } else {
        transactional_fail(transactional, error);
    }
}

/* The producer asks whether a batch may leave. */
static bool transactional_permit(void *owner, const char *topic, int32_t partition)
{
    struct transactional *transactional = owner;
    if (transactional->is_bumped) {
        transactional->has_begun = true;
        return true;
    }
    struct buffer key;
    buffer_init(&key);
    buffer_add_bytes(&key, bytes_from_string(topic));
    buffer_add_byte(&key, 0);
    buffer_add(&key, &partition, sizeof partition);
    struct transactional_part *part = map_find(&transactional->parts, buffer_bytes(&key));
    if (part == NULL) {
        part = memory_new(struct transactional_part);
        part->topic = memory_string(topic);
        part->partition = partition;
        map_put(&transactional->parts, buffer_bytes(&key), part);
        transactional->has_begun = true;
        transactional_later(transactional, 0);
    }
    buffer_fini(&key);
    return part->is_added;
}

/* Operations --------------------------------------------------------------------------------- */

struct transactional_options transactional_options_default(void)
{
    return (struct transactional_options){.timeout_ms = TRANSACTIONAL_TIMEOUT_MS,
                                          .producer = producer_options_default()};
}

struct transactional *transactional_new(struct client *client,
                                        const struct transactional_options *options)
{
    const struct client_options *client_options = client_get_options(client);
    struct transactional *transactional = memory_new(struct transactional);
    struct producer_options producer_options = options->producer;
    transactional->client = client;
    transactional->io = client_io(client);
    transactional->id = memory_string(options->id);
    transactional->timeout_ms = options->timeout_ms;
    transactional->producer_id = -1;
    transactional->epoch = -1;
    transactional->backoff = (struct backoff){.first_ms = client_options->retry_backoff_ms,
                                              .max_ms = client_options->retry_backoff_max_ms};
    transactional->timer =
        (struct io_timer){.fired = transactional_on_timer, .owner = transactional};
    map_init(&transactional->parts);
    arena_init(&transactional->arena, 0);
    producer_options.transactional_id = transactional->id;
    transactional->producer = producer_new(client, &producer_options);
    producer_on_permit(transactional->producer, transactional_permit, transactional);
    producer_hold(transactional->producer, true);
    locator_init(&transactional->locator, client, CLIENT_LANE_COMMON,
                 bytes_from_string(transactional->id));
    transactional->locator.key_type = LOCATOR_TRANSACTION;
    locator_init(&transactional->group_locator, client, CLIENT_LANE_COMMON, (struct bytes){0});
    return transactional;
}

static void transactional_on_producer_closed(void *owner)
{
    struct transactional *transactional = owner;
    void (*closed)(void *closed_owner) = transactional->closed;
    void *closed_owner = transactional->closed_owner;
    transactional_forget_parts(transactional);
    arena_fini(&transactional->arena);
    free(transactional->id);
    free(transactional);
    if (closed != NULL) {
        closed(closed_owner);
    }
}

void transactional_close(struct transactional *transactional, void (*closed)(void *owner),
                         void *owner)
{
    transactional->closed = closed;
    transactional->closed_owner = owner;
    transactional_call_stop(transactional);
    io_timer_stop(transactional->io, &transactional->timer);
    transactional_tell_offsets(transactional, ERROR_CANCELLED);
    if (transactional->wait != NULL) {
        transactional->wait->done(transactional->wait, ERROR_CANCELLED);
        transactional->wait = NULL;
    }
    producer_close(transactional->producer, transactional_on_producer_closed, transactional);
}

static void transactional_start(struct transactional *transactional,
                                struct transactional_wait *wait)
{
    check(transactional->wait == NULL);
    transactional->wait = wait;
    transactional_later(transactional, 0);
}

void transactional_init(struct transactional *transactional, struct transactional_wait *wait)
{
    transactional_move(transactional, TRANSACTIONAL_INITIALIZING);
    transactional->init_deadline =
        io_now(transactional->io) + (uint64_t)TRANSACTIONAL_INIT_MS * 1000000;
    transactional_start(transactional, wait);
}

int transactional_begin(struct transactional *transactional)
{
    if (transactional->state != TRANSACTIONAL_READY) {
        return transactional->error != 0 ? transactional->error : ERROR_INVALID;
    }
    transactional_move(transactional, TRANSACTIONAL_OPEN);
    return 0;
}

/* A record that failed meanwhile. */
static void transactional_look(struct transactional *transactional)
{
    int error = producer_refusal(transactional->producer);
    if (transactional->state == TRANSACTIONAL_OPEN && error != 0) {
        transactional->error = error;
        transactional_move(transactional, transactional_is_fatal(transactional, error)
                                              ? TRANSACTIONAL_FATAL
                                              : TRANSACTIONAL_ABORTABLE);
    }
}

int transactional_send(struct transactional *transactional, const struct producer_record *record)
{
    transactional_look(transactional);
    if (transactional->state != TRANSACTIONAL_OPEN) {
        return transactional->error != 0 ? transactional->error : ERROR_INVALID;
    }
    return producer_send(transactional->producer, record);
}

void transactional_send_offsets(struct transactional *transactional,
                                const struct transactional_reader *reader,
                                const struct member_partition *partitions, size_t count,
                                struct transactional_wait *wait)
{
    check(transactional->offsets_wait == NULL);
    transactional_look(transactional);
    if (transactional->state != TRANSACTIONAL_OPEN) {
        check(transactional->wait == NULL);
        transactional->wait = wait;
        transactional_finish(transactional,
                             transactional->error != 0 ? transactional->error : ERROR_INVALID);
        return;
    }
    struct bytes group = bytes_from_string(reader->group);
    transactional->offsets_wait = wait;
    transactional->reader = *reader;
    transactional->offsets = partitions;
    transactional->offset_count = count;
    transactional->has_begun = true;
    transactional->is_group_added =
        transactional->is_group_added && bytes_equal(transactional->group_locator.group, group);
    if (!bytes_equal(transactional->group_locator.group, group)) {
        locator_expire(&transactional->group_locator);
    }
    transactional->group_locator.group = group;
    transactional_later(transactional, 0);
}

static void transactional_on_flushed(struct producer_flush *flush, int error)
{
    struct transactional *transactional = flush->owner;
    transactional->is_flushing = false;
    if (transactional->state == TRANSACTIONAL_COMMITTING && error == 0) {
        error = producer_refusal(transactional->producer);
    }
    if (transactional->state == TRANSACTIONAL_COMMITTING && error != 0) {
        transactional_fail(transactional, error); /* (2) */
        return;
    }
    transactional_later(transactional, 0);
}

static void transactional_end(struct transactional *transactional, enum transactional_state state,
                              struct transactional_wait *wait)
{
    check(transactional->offsets_wait == NULL);
    transactional_move(transactional, state);
    transactional->is_flushing = true;
    transactional->flush =
        (struct producer_flush){.done = transactional_on_flushed, .owner = transactional};
    producer_flush(transactional->producer, &transactional->flush);
    transactional_start(transactional, wait);
}

/* The operation is not possible now. */
static void transactional_refuse(struct transactional *transactional,
                                 struct transactional_wait *wait)
{
    check(transactional->wait == NULL);
    transactional->wait = wait;
    transactional_finish(transactional,
                         transactional->error != 0 ? transactional->error : ERROR_INVALID);
}

void transactional_commit(struct transactional *transactional, struct transactional_wait *wait)
{
    transactional_look(transactional);
    if (transactional->state == TRANSACTIONAL_OPEN) {
        transactional_end(transactional, TRANSACTIONAL_COMMITTING, wait);
    } else {
        transactional_refuse(transactional, wait);
    }
}

void transactional_abort(struct transactional *transactional, struct transactional_wait *wait)
{
    transactional_look(transactional);
    if (transactional->state != TRANSACTIONAL_OPEN &&
        transactional->state != TRANSACTIONAL_ABORTABLE) {
        transactional_refuse(transactional, wait);
        return;
    }
    if (producer_refusal(transactional->producer) == 0) {
        producer_refuse(transactional->producer, ERROR_CANCELLED); /* what has not left stays */
    }
    transactional_call_stop(transactional);
    transactional->step = TRANSACTIONAL_NOTHING;
    transactional_forget_parts(transactional);
    transactional_end(transactional, TRANSACTIONAL_ABORTING, wait);
}

enum transactional_state transactional_get_state(const struct transactional *transactional)
{
    return transactional->state;
}

int transactional_error(const struct transactional *transactional)
{
    return transactional->error;
}

struct producer *transactional_producer(struct transactional *transactional)
{
    return transactional->producer;
}

void transactional_check(const struct transactional *transactional)
{
    producer_check(transactional->producer);
    bool is_ending = transactional->state == TRANSACTIONAL_COMMITTING ||
                     transactional->state == TRANSACTIONAL_ABORTING;
    check(!transactional->is_flushing || is_ending || transactional->state == TRANSACTIONAL_FATAL);
    check(transactional->state != TRANSACTIONAL_FATAL || transactional->error != 0);
    check(transactional->state != TRANSACTIONAL_READY || !transactional->has_begun);
    check(transactional->state != TRANSACTIONAL_READY ||
          producer_pending_size(transactional->producer) == 0); /* (5) */
}
