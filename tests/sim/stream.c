/* The network of the simulated world; see sim.h.
 *
 * A stream has two ends. What one end writes is cut into chunks that reach the other end in order
 * after a latency each, are joined there and handed to the owner in pieces of any size. The order
 * of callbacks at the end of a life: pending writes first, `closed` last.
 * Keeps:  (1) an end with a peer is its peer's peer;
 *         (2) chunks arrive in the order they were sent, the end of the stream after them;
 *         (3) a write is done when at most stream_window bytes before its end are not consumed;
 *         (4) nothing is delivered to a paused, closed or dead end. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_PIECE_SIZE_MAX = 64 << 10, STREAM_KEY_SIZE = IO_ADDRESS_SIZE + 32 };
static const uint64_t STREAM_CONNECT_TIMEOUT_NS = 3000000000;
static const uint64_t STREAM_LOCAL_NS = 2000;

struct io_listener {
    struct list_link link;
    struct sim_process *process;
    void (*accepted)(void *owner, struct io_stream *stream);
    void *owner;
    char key[STREAM_KEY_SIZE];
    char bound[IO_ADDRESS_SIZE];
};

struct io_stream {
    struct list_link link; /* of the process' streams, while not closed */
    struct sim_process *process;
    struct io_stream *peer; /* NULL once either end is closed */
    int peer_node;
    const struct io_stream_events *events; /* NULL until watched */
    void *owner;
    char local[IO_ADDRESS_SIZE];
    char remote[IO_ADDRESS_SIZE];
    struct buffer incoming;
    struct list held;   /* chunks that wait for a link to be mended */
    struct list writes; /* not done yet */
    uint64_t sent_total;
    uint64_t consumed_total;
    uint64_t last_arrival_ns; /* at this end */
    struct sim_event *delivery;
    int finish_reason; /* 0 while open */
    bool is_paused;
    bool is_ended; /* the peer sends no more */
    bool is_broken;
    int reference_count;
};

struct stream_chunk {
    struct list_link link;
    bool is_end;
    size_t size;
    uint8_t data[];
};

struct stream_write {
    struct list_link link;
    struct io_request *request;
    uint64_t end_total;
};

struct stream_connect {
    struct io_request *request;
    struct io_stream **out;
    char key[STREAM_KEY_SIZE];
};

static void release(struct io_stream *stream)
{
    if (--stream->reference_count > 0) {
        return;
    }
    check(list_is_empty(&stream->writes));
    for (list_each (&stream->held, link)) {
        list_remove(link);
        free(list_member(link, struct stream_chunk, link));
    }
    buffer_fini(&stream->incoming);
    free(stream);
}

static void event_release(struct sim_event *event)
{
    release(event->subject);
}

/* An event that holds the stream. */
static struct sim_event *stream_event(struct io_stream *stream, uint64_t delay_ns,
                                      void (*run)(struct sim_event *event))
{
    struct sim_event *event = sim_event_add(stream->process, delay_ns, run);
    event->subject = stream;
    event->drop = event_release;
    stream->reference_count++;
    return event;
}

static struct io_stream *stream_new(struct sim_process *process)
{
    struct io_stream *stream = memory_new(struct io_stream);
    stream->process = process;
    stream->reference_count = 1;
    buffer_init(&stream->incoming);
    list_init(&stream->held);
    list_init(&stream->writes);
    list_add(&process->streams, &stream->link);
    return stream;
}

static bool link_is_cut(struct sim *sim, int from, int to)
{
    return sim->cuts[from * sim->node_count + to];
}

static void finish(struct io_stream *stream, int reason);
static void deliver_later(struct io_stream *stream);

/* Completes what fits into the window of bytes under way. */
static void writes_check(struct io_stream *stream)
{
    uint64_t window = sim_node_of(stream->process)->plan.stream_window;
    uint64_t consumed = stream->peer == NULL ? UINT64_MAX / 2 : stream->peer->consumed_total;
    while (!list_is_empty(&stream->writes) && stream->finish_reason == 0) {
        struct stream_write *write =
            list_member(stream->writes.head.next, struct stream_write, link);
        if (write->end_total > consumed + window) {
            break;
        }
        list_remove(&write->link);
        sim_request_done(stream->process, write->request, 0, STREAM_LOCAL_NS / 2);
        free(write);
    }
}

static void deliver_run(struct sim_event *event)
{
    struct io_stream *stream = event->subject;
    struct sim *sim = stream->process->sim;
    stream->delivery = NULL;
    if (stream->incoming.size > 0) {
        size_t size = stream->incoming.size;
        if (sim_node_of(stream->process)->plan.is_fragmenting) {
            size = 1 + (size_t)sim_random(sim, size);
        }
        size = size < STREAM_PIECE_SIZE_MAX ? size : STREAM_PIECE_SIZE_MAX;
        /* A copy of its own, so that reading past the piece is an error a sanitizer sees. */
        uint8_t *piece = memory_alloc(size);
        memcpy(piece, stream->incoming.data, size);
        buffer_remove(&stream->incoming, size);
        stream->consumed_total += size;
        sim_trace_mix(sim, size);
        stream->events->data(stream->owner, piece, size);
        free(piece);
        if (stream->peer != NULL) {
            writes_check(stream->peer);
        }
        deliver_later(stream);
    } else if (stream->is_ended) {
        finish(stream, ERROR_CLOSED);
    }
    release(stream);
}

static void deliver_later(struct io_stream *stream)
{
    bool has_news = stream->incoming.size > 0 || stream->is_ended;
    if (!has_news || stream->events == NULL || stream->is_paused || stream->delivery != NULL ||
        stream->finish_reason != 0 || stream->process->is_dead) {
        return;
    }
    uint64_t delay_ns = sim_random(stream->process->sim, 20000);
    stream->delivery = stream_event(stream, delay_ns, deliver_run);
}

static void chunk_arrive(struct io_stream *stream, struct stream_chunk *chunk)
{
    if (stream->finish_reason == 0 && !stream->is_broken) {
        buffer_add(&stream->incoming, chunk->data, chunk->size);
        stream->is_ended = stream->is_ended || chunk->is_end;
        deliver_later(stream);
    }
    free(chunk);
}

static void arrive_run(struct sim_event *event)
{
    struct io_stream *stream = event->subject;
    struct stream_chunk *chunk = event->detail;
    if (link_is_cut(stream->process->sim, stream->peer_node, stream->process->node) ||
        !list_is_empty(&stream->held)) {
        list_add(&stream->held, &chunk->link);
    } else {
        chunk_arrive(stream, chunk);
    }
    release(stream);
}

static void arrive_drop(struct sim_event *event)
{
    free(event->detail);
    release(event->subject);
}

/* Sends to the end `to`, after everything sent to it before. */
static void chunk_send(struct io_stream *to, const uint8_t *data, size_t size, bool is_end)
{
    struct sim *sim = to->process->sim;
    struct stream_chunk *chunk = memory_zero(1, sizeof *chunk + size);
    chunk->is_end = is_end;
    chunk->size = size;
    if (size > 0) {
        memcpy(chunk->data, data, size);
    }
    bool is_local = to->peer_node == to->process->node;
    uint64_t delay_ns =
        is_local ? STREAM_LOCAL_NS : sim_delay(sim, sim->nodes[to->peer_node].plan.network);
    uint64_t at_ns = sim->now_ns + delay_ns;
    at_ns = at_ns < to->last_arrival_ns ? to->last_arrival_ns : at_ns;
    to->last_arrival_ns = at_ns;
    struct sim_event *event = stream_event(to, at_ns - sim->now_ns, arrive_run);
    event->detail = chunk;
    event->drop = arrive_drop;
}

/* Tells the peer that nothing more comes and forgets it. */
static void sever(struct io_stream *stream)
{
    struct io_stream *peer = stream->peer;
    if (peer == NULL) {
        return;
    }
    stream->peer = NULL;
    peer->peer = NULL;
    if (!stream->is_broken && !peer->process->is_dead) {
        chunk_send(peer, NULL, 0, true);
        writes_check(peer);
    }
    release(stream);
    release(peer);
}

static void finish_run(struct sim_event *event)
{
    struct io_stream *stream = event->subject;
    struct sim_process *process = stream->process;
    while (!process->is_dead && !list_is_empty(&stream->writes)) {
        struct stream_write *write =
            list_member(list_take(&stream->writes), struct stream_write, link);
        struct io_request *request = write->request;
        free(write);
        request->done(request, stream->finish_reason);
    }
    if (!process->is_dead) {
        list_remove(&stream->link);
        release(stream);
        if (stream->events != NULL) {
            stream->events->closed(stream->owner, stream->finish_reason);
        }
    }
    release(stream);
}

static void finish(struct io_stream *stream, int reason)
{
    if (stream->finish_reason != 0 || stream->process->is_dead) {
        return;
    }
    stream->finish_reason = reason;
    buffer_clear(&stream->incoming);
    if (stream->delivery != NULL) {
        sim_event_cancel(stream->process->sim, stream->delivery);
        stream->delivery = NULL;
    }
    sever(stream);
    stream_event(stream, STREAM_LOCAL_NS, finish_run);
}

static void reset_run(struct sim_event *event)
{
    finish(event->subject, ERROR_CLOSED);
    release(event->subject);
}

static void reset_end(struct io_stream *stream)
{
    if (stream != NULL && !stream->is_broken && !stream->process->is_dead) {
        struct sim *sim = stream->process->sim;
        stream->is_broken = true;
        stream_event(stream, sim_delay(sim, sim_node_of(stream->process)->plan.network), reset_run);
    }
}

static void reset_both(struct io_stream *stream)
{
    reset_end(stream->peer);
    reset_end(stream);
}

void sim_streams_break(struct sim_process *process)
{
    for (list_each (&process->streams, link)) {
        reset_both(list_member(link, struct io_stream, link));
    }
}

void sim_streams_release(struct sim *sim, int left, int right)
{
    for (list_each (&sim->nodes[left].process->streams, link)) {
        struct io_stream *stream = list_member(link, struct io_stream, link);
        if (stream->peer_node != right) {
            continue;
        }
        for (list_each (&stream->held, held)) {
            list_remove(held);
            chunk_arrive(stream, list_member(held, struct stream_chunk, link));
        }
    }
}

/* The memory of streams and listeners stays until sim_free: their owner may still close them. */
void sim_streams_end(struct sim_process *process)
{
    for (list_each (&process->streams, link)) {
        sever(list_member(link, struct io_stream, link));
    }
    for (list_each (&process->listeners, link)) {
        struct io_listener *listener = list_member(link, struct io_listener, link);
        if (map_find_string(&process->sim->listeners, listener->key) == listener) {
            map_remove(&process->sim->listeners, bytes_from_string(listener->key));
        }
    }
}

void sim_streams_free(struct sim_process *process)
{
    for (list_each (&process->streams, link)) {
        struct io_stream *stream = list_member(link, struct io_stream, link);
        stream->is_broken = true;
        process->is_dead = true;
        sever(stream);
        for (list_each (&stream->writes, pending)) {
            list_remove(pending);
            free(list_member(pending, struct stream_write, link));
        }
        list_remove(link);
        release(stream);
    }
    for (list_each (&process->listeners, link)) {
        list_remove(link);
        free(list_member(link, struct io_listener, link));
    }
}

static bool is_any_host(const char *host)
{
    return strcmp(host, "") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "[::]") == 0;
}

static bool is_own_host(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "[::1]") == 0;
}

static int address_split(const char *address, char host[IO_ADDRESS_SIZE], int *port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || strlen(address) >= IO_ADDRESS_SIZE || colon[1] == 0 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
        atoi(colon + 1) > 65535) {
        return ERROR_INVALID;
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = 0;
    *port = atoi(colon + 1);
    return 0;
}

/* Where an address leads, the same text for every way to say it: "node3:9092" for each name that
 * the third node has for itself, other hosts as they are. */
static int address_key(struct sim_process *process, const char *address, int free_port,
                       char out[STREAM_KEY_SIZE], char bound[IO_ADDRESS_SIZE])
{
    char host[IO_ADDRESS_SIZE];
    int port = 0;
    if (strncmp(address, "loopback:", 9) == 0) {
        if (strlen(address) >= IO_ADDRESS_SIZE) {
            return ERROR_INVALID;
        }
        snprintf(out, STREAM_KEY_SIZE, "node%d/%s", process->node, address);
        snprintf(bound, IO_ADDRESS_SIZE, "%s", address);
        return 0;
    }
    int error = address_split(address, host, &port);
    if (error != 0) {
        return error;
    }
    port = port == 0 ? free_port : port;
    bool is_own = is_any_host(host) || is_own_host(host);
    if (is_own) {
        snprintf(out, STREAM_KEY_SIZE, "node%d:%d", process->node, port);
    } else {
        snprintf(out, STREAM_KEY_SIZE, "%s:%d", host, port);
    }
    if (is_own_host(host)) {
        snprintf(bound, IO_ADDRESS_SIZE, "%.100s:%d", host, port);
    } else {
        snprintf(bound, IO_ADDRESS_SIZE, "%.*s", IO_ADDRESS_SIZE - 1, out);
    }
    return 0;
}

static int stream_listen(struct io *io, const char *address,
                         void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                         struct io_listener **out)
{
    struct sim_process *process = sim_process_of(io);
    struct io_listener *listener = memory_new(struct io_listener);
    int error = process->is_dead ? ERROR_CANCELLED
                                 : address_key(process, address, sim_node_of(process)->next_port++,
                                               listener->key, listener->bound);
    if (error == 0 && map_find_string(&process->sim->listeners, listener->key) != NULL) {
        error = ERROR_BUSY;
    }
    if (error != 0) {
        free(listener);
        return error;
    }
    listener->process = process;
    listener->accepted = accepted;
    listener->owner = owner;
    map_put(&process->sim->listeners, bytes_from_string(listener->key), listener);
    list_add(&process->listeners, &listener->link);
    *out = listener;
    return 0;
}

static void listener_address(struct io *io, struct io_listener *listener, char out[IO_ADDRESS_SIZE])
{
    (void)io;
    memcpy(out, listener->bound, IO_ADDRESS_SIZE);
}

static void listener_close(struct io *io, struct io_listener *listener)
{
    if (sim_process_of(io)->is_dead) {
        return;
    }
    map_remove(&listener->process->sim->listeners, bytes_from_string(listener->key));
    list_remove(&listener->link);
    free(listener);
}

static void accept_drop(struct sim_event *event)
{
    free(event->detail);
    release(event->subject);
}

/* One that broke meanwhile has ended: its owner would never be told. */
static void accept_run(struct sim_event *event)
{
    struct io_stream *stream = event->subject;
    struct io_listener *listener = map_find_string(&stream->process->sim->listeners, event->detail);
    bool is_wanted = listener != NULL && listener->process == stream->process;
    if (is_wanted && stream->finish_reason == 0) {
        listener->accepted(listener->owner, stream);
    } else {
        finish(stream, ERROR_CLOSED);
    }
    accept_drop(event);
}

static struct io_stream *pair_make(struct sim_process *process, struct io_listener *listener)
{
    struct sim *sim = process->sim;
    struct io_stream *near = stream_new(process);
    struct io_stream *far = stream_new(listener->process);
    near->peer = far;
    far->peer = near;
    near->reference_count++;
    far->reference_count++;
    near->peer_node = listener->process->node;
    far->peer_node = process->node;
    if (strchr(listener->key, '/') != NULL) {
        memcpy(near->local, listener->bound, IO_ADDRESS_SIZE);
    } else {
        snprintf(near->local, IO_ADDRESS_SIZE, "node%d:%d", process->node,
                 sim_node_of(process)->next_port++);
    }
    memcpy(near->remote, listener->bound, IO_ADDRESS_SIZE);
    memcpy(far->local, near->remote, IO_ADDRESS_SIZE);
    memcpy(far->remote, near->local, IO_ADDRESS_SIZE);
    uint64_t delay_ns = sim_random(sim, 100000);
    far->last_arrival_ns = sim->now_ns + delay_ns;
    struct sim_event *event = stream_event(far, delay_ns, accept_run);
    event->detail = memory_string(listener->key);
    event->drop = accept_drop;
    return near;
}

static void connect_drop(struct sim_event *event)
{
    free(event->subject);
}

static void connect_time_out(struct sim_event *event)
{
    struct stream_connect *attempt = event->subject;
    attempt->request->done(attempt->request, ERROR_TIMEOUT);
    free(attempt);
}

static void connect_run(struct sim_event *event)
{
    struct sim_process *process = event->process;
    struct stream_connect *attempt = event->subject;
    struct io_listener *listener = map_find_string(&process->sim->listeners, attempt->key);
    if (listener != NULL && link_is_cut(process->sim, process->node, listener->process->node)) {
        struct sim_event *timeout =
            sim_event_add(process, STREAM_CONNECT_TIMEOUT_NS, connect_time_out);
        timeout->subject = attempt;
        timeout->drop = connect_drop;
        return;
    }
    struct io_request *request = attempt->request;
    if (listener != NULL) {
        *attempt->out = pair_make(process, listener);
    }
    free(attempt);
    request->done(request, listener != NULL ? 0 : ERROR_REFUSED);
}

static void stream_connect(struct io *io, struct io_request *request, const char *address,
                           struct io_stream **out)
{
    struct sim_process *process = sim_process_of(io);
    if (process->is_dead) {
        return;
    }
    char bound[IO_ADDRESS_SIZE];
    struct stream_connect *attempt = memory_new(struct stream_connect);
    attempt->request = request;
    attempt->out = out;
    int error = address_key(process, address, 0, attempt->key, bound);
    if (error != 0) {
        free(attempt);
        sim_request_done(process, request, error, STREAM_LOCAL_NS);
        return;
    }
    bool is_local = strchr(attempt->key, '/') != NULL;
    struct sim_range network = sim_node_of(process)->plan.network;
    uint64_t delay_ns = is_local ? STREAM_LOCAL_NS : 2 * sim_delay(process->sim, network);
    struct sim_event *event = sim_event_add(process, delay_ns, connect_run);
    event->subject = attempt;
    event->drop = connect_drop;
}

static void stream_watch(struct io *io, struct io_stream *stream,
                         const struct io_stream_events *events, void *owner)
{
    if (sim_process_of(io)->is_dead) {
        return;
    }
    stream->events = events;
    stream->owner = owner;
    deliver_later(stream);
}

static void stream_pause(struct io *io, struct io_stream *stream, bool is_paused)
{
    if (sim_process_of(io)->is_dead) {
        return;
    }
    stream->is_paused = is_paused;
    if (is_paused && stream->delivery != NULL) {
        sim_event_cancel(stream->process->sim, stream->delivery);
        stream->delivery = NULL;
    }
    deliver_later(stream);
}

static void send_cut(struct io_stream *stream, const struct buffer *bytes)
{
    struct sim *sim = stream->process->sim;
    size_t sent = 0;
    while (sent < bytes->size && stream->peer != NULL) {
        size_t size = bytes->size - sent;
        if (sim_node_of(stream->process)->plan.is_fragmenting && sim_random(sim, 2) == 0) {
            size = 1 + (size_t)sim_random(sim, size);
        }
        chunk_send(stream->peer, bytes->data + sent, size, false);
        sent += size;
    }
    stream->sent_total += bytes->size;
}

static void stream_write(struct io *io, struct io_request *request, struct io_stream *stream,
                         const struct bytes *parts, size_t count)
{
    struct sim_process *process = sim_process_of(io);
    if (process->is_dead) {
        return;
    }
    struct stream_write *write = memory_new(struct stream_write);
    write->request = request;
    list_add(&stream->writes, &write->link);
    if (stream->finish_reason != 0) {
        return; /* finish_run calls it back. */
    }
    struct buffer bytes;
    buffer_init(&bytes);
    for (size_t i = 0; i < count; i++) {
        buffer_add_bytes(&bytes, parts[i]);
    }
    sim_trace_mix(process->sim, bytes.size);
    send_cut(stream, &bytes);
    buffer_fini(&bytes);
    write->end_total = stream->sent_total;
    if (sim_chance(process->sim, sim_node_of(process)->plan.stream_break)) {
        reset_both(stream);
    }
    writes_check(stream);
}

/* Now and then it takes nothing, or a part of what would fit. */
static size_t stream_send_file(struct io *io, struct io_stream *stream, struct io_file *file,
                               uint64_t position, size_t size)
{
    struct sim_process *process = sim_process_of(io);
    if (process->is_dead || stream->finish_reason != 0 || stream->peer == NULL ||
        !list_is_empty(&stream->writes) || sim_random(process->sim, 4) == 0) {
        return 0;
    }
    uint64_t taken = stream->sent_total - stream->peer->consumed_total;
    uint64_t window = sim_node_of(process)->plan.stream_window;
    uint64_t room = taken >= window ? 0 : window - taken;
    size = size < room ? size : (size_t)room;
    size = sim_random(process->sim, 2) == 0 ? size : (size_t)sim_random(process->sim, size + 1);
    if (size == 0) {
        return 0;
    }
    struct buffer bytes;
    buffer_init(&bytes);
    int64_t count =
        io_file_read(io, file, buffer_reserve(&bytes, size), size, position, IO_READ_CACHED);
    if (count > 0 && !process->is_dead) {
        bytes.size = (size_t)count;
        sim_trace_mix(process->sim, bytes.size);
        send_cut(stream, &bytes);
    }
    buffer_fini(&bytes);
    return count > 0 ? (size_t)count : 0;
}

static void stream_close(struct io *io, struct io_stream *stream)
{
    if (!sim_process_of(io)->is_dead) {
        finish(stream, ERROR_CANCELLED);
    }
}

static void stream_addresses(struct io *io, struct io_stream *stream, char local[IO_ADDRESS_SIZE],
                             char peer[IO_ADDRESS_SIZE])
{
    (void)io;
    memcpy(local, stream->local, IO_ADDRESS_SIZE);
    memcpy(peer, stream->remote, IO_ADDRESS_SIZE);
}

void sim_stream_ops(struct io_ops *ops)
{
    ops->listen = stream_listen;
    ops->listener_address = listener_address;
    ops->listener_close = listener_close;
    ops->connect = stream_connect;
    ops->stream_watch = stream_watch;
    ops->stream_pause = stream_pause;
    ops->stream_write = stream_write;
    ops->stream_send_file = stream_send_file;
    ops->stream_close = stream_close;
    ops->stream_addresses = stream_addresses;
}
