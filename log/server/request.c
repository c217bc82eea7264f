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
    if (request->latency != NULL) {
        uint64_t taken_ns = io_now(request->server->parts.io) - request->started_ns;
        metric_observe(request->latency, (double)taken_ns / 1e9);
    }
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

struct throttle_client request_client(const struct request *request)
{
    struct bytes client_id = request->header.client_id;
    return (struct throttle_client){.user = BYTES_LITERAL("ANONYMOUS"),
                                    .client_id =
                                        bytes_is_null(client_id) ? BYTES_LITERAL("") : client_id};
}

void request_throttle(struct request *request, int32_t throttle_ms)
{
    if (throttle_ms <= request->throttle_ms) {
        return;
    }
    metric_add(request->server->throttled_count, request->throttle_ms == 0);
    metric_add(request->server->throttled_seconds,
               (double)(throttle_ms - request->throttle_ms) / 1000);
    request->throttle_ms = throttle_ms;
    /* A muted connection does not notice that its client has left: no longer than a silent one. */
    int64_t mute_max_ms = request->server->options.connection_idle_ms;
    int64_t mute_ms = mute_max_ms > 0 && throttle_ms > mute_max_ms ? mute_max_ms : throttle_ms;
    if (request->slot.connection != NULL) {
        connection_mute(request->slot.connection, (uint64_t)mute_ms * 1000000);
    }
}

void request_record(struct request *request, enum quota_kind kind, double amount)
{
    struct throttle *throttle = request->server->throttle;
    if (throttle_is_active(throttle)) {
        struct throttle_client client = request_client(request);
        request_throttle(request, throttle_record(throttle, kind, &client, amount));
    }
}

bool request_permit(struct request *request, int32_t partition_count, bool is_strict)
{
    struct throttle *throttle = request->server->throttle;
    struct throttle_client client = request_client(request);
    bool is_permitted = throttle_take_mutations(throttle, &client, partition_count, is_strict);
    if (!is_permitted || !is_strict) {
        request_throttle(request, throttle_mutation_delay_ms(throttle, &client));
    }
    return is_permitted;
}

/* The handler's time counts when the request is answered; what others do for it does not. */
static void request_charge(struct request *request)
{
    struct server *server = request->server;
    if (server->serving == request) {
        server->serving = NULL;
        request->spent_ns = io_now(server->parts.io) - server->serving_ns;
    }
    request_record(request, QUOTA_REQUEST_PERCENTAGE, (double)request->spent_ns / 1e7);
}

/* The response with the time in it, if the message has such a field. */
static const void *request_tell_throttle(struct request *request, const void *response)
{
    request_charge(request);
    const struct wire_schema *schema = request->api->response;
    const struct wire_field *field = schema->fields;
    while (field->kind != WIRE_END && strcmp(field->name, "throttle_time_ms") != 0) {
        field++;
    }
    if (request->throttle_ms == 0 || field->kind != WIRE_INT32) {
        return response;
    }
    uint8_t *copy = arena_get(&request->arena, schema->size);
    memcpy(copy, response, schema->size);
    memcpy(copy + field->offset, &request->throttle_ms, sizeof request->throttle_ms);
    return copy;
}

void request_answer(struct request *request, const void *response)
{
    response = request_tell_throttle(request, response);
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
    response = request_tell_throttle(request, response);
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
    if (request->server->serving == request) {
        request->server->serving = NULL;
    }
    request_send(request);
}

void request_refuse(struct request *request, const char *reason)
{
    if (request->server->serving == request) {
        request->server->serving = NULL;
    }
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
    const struct connection *connection = request->slot.connection;
    const struct server_client *client =
        connection == NULL ? NULL : server_find_client(request->server, connection);
    const char *address = client == NULL ? NULL : client->listener->advertised;
    if (address == NULL && connection != NULL) {
        address = connection_local_address(connection);
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

void request_client_facts(struct request *request, struct client_match_facts *out)
{
    struct server_client *client =
        request->slot.connection == NULL
            ? NULL
            : server_find_client(request->server, request->slot.connection);
    *out = (struct client_match_facts){0};
    out->values[CLIENT_MATCH_ID] = arena_string(&request->arena, request->header.client_id);
    if (client == NULL) {
        return;
    }
    struct bytes host = {NULL, 0};
    int32_t port = 0;
    request_split_address(request, connection_peer_address(client->connection), &host, &port);
    out->values[CLIENT_MATCH_SOFTWARE_NAME] = client->software_name;
    out->values[CLIENT_MATCH_SOFTWARE_VERSION] = client->software_version;
    out->values[CLIENT_MATCH_SOURCE_ADDRESS] = arena_string(&request->arena, host);
    out->values[CLIENT_MATCH_SOURCE_PORT] = arena_printf(&request->arena, "%d", (int)port);
}
