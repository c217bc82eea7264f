/* A Fetch response on its way out: what was encoded, with slices of logs where the records belong.
 *
 * Records go from the file into one small piece of memory and from there to the client; many at
 * once go from the page cache to the stream without being copied, as long as it takes them, and
 * only what it does not take at once is copied to a piece. What a client asked for and does not
 * take costs a piece, not its size.
 *
 * Owns:   between fetch_answer_send and its end: the slices, and a piece while it is this answer's
 *         turn.
 * Keeps:  (1) the bytes that leave are as many as the frame's size says, or the connection is
 *             closed;
 *         (2) a slice is closed as soon as its last byte was read;
 *         (3) the piece is counted as memory of the request.
 * Thread: the server's shard. */
#pragma once

#include "log/server/request.h"
#include "log/store/log_slice.h"

enum {
    FETCH_ANSWER_PIECE_SIZE = 64 << 10,
    FETCH_ANSWER_SEND_MIN = 64 << 10, /* bytes left of a slice that are sent from its file */
    FETCH_ANSWER_SEND_MAX = 1 << 20,  /* bytes sent from files in one turn */
    FETCH_ANSWER_TURN_SIZE = 4 << 10, /* of the piece that ends such a turn */
};

struct fetch_answer {
    struct request *request;
    struct wire_holes holes;
    struct log_slice **slices; /* one per hole */
    size_t slice_count;
    size_t hole_index; /* of the first one that is not filled yet */
    size_t head_size;  /* bytes taken from the encoded message */
    size_t slice_size; /* bytes taken from the slice of hole_index */
    uint8_t *piece;    /* NULL before the answer's turn */
    size_t piece_size; /* bytes in it */
    size_t asked_size; /* bytes behind them the disk is asked for */
    int error;
};

/* Answers the request. In `response` the records of `slices`, in their order, have the slices'
 * sizes and any address. `answer`, `slices` and what they point to live in the request's arena. */
void fetch_answer_send(struct fetch_answer *answer, struct request *request,
                       const struct fetch_response *response, struct log_slice **slices,
                       size_t slice_count);
