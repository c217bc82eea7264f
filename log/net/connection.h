/* One accepted connection: requests in, answers out in the same order.
 *
 * Requests are handed over as they arrive, also while earlier ones still wait (a long poll, a
 * flush), so that pipelined produce requests share one flush; answers leave in the order of the
 * requests whatever the order they are ready in.
 *
 * Owns:   its stream; between connection_events.request and sent, the slot of each request.
 * Keeps:  (1) answers leave in request order, each whole;
 *         (2) at most in_flight_max requests are out and at most output_size_max bytes wait to be
 *             taken by the client; beyond either nothing more is read from it;
 *         (3) a frame larger than frame_size_max is refused before anything is allocated for it;
 *         (4) every slot is given back through `done` exactly once.
 * Thread: its io's shard. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

struct connection;

struct connection_limits {
    size_t frame_size_max;  /* bytes; socket.request.max.bytes */
    size_t in_flight_max;   /* requests */
    size_t output_size_max; /* bytes */
};

/* Embedded by whoever serves the request. */
struct connection_slot {
    struct buffer answer; /* filled by the server; owned by the slot until `done` */
    /* The answer was taken by the system, or the connection is gone: the slot's memory may be
     * freed. */
    void (*done)(struct connection_slot *slot);
    /* NULL, or: the answer is not in `answer` but comes piece by piece, when its turn has come and
     * each time the piece before was taken. True with the next piece, borrowed until the next call
     * or `done` (an empty one is the end), or with an error, which closes the connection; false
     * when connection_continue will be called. */
    bool (*next)(struct connection_slot *slot, struct bytes *piece, int *error);
    /* The connection went away while the request was being served: what waits for its sake may stop
     * waiting. May be NULL. The slot is still to be answered, inside the call or later. */
    void (*lost)(struct connection_slot *slot);
    /* the connection's */
    struct connection *connection; /* NULL once the connection is gone */
    struct list_link link;
    struct io_request write;
    bool is_ready;
    bool is_awaited; /* `next` returned false */
};

struct connection_events {
    /* A whole frame without its size; the server takes the buffer over (or leaves it to be freed),
     * begins a slot, and returns 0; an error closes the connection. */
    int (*request)(void *owner, struct connection *connection, struct buffer *frame);
    /* What is held of requests that were not handed over (half a frame, or whole ones beyond the
     * limits) was `before` bytes and is `after`; 0 in the end. It may not end connections. May be
     * NULL. */
    void (*held)(void *owner, size_t before, size_t after);
    /* The last callback. `reason`: an error. */
    void (*closed)(void *owner, struct connection *connection, int reason);
};

/* Called inside the listener's `accepted`. */
struct connection *connection_new(struct io *io, struct io_stream *stream,
                                  const struct connection_limits *limits,
                                  const struct connection_events *events, void *owner);
/* Takes the next place in the order of answers; called inside `request`. */
void connection_begin(struct connection *connection, struct connection_slot *slot);
/* The answer is in slot->answer; an empty one sends nothing. Later than or inside `request`. */
void connection_answer(struct connection_slot *slot);
/* The next piece may be asked for: after `next` returned false, never inside it. */
void connection_continue(struct connection_slot *slot);
/* Inside `next`, for who hands something to the stream itself: it stands between the pieces. */
struct io_stream *connection_stream(struct connection *connection);
void connection_close(struct connection *connection);
/* No more reading; closes when the last answer has left. */
void connection_drain(struct connection *connection);
/* Stops or goes on reading, beside the connection's own limits. */
void connection_pause(struct connection *connection, bool is_paused);
/* Takes no request for so long, beside all other limits; answers still leave. A shorter time does
 * not shorten one that runs. */
void connection_mute(struct connection *connection, uint64_t duration_ns);
/* Nothing is being served or sent; half a frame may be here. */
bool connection_is_idle(const struct connection *connection);
/* "HOST:PORT" of both ends. */
const char *connection_local_address(const struct connection *connection);
const char *connection_peer_address(const struct connection *connection);
/* Bytes held of requests that were not handed over. */
size_t connection_input_size(const struct connection *connection);
/* Nanoseconds of io_now when the last byte came. */
uint64_t connection_active_ns(const struct connection *connection);
/* Nanoseconds of io_now since which the client has taken nothing of a waiting answer; 0 when none
 * waits. */
uint64_t connection_stalled_ns(const struct connection *connection);
/* Bytes held for this connection: frames not handed over, a partial one, waiting answers. */
size_t connection_held_size(const struct connection *connection);
void connection_check(const struct connection *connection);
