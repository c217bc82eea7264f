/* HTTP/1.0, so that the answer ends with the connection; see http_get.h. */
#include "runtime/cli/http_get.h"

#include "log/base/error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct http_get_state {
    struct errand *errand;
    struct io_stream *stream;
    struct buffer request;
    struct buffer answer;
    struct io_request write;
    struct io_timer timer;
    int error;
    bool is_writing;
    bool is_closed; /* the last callback came */
    bool is_done;
};

static void http_get_settle(struct http_get_state *state)
{
    if (state->is_closed && !state->is_writing) {
        state->is_done = true;
        errand_wake(state->errand);
    }
}

static void http_get_on_data(void *owner, const uint8_t *data, size_t size)
{
    struct http_get_state *state = owner;
    if (state->answer.size + size > HTTP_GET_SIZE_MAX) {
        state->error = ERROR_TOO_LARGE;
        io_stream_close(state->errand->world->io, state->stream);
        return;
    }
    buffer_add(&state->answer, data, size);
}

static void http_get_on_closed(void *owner, int reason)
{
    (void)reason; /* an answer cut short is judged by its length */
    struct http_get_state *state = owner;
    state->is_closed = true;
    http_get_settle(state);
}

static const struct io_stream_events http_get_events = {.data = http_get_on_data,
                                                        .closed = http_get_on_closed};

static void http_get_on_written(struct io_request *request, int64_t result)
{
    struct http_get_state *state = request->owner;
    state->is_writing = false;
    if (result < 0 && state->error == 0) {
        state->error = (int)result;
    }
    http_get_settle(state);
}

static void http_get_on_connected(struct io_request *request, int64_t result)
{
    struct http_get_state *state = request->owner;
    struct io *io = state->errand->world->io;
    if (result < 0) {
        state->error = (int)result;
        state->is_closed = true;
        http_get_settle(state);
        return;
    }
    io_stream_watch(io, state->stream, &http_get_events, state);
    struct bytes part = buffer_bytes(&state->request);
    state->is_writing = true;
    state->write = (struct io_request){.done = http_get_on_written, .owner = state};
    io_stream_write(io, &state->write, state->stream, &part, 1);
}

static void http_get_on_late(struct io_timer *timer)
{
    struct http_get_state *state = timer->owner;
    state->error = ERROR_TIMEOUT;
    if (state->stream != NULL && !state->is_closed) {
        io_stream_close(state->errand->world->io, state->stream);
    }
}

/* "HTTP/1.x 200 OK", headers, an empty line, the body. */
static int http_get_read(struct http_get_state *state, struct http_get *out)
{
    struct bytes text = buffer_bytes(&state->answer);
    const char *start = (const char *)text.data;
    const char *end = memmem(text.data, text.size, "\r\n\r\n", 4);
    if (end == NULL || text.size < 12 || memcmp(start, "HTTP/1.", 7) != 0 ||
        !isdigit((unsigned char)start[9])) {
        return ERROR_MALFORMED;
    }
    out->status = (unsigned)strtoul(start + 9, NULL, 10);
    size_t head_size = (size_t)(end - start) + 4;
    out->body =
        arena_copy(&state->errand->arena, bytes_make(text.data + head_size, text.size - head_size));
    return 0;
}

int http_get(struct errand *errand, const char *address, const char *path, struct http_get *out)
{
    struct io *io = errand->world->io;
    struct http_get_state state = {.errand = errand};
    struct io_request connect = {.done = http_get_on_connected, .owner = &state};
    buffer_init(&state.request);
    buffer_init(&state.answer);
    buffer_printf(&state.request, "GET %s HTTP/1.0\r\nHost: %s\r\nAccept: application/json\r\n\r\n",
                  path, address);
    state.timer = (struct io_timer){.fired = http_get_on_late, .owner = &state};
    io_timer_start(io, &state.timer, (uint64_t)HTTP_GET_TIMEOUT_SECONDS * 1000000000);
    io_connect(io, &connect, address, &state.stream);
    while (!state.is_done) {
        errand->world->run(errand->world->owner); /* after a signal the timer ends it */
    }
    io_timer_stop(io, &state.timer);
    int error = state.error != 0 ? state.error : http_get_read(&state, out);
    buffer_fini(&state.request);
    buffer_fini(&state.answer);
    return error;
}

void http_get_add_name(struct buffer *path, const char *name)
{
    for (; *name != '\0'; name++) {
        unsigned char letter = (unsigned char)*name;
        if (isalnum(letter) || strchr("-._~", letter) != NULL) {
            buffer_add_byte(path, letter);
        } else {
            buffer_printf(path, "%%%02X", letter);
        }
    }
}
