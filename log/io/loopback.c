/* See loopback.h.
 *
 *     shard A                     link, under its lock                      shard B
 *     write ----> message ----> B.arrived ----> taken by B's wake ----> B.unread -> data()
 *     done() <--- A's wake <--- A.finished <--------------------------- message
 *
 * An end's wake is a request posted to its own io, at most one at a time. It calls finished writes
 * back, takes what arrived, delivers it, gives it back in one go and ends the stream when both
 * sides have nothing left. */
#include "log/io/loopback.h"

#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/io/io_stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char LOOPBACK_PREFIX[] = "loopback:";

struct loopback_listener {
    struct io_listener listener;
    struct list_link link; /* of the registry, while open */
    struct io *io;
    void (*accepted)(void *owner, struct io_stream *stream);
    void *owner;
    char address[IO_ADDRESS_SIZE];
    int reference_count; /* under the registry's lock: itself and the accepts under way */
    bool is_closed;
};

struct loopback_message {
    struct list_link link;
    struct io_request *request; /* NULL once it was called back or copied */
    int result;
    size_t index; /* of the part to deliver next */
    size_t count;
    size_t size;
    struct bytes parts[];
};

struct loopback_end {
    struct io_stream stream;
    struct loopback_link *link;
    struct loopback_end *peer; /* NULL once it has left; under the lock */
    struct io *io;
    const struct io_stream_events *events;
    void *owner;
    struct io_request wake;
    struct list unread;   /* taken from the link; ours */
    size_t copied_size;   /* bytes of `unread` that are copies */
    size_t pending_count; /* writes not called back */
    bool is_paused;
    bool is_closing; /* by its owner */
    /* Under the lock: */
    bool is_closed; /* says to the peer: send no more */
    bool is_wake_posted;
    struct list arrived;  /* messages of the peer */
    struct list finished; /* own messages to be called back */
};

struct loopback_link {
    pthread_mutex_t lock;
    int end_count;
    char address[IO_ADDRESS_SIZE];
    struct loopback_end ends[2];
};

struct loopback_accept {
    struct io_request request;
    struct loopback_listener *listener;
    struct loopback_end *end;
};

struct loopback_attempt {
    struct io_request post;
    struct io_request *request;
    struct io_stream **out;
    struct loopback_end *end; /* NULL: refused */
    int result;
};

static struct loopback_registry {
    pthread_mutex_t lock;
    struct list listeners;
} registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .listeners = {{&registry.listeners.head, &registry.listeners.head}},
};

static struct loopback_end *end_of(struct io_stream *stream)
{
    return (struct loopback_end *)(void *)stream;
}

static void lists_join(struct list *to, struct list *from)
{
    struct list_link *link;
    while ((link = list_take(from)) != NULL) {
        list_add(to, link);
    }
}

/* Marks the end as woken; the caller posts after the lock is released if it says true. An end
 * with a wake under way is not freed. */
static bool wake_mark(struct loopback_end *end)
{
    if (end == NULL || end->is_wake_posted) {
        return false;
    }
    end->is_wake_posted = true;
    return true;
}

static void wake_post(struct loopback_end *end, bool is_marked)
{
    if (is_marked) {
        io_post(end->io, &end->wake);
    }
}

static void end_wake(struct loopback_end *end)
{
    pthread_mutex_lock(&end->link->lock);
    bool is_marked = wake_mark(end);
    pthread_mutex_unlock(&end->link->lock);
    wake_post(end, is_marked);
}

static void message_finish(struct loopback_end *end, struct loopback_message *message)
{
    struct io_request *request = message->request;
    int result = message->result;
    free(message);
    if (request != NULL) {
        end->pending_count--;
        request->done(request,
                      result == ERROR_CLOSED && end->is_closing ? ERROR_CANCELLED : result);
    }
}

static void finished_run(struct loopback_end *end, struct list *finished)
{
    struct list_link *link;
    while ((link = list_take(finished)) != NULL) {
        message_finish(end, list_member(link, struct loopback_message, link));
    }
}

static bool end_may_deliver(const struct loopback_end *end)
{
    return end->events != NULL && !end->is_paused && !end->is_closing;
}

/* Replaces a message by a copy, so that its writer can go on. The original stands for the write
 * and is given back. */
static struct loopback_message *message_copy(const struct loopback_message *message)
{
    struct loopback_message *copy =
        memory_zero(1, sizeof *copy + sizeof(struct bytes) + message->size);
    uint8_t *data = (uint8_t *)&copy->parts[1];
    copy->parts[0] = bytes_make(data, message->size);
    copy->count = 1;
    copy->size = message->size;
    for (size_t i = message->index; i < message->count; i++) {
        memcpy(data, message->parts[i].data, message->parts[i].size);
        data += message->parts[i].size;
    }
    return copy;
}

/* Delivers part by part; true when the whole message was read. */
static bool message_deliver(struct loopback_end *end, struct loopback_message *message)
{
    while (message->index < message->count && end_may_deliver(end)) {
        struct bytes part = message->parts[message->index++];
        message->size -= part.size;
        end->events->data(end->owner, part.data, part.size);
    }
    return message->index == message->count;
}

static void unread_deliver(struct loopback_end *end, struct list *read)
{
    while (end_may_deliver(end) && !list_is_empty(&end->unread)) {
        struct loopback_message *message =
            list_member(end->unread.head.next, struct loopback_message, link);
        size_t size = message->size;
        bool is_whole = message_deliver(end, message);
        bool is_copy = message->request == NULL;
        end->copied_size -= is_copy ? size - message->size : 0;
        if (!is_whole) {
            return;
        }
        list_remove(&message->link);
        if (is_copy) {
            free(message);
        } else {
            list_add(read, &message->link);
        }
    }
}

/* A paused reader buffers a little, as a socket would. */
static void unread_copy(struct loopback_end *end, struct list *read)
{
    for (list_each (&end->unread, link)) {
        struct loopback_message *message = list_member(link, struct loopback_message, link);
        if (message->request == NULL) {
            continue;
        }
        if (end->copied_size + message->size > LOOPBACK_WINDOW_SIZE) {
            break;
        }
        struct loopback_message *copy = message_copy(message);
        end->copied_size += copy->size;
        list_insert_before(link, &copy->link);
        list_remove(link);
        list_add(read, link);
    }
}

/* Gives back what will not be read; the copies too, unless they still may be. */
static void unread_drop(struct loopback_end *end, struct list *read, bool keeps_copies)
{
    for (list_each (&end->unread, link)) {
        struct loopback_message *message = list_member(link, struct loopback_message, link);
        if (message->request != NULL) {
            message->result = ERROR_CLOSED;
            list_remove(link);
            list_add(read, link);
        } else if (!keeps_copies) {
            list_remove(link);
            free(message);
        }
    }
}

/* Gives messages back to their writer. The peer cannot have left: it waits for them. */
static void messages_return(struct loopback_end *end, struct list *read)
{
    if (list_is_empty(read)) {
        return;
    }
    pthread_mutex_lock(&end->link->lock);
    struct loopback_end *peer = end->peer;
    check(peer != NULL);
    lists_join(&peer->finished, read);
    bool is_marked = wake_mark(peer);
    pthread_mutex_unlock(&end->link->lock);
    wake_post(peer, is_marked);
}

/* Whether everything is called back and nothing can come any more. Under the lock. */
static bool end_is_over(const struct loopback_end *end)
{
    if (end->pending_count > 0 || end->is_wake_posted || !list_is_empty(&end->arrived) ||
        !list_is_empty(&end->finished)) {
        return false;
    }
    if (end->is_closing) {
        return true;
    }
    bool is_peer_closed = end->peer == NULL || end->peer->is_closed;
    return is_peer_closed && end->events != NULL && list_is_empty(&end->unread);
}

/* Parts from the peer if the end is over; then nobody wakes it any more. The caller holds the
 * lock, which is released. */
static bool link_leave(struct loopback_end *end)
{
    struct loopback_link *link = end->link;
    bool is_over = end_is_over(end);
    struct loopback_end *peer = is_over ? end->peer : NULL;
    bool is_marked = wake_mark(peer);
    bool is_last = false;
    if (peer != NULL) {
        peer->peer = NULL;
        end->peer = NULL;
    }
    if (is_over) {
        is_last = --link->end_count == 0;
    }
    pthread_mutex_unlock(&link->lock);
    wake_post(peer, is_marked);
    if (is_last) {
        pthread_mutex_destroy(&link->lock);
        free(link);
    }
    return is_over;
}

static void on_wake(struct io_request *request, int64_t result)
{
    struct loopback_end *end = request->owner;
    struct list finished, read;
    (void)result;
    list_init(&finished);
    list_init(&read);
    pthread_mutex_lock(&end->link->lock);
    end->is_wake_posted = false;
    bool is_peer_closed = end->peer == NULL || end->peer->is_closed;
    lists_join(&finished, &end->finished);
    lists_join(&end->unread, &end->arrived);
    pthread_mutex_unlock(&end->link->lock);

    finished_run(end, &finished);
    if (is_peer_closed) {
        unread_drop(end, &read, true); /* What its writer waits for is cancelled. */
    }
    unread_deliver(end, &read);
    if (end->is_closing) {
        unread_drop(end, &read, false);
    } else if (end->is_paused) {
        unread_copy(end, &read);
    }
    messages_return(end, &read);

    const struct io_stream_events *events = end->events;
    void *owner = end->owner;
    int reason = end->is_closing ? ERROR_CANCELLED : ERROR_CLOSED;
    pthread_mutex_lock(&end->link->lock);
    if (link_leave(end) && events != NULL) {
        events->closed(owner, reason);
    }
}

static void end_watch(struct io_stream *stream, const struct io_stream_events *events, void *owner)
{
    struct loopback_end *end = end_of(stream);
    end->events = events;
    end->owner = owner;
    end_wake(end);
}

static void end_pause(struct io_stream *stream, bool is_paused)
{
    struct loopback_end *end = end_of(stream);
    bool was_paused = end->is_paused;
    end->is_paused = is_paused;
    if (was_paused && !is_paused) {
        end_wake(end);
    }
}

static void end_write(struct io_stream *stream, struct io_request *request,
                      const struct bytes *parts, size_t count)
{
    struct loopback_end *end = end_of(stream);
    struct loopback_message *message =
        memory_zero(1, sizeof *message + count * sizeof(struct bytes));
    message->request = request;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            message->parts[message->count++] = parts[i];
            message->size += parts[i].size;
        }
    }
    end->pending_count++;
    pthread_mutex_lock(&end->link->lock);
    struct loopback_end *woken = end->peer;
    if (end->is_closing || end->peer == NULL || end->peer->is_closed) {
        message->result = end->is_closing ? ERROR_CANCELLED : ERROR_CLOSED;
        list_add(&end->finished, &message->link);
        woken = end;
    } else {
        list_add(&end->peer->arrived, &message->link);
    }
    bool is_marked = wake_mark(woken);
    pthread_mutex_unlock(&end->link->lock);
    wake_post(woken, is_marked);
}

static void messages_move(struct list *to, struct list *from, int result)
{
    for (list_each (from, link)) {
        list_member(link, struct loopback_message, link)->result = result;
    }
    lists_join(to, from);
}

static void end_close(struct io_stream *stream)
{
    struct loopback_end *end = end_of(stream);
    if (end->is_closing) {
        return;
    }
    end->is_closing = true;
    pthread_mutex_lock(&end->link->lock);
    struct loopback_end *peer = end->peer;
    bool is_peer_marked = false;
    end->is_closed = true;
    if (peer != NULL) {
        messages_move(&end->finished, &peer->arrived, ERROR_CANCELLED);
        messages_move(&peer->finished, &end->arrived, ERROR_CLOSED);
        is_peer_marked = wake_mark(peer);
    }
    bool is_marked = wake_mark(end);
    pthread_mutex_unlock(&end->link->lock);
    wake_post(end, is_marked);
    wake_post(peer, is_peer_marked);
}

static void end_addresses(struct io_stream *stream, char local[IO_ADDRESS_SIZE],
                          char peer[IO_ADDRESS_SIZE])
{
    memcpy(local, end_of(stream)->link->address, IO_ADDRESS_SIZE);
    memcpy(peer, end_of(stream)->link->address, IO_ADDRESS_SIZE);
}

static const struct io_stream_kind loopback_kind = {
    .watch = end_watch,
    .pause = end_pause,
    .write = end_write,
    .close = end_close,
    .addresses = end_addresses,
};

static void end_init(struct loopback_end *end, struct loopback_link *link,
                     struct loopback_end *peer, struct io *io)
{
    end->stream.kind = &loopback_kind;
    end->link = link;
    end->peer = peer;
    end->io = io;
    end->wake = (struct io_request){.done = on_wake, .owner = end};
    list_init(&end->unread);
    list_init(&end->arrived);
    list_init(&end->finished);
}

static struct loopback_link *link_new(struct io *near, struct io *far, const char *address)
{
    struct loopback_link *link = memory_new(struct loopback_link);
    check(pthread_mutex_init(&link->lock, NULL) == 0);
    link->end_count = 2;
    memcpy(link->address, address, IO_ADDRESS_SIZE);
    end_init(&link->ends[0], link, &link->ends[1], near);
    end_init(&link->ends[1], link, &link->ends[0], far);
    return link;
}

/* Under the registry's lock. */
static struct loopback_listener *registry_find(const char *address)
{
    for (list_each (&registry.listeners, link)) {
        struct loopback_listener *listener = list_member(link, struct loopback_listener, link);
        if (strcmp(listener->address, address) == 0) {
            return listener;
        }
    }
    return NULL;
}

static void listener_release(struct loopback_listener *listener)
{
    pthread_mutex_lock(&registry.lock);
    bool is_last = --listener->reference_count == 0;
    pthread_mutex_unlock(&registry.lock);
    if (is_last) {
        free(listener);
    }
}

static void listener_close(struct io_listener *base)
{
    struct loopback_listener *listener = (struct loopback_listener *)(void *)base;
    pthread_mutex_lock(&registry.lock);
    list_remove(&listener->link);
    pthread_mutex_unlock(&registry.lock);
    listener->is_closed = true;
    listener_release(listener);
}

static void listener_address(struct io_listener *base, char out[IO_ADDRESS_SIZE])
{
    memcpy(out, ((struct loopback_listener *)(void *)base)->address, IO_ADDRESS_SIZE);
}

static const struct io_listener_kind loopback_listener_kind = {
    .address = listener_address,
    .close = listener_close,
};

bool loopback_is_address(const char *address)
{
    return strncmp(address, LOOPBACK_PREFIX, sizeof LOOPBACK_PREFIX - 1) == 0;
}

int loopback_listen(struct io *io, const char *address,
                    void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                    struct io_listener **out)
{
    size_t size = strlen(address);
    if (size < sizeof LOOPBACK_PREFIX || size >= IO_ADDRESS_SIZE) {
        return ERROR_INVALID;
    }
    pthread_mutex_lock(&registry.lock);
    bool is_taken = registry_find(address) != NULL;
    if (!is_taken) {
        struct loopback_listener *listener = memory_new(struct loopback_listener);
        listener->listener.kind = &loopback_listener_kind;
        listener->io = io;
        listener->accepted = accepted;
        listener->owner = owner;
        listener->reference_count = 1;
        memcpy(listener->address, address, size);
        list_add(&registry.listeners, &listener->link);
        *out = &listener->listener;
    }
    pthread_mutex_unlock(&registry.lock);
    return is_taken ? ERROR_BUSY : 0;
}

static void on_accept(struct io_request *request, int64_t result)
{
    struct loopback_accept *accept = request->owner;
    struct loopback_listener *listener = accept->listener;
    (void)result;
    if (listener->is_closed) {
        end_close(&accept->end->stream);
    } else {
        listener->accepted(listener->owner, &accept->end->stream);
    }
    listener_release(listener);
    free(accept);
}

static void on_attempt(struct io_request *post, int64_t result)
{
    struct loopback_attempt *attempt = post->owner;
    struct io_request *request = attempt->request;
    int outcome = attempt->result;
    (void)result;
    if (outcome == 0) {
        *attempt->out = &attempt->end->stream;
    }
    free(attempt);
    request->done(request, outcome);
}

/* The listener with one more reference, or NULL. */
static struct loopback_listener *listener_take(const char *address)
{
    pthread_mutex_lock(&registry.lock);
    struct loopback_listener *listener = registry_find(address);
    if (listener != NULL) {
        listener->reference_count++;
    }
    pthread_mutex_unlock(&registry.lock);
    return listener;
}

void loopback_connect(struct io *io, struct io_request *request, const char *address,
                      struct io_stream **out)
{
    struct loopback_listener *listener = listener_take(address);
    struct loopback_attempt *attempt = memory_new(struct loopback_attempt);
    attempt->post = (struct io_request){.done = on_attempt, .owner = attempt};
    attempt->request = request;
    attempt->out = out;
    attempt->result = ERROR_REFUSED;
    if (listener != NULL) {
        struct loopback_link *link = link_new(io, listener->io, listener->address);
        struct loopback_accept *accept = memory_new(struct loopback_accept);
        accept->request = (struct io_request){.done = on_accept, .owner = accept};
        accept->listener = listener;
        accept->end = &link->ends[1];
        attempt->end = &link->ends[0];
        attempt->result = 0;
        io_post(listener->io, &accept->request);
    }
    io_post(io, &attempt->post);
}
