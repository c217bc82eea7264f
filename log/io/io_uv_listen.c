/* Accepting TCP streams; see io_uv.h.
 *
 * A name may have several addresses ("localhost" has two): there is a socket on each, and the first
 * one stands for all. The loop watches the listening sockets; accepting is ours, so that a process
 * without descriptors can look away for a while: connections wait in the backlog and the loop does
 * not spin. It looks away before the last ones are gone, which are for files: a log that cannot
 * open its next segment would be worse off than a client that waits. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/io/io_uv_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 511,
    LISTEN_ACCEPT_COUNT = 32, /* per round, so that others have their turn */
    LISTEN_RETRY_NS = 100000000,
    LISTEN_TELL_SECONDS = 60,
    LISTEN_RESERVE_MAX = 64, /* descriptors; of few, a quarter */
};

struct tcp_listener {
    struct io_listener listener;
    struct list_link link;
    struct io_uv *uv;
    int descriptor;
    uv_poll_t poll;
    struct io_timer retry;
    uint64_t told_ns; /* when a failure was traced; 0: never */
    void (*accepted)(void *owner, struct io_stream *stream);
    void *owner;
    struct tcp_listener *next; /* on another address of the same name */
    bool is_closing;
};

static void listener_closed(uv_handle_t *handle)
{
    struct tcp_listener *listener = handle->data;
    close(listener->descriptor);
    free(listener);
}

static void listener_end(struct tcp_listener *listener)
{
    listener->is_closing = true;
    list_remove(&listener->link);
    io_uv_timer_stop(&listener->uv->io, &listener->retry);
    uv_close((uv_handle_t *)&listener->poll, listener_closed);
}

static void listener_close(struct io_listener *base)
{
    struct tcp_listener *listener = (struct tcp_listener *)(void *)base;
    while (listener != NULL) {
        struct tcp_listener *next = listener->next;
        listener_end(listener);
        listener = next;
    }
}

static void listener_address(struct io_listener *base, char out[IO_ADDRESS_SIZE])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    strcpy(out, "?");
    if (getsockname(((struct tcp_listener *)(void *)base)->descriptor, (struct sockaddr *)&address,
                    &size) == 0) {
        io_uv_address_write(&address, out);
    }
}

static const struct io_listener_kind tcp_listener_kind = {
    .address = listener_address,
    .close = listener_close,
};

static void stream_adopt(struct tcp_listener *listener, int descriptor)
{
    struct io_uv_stream *stream = io_uv_stream_new(listener->uv);
    int error = uv_tcp_open(&stream->tcp, descriptor);
    if (error != 0) {
        close(descriptor);
        io_uv_stream_discard(stream);
        return;
    }
    uv_tcp_nodelay(&stream->tcp, 1);
    listener->accepted(listener->owner, &stream->stream);
}

/* A connection that ended before it was accepted is no reason to wait. */
static void accept_failed(struct tcp_listener *listener, int number)
{
    if (number != EMFILE && number != ENFILE && number != ENOBUFS && number != ENOMEM) {
        return;
    }
    uint64_t now_ns = io_now(&listener->uv->io);
    trace(TRACE_DEBUG, "io.accept_paused", TRACE_STRING("error", strerror(number)));
    if (listener->told_ns == 0 ||
        now_ns - listener->told_ns >= LISTEN_TELL_SECONDS * UINT64_C(1000000000)) {
        listener->told_ns = now_ns;
        trace(TRACE_WARN, "io.accept_failed", TRACE_STRING("error", strerror(number)),
              TRACE_STRING("effect", "clients wait until a descriptor is free"));
    }
    uv_poll_stop(&listener->poll);
    io_uv_timer_start(&listener->uv->io, &listener->retry, LISTEN_RETRY_NS);
}

/* Whether the next descriptor would leave the reserve alone. */
static bool has_descriptors(int descriptor)
{
    struct rlimit limit;
    int next = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (next < 0) {
        return false;
    }
    close(next);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return true;
    }
    rlim_t quarter = limit.rlim_cur / 4;
    rlim_t reserve = quarter < LISTEN_RESERVE_MAX ? quarter : LISTEN_RESERVE_MAX;
    return (rlim_t)next < limit.rlim_cur - reserve;
}

static void connections_accept(uv_poll_t *poll, int status, int events)
{
    struct tcp_listener *listener = poll->data;
    (void)status;
    (void)events;
    if (!has_descriptors(listener->descriptor)) {
        accept_failed(listener, EMFILE);
        return;
    }
    for (int i = 0; i < LISTEN_ACCEPT_COUNT && !listener->is_closing; i++) {
        int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0) {
            accept_failed(listener, errno);
            return;
        }
        stream_adopt(listener, descriptor);
    }
}

static void listener_retry(struct io_timer *timer)
{
    struct tcp_listener *listener = timer->owner;
    check(uv_poll_start(&listener->poll, UV_READABLE, connections_accept) == 0);
}

static int socket_listen(const struct sockaddr *address, socklen_t size, int *out)
{
    int on = 1, off = 0;
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) {
        return error_from_errno(errno);
    }
    bool is_ready = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    if (address->sa_family == AF_INET6) {
        is_ready =
            is_ready && setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    }
    if (!is_ready || bind(descriptor, address, size) != 0 ||
        listen(descriptor, LISTEN_BACKLOG) != 0) {
        int error = error_from_errno(errno);
        close(descriptor);
        return error;
    }
    *out = descriptor;
    return 0;
}

static int listen_at(struct io_uv *uv, const struct sockaddr *address, socklen_t size,
                     struct tcp_listener **out)
{
    int descriptor = -1;
    int error = socket_listen(address, size, &descriptor);
    if (error != 0) {
        return error;
    }
    struct tcp_listener *listener = memory_new(struct tcp_listener);
    listener->listener.kind = &tcp_listener_kind;
    listener->uv = uv;
    listener->descriptor = descriptor;
    listener->retry = (struct io_timer){.fired = listener_retry, .owner = listener};
    check(uv_poll_init(&uv->loop, &listener->poll, descriptor) == 0);
    listener->poll.data = listener;
    check(uv_poll_start(&listener->poll, UV_READABLE, connections_accept) == 0);
    list_add(&uv->listeners, &listener->link);
    *out = listener;
    return 0;
}

/* Both families on one socket; where there is no IPv6, the other alone. */
static int listen_everywhere(struct io_uv *uv, int port, struct tcp_listener **out)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    check(uv_ip6_addr("::", port, &v6) == 0);
    check(uv_ip4_addr("0.0.0.0", port, &v4) == 0);
    int error = listen_at(uv, (const struct sockaddr *)&v6, sizeof v6, out);
    if (error != 0 && error != ERROR_BUSY && error != ERROR_DENIED) {
        error = listen_at(uv, (const struct sockaddr *)&v4, sizeof v4, out);
    }
    return error;
}

/* The port that the first socket was given, for the others. */
static void set_port(struct sockaddr *address, const struct tcp_listener *first)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    if (getsockname(first->descriptor, (struct sockaddr *)&bound, &size) != 0) {
        return;
    }
    in_port_t port = bound.ss_family == AF_INET
                         ? ((const struct sockaddr_in *)(const void *)&bound)->sin_port
                         : ((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port;
    if (address->sa_family == AF_INET) {
        ((struct sockaddr_in *)(void *)address)->sin_port = port;
    } else if (address->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = port;
    }
}

static bool is_same_host(const struct sockaddr *left, const struct sockaddr *right)
{
    if (left->sa_family != right->sa_family) {
        return false;
    }
    if (left->sa_family == AF_INET) {
        return ((const struct sockaddr_in *)(const void *)left)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)(const void *)right)->sin_addr.s_addr;
    }
    return memcmp(&((const struct sockaddr_in6 *)(const void *)left)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)right)->sin6_addr,
                  sizeof(struct in6_addr)) == 0;
}

/* A resolver may say the same twice. */
static bool is_repeated(const struct addrinfo *addresses, const struct addrinfo *address)
{
    while (addresses != address && !is_same_host(addresses->ai_addr, address->ai_addr)) {
        addresses = addresses->ai_next;
    }
    return addresses != address;
}

/* On every address that this machine has; one that is taken or forbidden is an error. */
static int listen_addresses(struct io_uv *uv, struct addrinfo *addresses, struct tcp_listener **out)
{
    struct tcp_listener *first = NULL, **last = &first;
    int error = ERROR_NOT_FOUND;
    for (struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        if (is_repeated(addresses, at)) {
            continue;
        }
        if (first != NULL) {
            set_port(at->ai_addr, first);
        }
        int failed = listen_at(uv, at->ai_addr, at->ai_addrlen, last);
        if (failed == 0) {
            last = &(*last)->next;
        } else {
            error = failed;
        }
        if (failed == ERROR_BUSY || failed == ERROR_DENIED) {
            if (first != NULL) {
                listener_close(&first->listener);
            }
            return failed;
        }
    }
    *out = first;
    return first != NULL ? 0 : error;
}

/* Waits for the resolver when the host is a name. */
static int listen_host(struct io_uv *uv, const char *host, const char *port,
                       struct tcp_listener **out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    uv_getaddrinfo_t resolve;
    int error = uv_getaddrinfo(&uv->loop, &resolve, NULL, io_uv_address_node(host), port, &hints);
    if (error != 0) {
        return io_uv_error(error);
    }
    error = listen_addresses(uv, resolve.addrinfo, out);
    uv_freeaddrinfo(resolve.addrinfo);
    return error;
}

int io_uv_listen(struct io_uv *uv, const char *address,
                 void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                 struct io_listener **out)
{
    char host[IO_ADDRESS_SIZE];
    char port[IO_UV_PORT_SIZE];
    struct tcp_listener *listener;
    int error = io_uv_address_split(address, host, port);
    if (error != 0) {
        return error;
    }
    error = host[0] == 0 ? listen_everywhere(uv, atoi(port), &listener)
                         : listen_host(uv, host, port, &listener);
    if (error != 0) {
        return error;
    }
    *out = &listener->listener;
    for (; listener != NULL; listener = listener->next) {
        listener->accepted = accepted;
        listener->owner = owner;
    }
    return 0;
}

void io_uv_listeners_discard(struct io_uv *uv)
{
    for (list_each (&uv->listeners, link)) {
        listener_end(list_member(link, struct tcp_listener, link));
    }
}
