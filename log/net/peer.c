/* An outgoing connection; see peer.h.
 *
 *     CONNECTING ──> OPEN ──────────────> CLOSED     the other side ended it
 *          │           └────> CLOSING ─────^         we did, or it never stood
 *          └───────────────────^
 *
 * A connect cannot be taken back. A peer that was closed or timed out meanwhile tells its owner at
 * once and waits, CLOSED, for what io still holds of it. */
#include "log/net/peer.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/fsm.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/net/framer.h"

#include <stdlib.h>

enum {
    PEER_CORRELATION_POSITION = 8, /* behind size, API key and version */
    PEER_REQUEST_SIZE_MIN = 12,
    PEER_RESPONSE_SIZE_MIN = 4,
};

enum peer_state { PEER_CONNECTING, PEER_OPEN, PEER_CLOSING, PEER_CLOSED };

static const struct fsm_state peer_states[] = {
    [PEER_CONNECTING] = {"connecting", FSM_TO(PEER_OPEN) | FSM_TO(PEER_CLOSING)},
    [PEER_OPEN] = {"open", FSM_TO(PEER_CLOSING) | FSM_TO(PEER_CLOSED)},
    [PEER_CLOSING] = {"closing", FSM_TO(PEER_CLOSED)},
    [PEER_CLOSED] = {"closed", 0},
};
static const struct fsm peer_fsm = FSM("peer", peer_states);

struct peer_exchange {
    struct list_link link; /* in peer.exchanges until it is answered */
    struct peer *peer;
    struct buffer frame;
    struct io_request write;
    int32_t correlation_id;
    int kind;
    uint64_t deadline;   /* on io_now */
    peer_answer *answer; /* NULL: cancelled */
    void *owner;
    bool is_written;  /* io_stream_write was called */
    bool is_borrowed; /* and has not called back */
};

struct peer {
    struct io *io;
    char *address;
    struct peer_events events;
    void *owner;
    enum peer_state state;
    int reason; /* why it ends; the first one counts */
    struct io_stream *stream;
    struct io_request connect;
    bool is_connecting; /* io holds `connect` */
    struct io_request report;
    bool is_reporting;     /* io holds `report` */
    struct io_timer timer; /* the connection's deadline, then that of the earliest exchange */
    uint64_t timer_deadline;
    struct framer framer;
    struct list exchanges; /* in the order of peer_send */
    size_t borrowed_count;
    int32_t next_correlation_id;
};

static void peer_move(struct peer *peer, enum peer_state state)
{
    peer->state = (enum peer_state)fsm_move(&peer_fsm, peer->state, state);
}

static void peer_free_if_done(struct peer *peer)
{
    if (peer->state != PEER_CLOSED || peer->is_connecting || peer->is_reporting ||
        peer->stream != NULL || peer->borrowed_count > 0) {
        return;
    }
    framer_fini(&peer->framer);
    free(peer->address);
    free(peer);
}

static void peer_free_exchange(struct peer_exchange *exchange)
{
    if (!exchange->is_borrowed) {
        buffer_fini(&exchange->frame);
        free(exchange);
    }
}

/* Takes the exchange out and tells its fate. */
static void peer_finish_exchange(struct peer_exchange *exchange, int error, struct bytes response)
{
    list_remove(&exchange->link);
    peer_answer *answer = exchange->answer;
    void *owner = exchange->owner;
    peer_free_exchange(exchange);
    if (answer != NULL) {
        answer(owner, error, response);
    }
}

/* Tells everybody. The peer may be gone afterwards. */
static void peer_report(struct peer *peer)
{
    peer_move(peer, PEER_CLOSED);
    io_timer_stop(peer->io, &peer->timer);
    uint64_t now = io_now(peer->io);
    struct list_link *link;
    while ((link = list_take(&peer->exchanges)) != NULL) {
        struct peer_exchange *exchange = list_member(link, struct peer_exchange, link);
        bool is_late = peer->reason == ERROR_TIMEOUT && now < exchange->deadline;
        peer_finish_exchange(exchange, is_late ? ERROR_CLOSED : peer->reason,
                             (struct bytes){NULL, 0});
    }
    peer->events.closed(peer->owner, peer->reason);
}

static void peer_on_report(struct io_request *request, int64_t result)
{
    (void)result;
    struct peer *peer = request->owner;
    peer->is_reporting = false;
    peer_report(peer);
    peer_free_if_done(peer);
}

/* Ends the connection; the rest happens when io has closed the stream. */
static void peer_end(struct peer *peer, int reason)
{
    if (peer->state == PEER_CLOSING || peer->state == PEER_CLOSED) {
        return;
    }
    peer->reason = reason;
    bool has_stream = peer->stream != NULL;
    peer_move(peer, PEER_CLOSING);
    io_timer_stop(peer->io, &peer->timer);
    if (has_stream) {
        io_stream_close(peer->io, peer->stream);
        return;
    }
    peer->is_reporting = true;
    peer->report = (struct io_request){.done = peer_on_report, .owner = peer};
    io_post(peer->io, &peer->report);
}

static void peer_arm(struct peer *peer, uint64_t deadline)
{
    if (peer->timer.private_state != NULL && peer->timer_deadline <= deadline) {
        return;
    }
    uint64_t now = io_now(peer->io);
    peer->timer_deadline = deadline;
    io_timer_start(peer->io, &peer->timer, deadline > now ? deadline - now : 0);
}

static void peer_on_timer(struct io_timer *timer)
{
    struct peer *peer = timer->owner;
    uint64_t now = io_now(peer->io);
    if (peer->state == PEER_CONNECTING && now >= peer->timer_deadline) {
        trace(TRACE_WARN, "peer.connect_timed_out", TRACE_STRING("address", peer->address));
        peer_end(peer, ERROR_TIMEOUT);
        return;
    }
    uint64_t earliest = UINT64_MAX;
    for (list_each (&peer->exchanges, link)) {
        struct peer_exchange *exchange = list_member(link, struct peer_exchange, link);
        earliest = exchange->deadline < earliest ? exchange->deadline : earliest;
    }
    if (earliest <= now) {
        trace(TRACE_WARN, "peer.request_timed_out", TRACE_STRING("address", peer->address));
        peer_end(peer, ERROR_TIMEOUT);
    } else if (earliest != UINT64_MAX) {
        peer_arm(peer, earliest);
    }
}

static void peer_on_written(struct io_request *request, int64_t result)
{
    struct peer_exchange *exchange = request->owner;
    struct peer *peer = exchange->peer;
    exchange->is_borrowed = false;
    peer->borrowed_count--;
    if (!list_has(&exchange->link)) {
        peer_free_exchange(exchange);
        peer_free_if_done(peer);
        return;
    }
    buffer_fini(&exchange->frame);
    if (result < 0) {
        peer_end(peer, ERROR_CLOSED);
    } else if (exchange->kind == PEER_UNANSWERED && peer->state == PEER_OPEN) {
        peer_finish_exchange(exchange, 0, (struct bytes){NULL, 0});
    }
}

static void peer_write(struct peer *peer, struct peer_exchange *exchange)
{
    struct bytes part = buffer_bytes(&exchange->frame);
    exchange->is_written = true;
    exchange->is_borrowed = true;
    peer->borrowed_count++;
    exchange->write = (struct io_request){.done = peer_on_written, .owner = exchange};
    io_stream_write(peer->io, &exchange->write, peer->stream, &part, 1);
}

static int peer_on_frame(void *owner, struct bytes frame)
{
    struct peer *peer = owner;
    struct peer_exchange *first = NULL;
    for (list_each (&peer->exchanges, link)) {
        struct peer_exchange *exchange = list_member(link, struct peer_exchange, link);
        if (exchange->kind == PEER_ANSWERED) {
            first = exchange;
            break;
        }
    }
    if (first == NULL || !first->is_written || frame.size < PEER_RESPONSE_SIZE_MIN ||
        endian_read_i32(frame.data) != first->correlation_id) {
        trace(TRACE_WARN, "peer.answer_unexpected", TRACE_STRING("address", peer->address));
        return ERROR_MALFORMED;
    }
    peer_finish_exchange(first, 0, frame);
    return peer->state == PEER_OPEN ? 0 : ERROR_CANCELLED;
}

static void peer_on_data(void *owner, const uint8_t *data, size_t size)
{
    struct peer *peer = owner;
    if (peer->state != PEER_OPEN) {
        return;
    }
    int error = framer_feed(&peer->framer, data, size, peer_on_frame, peer);
    if (error != 0) {
        peer_end(peer, error);
    }
}

static void peer_on_closed(void *owner, int reason)
{
    struct peer *peer = owner;
    peer->stream = NULL;
    if (peer->state == PEER_OPEN) {
        peer->reason = reason == 0 ? ERROR_CLOSED : reason;
    }
    if (peer->state != PEER_CLOSED && !peer->is_reporting) {
        peer_report(peer);
    }
    peer_free_if_done(peer);
}

static const struct io_stream_events peer_stream_events = {
    .data = peer_on_data,
    .closed = peer_on_closed,
};

static void peer_on_connected(struct io_request *request, int64_t result)
{
    struct peer *peer = request->owner;
    peer->is_connecting = false;
    if (result < 0) {
        peer->stream = NULL;
        peer_end(peer, (int)result);
        peer_free_if_done(peer);
        return;
    }
    io_stream_watch(peer->io, peer->stream, &peer_stream_events, peer);
    if (peer->state != PEER_CONNECTING) {
        io_stream_close(peer->io, peer->stream);
        return;
    }
    peer_move(peer, PEER_OPEN);
    io_timer_stop(peer->io, &peer->timer);
    for (list_each (&peer->exchanges, link)) {
        struct peer_exchange *exchange = list_member(link, struct peer_exchange, link);
        peer_write(peer, exchange);
        peer_arm(peer, exchange->deadline);
    }
    if (peer->events.connected != NULL) {
        peer->events.connected(peer->owner);
    }
}

static uint64_t peer_deadline(struct peer *peer, int64_t timeout_ms)
{
    check(timeout_ms > 0);
    return io_now(peer->io) + (uint64_t)timeout_ms * 1000000u;
}

struct peer *peer_open(struct io *io, const struct peer_options *options,
                       const struct peer_events *events, void *owner)
{
    struct peer *peer = memory_new(struct peer);
    *peer = (struct peer){
        .io = io,
        .address = memory_string(options->address),
        .events = *events,
        .owner = owner,
        .is_connecting = true,
        .timer = {.fired = peer_on_timer, .owner = peer},
        .connect = {.done = peer_on_connected, .owner = peer},
    };
    framer_init(&peer->framer, options->frame_size_max);
    list_init(&peer->exchanges);
    peer_arm(peer, peer_deadline(peer, options->connect_timeout_ms));
    io_connect(io, &peer->connect, peer->address, &peer->stream);
    return peer;
}

void peer_close(struct peer *peer)
{
    peer_end(peer, ERROR_CANCELLED);
}

struct peer_exchange *peer_send(struct peer *peer, struct buffer *frame, int kind,
                                int64_t timeout_ms, peer_answer *answer, void *owner)
{
    check(frame->size >= PEER_REQUEST_SIZE_MIN);
    check(peer->state != PEER_CLOSED);
    struct peer_exchange *exchange = memory_new(struct peer_exchange);
    *exchange = (struct peer_exchange){
        .peer = peer,
        .frame = *frame,
        .correlation_id = peer->next_correlation_id,
        .kind = kind,
        .deadline = peer_deadline(peer, timeout_ms),
        .answer = answer,
        .owner = owner,
    };
    buffer_init(frame);
    peer->next_correlation_id =
        peer->next_correlation_id == INT32_MAX ? 0 : peer->next_correlation_id + 1;
    endian_write_i32(exchange->frame.data + PEER_CORRELATION_POSITION, exchange->correlation_id);
    list_add(&peer->exchanges, &exchange->link);
    if (peer->state == PEER_OPEN) {
        peer_write(peer, exchange);
        peer_arm(peer, exchange->deadline);
    }
    return exchange;
}

void peer_cancel(struct peer_exchange *exchange)
{
    exchange->answer = NULL;
}

void peer_keep(struct peer *peer, struct bytes response, struct buffer *out)
{
    framer_keep(&peer->framer, response, out);
}

void peer_check(const struct peer *peer)
{
    framer_check(&peer->framer);
    bool was_unwritten = false;
    for (list_each (&peer->exchanges, link)) {
        const struct peer_exchange *exchange = list_member(link, struct peer_exchange, link);
        check(exchange->peer == peer);
        check(!exchange->is_written || !was_unwritten);
        was_unwritten = !exchange->is_written;
        check(peer->state != PEER_OPEN || exchange->is_written);
        check(!exchange->is_borrowed || exchange->is_written);
    }
    check(peer->state != PEER_OPEN || peer->stream != NULL);
    check(peer->state != PEER_CLOSED || list_is_empty(&peer->exchanges));
}
