/* One outgoing connection that speaks in frames: requests out, answers matched in order.
 *
 * Owns:   the stream, and every frame between peer_send and its answer.
 * Keeps:  (1) requests are written in the order of peer_send, also those from before the connection
 *             stood; answers are matched in that order and by correlation id;
 *         (2) each exchange is answered exactly once unless it was cancelled, and never inside the
 *             call; all of them before `closed`;
 *         (3) an answer that is late closes the connection: those behind it would be later still;
 *         (4) after `closed` the peer is gone.
 * Thread: its io's shard. */
#pragma once

#include "log/io/io.h"

struct peer;
struct peer_exchange;

struct peer_options {
    const char *address; /* as for io_connect; copied */
    size_t frame_size_max;
    int64_t connect_timeout_ms;
};

struct peer_events {
    void (*connected)(void *owner); /* may be NULL */
    void (*closed)(void *owner, int reason);
};

/* `response` starts with the correlation id and is borrowed until it returns; with an error it is
 * null. ERROR_TIMEOUT for the exchange that was late; for the others why the connection ended:
 * ERROR_CLOSED, ERROR_REFUSED, ERROR_MALFORMED, ERROR_CANCELLED after peer_close ... */
typedef void peer_answer(void *owner, int error, struct bytes response);

/* Starts to connect. */
struct peer *peer_open(struct io *io, const struct peer_options *options,
                       const struct peer_events *events, void *owner);
/* `closed` follows on a later turn with ERROR_CANCELLED. */
void peer_close(struct peer *peer);

enum { PEER_ANSWERED = 0, PEER_UNANSWERED = 1 };

/* Sends a whole request, its size in front, as frame_write_request made it with any correlation
 * id; the peer puts its own there. Takes the buffer. With PEER_UNANSWERED `answer` comes with a
 * null response when the frame was sent (a produce request with acks = 0). */
struct peer_exchange *peer_send(struct peer *peer, struct buffer *frame, int kind,
                                int64_t timeout_ms, peer_answer *answer, void *owner);
/* After it `answer` is not called. The exchange keeps its place in the order. */
void peer_cancel(struct peer_exchange *exchange);
/* Inside `answer`: makes the response the caller's own, copying only if it must (framer_keep). */
void peer_keep(struct peer *peer, struct bytes response, struct buffer *out);
void peer_check(const struct peer *peer);
