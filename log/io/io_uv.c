/* The loop, its queues, time, chance and background work; see io_uv.h. */
#include "log/io/io_uv.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv_memory.h"
#include "log/io/loopback.h"
#include "log/io/shard.h"
#include "log/io/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* The places of a waiting request's private_state. */
enum { WAITING_NEXT, WAITING_RESULT, WAITING_PENDING };

enum { DEFERRED_MAX = 64 }; /* called back between two looks at the sockets */

struct signal_watch {
    struct list_link link;
    uv_signal_t handle;
    void (*arrived)(void *owner, int signal_number);
    void *owner;
};

struct work_job {
    uv_work_t work;
    struct io_uv *uv;
    struct io_request *request;
    int64_t (*run)(struct io_request *request);
    int64_t result;
};

int io_uv_error(int error)
{
    switch (error) {
    case UV_EOF:
        return ERROR_CLOSED;
    case UV_EAI_AGAIN:
        return ERROR_AGAIN;
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_FAIL:
    case UV_EAI_SERVICE:
    case UV_EAI_FAMILY:
    case UV_EAI_ADDRFAMILY:
        return ERROR_UNKNOWN_HOST;
    default:
        return error_from_errno(-error);
    }
}

static void waiting_add(struct io_request ***last, struct io_request *request)
{
    request->private_state[WAITING_NEXT] = NULL;
    **last = request;
    *last = (struct io_request **)(void *)&request->private_state[WAITING_NEXT];
}

static void idle_run(uv_idle_t *idle)
{
    (void)idle; /* Being active is all it does: the loop does not sleep. */
}

void io_uv_defer(struct io_uv *uv, struct io_request *request, int64_t result, size_t *pending)
{
    request->private_state[WAITING_RESULT] = (void *)(intptr_t)result;
    request->private_state[WAITING_PENDING] = pending;
    if (pending != NULL) {
        (*pending)++;
    }
    waiting_add(&uv->deferred_last, request);
    uv->deferred_count++;
}

static struct io_request *deferred_take(struct io_uv *uv)
{
    struct io_request *request = uv->deferred_first;
    uv->deferred_first = request->private_state[WAITING_NEXT];
    if (uv->deferred_first == NULL) {
        uv->deferred_last = &uv->deferred_first;
    }
    uv->deferred_count--;
    return request;
}

/* No more than were there, as each may defer another, and no more than DEFERRED_MAX: whoever has
 * sent something meanwhile is not to wait for a thousand others' answers. */
void io_uv_run_deferred(struct io_uv *uv)
{
    size_t left = uv->deferred_count < DEFERRED_MAX ? uv->deferred_count : DEFERRED_MAX;
    for (; left > 0 && uv->deferred_first != NULL; left--) {
        struct io_request *request = deferred_take(uv);
        size_t *pending = request->private_state[WAITING_PENDING];
        if (pending != NULL) {
            (*pending)--;
        }
        if (!uv->is_freeing) {
            request->done(request, (intptr_t)request->private_state[WAITING_RESULT]);
        }
    }
}

/* Runs before the loop sleeps. What its callbacks defer waits for the next round. */
static void prepare_run(uv_prepare_t *prepare)
{
    struct io_uv *uv = prepare->data;
    io_uv_run_deferred(uv);
    if (uv->deferred_first != NULL) {
        check(uv_idle_start(&uv->idle, idle_run) == 0);
    } else {
        uv_idle_stop(&uv->idle);
    }
}

static void wake_run(uv_async_t *wake)
{
    struct io_uv *uv = wake->data;
    pthread_mutex_lock(&uv->posted_lock);
    struct io_request *request = uv->posted_first;
    uv->posted_first = NULL;
    uv->posted_last = &uv->posted_first;
    bool is_stopping = uv->is_stopping;
    uv->is_stopping = false;
    pthread_mutex_unlock(&uv->posted_lock);
    while (request != NULL && !uv->is_freeing) {
        struct io_request *next = request->private_state[WAITING_NEXT];
        request->done(request, 0);
        request = next;
    }
    if (is_stopping) {
        uv_stop(&uv->loop);
    }
}

static void uv_post(struct io *to, struct io_request *request)
{
    struct io_uv *uv = io_uv_of(to);
    pthread_mutex_lock(&uv->posted_lock);
    bool was_empty = uv->posted_first == NULL;
    waiting_add(&uv->posted_last, request);
    pthread_mutex_unlock(&uv->posted_lock);
    if (was_empty) {
        uv_async_send(&uv->wake);
    }
}

void io_uv_stop(struct io *io)
{
    struct io_uv *uv = io_uv_of(io);
    pthread_mutex_lock(&uv->posted_lock);
    uv->is_stopping = true;
    pthread_mutex_unlock(&uv->posted_lock);
    uv_async_send(&uv->wake);
}

static uint64_t uv_now_ns(struct io *io)
{
    (void)io;
    return uv_hrtime();
}

static int64_t uv_wall_clock(struct io *io)
{
    struct timespec now;
    (void)io;
    check(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void random_fill(uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t count = getrandom(out, size, 0);
        if (count < 0) {
            check(errno == EINTR);
            continue;
        }
        out += count;
        size -= (size_t)count;
    }
}

static void uv_random_bytes(struct io *io, void *out, size_t size)
{
    struct io_uv *uv = io_uv_of(io);
    if (size > IO_UV_RANDOM_SIZE) {
        random_fill(out, size);
        return;
    }
    if (uv->random_left < size) {
        random_fill(uv->random, IO_UV_RANDOM_SIZE);
        uv->random_left = IO_UV_RANDOM_SIZE;
    }
    uv->random_left -= size;
    memcpy(out, uv->random + uv->random_left, size);
    memset(uv->random + uv->random_left, 0, size);
}

static void job_run(uv_work_t *work)
{
    struct work_job *job = work->data;
    job->result = job->run(job->request);
}

static void job_done(uv_work_t *work, int status)
{
    struct work_job *job = work->data;
    struct io_request *request = job->request;
    int64_t result = job->result;
    bool is_wanted = !job->uv->is_freeing;
    check(status == 0);
    free(job);
    if (is_wanted) {
        request->done(request, result);
    }
}

void io_uv_work(struct io_uv *uv, struct io_request *request,
                int64_t (*run)(struct io_request *request))
{
    struct work_job *job = memory_new(struct work_job);
    job->work.data = job;
    job->uv = uv;
    job->request = request;
    job->run = run;
    check(uv_queue_work(&uv->loop, &job->work, job_run, job_done) == 0);
}

static int64_t work_run(struct io_request *request)
{
    void (*run)(void *owner) = (void (*)(void *))request->private_state[0];
    run(request->owner);
    return 0;
}

static void uv_work(struct io *io, struct io_request *request, void (*run)(void *owner))
{
    request->private_state[0] = (void *)run;
    io_uv_work(io_uv_of(io), request, work_run);
}

static int uv_listen_any(struct io *io, const char *address,
                         void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                         struct io_listener **out)
{
    if (loopback_is_address(address)) {
        return loopback_listen(io, address, accepted, owner, out);
    }
    return io_uv_listen(io_uv_of(io), address, accepted, owner, out);
}

static void uv_connect_any(struct io *io, struct io_request *request, const char *address,
                           struct io_stream **out)
{
    if (loopback_is_address(address)) {
        loopback_connect(io, request, address, out);
    } else {
        io_uv_connect(io_uv_of(io), request, address, out);
    }
}

static void uv_listener_address(struct io *io, struct io_listener *listener,
                                char out[IO_ADDRESS_SIZE])
{
    (void)io;
    listener->kind->address(listener, out);
}

static void uv_listener_close(struct io *io, struct io_listener *listener)
{
    (void)io;
    listener->kind->close(listener);
}

static void uv_stream_watch(struct io *io, struct io_stream *stream,
                            const struct io_stream_events *events, void *owner)
{
    (void)io;
    stream->kind->watch(stream, events, owner);
}

static void uv_stream_pause(struct io *io, struct io_stream *stream, bool is_paused)
{
    (void)io;
    stream->kind->pause(stream, is_paused);
}

static void uv_stream_write(struct io *io, struct io_request *request, struct io_stream *stream,
                            const struct bytes *parts, size_t count)
{
    (void)io;
    stream->kind->write(stream, request, parts, count);
}

static size_t uv_stream_send_file(struct io *io, struct io_stream *stream, struct io_file *file,
                                  uint64_t position, size_t size)
{
    (void)io;
    return stream->kind->send_file == NULL ? 0
                                           : stream->kind->send_file(stream, file, position, size);
}

static void uv_stream_close(struct io *io, struct io_stream *stream)
{
    (void)io;
    stream->kind->close(stream);
}

static void uv_stream_addresses(struct io *io, struct io_stream *stream,
                                char local[IO_ADDRESS_SIZE], char peer[IO_ADDRESS_SIZE])
{
    (void)io;
    stream->kind->addresses(stream, local, peer);
}

static const struct io_ops loop_ops = {
    .now = uv_now_ns,
    .wall_clock = uv_wall_clock,
    .random = uv_random_bytes,
    .timer_start = io_uv_timer_start,
    .timer_stop = io_uv_timer_stop,
    .file_open = io_uv_file_open,
    .file_close = io_uv_file_close,
    .file_size = io_uv_file_size,
    .file_read = io_uv_file_read,
    .file_read_async = io_uv_file_read_async,
    .file_pace = io_uv_file_pace,
    .file_write = io_uv_file_write,
    .file_sync = io_uv_file_sync,
    .file_sync_async = io_uv_file_sync_async,
    .file_truncate = io_uv_file_truncate,
    .file_allocate = io_uv_file_allocate,
    .file_lock = io_uv_file_lock,
    .path_info = io_uv_path_info,
    .path_space = io_uv_path_space,
    .process = io_uv_process,
    .path_rename = io_uv_path_rename,
    .path_remove = io_uv_path_remove,
    .dir_make = io_uv_dir_make,
    .dir_list = io_uv_dir_list,
    .dir_sync = io_uv_dir_sync,
    .listen = uv_listen_any,
    .listener_address = uv_listener_address,
    .listener_close = uv_listener_close,
    .connect = uv_connect_any,
    .stream_watch = uv_stream_watch,
    .stream_pause = uv_stream_pause,
    .stream_write = uv_stream_write,
    .stream_send_file = uv_stream_send_file,
    .stream_close = uv_stream_close,
    .stream_addresses = uv_stream_addresses,
    .work = uv_work,
    .post = uv_post,
    .worker_start = worker_thread_start,
    .shard_start = shard_thread_start,
};

/* Threads that wait for the disk side by side: a file system writes the syncs of sixteen files in
 * half the time that four threads need (tests/bench). libuv reads the size with the first work; the
 * first io of the process is made before there is a second thread. */
static void size_pool(void)
{
    check(setenv("UV_THREADPOOL_SIZE", "16", 0) == 0);
}

struct io *io_uv_new(void)
{
    struct io_uv *uv = memory_new(struct io_uv);
    size_pool();
    uv->io.ops = &loop_ops;
    uv->started_ms = io_wall_clock(&uv->io);
    uv->thread = pthread_self();
    uv->deferred_last = &uv->deferred_first;
    uv->posted_last = &uv->posted_first;
    list_init(&uv->streams);
    list_init(&uv->listeners);
    list_init(&uv->signals);
    check(pthread_mutex_init(&uv->posted_lock, NULL) == 0);
    check(uv_loop_init(&uv->loop) == 0);
    check(uv_async_init(&uv->loop, &uv->wake, wake_run) == 0);
    check(uv_prepare_init(&uv->loop, &uv->prepare) == 0);
    check(uv_prepare_start(&uv->prepare, prepare_run) == 0);
    check(uv_idle_init(&uv->loop, &uv->idle) == 0);
    uv->wake.data = uv;
    uv->prepare.data = uv;
    io_uv_timer_init(uv);
    return &uv->io;
}

void io_uv_run(struct io *io)
{
    struct io_uv *uv = io_uv_of(io);
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    check(pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL) == 0);
    check(!uv->is_running);
    check(pthread_equal(uv->thread, pthread_self()));
    uv->is_running = true;
    uv_run(&uv->loop, UV_RUN_DEFAULT);
    uv->is_running = false;
}

bool io_uv_is_foreign(const struct io *io)
{
    return io->ops == &loop_ops &&
           !pthread_equal(((const struct io_uv *)(const void *)io)->thread, pthread_self());
}

static void signal_run(uv_signal_t *handle, int signal_number)
{
    struct signal_watch *watch = handle->data;
    watch->arrived(watch->owner, signal_number);
}

void io_uv_on_signal(struct io *io, int signal_number,
                     void (*arrived)(void *owner, int signal_number), void *owner)
{
    struct io_uv *uv = io_uv_of(io);
    struct signal_watch *watch = memory_new(struct signal_watch);
    watch->arrived = arrived;
    watch->owner = owner;
    check(uv_signal_init(&uv->loop, &watch->handle) == 0);
    watch->handle.data = watch;
    check(uv_signal_start(&watch->handle, signal_run, signal_number) == 0);
    list_add(&uv->signals, &watch->link);
}

static void signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void signals_discard(struct io_uv *uv)
{
    for (list_each (&uv->signals, link)) {
        struct signal_watch *watch = list_member(link, struct signal_watch, link);
        list_remove(link);
        uv_close((uv_handle_t *)&watch->handle, signal_closed);
    }
}

static void streams_discard(struct io_uv *uv)
{
    for (list_each (&uv->streams, link)) {
        io_uv_stream_discard(list_member(link, struct io_uv_stream, link));
    }
}

void io_uv_free(struct io *io)
{
    if (io == NULL) {
        return;
    }
    struct io_uv *uv = io_uv_of(io);
    check(!uv->is_running);
    uv->is_freeing = true;
    signals_discard(uv);
    io_uv_listeners_discard(uv);
    streams_discard(uv);
    io_uv_timer_fini(uv);
    uv_close((uv_handle_t *)&uv->wake, NULL);
    uv_close((uv_handle_t *)&uv->prepare, NULL);
    uv_close((uv_handle_t *)&uv->idle, NULL);
    check(uv_run(&uv->loop, UV_RUN_DEFAULT) == 0);
    check(uv_loop_close(&uv->loop) == 0);
    io_uv_memory_free(uv->memory);
    pthread_mutex_destroy(&uv->posted_lock);
    free(uv);
}
