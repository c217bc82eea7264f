/* Connecting TCP streams; see io_uv.h.
 *
 * resolve -> connect to the first address -> ... to the last -> done. Numbers need no resolver. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv_loop.h"

#include <stdlib.h>

struct connect_attempt {
    struct io_uv *uv;
    struct io_request *request;
    struct io_stream **out;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct addrinfo *addresses;
    struct addrinfo *next;
    struct io_uv_stream *stream;
    int error; /* of the last address */
};

static void attempt_free(struct connect_attempt *attempt)
{
    uv_freeaddrinfo(attempt->addresses);
    free(attempt);
}

static void attempt_next(struct connect_attempt *attempt);

static void connect_done(uv_connect_t *connect, int status)
{
    struct connect_attempt *attempt = connect->data;
    struct io_request *request = attempt->request;
    if (attempt->uv->is_freeing) {
        attempt_free(attempt); /* The stream is discarded with the others. */
        return;
    }
    if (status != 0) {
        attempt->error = io_uv_error(status);
        io_uv_stream_discard(attempt->stream);
        attempt_next(attempt);
        return;
    }
    uv_tcp_nodelay(&attempt->stream->tcp, 1);
    *attempt->out = &attempt->stream->stream;
    attempt_free(attempt);
    request->done(request, 0);
}

/* The result is deferred: the first call comes from inside io_connect. */
static void attempt_fail(struct connect_attempt *attempt)
{
    io_uv_defer(attempt->uv, attempt->request, attempt->error, NULL);
    attempt_free(attempt);
}

static void attempt_next(struct connect_attempt *attempt)
{
    while (attempt->next != NULL) {
        struct addrinfo *at = attempt->next;
        attempt->next = at->ai_next;
        attempt->stream = io_uv_stream_new(attempt->uv);
        int error =
            uv_tcp_connect(&attempt->connect, &attempt->stream->tcp, at->ai_addr, connect_done);
        if (error == 0) {
            return;
        }
        attempt->error = io_uv_error(error);
        io_uv_stream_discard(attempt->stream);
    }
    attempt_fail(attempt);
}

static void resolve_done(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
    struct connect_attempt *attempt = resolve->data;
    attempt->addresses = addresses;
    attempt->next = addresses;
    if (attempt->uv->is_freeing) {
        attempt_free(attempt);
    } else if (status != 0) {
        attempt->error = io_uv_error(status);
        attempt_fail(attempt);
    } else {
        attempt_next(attempt);
    }
}

void io_uv_connect(struct io_uv *uv, struct io_request *request, const char *address,
                   struct io_stream **out)
{
    char host[IO_ADDRESS_SIZE];
    char port[IO_UV_PORT_SIZE];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    int error = io_uv_address_split(address, host, port);
    if (error != 0) {
        io_uv_defer(uv, request, error, NULL);
        return;
    }
    struct connect_attempt *attempt = memory_new(struct connect_attempt);
    const char *node =
        host[0] == 0 ? NULL : io_uv_address_node(host); /* No host is this machine. */
    attempt->uv = uv;
    attempt->request = request;
    attempt->out = out;
    attempt->error = ERROR_NOT_FOUND;
    attempt->resolve.data = attempt;
    attempt->connect.data = attempt;
    if (uv_getaddrinfo(&uv->loop, &attempt->resolve, NULL, node, port, &hints) == 0) {
        attempt->addresses = attempt->next = attempt->resolve.addrinfo;
        attempt_next(attempt);
        return;
    }
    hints.ai_flags = AI_ADDRCONFIG;
    attempt->resolve.data = attempt;
    error = uv_getaddrinfo(&uv->loop, &attempt->resolve, resolve_done, node, port, &hints);
    if (error != 0) {
        attempt->error = io_uv_error(error);
        attempt_fail(attempt);
    }
}
