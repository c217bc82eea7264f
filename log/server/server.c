/* Accepts connections, decodes requests, calls their handlers; see server.h.
 *
 * The way of a request: connection_events.request -> server_on_request (decode) -> api_<name>
 * (serve) -> request_answer (encode) -> connection_answer -> server_on_sent (free). */
#include "log/server/server.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVER_IN_FLIGHT_MAX = 64, /* requests of one connection */
    SERVER_OUTPUT_SIZE_MAX =
        1024 * 1024, /* answers of one connection before it is not read any more */
    SERVER_IDLE_CHECK_MS = 10000,
    /* A client that takes nothing of its answers for so long, and a millisecond more per so many
     * bytes of them, is let go. */
    SERVER_STALL_MAX_MS = 30000,
    SERVER_STALL_BYTES_PER_MS = 64,
    SERVER_ARENA_SIZE_MIN = 64 * 1024,
    /* How much larger than its frame a decoded message may be; those of real clients are not three
     * times as large. */
    SERVER_ARENA_FACTOR = 16,
};

static const struct server_api server_apis[] = {
#define API(name, lowest, highest) {#name, &name##_request_schema, lowest, highest, api_##name},
#include "log/server/apis.def"
#undef API
};

const struct server_api *server_api_next(const struct server_api *api)
{
    const struct server_api *end = server_apis + sizeof server_apis / sizeof *server_apis;
    api = api == NULL ? server_apis : api + 1;
    return api == end ? NULL : api;
}

static const struct server_api *server_api_find(int16_t key)
{
    const struct server_api *api = server_api_next(NULL);
    while (api != NULL && api->request->key != key) {
        api = server_api_next(api);
    }
    return api;
}

static void server_count_request(struct server *server, const struct server_api *api,
                                 struct request *request)
{
    size_t index = (size_t)(api - server_apis);
    if (server->api_requests[index] == NULL) {
        struct buffer labels;
        buffer_init(&labels);
        metric_label(&labels, "api", bytes_from_string(api->name));
        server->api_requests[index] =
            metric_get(server->parts.metrics, METRIC_COUNTER, "tidemill_requests_total",
                       buffer_string(&labels), "Requests received, by API.");
        server->api_latencies[index] =
            metric_get(server->parts.metrics, METRIC_HISTOGRAM, "tidemill_request_duration_seconds",
                       buffer_string(&labels),
                       "From a request's arrival to its answer; of fetches also the time they wait "
                       "for records.");
        buffer_fini(&labels);
    }
    metric_add(server->api_requests[index], 1);
    request->latency = server->api_latencies[index];
}

static void server_on_sent(struct connection_slot *slot)
{
    struct request *request = list_member(slot, struct request, slot);
    struct server *server = request->server;
    if (request->sent != NULL) {
        request->sent(request);
    }
    server->held_size -= request->held_size;
    list_remove(&request->link);
    buffer_fini(&slot->answer);
    buffer_fini(&request->frame);
    arena_fini(&request->arena);
    free(request);
    server_update_pause(server);
    api_fetch_unpark(server);
    server_stop_if_done(server);
}

static void server_on_lost(struct connection_slot *slot)
{
    struct request *request = list_member(slot, struct request, slot);
    if (request->lost != NULL) {
        request->lost(request->waiter);
    }
}

static struct request *server_begin(struct server *server, struct connection *connection,
                                    struct buffer *frame)
{
    struct request *request = memory_new(struct request);
    request->server = server;
    request->started_ns = io_now(server->parts.io);
    request->frame = *frame;
    request->held_size = frame->capacity;
    server->held_size += request->held_size;
    buffer_init(frame);
    size_t limit_size = request->frame.size * SERVER_ARENA_FACTOR;
    arena_init(&request->arena,
               limit_size < SERVER_ARENA_SIZE_MIN ? SERVER_ARENA_SIZE_MIN : limit_size);
    request->slot.done = server_on_sent;
    request->slot.lost = server_on_lost;
    buffer_init(&request->slot.answer);
    list_add(&server->requests, &request->link);
    connection_begin(connection, &request->slot);
    return request;
}

/* Produced bytes count before they are looked at. A handler that has not answered when it returns
 * is not at work any more; the request may be gone by then. */
static void server_handle(struct server *server, struct request *request,
                          const struct server_api *api)
{
    if (api->request->key == API_PRODUCE) {
        request_record(request, QUOTA_PRODUCER_BYTE_RATE, (double)request->frame.size);
    }
    server->serving = request;
    server->serving_ns = io_now(server->parts.io);
    api->handle(request);
    if (server->serving == request) {
        request->spent_ns = io_now(server->parts.io) - server->serving_ns;
        server->serving = NULL;
    }
}

/* Kafka closes the connection on a version it does not know, except for ApiVersions, whose answer
 * lets the client try again with one that is known (KIP-511). */
static int server_decode(struct server *server, struct request *request)
{
    struct wire_reader reader = {request->frame.data, request->frame.data + request->frame.size};
    int error = frame_read_request_header(&reader, &request->header);
    const struct server_api *api = server_api_find(request->header.api_key);
    request->api = frame_api_find(request->header.api_key);
    request->version = request->header.api_version;
    if (api == NULL || request->api == NULL) {
        return ERROR_UNSUPPORTED;
    }
    server_count_request(server, api, request);
    bool is_known = request->version >= api->lowest && request->version <= api->highest;
    if (request->header.api_key == API_API_VERSIONS && !is_known) {
        api_versions_answer_unsupported(request);
        return 0;
    }
    if (error == 0 && request->header.api_key == API_PRODUCE && request->version >= 0 &&
        request->version < 3) {
        api_produce_answer_unsupported(request);
        return 0;
    }
    if (error != 0 || !is_known) {
        return error != 0 ? error : ERROR_UNSUPPORTED;
    }
    void *message = arena_get(&request->arena, api->request->size);
    error = wire_read(&reader, api->request, request->version, &request->arena, message);
    if (error != 0) {
        return error;
    }
    request->message = message;
    request->arena.limit_size = 0; /* the rest is ours */
    request_grow(request, request->arena.used_size);
    server_handle(server, request, api);
    return 0;
}

static int server_on_request(void *owner, struct connection *connection, struct buffer *frame)
{
    struct server *server = owner;
    struct request *request = server_begin(server, connection, frame);
    int error = server_decode(server, request);
    if (error != 0) {
        trace(TRACE_INFO, "server.request_refused", TRACE_INT("api", request->header.api_key),
              TRACE_INT("version", request->header.api_version),
              TRACE_STRING("peer", connection_peer_address(connection)),
              TRACE_STRING("error", error_name(error)));
        request_answer_nothing(request);
    }
    server_update_pause(server);
    return error;
}

static void server_on_closed(void *owner, struct connection *connection, int reason)
{
    (void)reason;
    struct server *server = owner;
    struct server_client *client =
        map_remove(&server->clients, bytes_make(&connection, sizeof connection));
    check(client != NULL);
    server->spared = server->spared == connection ? NULL : server->spared;
    io_timer_stop(server->parts.io, &client->close_timer);
    free(client->software_name);
    free(client->software_version);
    free(client);
    metric_set(server->connection_gauge, (double)server->clients.size);
    server_stop_if_done(server);
}

struct server_client *server_find_client(const struct server *server,
                                         const struct connection *connection)
{
    return map_find(&server->clients, bytes_make(&connection, sizeof connection));
}

/* "HOST:PORT" without the port. */
static struct bytes server_host(const struct connection *connection)
{
    const char *address = connection_peer_address(connection);
    const char *colon = strrchr(address, ':');
    return bytes_make(address, colon == NULL ? strlen(address) : (size_t)(colon - address));
}

/* "[::1]" is "::1". */
static struct bytes server_bare_host(struct bytes host)
{
    bool is_bracketed = host.size > 2 && host.data[0] == '[';
    return is_bracketed ? bytes_make(host.data + 1, host.size - 2) : host;
}

static size_t server_count_of_host(const struct server *server, struct bytes host)
{
    size_t count = 0;
    for (map_each (&server->clients, entry)) {
        count += bytes_equal(server_host(((struct server_client *)entry->value)->connection), host);
    }
    return count;
}

/* "10.0.0.1:5,::1:9": the number behind the address, or the limit of all others. */
static size_t server_limit_of_host(const struct broker_options *options, struct bytes host)
{
    const char *rest = options->max_connections_per_ip_overrides;
    while (rest != NULL && *rest != 0) {
        size_t size = strcspn(rest, ",");
        const char *colon = memrchr(rest, ':', size);
        struct bytes address = {NULL, 0};
        if (colon != NULL) {
            address = server_bare_host(bytes_make(rest, (size_t)(colon - rest)));
        }
        if (colon != NULL && bytes_equal(address, server_bare_host(host))) {
            return strtoul(colon + 1, NULL, 10);
        }
        rest += size + (rest[size] == ',');
    }
    return (size_t)options->max_connections_per_ip;
}

/* This process' own shards are not counted by their address. */
static bool server_is_crowded(const struct server *server, const struct connection *connection)
{
    const struct broker_options *options = meta_broker_options(server->parts.meta);
    struct bytes host = server_host(connection);
    if (server->clients.size > (size_t)options->max_connections) {
        return true;
    }
    size_t limit = server_limit_of_host(options, host);
    return limit < INT32_MAX && !bytes_equal_string(host, "loopback") &&
           server_count_of_host(server, host) > limit;
}

static void server_on_close_time(struct io_timer *timer)
{
    struct server_client *client = timer->owner;
    connection_close(client->connection);
}

/* Too many connections in too short a time: of one address they are closed, after a while, so that
 * the client does not come back at once (KIP-612); of all together they wait. */
static void server_slow_down(struct server *server, struct server_client *client)
{
    struct bytes address = server_host(client->connection);
    if (bytes_equal_string(address, "loopback")) {
        return; /* this process' own */
    }
    int32_t delay_ms = throttle_connection(server->throttle, server_bare_host(address));
    uint64_t delay_ns = (uint64_t)delay_ms * 1000000;
    if (delay_ms > 0) {
        metric_add(server->throttled_count, 1);
        connection_mute(client->connection, delay_ns + 1000000);
        client->close_timer = (struct io_timer){.fired = server_on_close_time, .owner = client};
        io_timer_start(server->parts.io, &client->close_timer, delay_ns);
        return;
    }
    delay_ms = throttle_accept(server->throttle);
    if (delay_ms > 0) {
        connection_mute(client->connection, (uint64_t)delay_ms * 1000000);
    }
}

static void server_set_pause(struct server *server, bool is_paused)
{
    server->is_paused = is_paused;
    server->spared = NULL;
    trace(TRACE_WARN, is_paused ? "server.memory_full" : "server.memory_free",
          TRACE_INT("bytes", (int64_t)(server->held_size + server->input_size)));
    for (map_each (&server->clients, entry)) {
        connection_pause(((struct server_client *)entry->value)->connection, is_paused);
    }
}

/* What no answer will end: nobody is read from, and half a frame waits for its other half. */
static bool server_is_stuck(const struct server *server)
{
    return server->is_paused && server->input_size > server->options.memory_size_max / 4 * 3;
}

/* The pause is global and simple: above the ceiling nobody is read from, below three quarters of it
 * everybody is again. */
void server_update_pause(struct server *server)
{
    size_t ceiling = server->options.memory_size_max;
    size_t size = server->held_size + server->input_size;
    metric_set(server->held_gauge, (double)size);
    bool is_paused = size > (server->is_paused ? ceiling / 4 * 3 : ceiling);
    if (is_paused != server->is_paused) {
        server_set_pause(server, is_paused);
    }
    if (server_is_stuck(server) || server->spared != NULL) {
        io_timer_start(server->parts.io, &server->spare_timer, 0);
    }
}

/* Who sent nothing for longest of those with half a frame, and how many those are. */
static struct connection *server_find_silent(const struct server *server, size_t *count)
{
    struct connection *silent = NULL;
    *count = 0;
    for (map_each (&server->clients, entry)) {
        struct connection *connection = ((struct server_client *)entry->value)->connection;
        bool has_input = connection_input_size(connection) > 0;
        *count += has_input;
        if (has_input &&
            (silent == NULL || connection_active_ns(connection) < connection_active_ns(silent))) {
            silent = connection;
        }
    }
    return silent;
}

static void server_refuse_half(struct connection *connection)
{
    trace(TRACE_WARN, "server.half_request_refused",
          TRACE_STRING("peer", connection_peer_address(connection)),
          TRACE_INT("bytes", (int64_t)connection_input_size(connection)),
          TRACE_STRING("effect", "the connection is closed, as the memory for requests is full"));
    connection_close(connection);
}

/* The last one goes on to the end of its request, which may be larger than the ceiling and is
 * served alone. */
static void server_on_spare(struct io_timer *timer)
{
    struct server *server = timer->owner;
    size_t count = 0;
    struct connection *silent = server_find_silent(server, &count);
    for (; server_is_stuck(server) && count > 1; silent = server_find_silent(server, &count)) {
        server_refuse_half(silent);
    }
    struct connection *spared = server_is_stuck(server) ? silent : NULL;
    if (spared != server->spared && server->is_paused) {
        if (server->spared != NULL) {
            connection_pause(server->spared, true);
        }
        if (spared != NULL) {
            connection_pause(spared, false);
        }
        server->spared = spared;
    }
}

/* But not when it has stopped in the middle, and everybody waits for it. */
static bool server_is_blocking(const struct server *server, const struct connection *connection,
                               uint64_t now_ns)
{
    return server_is_stuck(server) && connection_input_size(connection) > 0 &&
           now_ns - connection_active_ns(connection) > SERVER_STALL_MAX_MS * UINT64_C(1000000);
}

static void server_on_input(void *owner, size_t before, size_t after)
{
    struct server *server = owner;
    server->input_size = server->input_size - before + after;
    server_update_pause(server);
}

static void server_on_accepted(void *owner, struct io_stream *stream)
{
    static const struct connection_events events = {
        .request = server_on_request, .held = server_on_input, .closed = server_on_closed};
    const struct server_listener *listener = owner;
    struct server *server = listener->server;
    struct connection_limits limits = {.frame_size_max = server->options.frame_size_max,
                                       .in_flight_max = SERVER_IN_FLIGHT_MAX,
                                       .output_size_max = SERVER_OUTPUT_SIZE_MAX};
    struct connection *connection =
        connection_new(server->parts.io, stream, &limits, &events, server);
    struct server_client *client = memory_new(struct server_client);
    client->connection = connection;
    client->listener = listener;
    map_put(&server->clients, bytes_make(&connection, sizeof connection), client);
    metric_set(server->connection_gauge, (double)server->clients.size);
    metric_add(server->accepted_count, 1);
    if (server->is_stopping || server_is_crowded(server, connection)) {
        metric_add(server->refused_count, 1);
        trace(TRACE_WARN, "server.connection_refused",
              TRACE_STRING("peer", connection_peer_address(connection)),
              TRACE_INT("connections", (int64_t)server->clients.size));
        connection_close(connection);
    } else {
        server_slow_down(server, client);
    }
}

/* Somebody who reads slowly, but reads, is not let go. */
static bool server_is_stalled(const struct connection *connection, uint64_t now_ns)
{
    uint64_t since_ns = connection_stalled_ns(connection);
    uint64_t allowed_ms =
        SERVER_STALL_MAX_MS + connection_held_size(connection) / SERVER_STALL_BYTES_PER_MS;
    return since_ns != 0 && now_ns - since_ns > allowed_ms * 1000000;
}

static void server_on_idle_check(struct io_timer *timer)
{
    struct server *server = timer->owner;
    uint64_t now_ns = io_now(server->parts.io);
    int64_t idle_ms = server->options.connection_idle_ms;
    uint64_t limit_ns = idle_ms < 0 ? UINT64_MAX : io_delay_ns(idle_ms);
    for (map_each (&server->clients, entry)) {
        struct connection *connection = ((struct server_client *)entry->value)->connection;
        bool is_stalled = server_is_stalled(connection, now_ns);
        bool is_idle =
            now_ns - connection_active_ns(connection) > limit_ns && connection_is_idle(connection);
        if (is_stalled) {
            trace(TRACE_WARN, "server.reader_stalled",
                  TRACE_STRING("peer", connection_peer_address(connection)),
                  TRACE_INT("bytes", (int64_t)connection_held_size(connection)));
        }
        if (is_stalled || is_idle) {
            connection_close(connection);
        } else if (server_is_blocking(server, connection, now_ns)) {
            server_refuse_half(connection);
        }
    }
    io_timer_start(server->parts.io, timer, (uint64_t)SERVER_IDLE_CHECK_MS * 1000000);
}

struct server *server_new(const struct server_parts *parts, const struct server_options *options)
{
    struct server *server = memory_new(struct server);
    server->parts = *parts;
    server->options = *options;
    server->api_requests =
        memory_zero(sizeof server_apis / sizeof *server_apis, sizeof *server->api_requests);
    server->api_latencies =
        memory_zero(sizeof server_apis / sizeof *server_apis, sizeof *server->api_latencies);
    list_init(&server->requests);
    list_init(&server->fetches);
    list_init(&server->parked);
    list_init(&server->joining);
    map_init(&server->clients);
    const struct broker_options *broker_options = meta_broker_options(parts->meta);
    fetch_session_cache_init(&server->sessions, parts->io, parts->metrics,
                             (size_t)broker_options->max_incremental_fetch_session_cache_slots,
                             (size_t)broker_options->max_incremental_fetch_session_cache_bytes);
    server->throttle = throttle_new(parts->io, parts->meta);
    server->telemetry = telemetry_new(parts->io, parts->meta);
#define SERVER_METRIC(field, kind, name, help)                                                     \
    server->field = metric_get(parts->metrics, METRIC_##kind, name, NULL, help);
#include "log/server/server_metrics.def"
#undef SERVER_METRIC
    server->idle_timer = (struct io_timer){.fired = server_on_idle_check, .owner = server};
    server->spare_timer = (struct io_timer){.fired = server_on_spare, .owner = server};
    io_timer_start(parts->io, &server->idle_timer, (uint64_t)SERVER_IDLE_CHECK_MS * 1000000);
    return server;
}

static const char *server_listen_reason(int error)
{
    switch (error) {
    case ERROR_BUSY:
        return "the address is in use";
    case ERROR_INVALID:
        return "an address is HOST:PORT, or :PORT for every interface";
    case ERROR_NOT_FOUND:
        return "this machine has no such address";
    case ERROR_UNKNOWN_HOST:
        return "no machine is known by this name, in /etc/hosts or DNS; is it spelled right? "
               ":PORT is every interface of this one";
    case ERROR_AGAIN:
        return "the name cannot be looked up, DNS does not answer";
    default:
        return error_text(error);
    }
}

int server_listen(struct server *server, const char *address, const char *advertised,
                  struct report *report)
{
    check(server->listener_count < SERVER_LISTENER_MAX);
    struct server_listener *listener = &server->listeners[server->listener_count];
    listener->server = server;
    int error =
        io_listen(server->parts.io, address, server_on_accepted, listener, &listener->listener);
    if (error != 0) {
        report_add(report, NULL, "cannot listen on %s: %s; choose another address with --listen",
                   address, server_listen_reason(error));
        return error;
    }
    listener->advertised = memory_string(advertised);
    server->listener_count++;
    return 0;
}

void server_address(const struct server *server, char out[IO_ADDRESS_SIZE])
{
    out[0] = 0;
    for (size_t i = 0; i < server->listener_count; i++) {
        io_listener_address(server->parts.io, server->listeners[i].listener, out);
        if (strncmp(out, "loopback:", 9) != 0) {
            return;
        }
    }
}

void server_listener_address(const struct server *server, size_t index, char out[IO_ADDRESS_SIZE])
{
    check(index < server->listener_count);
    io_listener_address(server->parts.io, server->listeners[index].listener, out);
}

void server_last_address(const struct server *server, char out[IO_ADDRESS_SIZE])
{
    check(server->listener_count > 0);
    io_listener_address(server->parts.io, server->listeners[server->listener_count - 1].listener,
                        out);
}

static bool server_is_done(const struct server *server)
{
    return server->is_stopping && server->clients.size == 0 && list_is_empty(&server->requests) &&
           server->stopped != NULL;
}

static void server_on_stop_turn(struct io_timer *timer)
{
    struct server *server = timer->owner;
    if (server_is_done(server)) {
        void (*stopped)(void *owner) = server->stopped;
        server->stopped = NULL;
        stopped(server->stopped_owner);
    }
}

/* Tells it on a later turn: whoever called may still need the server. */
void server_stop_if_done(struct server *server)
{
    if (server_is_done(server)) {
        server->stop_timer.fired = server_on_stop_turn;
        server->stop_timer.owner = server;
        io_timer_start(server->parts.io, &server->stop_timer, 0);
    }
}

void server_stop(struct server *server, void (*stopped)(void *owner), void *owner)
{
    server->is_stopping = true;
    server->stopped = stopped;
    server->stopped_owner = owner;
    io_timer_stop(server->parts.io, &server->idle_timer);
    for (size_t i = 0; i < server->listener_count; i++) {
        io_listener_close(server->parts.io, server->listeners[i].listener);
    }
    server->listener_count = 0;
    api_fetch_stop(server);
    for (map_each (&server->clients, entry)) {
        connection_drain(((struct server_client *)entry->value)->connection);
    }
    server_stop_if_done(server);
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    check(list_is_empty(&server->requests));
    check(server->clients.size == 0);
    io_timer_stop(server->parts.io, &server->idle_timer);
    io_timer_stop(server->parts.io, &server->spare_timer);
    io_timer_stop(server->parts.io, &server->stop_timer);
    map_fini(&server->clients, NULL);
    fetch_session_cache_fini(&server->sessions);
    while (server->piece_count > 0) {
        free(server->pieces[--server->piece_count]);
    }
    throttle_free(server->throttle);
    telemetry_free(server->telemetry);
    free(server->api_requests);
    free(server->api_latencies);
    for (size_t i = 0; i < SERVER_LISTENER_MAX; i++) {
        free(server->listeners[i].advertised);
    }
    free(server);
}

static void server_tell_telemetry(struct server *server)
{
    struct metric_registry *metrics = server->parts.metrics;
    struct telemetry_stats stats;
    telemetry_read_stats(server->telemetry, &stats);
    metric_set(metric_get(metrics, METRIC_GAUGE, "tidemill_telemetry_clients", NULL,
                          "Clients that push their metrics."),
               (double)stats.instance_count);
    metric_set(metric_get(metrics, METRIC_COUNTER, "tidemill_telemetry_pushes_total", NULL,
                          "Pushes of metrics that clients made."),
               (double)stats.push_count);
    metric_set(metric_get(metrics, METRIC_COUNTER, "tidemill_telemetry_dropped_total", NULL,
                          "Numbers that clients pushed and that are not shown."),
               (double)stats.dropped_count);
}

void server_write_metrics(struct server *server, struct buffer *out)
{
    server_tell_telemetry(server);
    metric_write_all(server->parts.metrics, out);
    telemetry_write_metrics(server->telemetry, out);
}

void server_check(const struct server *server)
{
    size_t held_size = 0;
    for (const struct list_link *link = server->requests.head.next; link != &server->requests.head;
         link = link->next) {
        const struct request *request = list_member(link, const struct request, link);
        held_size += request->held_size;
        check(!request->slot.is_ready || request->arena.blocks == NULL || request->sent != NULL);
    }
    check(held_size == server->held_size);
    size_t input_size = 0;
    for (map_each (&server->clients, entry)) {
        input_size += connection_input_size(((struct server_client *)entry->value)->connection);
    }
    check(input_size == server->input_size);
    fetch_session_cache_check(&server->sessions);
    check(server->serving == NULL);
    throttle_check(server->throttle);
    telemetry_check(server->telemetry);
    for (map_each (&server->clients, entry)) {
        connection_check(((struct server_client *)entry->value)->connection);
    }
}
