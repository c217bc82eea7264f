/* TCP streams; see io_uv.h.
 *
 * A write is tried at once, without allocating; only what the socket does not take is queued. A
 * file is sent by sendfile, past libuv, while nothing is queued.
 * Keeps:  (1) bytes are read only while the stream is watched, not paused and open;
 *         (2) every write is called back before `closed`, which comes last;
 *         (3) once close_reason is set the handle is closing. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv.h"
#include "log/io/io_uv_loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

enum { STREAM_VECTOR_COUNT = 64 }; /* parts on the stack; more are allocated */

struct queued_write {
    uv_write_t write;
    struct io_request *request;
};

static struct io_uv_stream *stream_of(struct io_stream *stream)
{
    return (struct io_uv_stream *)(void *)stream;
}

static void stream_closed(uv_handle_t *handle)
{
    struct io_uv_stream *stream = handle->data;
    struct io_uv *uv = stream->uv;
    /* libuv has called its own writes back; ours wait in the queue of the loop. */
    while (stream->deferred_count > 0) {
        io_uv_run_deferred(uv);
    }
    list_remove(&stream->link);
    if (stream->events != NULL && !uv->is_freeing) {
        stream->events->closed(stream->owner, stream->close_reason);
    }
    free(stream);
}

static void stream_finish(struct io_uv_stream *stream, int reason)
{
    if (stream->close_reason == 0) {
        stream->close_reason = reason;
        stream->is_reading = false;
        uv_close((uv_handle_t *)&stream->tcp, stream_closed);
    }
}

static void read_prepare(uv_handle_t *handle, size_t suggested_size, uv_buf_t *out)
{
    struct io_uv_stream *stream = handle->data;
    (void)suggested_size;
    *out = uv_buf_init((char *)stream->uv->read_buffer, IO_UV_READ_BUFFER_SIZE);
}

static void read_done(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    struct io_uv_stream *stream = handle->data;
    if (size > 0) {
        stream->events->data(stream->owner, (const uint8_t *)buffer->base, (size_t)size);
    } else if (size < 0) {
        stream_finish(stream, io_uv_error((int)size));
    }
}

static void reading_adjust(struct io_uv_stream *stream)
{
    bool is_wanted = stream->events != NULL && !stream->is_paused && stream->close_reason == 0;
    if (is_wanted == stream->is_reading || stream->close_reason != 0) {
        return;
    }
    stream->is_reading = is_wanted;
    if (!is_wanted) {
        uv_read_stop((uv_stream_t *)&stream->tcp);
        return;
    }
    int error = uv_read_start((uv_stream_t *)&stream->tcp, read_prepare, read_done);
    if (error != 0) {
        stream_finish(stream, io_uv_error(error));
    }
}

static void stream_watch(struct io_stream *base, const struct io_stream_events *events, void *owner)
{
    struct io_uv_stream *stream = stream_of(base);
    stream->events = events;
    stream->owner = owner;
    reading_adjust(stream);
}

static void stream_pause(struct io_stream *base, bool is_paused)
{
    struct io_uv_stream *stream = stream_of(base);
    stream->is_paused = is_paused;
    reading_adjust(stream);
}

static void write_done(uv_write_t *write, int status)
{
    struct queued_write *queued = write->data;
    struct io_uv_stream *stream = write->handle->data;
    struct io_request *request = queued->request;
    free(queued);
    if (stream->uv->is_freeing) {
        return;
    }
    if (status != 0 && stream->close_reason == 0) {
        stream_finish(stream, io_uv_error(status));
    }
    int result = status == 0 ? 0 : stream->close_reason;
    request->done(request, result);
}

static void write_queue(struct io_uv_stream *stream, struct io_request *request,
                        const uv_buf_t *vectors, unsigned count)
{
    struct queued_write *queued = memory_new(struct queued_write);
    queued->write.data = queued;
    queued->request = request;
    int error = uv_write(&queued->write, (uv_stream_t *)&stream->tcp, vectors, count, write_done);
    if (error != 0) {
        free(queued);
        io_uv_defer(stream->uv, request, io_uv_error(error), &stream->deferred_count);
        stream_finish(stream, io_uv_error(error));
    }
}

static void write_vectors(struct io_uv_stream *stream, struct io_request *request,
                          uv_buf_t *vectors, unsigned count)
{
    size_t written = 0;
    unsigned index = 0;
    if (uv_stream_get_write_queue_size((uv_stream_t *)&stream->tcp) == 0) {
        int result = uv_try_write((uv_stream_t *)&stream->tcp, vectors, count);
        if (result < 0 && result != UV_EAGAIN) {
            io_uv_defer(stream->uv, request, io_uv_error(result), &stream->deferred_count);
            stream_finish(stream, io_uv_error(result));
            return;
        }
        written = result > 0 ? (size_t)result : 0;
    }
    while (index < count && written >= vectors[index].len) {
        written -= vectors[index++].len;
    }
    if (index == count) {
        io_uv_defer(stream->uv, request, 0, &stream->deferred_count);
        return;
    }
    vectors[index].base += written;
    vectors[index].len -= written;
    write_queue(stream, request, vectors + index, count - index);
}

static void stream_write(struct io_stream *base, struct io_request *request,
                         const struct bytes *parts, size_t count)
{
    struct io_uv_stream *stream = stream_of(base);
    uv_buf_t few[STREAM_VECTOR_COUNT];
    uv_buf_t *vectors = few;
    if (stream->close_reason != 0) {
        io_uv_defer(stream->uv, request, stream->close_reason, &stream->deferred_count);
        return;
    }
    if (count > STREAM_VECTOR_COUNT) {
        vectors = memory_zero(count, sizeof *vectors);
    }
    unsigned used = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            /* libuv only reads from it, though its type does not say so. */
            vectors[used].base = (char *)(uintptr_t)parts[i].data;
            vectors[used++].len = parts[i].size;
        }
    }
    if (used == 0) {
        io_uv_defer(stream->uv, request, 0, &stream->deferred_count);
    } else {
        write_vectors(stream, request, vectors, used);
    }
    if (vectors != few) {
        free(vectors);
    }
}

static size_t stream_send_file(struct io_stream *base, struct io_file *file, uint64_t position,
                               size_t size)
{
    struct io_uv_stream *stream = stream_of(base);
    uv_os_fd_t socket = -1;
    int descriptor = -1;
    off_t at = (off_t)position;
    if (stream->close_reason != 0 ||
        uv_stream_get_write_queue_size((uv_stream_t *)&stream->tcp) > 0 ||
        uv_fileno((uv_handle_t *)&stream->tcp, &socket) != 0) {
        return 0;
    }
    size = io_uv_file_find_cached(file, position, size, &descriptor);
    ssize_t sent = size == 0 ? 0 : sendfile(socket, descriptor, &at, size);
    return sent > 0 ? (size_t)sent : 0;
}

static void stream_close(struct io_stream *base)
{
    stream_finish(stream_of(base), ERROR_CANCELLED);
}

static void stream_addresses(struct io_stream *base, char local[IO_ADDRESS_SIZE],
                             char peer[IO_ADDRESS_SIZE])
{
    struct sockaddr_storage address;
    int size = sizeof address;
    strcpy(local, "?");
    strcpy(peer, "?");
    if (uv_tcp_getsockname(&stream_of(base)->tcp, (struct sockaddr *)&address, &size) == 0) {
        io_uv_address_write(&address, local);
    }
    size = sizeof address;
    if (uv_tcp_getpeername(&stream_of(base)->tcp, (struct sockaddr *)&address, &size) == 0) {
        io_uv_address_write(&address, peer);
    }
}

static const struct io_stream_kind tcp_kind = {
    .watch = stream_watch,
    .pause = stream_pause,
    .write = stream_write,
    .send_file = stream_send_file,
    .close = stream_close,
    .addresses = stream_addresses,
};

struct io_uv_stream *io_uv_stream_new(struct io_uv *uv)
{
    struct io_uv_stream *stream = memory_new(struct io_uv_stream);
    stream->stream.kind = &tcp_kind;
    stream->uv = uv;
    check(uv_tcp_init(&uv->loop, &stream->tcp) == 0);
    stream->tcp.data = stream;
    list_add(&uv->streams, &stream->link);
    return stream;
}

int io_uv_adopt(struct io *io, int descriptor, struct io_stream **out)
{
    struct io_uv_stream *stream = io_uv_stream_new(io_uv_of(io));
    int error = uv_tcp_open(&stream->tcp, descriptor); /* any kind of stream socket will do */
    if (error != 0) {
        io_uv_stream_discard(stream);
        return io_uv_error(error);
    }
    *out = &stream->stream;
    return 0;
}

void io_uv_stream_discard(struct io_uv_stream *stream)
{
    stream_finish(stream, ERROR_CANCELLED);
}
