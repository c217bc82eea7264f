/* HTTP/1.0, so that the answer ends with the connection; see http_call.h. */
#include "runtime/cli/http_call.h"

#include "log/base/error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct http_call_state {
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

static void http_call_settle(struct http_call_state *state)
{
    if (state->is_closed && !state->is_writing) {
        state->is_done = true;
        errand_wake(state->errand);
    }
}

static void http_call_on_data(void *owner, const uint8_t *data, size_t size)
{
    struct http_call_state *state = owner;
    if (state->answer.size + size > HTTP_CALL_SIZE_MAX) {
        state->error = ERROR_TOO_LARGE;
        io_stream_close(state->errand->world->io, state->stream);
        return;
    }
    buffer_add(&state->answer, data, size);
}

static void http_call_on_closed(void *owner, int reason)
{
    (void)reason; /* an answer cut short is judged by its length */
    struct http_call_state *state = owner;
    state->is_closed = true;
    http_call_settle(state);
}

static const struct io_stream_events http_call_events = {.data = http_call_on_data,
                                                         .closed = http_call_on_closed};

static void http_call_on_written(struct io_request *request, int64_t result)
{
    struct http_call_state *state = request->owner;
    state->is_writing = false;
    if (result < 0 && state->error == 0) {
        state->error = (int)result;
    }
    http_call_settle(state);
}

static void http_call_on_connected(struct io_request *request, int64_t result)
{
    struct http_call_state *state = request->owner;
    struct io *io = state->errand->world->io;
    if (result < 0) {
        state->error = (int)result;
        state->is_closed = true;
        http_call_settle(state);
        return;
    }
    io_stream_watch(io, state->stream, &http_call_events, state);
    struct bytes part = buffer_bytes(&state->request);
    state->is_writing = true;
    state->write = (struct io_request){.done = http_call_on_written, .owner = state};
    io_stream_write(io, &state->write, state->stream, &part, 1);
}

static void http_call_on_late(struct io_timer *timer)
{
    struct http_call_state *state = timer->owner;
    state->error = ERROR_TIMEOUT;
    if (state->stream != NULL && !state->is_closed) {
        io_stream_close(state->errand->world->io, state->stream);
    }
}

/* "HTTP/1.x 200 OK", headers, an empty line, the body. */
static int http_call_read(struct http_call_state *state, struct http_call *out)
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

int http_call(struct errand *errand, const char *address, const char *method, const char *path,
              struct http_call *out)
{
    struct io *io = errand->world->io;
    struct http_call_state state = {.errand = errand};
    struct io_request connect = {.done = http_call_on_connected, .owner = &state};
    buffer_init(&state.request);
    buffer_init(&state.answer);
    buffer_printf(&state.request,
                  "%s %s HTTP/1.0\r\nHost: %s\r\nAccept: application/json\r\n"
                  "Content-Length: 0\r\n\r\n",
                  method, path, address);
    state.timer = (struct io_timer){.fired = http_call_on_late, .owner = &state};
    io_timer_start(io, &state.timer, (uint64_t)HTTP_CALL_TIMEOUT_SECONDS * 1000000000);
    io_connect(io, &connect, address, &state.stream);
    while (!state.is_done) {
        errand->world->run(errand->world->owner); /* after a signal the timer ends it */
    }
    io_timer_stop(io, &state.timer);
    int error = state.error != 0 ? state.error : http_call_read(&state, out);
    buffer_fini(&state.request);
    buffer_fini(&state.answer);
    return error;
}

void http_call_add_name(struct buffer *path, const char *name)
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
