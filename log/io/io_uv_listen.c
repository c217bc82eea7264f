/* Accepting TCP streams; see io_uv.h.
 *
 * When the process is out of descriptors libuv gives up its reserve to accept and drop the
 * connection; should that fail too, the listener sheds with a reserve of its own, so that a
 * waiting connection never keeps the loop busy. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/io/io_uv_loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 511 };

struct tcp_listener {
    struct io_listener listener;
    struct list_link link;
    struct io_uv *uv;
    uv_tcp_t tcp;
    void (*accepted)(void *owner, struct io_stream *stream);
    void *owner;
    int reserve; /* a descriptor to give up, or -1 */
    bool is_closing;
};

static void listener_closed(uv_handle_t *handle)
{
    struct tcp_listener *listener = handle->data;
    if (listener->reserve >= 0) {
        close(listener->reserve);
    }
    free(listener);
}

static void listener_close(struct io_listener *base)
{
    struct tcp_listener *listener = (struct tcp_listener *)(void *)base;
    listener->is_closing = true;
    list_remove(&listener->link);
    uv_close((uv_handle_t *)&listener->tcp, listener_closed);
}

static void listener_address(struct io_listener *base, char out[IO_ADDRESS_SIZE])
{
    struct sockaddr_storage address;
    int size = sizeof address;
    strcpy(out, "?");
    if (uv_tcp_getsockname(&((struct tcp_listener *)(void *)base)->tcp, (struct sockaddr *)&address,
                           &size) == 0) {
        io_uv_address_write(&address, out);
    }
}

static const struct io_listener_kind tcp_listener_kind = {
    .address = listener_address,
    .close = listener_close,
};

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void connection_shed(struct tcp_listener *listener, int error)
{
    uv_os_fd_t descriptor;
    trace(TRACE_WARN, "io.accept_failed", TRACE_STRING("error", uv_err_name(error)));
    if ((error != UV_EMFILE && error != UV_ENFILE) ||
        uv_fileno((uv_handle_t *)&listener->tcp, &descriptor) != 0) {
        return;
    }
    if (listener->reserve >= 0) {
        close(listener->reserve);
    }
    int dropped = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (dropped >= 0) {
        close(dropped);
    }
    listener->reserve = reserve_open();
}

static void connection_arrived(uv_stream_t *handle, int status)
{
    struct tcp_listener *listener = handle->data;
    if (status != 0) {
        connection_shed(listener, status);
        return;
    }
    struct io_uv_stream *stream = io_uv_stream_new(listener->uv);
    int error = uv_accept(handle, (uv_stream_t *)&stream->tcp);
    if (error != 0 || listener->is_closing) {
        io_uv_stream_discard(stream);
        return;
    }
    uv_tcp_nodelay(&stream->tcp, 1);
    listener->accepted(listener->owner, &stream->stream);
}

static struct tcp_listener *listener_new(struct io_uv *uv)
{
    struct tcp_listener *listener = memory_new(struct tcp_listener);
    listener->listener.kind = &tcp_listener_kind;
    listener->uv = uv;
    listener->reserve = reserve_open();
    check(uv_tcp_init(&uv->loop, &listener->tcp) == 0);
    listener->tcp.data = listener;
    list_add(&uv->listeners, &listener->link);
    return listener;
}

static int listen_at(struct io_uv *uv, const struct sockaddr *address, struct tcp_listener **out)
{
    struct tcp_listener *listener = listener_new(uv);
    int error = uv_tcp_bind(&listener->tcp, address, 0);
    if (error == 0) {
        error = uv_listen((uv_stream_t *)&listener->tcp, LISTEN_BACKLOG, connection_arrived);
    }
    if (error != 0) {
        listener_close(&listener->listener);
        return io_uv_error(error);
    }
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
    int error = listen_at(uv, (const struct sockaddr *)&v6, out);
    if (error != 0 && error != ERROR_BUSY && error != ERROR_DENIED) {
        error = listen_at(uv, (const struct sockaddr *)&v4, out);
    }
    return error;
}

/* Waits for the resolver when the host is a name. */
static int listen_host(struct io_uv *uv, const char *host, const char *port,
                       struct tcp_listener **out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    uv_getaddrinfo_t resolve;
    int error = uv_getaddrinfo(&uv->loop, &resolve, NULL, host, port, &hints);
    if (error != 0) {
        return io_uv_error(error);
    }
    error = ERROR_NOT_FOUND;
    for (struct addrinfo *at = resolve.addrinfo; at != NULL && error != 0; at = at->ai_next) {
        error = listen_at(uv, at->ai_addr, out);
    }
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
    listener->accepted = accepted;
    listener->owner = owner;
    *out = &listener->listener;
    return 0;
}

void io_uv_listeners_discard(struct io_uv *uv)
{
    for (list_each (&uv->listeners, link)) {
        listener_close(&list_member(link, struct tcp_listener, link)->listener);
    }
}
