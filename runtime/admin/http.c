/* See http.h. The one file that includes libmicrohttpd.
 *
 *     daemon's thread             shard
 *     read the request
 *     suspend, io_post  ------->  find the route, run its handler, or ask and wait for http_answer
 *     send the answer   <-------  resume
 *
 * Stopping: a daemon may not be stopped while a request is suspended. `asked_count` is raised
 * before `is_stopping` is read, and `is_stopping` is set before `asked_count` is read; so when the
 * shard sees none, every later request sees that the daemon stops and is refused on its own thread,
 * unsuspended. Answers that are being sent are waited for, but not for long: a client may never
 * read. Each exchange that was handed over ends on the shard, so `open_count` falls there. */
#include "runtime/admin/http.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/format/json_writer.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_PER_CONNECTION = 32 << 10, HOST_SIZE_MAX = 256, STOP_MS = 1000 };

struct http {
    struct io *io;
    const struct http_route *routes;
    size_t route_count;
    struct MHD_Daemon *daemon; /* NULL once it was stopped */
    char address[HOST_SIZE_MAX + 16];
    atomic_bool is_stopping;
    atomic_int asked_count; /* handed over and not answered */
    atomic_int open_count;  /* handed over and not freed */
    struct io_timer stop_timer;
    bool is_late; /* answers that are being sent are not waited for any more */
    void (*stopped)(void *owner);
    void *owner;
    struct io_request last;
};

/* One request; lives until the daemon is done with it. */
struct exchange {
    struct http_answer owed; /* what whoever is asked sees */
    struct http_request asked;
    struct http *http;
    struct MHD_Connection *connection;
    struct io_request request;
    char *method;
    char *path;
    struct buffer body;
    struct buffer answer;
    const char *content_type;
    char allowed[40]; /* methods of routes with this path, for 405; "" without */
    unsigned status;  /* 0: not answered yet */
    bool is_too_large;
    bool is_handed_over;
};

unsigned http_refuse(struct buffer *out, unsigned status, const char *format, ...)
{
    struct buffer text;
    buffer_init(&text);
    va_list arguments;
    va_start(arguments, format);
    buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    buffer_clear(out);
    buffer_printf(out, "{\"error_code\":%u,\"message\":", status);
    if (json_writer_string(out, buffer_bytes(&text)) != 0) {
        buffer_add_string(out, "\"refused\"");
    }
    buffer_add_string(out, "}\n");
    buffer_fini(&text);
    return status;
}

static const char *find_query(const struct http_request *request, const char *name)
{
    struct exchange *exchange = request->private_state;
    return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

static bool route_takes(const struct http_route *route, const char *path)
{
    size_t size = strlen(route->path);
    if (size > 1 && route->path[size - 1] == '/') {
        return strncmp(path, route->path, size) == 0;
    }
    return strcmp(path, route->path) == 0;
}

static bool method_matches(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* NULL: there is none, and why not is in exchange->allowed. */
static const struct http_route *find_route(struct exchange *exchange)
{
    struct http *http = exchange->http;
    for (size_t i = 0; i < http->route_count; i++) {
        const struct http_route *route = &http->routes[i];
        if (!route_takes(route, exchange->path)) {
            continue;
        }
        if (method_matches(route, exchange->method)) {
            exchange->allowed[0] = '\0';
            return route;
        }
        size_t size = strlen(exchange->allowed);
        snprintf(exchange->allowed + size, sizeof exchange->allowed - size, "%s%s",
                 size > 0 ? ", " : "", route->method);
    }
    return NULL;
}

static unsigned refuse_route(struct exchange *exchange)
{
    return exchange->allowed[0] != '\0'
               ? http_refuse(&exchange->answer, MHD_HTTP_METHOD_NOT_ALLOWED,
                             "%s is not allowed here; use %s", exchange->method, exchange->allowed)
               : http_refuse(&exchange->answer, MHD_HTTP_NOT_FOUND, "nothing is at %s",
                             exchange->path);
}

static void finish(struct io_request *request, int64_t result)
{
    (void)result;
    struct http *http = request->owner;
    void (*stopped)(void *owner) = http->stopped;
    void *owner = http->owner;
    free(http);
    stopped(owner);
}

/* Goes on with the stop when it can. */
static void drain(struct http *http)
{
    if (!atomic_load(&http->is_stopping) || atomic_load(&http->asked_count) > 0) {
        return;
    }
    if (http->daemon != NULL && (http->is_late || atomic_load(&http->open_count) == 0)) {
        struct MHD_Daemon *daemon = http->daemon;
        http->daemon = NULL;
        MHD_stop_daemon(daemon);
    }
    if (http->daemon == NULL && atomic_load(&http->open_count) == 0) {
        io_timer_stop(http->io, &http->stop_timer);
        http->last = (struct io_request){.done = finish, .owner = http};
        io_post(http->io, &http->last);
    }
}

static void on_late(struct io_timer *timer)
{
    struct http *http = timer->owner;
    http->is_late = true;
    drain(http);
}

/* Nothing of the exchange may be touched afterwards: it is the daemon's again. */
static void settle(struct exchange *exchange, unsigned status)
{
    struct http *http = exchange->http;
    check(exchange->status == 0);
    exchange->status = status;
    MHD_resume_connection(exchange->connection);
    atomic_fetch_sub(&http->asked_count, 1);
    drain(http);
}

static void on_given(struct http_answer *answer, unsigned status, struct buffer *body)
{
    struct exchange *exchange = (struct exchange *)(void *)answer;
    snprintf(exchange->allowed, sizeof exchange->allowed, "%s",
             answer->allow == NULL ? "" : answer->allow);
    buffer_fini(&exchange->answer);
    exchange->answer = *body;
    buffer_init(body);
    settle(exchange, status);
}

void http_answer(struct http_answer *answer, unsigned status, struct buffer *body)
{
    answer->give(answer, status, body);
}

static void on_request(struct io_request *request, int64_t result)
{
    (void)result;
    struct exchange *exchange = request->owner;
    const struct http_route *route = find_route(exchange);
    if (route == NULL) {
        settle(exchange, refuse_route(exchange));
        return;
    }
    exchange->owed.give = on_given;
    exchange->asked = (struct http_request){
        .method = exchange->method,
        .path = exchange->path,
        .suffix = exchange->path + strlen(route->path),
        .body = buffer_bytes(&exchange->body),
        .query = find_query,
        .private_state = exchange,
    };
    if (route->ask != NULL) {
        route->ask(route->owner, &exchange->asked, &exchange->owed);
        return;
    }
    settle(exchange, route->handle(route->owner, &exchange->asked, &exchange->answer,
                                   &exchange->content_type));
}

static void free_exchange(struct exchange *exchange)
{
    free(exchange->method);
    free(exchange->path);
    buffer_fini(&exchange->body);
    buffer_fini(&exchange->answer);
    free(exchange);
}

static void on_ended(struct io_request *request, int64_t result)
{
    (void)result;
    struct exchange *exchange = request->owner;
    struct http *http = exchange->http;
    free_exchange(exchange);
    atomic_fetch_sub(&http->open_count, 1);
    drain(http);
}

/* Below: the daemon's thread. */

static enum MHD_Result send_answer(struct exchange *exchange)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        exchange->answer.size, exchange->answer.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, exchange->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (exchange->allowed[0] != '\0') {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, exchange->allowed);
    }
    enum MHD_Result result = MHD_queue_response(exchange->connection, exchange->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse_at_once(struct exchange *exchange, unsigned status, const char *text)
{
    exchange->status = http_refuse(&exchange->answer, status, "%s", text);
    return send_answer(exchange);
}

static enum MHD_Result hand_over(struct exchange *exchange)
{
    struct http *http = exchange->http;
    exchange->is_handed_over = true;
    atomic_fetch_add(&http->open_count, 1);
    atomic_fetch_add(&http->asked_count, 1);
    if (atomic_load(&http->is_stopping)) {
        atomic_fetch_sub(&http->asked_count, 1);
        return refuse_at_once(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "shutting down");
    }
    exchange->request = (struct io_request){.done = on_request, .owner = exchange};
    MHD_suspend_connection(exchange->connection);
    io_post(http->io, &exchange->request);
    return MHD_YES;
}

/* Browsers name the page that sends a request which may change something (Fetch Standard, 3.2): a
 * page that somebody looks at must not steer what listens on his machine. */
static bool is_from_page(const struct exchange *exchange)
{
    bool is_reading = strcmp(exchange->method, "GET") == 0 || strcmp(exchange->method, "HEAD") == 0;
    return !is_reading && MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND,
                                                      MHD_HTTP_HEADER_ORIGIN) != NULL;
}

static enum MHD_Result on_access(void *owner, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_size, void **memory)
{
    (void)version;
    struct exchange *exchange = *memory;
    if (exchange == NULL) {
        exchange = memory_new(struct exchange);
        exchange->http = owner;
        exchange->connection = connection;
        exchange->method = memory_string(method);
        exchange->path = memory_string(path);
        exchange->content_type = "application/json";
        buffer_init(&exchange->body);
        buffer_init(&exchange->answer);
        *memory = exchange;
        return MHD_YES;
    }
    if (*data_size > 0) {
        exchange->is_too_large |= exchange->body.size + *data_size > HTTP_BODY_SIZE_MAX;
        if (!exchange->is_too_large) {
            buffer_add(&exchange->body, data, *data_size);
        }
        *data_size = 0;
        return MHD_YES;
    }
    if (exchange->status != 0) {
        return send_answer(exchange);
    }
    if (exchange->is_too_large) {
        return refuse_at_once(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    }
    if (is_from_page(exchange)) {
        return refuse_at_once(exchange, MHD_HTTP_FORBIDDEN,
                              "web pages may not change anything here");
    }
    return hand_over(exchange);
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **memory,
                         enum MHD_RequestTerminationCode reason)
{
    (void)owner;
    (void)connection;
    (void)reason;
    struct exchange *exchange = *memory;
    if (exchange == NULL) {
        return;
    }
    *memory = NULL;
    if (exchange->is_handed_over) {
        exchange->request = (struct io_request){.done = on_ended, .owner = exchange};
        io_post(exchange->http->io, &exchange->request);
    } else {
        free_exchange(exchange);
    }
}

/* Above: the daemon's thread. */

/* Splits HOST:PORT; the host may be empty or in brackets. */
static int split_address(const char *address, char host[HOST_SIZE_MAX], const char **port,
                         struct report *report)
{
    const char *colon = strrchr(address, ':');
    int64_t number;
    if (colon == NULL || text_parse_int64(colon + 1, &number) != 0 || number < 0 ||
        number > UINT16_MAX || colon - address >= HOST_SIZE_MAX) {
        return report_add(report, NULL, "'%s' is no address; use HOST:PORT such as 127.0.0.1:8080",
                          address);
    }
    size_t size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && colon[-1] == ']') {
        address++;
        size -= 2;
    }
    memcpy(host, address, size);
    host[size] = '\0';
    *port = colon + 1;
    return 0;
}

static int find_socket_address(const char *address, struct sockaddr_storage *out,
                               struct report *report)
{
    char host[HOST_SIZE_MAX];
    const char *port = "";
    int error = split_address(address, host, &port, report);
    if (error != 0) {
        return error;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    hints.ai_family = host[0] == '\0' ? AF_INET6 : AF_UNSPEC;
    int failure = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
    if (failure != 0) {
        return report_add(report, NULL,
                          "cannot listen on %s for HTTP: %s; choose another address with --http",
                          address, gai_strerror(failure));
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

static void note_address(struct http *http, const char *address)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    const char *colon = strrchr(address, ':');
    snprintf(http->address, sizeof(http->address), "%.*s:%u", (int)(colon - address), address,
             info == NULL ? 0 : info->port);
}

int http_start(struct io *io, const char *address, const struct http_route *routes,
               size_t route_count, struct http **out, struct report *report)
{
    struct sockaddr_storage place;
    int error = find_socket_address(address, &place, report);
    if (error != 0) {
        return error;
    }
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (place.ss_family == AF_INET6) {
        flags |= address[0] == ':' ? MHD_USE_DUAL_STACK : MHD_USE_IPv6;
    }
    struct http *http = memory_new(struct http);
    http->io = io;
    http->routes = routes;
    http->route_count = route_count;
    errno = 0;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, http, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&place,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTION_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)HTTP_TIMEOUT_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_PER_CONNECTION, MHD_OPTION_END);
    if (http->daemon == NULL) {
        int number = errno;
        free(http);
        return report_add(
            report, NULL,
            "cannot listen on %s for HTTP: %s; choose another address with --http, or off", address,
            number == EADDRINUSE ? "the address is in use"
            : number == 0        ? "refused"
                                 : strerror(number));
    }
    note_address(http, address);
    *out = http;
    return 0;
}

const char *http_address(const struct http *http)
{
    return http->address;
}

void http_stop(struct http *http, void (*stopped)(void *owner), void *owner)
{
    check(!atomic_load(&http->is_stopping));
    http->stopped = stopped;
    http->owner = owner;
    http->stop_timer = (struct io_timer){.fired = on_late, .owner = http};
    io_timer_start(http->io, &http->stop_timer, (uint64_t)STOP_MS * 1000000);
    atomic_store(&http->is_stopping, true);
    drain(http);
}
