/* Fills piece after piece; see fetch_answer.h. */
#include "log/server/fetch_answer.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/server/server_state.h"

#include <stdlib.h>
#include <string.h>

static void fetch_answer_take_piece(struct fetch_answer *answer)
{
    struct server *server = answer->request->server;
    answer->piece = server->piece_count > 0 ? server->pieces[--server->piece_count]
                                            : memory_alloc(FETCH_ANSWER_PIECE_SIZE);
    request_grow(answer->request, FETCH_ANSWER_PIECE_SIZE);
}

static void fetch_answer_give_piece(struct fetch_answer *answer)
{
    struct server *server = answer->request->server;
    if (answer->piece != NULL && server->piece_count < SERVER_PIECE_MAX) {
        server->pieces[server->piece_count++] = answer->piece;
    } else {
        free(answer->piece);
    }
}

static void fetch_answer_on_sent(struct request *request)
{
    struct fetch_answer *answer = request->sent_owner;
    for (size_t i = answer->hole_index; i < answer->slice_count; i++) {
        log_slice_close(answer->slices[i]);
    }
    fetch_answer_give_piece(answer);
}

static void fetch_answer_pass(struct fetch_answer *answer, size_t size)
{
    answer->slice_size += size;
    if (answer->slice_size == answer->holes.items[answer->hole_index].size) {
        log_slice_close(answer->slices[answer->hole_index++]);
        answer->slice_size = 0;
    }
}

static void fetch_answer_take(struct fetch_answer *answer, size_t size)
{
    answer->piece_size += size;
    fetch_answer_pass(answer, size);
}

static void fetch_answer_on_read(struct log_slice *slice, int error)
{
    struct fetch_answer *answer = slice->owner;
    answer->error = error;
    if (error == 0) {
        fetch_answer_take(answer, answer->asked_size);
    }
    connection_continue(&answer->request->slot);
}

static void fetch_answer_take_head(struct fetch_answer *answer, size_t room)
{
    const struct buffer *head = &answer->request->slot.answer;
    size_t end = answer->hole_index < answer->holes.count
                     ? answer->holes.items[answer->hole_index].place
                     : head->size;
    size_t size = end - answer->head_size < room ? end - answer->head_size : room;
    memcpy(answer->piece + answer->piece_size, head->data + answer->head_size, size);
    answer->piece_size += size;
    answer->head_size += size;
}

/* False when the disk is asked. */
static bool fetch_answer_take_records(struct fetch_answer *answer, size_t room)
{
    size_t left = answer->holes.items[answer->hole_index].size - answer->slice_size;
    size_t size = left < room ? left : room;
    answer->asked_size = size;
    if (!log_slice_read(answer->slices[answer->hole_index], answer->slice_size,
                        answer->piece + answer->piece_size, size, &answer->error)) {
        return false;
    }
    if (answer->error == 0) {
        fetch_answer_take(answer, size);
    }
    return true;
}

static void fetch_answer_trace(const struct fetch_answer *answer)
{
    const struct connection *connection = answer->request->slot.connection;
    trace(TRACE_ERROR, "server.fetch_broken", TRACE_STRING("error", error_name(answer->error)),
          TRACE_STRING("peer", connection_peer_address(connection)));
}

/* True when the records of the next hole are sent from their file, so that what stands before them
 * goes first. */
static bool fetch_answer_is_large(const struct fetch_answer *answer)
{
    return answer->hole_index < answer->holes.count &&
           answer->head_size == answer->holes.items[answer->hole_index].place &&
           answer->holes.items[answer->hole_index].size - answer->slice_size >=
               FETCH_ANSWER_SEND_MIN;
}

/* Sends from the file as much as the stream takes, in one turn up to a limit, so that no client
 * holds up others. A piece follows, which calls back when the stream has room again. */
static size_t fetch_answer_send_file(struct fetch_answer *answer)
{
    struct io_stream *stream = connection_stream(answer->request->slot.connection);
    size_t sent_size = 0;
    while (fetch_answer_is_large(answer) && sent_size < FETCH_ANSWER_SEND_MAX) {
        size_t left = answer->holes.items[answer->hole_index].size - answer->slice_size;
        size_t size = left < FETCH_ANSWER_SEND_MAX ? left : FETCH_ANSWER_SEND_MAX;
        size_t sent =
            log_slice_send(answer->slices[answer->hole_index], answer->slice_size, size, stream);
        sent_size += sent;
        if (sent > 0) {
            fetch_answer_pass(answer, sent);
        }
        if (sent < size) {
            return FETCH_ANSWER_PIECE_SIZE;
        }
    }
    return FETCH_ANSWER_TURN_SIZE;
}

/* What is not known to be readable before the size was sent can only be told by closing the
 * connection; the client asks again and is told then. */
static bool fetch_answer_next(struct connection_slot *slot, struct bytes *piece, int *error)
{
    struct fetch_answer *answer = list_member(slot, struct request, slot)->sent_owner;
    if (answer->piece == NULL) {
        fetch_answer_take_piece(answer);
    }
    size_t limit = answer->piece_size == 0 && fetch_answer_is_large(answer)
                       ? fetch_answer_send_file(answer)
                       : FETCH_ANSWER_PIECE_SIZE;
    while (answer->error == 0 && answer->piece_size < limit) {
        fetch_answer_take_head(answer, limit - answer->piece_size);
        size_t room = limit - answer->piece_size;
        bool is_head = answer->piece_size > 0 && fetch_answer_is_large(answer);
        if (answer->hole_index == answer->holes.count || room == 0 || is_head) {
            break;
        }
        if (!fetch_answer_take_records(answer, room)) {
            return false;
        }
    }
    if (answer->error != 0) {
        fetch_answer_trace(answer);
    }
    *piece = bytes_make(answer->piece, answer->piece_size);
    *error = answer->error;
    answer->piece_size = 0;
    return true;
}

void fetch_answer_send(struct fetch_answer *answer, struct request *request,
                       const struct fetch_response *response, struct log_slice **slices,
                       size_t slice_count)
{
    *answer = (struct fetch_answer){
        .request = request,
        .slices = slices,
        .slice_count = slice_count,
        .holes.items = arena_array(&request->arena, struct wire_hole, slice_count),
    };
    for (size_t i = 0; i < slice_count; i++) {
        slices[i]->done = fetch_answer_on_read;
        slices[i]->owner = answer;
    }
    request->sent = fetch_answer_on_sent;
    request->sent_owner = answer;
    request->slot.next = fetch_answer_next;
    request_answer_around(request, response, &answer->holes);
}
