/* Splits what arrives into frames and sends answers in order; see connection.h.
 *
 * The slots of a connection form a queue in request order. An answer that is ready waits until all
 * before it have been handed to the stream; one that comes in pieces holds up those behind it until
 * its last piece has been handed over. Answers of one turn leave together: each write wakes the
 * client, which on a busy machine takes the processor from us, so a write for each answer costs
 * more than all the rest of a small request. One piece of data may hold many frames: those beyond
 * the limits are kept, and handed over on a later turn when there is room. When the stream ends,
 * slots whose requests are still being served lose their connection and are given back when they
 * are answered. */
#include "log/net/connection.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/net/framer.h"

#include <stdlib.h>

enum { CONNECTION_PARTS_MAX = 64 }; /* answers in one write */

struct connection_frame {
    struct list_link link;
    struct buffer content;
};

struct connection {
    struct io *io;
    struct io_stream *stream; /* NULL once it ended */
    struct framer framer;
    struct connection_limits limits;
    const struct connection_events *events;
    void *owner;
    struct list slots;                 /* waiting for their turn, in request order */
    struct list writing;               /* handed to the stream, in order */
    struct connection_slot *streaming; /* the last of them, if it comes in pieces */
    struct list frames; /* of struct connection_frame: arrived beyond the limits, in order */
    size_t frames_size;
    struct io_timer resume_timer; /* hands them over */
    struct io_timer send_timer;   /* sends what became ready in the turn before */
    size_t input_size;            /* of frames and of the one that is not whole, as was told */
    size_t in_flight_count;
    size_t output_size; /* of answers that are ready */
    uint64_t active_ns;
    uint64_t
        written_ns; /* when the first waiting answer was handed over, or the last one was taken */
    bool is_paused; /* the stream */
    bool is_held;   /* connection_pause */
    bool is_muted;  /* connection_mute */
    uint64_t muted_until_ns;
    struct io_timer mute_timer;
    bool is_draining;
    bool is_closing;
    bool is_feeding; /* inside framer_feed */
    bool is_sending; /* inside connection_send_ready: what is answered there is taken along */
    bool is_ended;   /* the stream is gone */
    char local_address[IO_ADDRESS_SIZE];
    char peer_address[IO_ADDRESS_SIZE];
};

static struct connection_slot *connection_slot_of(struct list_link *link)
{
    return list_member(link, struct connection_slot, link);
}

static bool connection_is_full(const struct connection *connection)
{
    return connection->is_held || connection->is_muted ||
           connection->in_flight_count >= connection->limits.in_flight_max ||
           connection->output_size >= connection->limits.output_size_max;
}

static void connection_update_pause(struct connection *connection)
{
    bool is_full = connection_is_full(connection);
    bool is_paused = connection->is_draining || is_full || !list_is_empty(&connection->frames);
    if (is_paused != connection->is_paused && connection->stream != NULL) {
        connection->is_paused = is_paused;
        io_stream_pause(connection->io, connection->stream, is_paused);
    }
    if (!is_full && !connection->is_closing && !list_is_empty(&connection->frames) &&
        connection->resume_timer.private_state == NULL) {
        io_timer_start(connection->io, &connection->resume_timer, 0);
    }
}

static void connection_tell_input(struct connection *connection)
{
    size_t before = connection->input_size;
    connection->input_size = framer_held_size(&connection->framer) + connection->frames_size;
    if (connection->input_size != before && connection->events->held != NULL) {
        connection->events->held(connection->owner, before, connection->input_size);
    }
}

static void connection_finish_slot(struct connection_slot *slot)
{
    slot->connection->output_size -= slot->answer.size;
    slot->connection = NULL;
    list_remove(&slot->link);
    slot->done(slot);
}

static void connection_forget_frames(struct connection *connection)
{
    struct list_link *link;
    while ((link = list_take(&connection->frames)) != NULL) {
        struct connection_frame *frame = list_member(link, struct connection_frame, link);
        buffer_fini(&frame->content);
        free(frame);
    }
    connection->frames_size = 0;
    io_timer_stop(connection->io, &connection->resume_timer);
}

/* Nothing of what came will be a request any more. */
static void connection_forget_input(struct connection *connection)
{
    connection_forget_frames(connection);
    framer_fini(&connection->framer);
    framer_init(&connection->framer, connection->limits.frame_size_max);
    connection_tell_input(connection);
}

static void connection_free_if_ended(struct connection *connection)
{
    if (!connection->is_ended || connection->is_feeding || !list_is_empty(&connection->writing)) {
        return;
    }
    connection_forget_frames(connection);
    io_timer_stop(connection->io, &connection->mute_timer);
    io_timer_stop(connection->io, &connection->send_timer);
    framer_fini(&connection->framer);
    free(connection);
}

static void connection_close_if_drained(struct connection *connection)
{
    if (connection->is_draining && connection->in_flight_count == 0 &&
        list_is_empty(&connection->writing)) {
        connection_close(connection);
    }
}

static void connection_on_written(struct io_request *request, int64_t result);

/* The request is the slot's; it stands for all that were handed over with it, of which the slot is
 * the last. */
static void connection_write(struct connection_slot *slot, const struct bytes *parts, size_t count)
{
    struct connection *connection = slot->connection;
    slot->write = (struct io_request){.done = connection_on_written, .owner = slot};
    io_stream_write(connection->io, &slot->write, connection->stream, parts, count);
}

/* Sends the next piece. False when there is none any more, or the connection ends: the slot was
 * given back. */
static bool connection_send_piece(struct connection_slot *slot)
{
    struct connection *connection = slot->connection;
    struct bytes piece = {NULL, 0};
    int error = connection->is_closing ? ERROR_CANCELLED : 0;
    if (error == 0 && !slot->next(slot, &piece, &error)) {
        slot->is_awaited = true;
        return true;
    }
    if (error == 0 && piece.size > 0) {
        connection_write(slot, &piece, 1);
        return true;
    }
    connection->streaming = NULL;
    connection_finish_slot(slot);
    if (error != 0) {
        connection_close(connection);
    }
    return false;
}

/* The next answer, if its turn has come; it is in `writing` then, to be written. Those that send
 * nothing are given back. */
static struct connection_slot *connection_take_ready(struct connection *connection)
{
    while (connection->streaming == NULL && !list_is_empty(&connection->slots)) {
        struct connection_slot *slot = connection_slot_of(connection->slots.head.next);
        if (!slot->is_ready) {
            break;
        }
        list_remove(&slot->link);
        connection->in_flight_count--;
        if (connection->is_closing || (slot->answer.size == 0 && slot->next == NULL)) {
            connection_finish_slot(slot);
            continue;
        }
        if (list_is_empty(&connection->writing)) {
            connection->written_ns = io_now(connection->io);
        }
        list_add(&connection->writing, &slot->link);
        return slot;
    }
    return NULL;
}

/* Hands every answer whose turn has come to the stream. */
static void connection_send_ready(struct connection *connection)
{
    struct bytes parts[CONNECTION_PARTS_MAX];
    struct connection_slot *last = NULL;
    struct connection_slot *slot;
    size_t count = 0;
    connection->is_sending = true;
    while ((slot = connection_take_ready(connection)) != NULL) {
        if (slot->next == NULL) {
            parts[count++] = buffer_bytes(&slot->answer);
            last = slot;
        } else {
            connection->streaming = slot;
        }
        if (count > 0 && (count == CONNECTION_PARTS_MAX || connection->streaming != NULL)) {
            connection_write(last, parts, count);
            count = 0;
        }
        if (connection->streaming != NULL) {
            connection_send_piece(slot);
        }
    }
    if (count > 0) {
        connection_write(last, parts, count);
    }
    connection->is_sending = false;
    connection_update_pause(connection);
    connection_close_if_drained(connection);
}

static void connection_on_send(struct io_timer *timer)
{
    struct connection *connection = timer->owner;
    connection_send_ready(connection);
    connection_free_if_ended(connection);
}

/* An answer has left; perhaps others waited for that. */
static void connection_on_left(struct connection *connection)
{
    connection_send_ready(connection);
    connection_free_if_ended(connection);
}

static void connection_on_written(struct io_request *request, int64_t result)
{
    struct connection_slot *slot = request->owner;
    struct connection *connection = slot->connection;
    connection->written_ns = io_now(connection->io);
    if (result < 0) {
        connection_close(connection);
    }
    if (connection->streaming == slot) {
        if (!connection_send_piece(slot)) {
            connection_on_left(connection);
        }
        return;
    }
    struct connection_slot *first;
    do {
        first = connection_slot_of(connection->writing.head.next);
        connection_finish_slot(first);
    } while (first != slot);
    connection_on_left(connection);
}

static int connection_hand_over(struct connection *connection, struct buffer *frame)
{
    int error = connection->events->request(connection->owner, connection, frame);
    buffer_fini(frame);
    return error;
}

static int connection_take_frame(void *owner, struct bytes bytes)
{
    struct connection *connection = owner;
    if (connection->is_closing || connection->is_draining) {
        return 0;
    }
    struct buffer content;
    buffer_init(&content);
    framer_keep(&connection->framer, bytes, &content);
    connection_tell_input(connection);
    if (!connection_is_full(connection) && list_is_empty(&connection->frames)) {
        return connection_hand_over(connection, &content);
    }
    struct connection_frame *frame = memory_new(struct connection_frame);
    frame->content = content;
    connection->frames_size += content.size;
    list_add(&connection->frames, &frame->link);
    return 0;
}

static void connection_on_resume(struct io_timer *timer)
{
    struct connection *connection = timer->owner;
    int error = 0;
    while (error == 0 && !connection_is_full(connection) && !connection->is_closing &&
           !connection->is_draining && !list_is_empty(&connection->frames)) {
        struct list_link *link = list_take(&connection->frames);
        struct connection_frame *frame = list_member(link, struct connection_frame, link);
        connection->frames_size -= frame->content.size;
        error = connection_hand_over(connection, &frame->content);
        free(frame);
    }
    connection_tell_input(connection);
    if (error != 0) {
        connection_close(connection);
    }
    connection_update_pause(connection);
}

static void connection_on_unmuted(struct io_timer *timer)
{
    struct connection *connection = timer->owner;
    connection->is_muted = false;
    connection_update_pause(connection);
}

static void connection_on_data(void *owner, const uint8_t *data, size_t size)
{
    struct connection *connection = owner;
    connection->active_ns = io_now(connection->io);
    if (connection->is_closing) {
        return;
    }
    connection->is_feeding = true;
    int error = framer_feed(&connection->framer, data, size, connection_take_frame, connection);
    connection->is_feeding = false;
    if (connection->is_closing) {
        connection_forget_input(connection);
    } else {
        connection_tell_input(connection);
    }
    connection_send_ready(connection);
    if (error != 0) {
        connection_close(connection);
    }
    connection_free_if_ended(connection);
}

static void connection_on_closed(void *owner, int reason)
{
    struct connection *connection = owner;
    connection->stream = NULL;
    connection->is_closing = true;
    connection->is_ended = true;
    io_timer_stop(connection->io, &connection->mute_timer);
    connection_forget_input(connection);
    /* Those still being served are given back when they are answered, which may be now; others may
     * be answered because of them. */
    while (!list_is_empty(&connection->slots)) {
        struct connection_slot *slot = connection_slot_of(connection->slots.head.next);
        if (slot->is_ready) {
            connection_finish_slot(slot);
            continue;
        }
        slot->connection = NULL;
        list_remove(&slot->link);
        if (slot->lost != NULL) {
            slot->lost(slot);
        }
    }
    connection->events->closed(connection->owner, connection, reason);
    connection_free_if_ended(connection);
}

struct connection *connection_new(struct io *io, struct io_stream *stream,
                                  const struct connection_limits *limits,
                                  const struct connection_events *events, void *owner)
{
    static const struct io_stream_events stream_events = {.data = connection_on_data,
                                                          .closed = connection_on_closed};
    struct connection *connection = memory_new(struct connection);
    connection->io = io;
    connection->stream = stream;
    connection->limits = *limits;
    connection->events = events;
    connection->owner = owner;
    connection->active_ns = io_now(io);
    list_init(&connection->slots);
    list_init(&connection->writing);
    list_init(&connection->frames);
    connection->mute_timer = (struct io_timer){.fired = connection_on_unmuted, .owner = connection};
    connection->resume_timer =
        (struct io_timer){.fired = connection_on_resume, .owner = connection};
    connection->send_timer = (struct io_timer){.fired = connection_on_send, .owner = connection};
    framer_init(&connection->framer, limits->frame_size_max);
    io_stream_addresses(io, stream, connection->local_address, connection->peer_address);
    io_stream_watch(io, stream, &stream_events, connection);
    return connection;
}

void connection_begin(struct connection *connection, struct connection_slot *slot)
{
    slot->connection = connection;
    slot->is_ready = false;
    slot->is_awaited = false;
    list_add(&connection->slots, &slot->link);
    connection->in_flight_count++;
}

void connection_answer(struct connection_slot *slot)
{
    check(!slot->is_ready);
    slot->is_ready = true;
    if (slot->connection == NULL) {
        slot->done(slot);
        return;
    }
    struct connection *connection = slot->connection;
    connection->output_size += slot->answer.size;
    if (connection->is_sending) {
        return;
    }
    if (connection->is_feeding && connection_is_full(connection)) {
        connection_send_ready(connection);
    } else if (!connection->is_feeding && connection->send_timer.private_state == NULL) {
        io_timer_start(connection->io, &connection->send_timer, 0);
    }
}

void connection_continue(struct connection_slot *slot)
{
    struct connection *connection = slot->connection;
    check(slot->is_awaited);
    slot->is_awaited = false;
    if (!connection_send_piece(slot)) {
        connection_on_left(connection);
    }
}

void connection_close(struct connection *connection)
{
    if (connection->is_closing) {
        return;
    }
    connection->is_closing = true;
    if (!connection->is_feeding) {
        connection_forget_input(connection);
    }
    io_stream_close(connection->io, connection->stream);
}

void connection_drain(struct connection *connection)
{
    connection->is_draining = true;
    connection_forget_frames(connection);
    connection_tell_input(connection);
    connection_update_pause(connection);
    connection_close_if_drained(connection);
}

void connection_pause(struct connection *connection, bool is_paused)
{
    connection->is_held = is_paused;
    connection_update_pause(connection);
}

void connection_mute(struct connection *connection, uint64_t duration_ns)
{
    uint64_t until_ns = io_now(connection->io) + duration_ns;
    if (until_ns <= connection->muted_until_ns || connection->is_closing) {
        return;
    }
    connection->muted_until_ns = until_ns;
    connection->is_muted = true;
    io_timer_start(connection->io, &connection->mute_timer, duration_ns);
    connection_update_pause(connection);
}

struct io_stream *connection_stream(struct connection *connection)
{
    check(connection->stream != NULL);
    return connection->stream;
}

bool connection_is_idle(const struct connection *connection)
{
    return connection->in_flight_count == 0 && list_is_empty(&connection->writing) &&
           list_is_empty(&connection->frames);
}

const char *connection_local_address(const struct connection *connection)
{
    return connection->local_address;
}

const char *connection_peer_address(const struct connection *connection)
{
    return connection->peer_address;
}

size_t connection_input_size(const struct connection *connection)
{
    return connection->input_size;
}

uint64_t connection_active_ns(const struct connection *connection)
{
    return connection->active_ns;
}

uint64_t connection_stalled_ns(const struct connection *connection)
{
    return list_is_empty(&connection->writing) ? 0 : connection->written_ns;
}

size_t connection_held_size(const struct connection *connection)
{
    return framer_held_size(&connection->framer) + connection->frames_size +
           connection->output_size;
}

void connection_check(const struct connection *connection)
{
    size_t in_flight_count = 0;
    for (const struct list_link *link = connection->slots.head.next;
         link != &connection->slots.head; link = link->next) {
        in_flight_count++;
    }
    check(in_flight_count == connection->in_flight_count);
    check(in_flight_count <= connection->limits.in_flight_max);
    check(list_is_empty(&connection->frames) || connection->is_paused);
    check(connection->input_size ==
          framer_held_size(&connection->framer) + connection->frames_size);
    check(connection->is_ended == (connection->stream == NULL));
    check(connection->streaming == NULL ||
          connection->writing.head.previous == &connection->streaming->link);
    framer_check(&connection->framer);
}
