/* Answers requests and accounts for their memory; see request.h. */
#include "log/server/request.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "log/base/trace.h"
#include "log/server/server_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_ANSWER_SIZE_MAX = 1 << 30 }; /* bytes */

/* What the server counts for a request is its frame until that is released, then its answer. */
static void request_hold(struct request *request, size_t size)
{
    struct server *server = request->server;
    server->held_size = server->held_size - request->held_size + size;
    request->held_size = size;
}

void request_grow(struct request *request, size_t size)
{
    request_hold(request, request->held_size + size);
    server_update_pause(request->server);
}

void request_release_frame(struct request *request)
{
    request_hold(request, request->held_size - request->frame.capacity);
    buffer_fini(&request->frame);
    request->message = NULL;
}

/* An answer may wait long for a slow reader; what it was made of does not wait with it, unless it
 * is needed to bring the rest. */
static void request_send(struct request *request)
{
    request->message = NULL;
    if (request->sent == NULL) {
        arena_fini(&request->arena);
    }
    connection_answer(&request->slot);
}

/* The answer is encoded: it is what the request holds from now on. */
static void request_hand_over(struct request *request)
{
    size_t arena_size = request->sent == NULL ? 0 : request->arena.used_size;
    request_release_frame(request);
    request_hold(request, request->slot.answer.capacity + arena_size);
    request_send(request);
}

/* False, and the connection is closed, when no frame can hold the answer. */
static bool request_check_size(struct request *request, const void *response, size_t *size)
{
    *size = wire_size(request->api->response, request->version, response);
    if (*size > REQUEST_ANSWER_SIZE_MAX) {
        request_refuse(request, "its answer would be larger than a frame may be");
        return false;
    }
    return true;
}

void request_answer(struct request *request, const void *response)
{
    struct buffer *answer = &request->slot.answer;
    size_t size = 0;
    if (!request_check_size(request, response, &size)) {
        return;
    }
    buffer_reserve(answer, size + 16);
    frame_write_response(answer, request->api, request->version, request->header.correlation_id,
                         response);
    request_hand_over(request);
}

void request_answer_around(struct request *request, const void *response, struct wire_holes *holes)
{
    size_t size = 0;
    if (!request_check_size(request, response, &size)) {
        return;
    }
    frame_write_response_around(&request->slot.answer, request->api, request->version,
                                request->header.correlation_id, response, holes);
    request_hand_over(request);
}

void request_answer_nothing(struct request *request)
{
    request_send(request);
}

void request_refuse(struct request *request, const char *reason)
{
    struct connection *connection = request->slot.connection;
    if (connection != NULL) {
        trace(TRACE_INFO, "server.connection_closed", TRACE_STRING("api", request->api->name),
              TRACE_STRING("reason", reason),
              TRACE_STRING("peer", connection_peer_address(connection)));
        connection_close(connection);
    }
    request_send(request);
}

/* Splits "HOST:PORT" or "[V6]:PORT"; a loopback name stands as a host of its own with port 0. */
static void request_split_address(struct request *request, const char *address, struct bytes *host,
                                  int32_t *port)
{
    const char *colon = strrchr(address, ':');
    int64_t number = 0;
    if (strncmp(address, "loopback:", 9) == 0 || colon == NULL ||
        text_parse_int64(colon + 1, &number) != 0) {
        *host = arena_copy(&request->arena, bytes_from_string(address));
        *port = 0;
        return;
    }
    struct bytes name = bytes_make(address, (size_t)(colon - address));
    if (name.size >= 2 && name.data[0] == '[') {
        name = bytes_make(name.data + 1, name.size - 2);
    }
    *host = arena_copy(&request->arena, name);
    *port = (int32_t)number;
}

void request_advertised_address(struct request *request, struct bytes *host, int32_t *port)
{
    const char *address = request->server->options.advertised;
    if (address == NULL && request->slot.connection != NULL) {
        address = connection_local_address(request->slot.connection);
    }
    request_split_address(request, address == NULL ? "localhost:9092" : address, host, port);
}

struct bytes request_client_host(struct request *request)
{
    struct bytes host = {NULL, 0};
    int32_t port = 0;
    if (request->slot.connection != NULL) {
        request_split_address(request, connection_peer_address(request->slot.connection), &host,
                              &port);
    }
    return bytes_from_string(arena_printf(&request->arena, "/%.*s", BYTES_FORMAT(host)));
}
