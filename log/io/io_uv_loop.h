/* One libuv loop as its files see it; nothing outside io_uv*.c includes it.
 *
 * io_uv.c the loop itself, io_uv_timer.c timers, io_uv_file.c open files, io_uv_path.c names in
 * the file system, io_uv_memory.c files that are only memory, io_uv_stream.c TCP streams,
 * io_uv_address.c text and socket addresses, io_uv_listen.c accepting, io_uv_connect.c connecting.
 * Keeps:  (1) `deferred` runs from the loop only, so that no callback runs in its cause;
 *         (2) the idle handle is active exactly while `deferred` waits and the loop would sleep.
 * Thread: the loop's. */
#pragma once

#include "log/base/list.h"
#include "log/io/io_stream.h"

#include <pthread.h>
#include <uv.h>

enum { IO_UV_READ_BUFFER_SIZE = 256 << 10, IO_UV_RANDOM_SIZE = 256 };

struct io_uv_timer_entry {
    uint64_t due_ns;
    uint64_t order;
    struct io_timer *timer;
};

struct io_uv {
    struct io io; /* first: an io is its loop */
    uv_loop_t loop;
    int64_t started_ms; /* since the epoch */
    uv_async_t wake;
    uv_prepare_t prepare;
    uv_idle_t idle;
    pthread_t thread;
    bool is_running;
    bool is_freeing; /* nobody is called back any more */
    struct io_request *deferred_first;
    struct io_request **deferred_last;
    size_t deferred_count;
    pthread_mutex_t posted_lock;
    struct io_request *posted_first; /* under posted_lock, as the next two */
    struct io_request **posted_last;
    bool is_stopping;
    uv_timer_t timer;
    struct io_uv_timer_entry *timers; /* a heap: the earliest first */
    size_t timer_count;
    size_t timer_capacity;
    uint64_t timer_order;
    uint64_t timer_armed_ns; /* what `timer` waits for; 0 when it is stopped */
    struct list streams;
    struct list listeners;
    struct list signals;
    struct io_uv_memory_node *memory; /* the root of "memory:"; NULL while nobody asked for it */
    size_t random_left;
    uint8_t random[IO_UV_RANDOM_SIZE];
    uint8_t read_buffer[IO_UV_READ_BUFFER_SIZE]; /* shared by all streams */
};

/* A TCP stream; see io_uv_stream.c. */
struct io_uv_stream {
    struct io_stream stream;
    struct list_link link;
    struct io_uv *uv;
    uv_tcp_t tcp;
    const struct io_stream_events *events;
    void *owner;
    bool is_paused;
    bool is_reading;
    int close_reason;      /* 0 while open */
    size_t deferred_count; /* write callbacks that wait in the loop's queue */
};

static inline struct io_uv *io_uv_of(struct io *io)
{
    return (struct io_uv *)(void *)io;
}

/* Translates a negative libuv error. */
int io_uv_error(int error);
/* Calls request->done(request, result) from the loop; `pending`, if given, counts it. */
void io_uv_defer(struct io_uv *uv, struct io_request *request, int64_t result, size_t *pending);
void io_uv_run_deferred(struct io_uv *uv);
/* Runs `run` on the thread pool, then `done` with its result. `run` may use private_state. */
void io_uv_work(struct io_uv *uv, struct io_request *request,
                int64_t (*run)(struct io_request *request));

void io_uv_timer_init(struct io_uv *uv);
void io_uv_timer_fini(struct io_uv *uv);
void io_uv_timer_start(struct io *io, struct io_timer *timer, uint64_t delay_ns);
void io_uv_timer_stop(struct io *io, struct io_timer *timer);

/* Rows of the io's table, with its contracts. */
int io_uv_file_open(struct io *io, const char *path, int flags, struct io_file **out);
void io_uv_file_close(struct io *io, struct io_file *file);
int io_uv_file_size(struct io *io, struct io_file *file, uint64_t *out);
int64_t io_uv_file_read(struct io *io, struct io_file *file, void *out, size_t size,
                        uint64_t position, enum io_read_mode mode);
void io_uv_file_read_async(struct io *io, struct io_request *request, struct io_file *file,
                           void *out, size_t size, uint64_t position);
int io_uv_file_write(struct io *io, struct io_file *file, const struct bytes *parts, size_t count,
                     uint64_t position);
void io_uv_file_pace(struct io *io, struct io_file *file, size_t ahead_size);
/* As many bytes from `position` on as are in the page cache, for the descriptor in *out. */
size_t io_uv_file_find_cached(struct io_file *file, uint64_t position, size_t size, int *out);
int io_uv_file_sync(struct io *io, struct io_file *file);
void io_uv_file_sync_async(struct io *io, struct io_request *request, struct io_file *file);
int io_uv_file_truncate(struct io *io, struct io_file *file, uint64_t size);
int io_uv_file_allocate(struct io *io, struct io_file *file, uint64_t position, uint64_t size);
int io_uv_file_lock(struct io *io, struct io_file *file);
int io_uv_path_info(struct io *io, const char *path, struct io_file_info *out);
int io_uv_path_space(struct io *io, const char *path, struct io_space *out);
int io_uv_process(struct io *io, struct io_process *out);
int io_uv_path_rename(struct io *io, const char *from, const char *to);
int io_uv_path_remove(struct io *io, const char *path);
int io_uv_dir_make(struct io *io, const char *path);
int io_uv_dir_list(struct io *io, const char *path,
                   void (*each)(void *owner, const char *entry, bool is_directory), void *owner);
int io_uv_dir_sync(struct io *io, const char *path);

/* "HOST:PORT" as bound or connected. */
void io_uv_address_write(const struct sockaddr_storage *address, char out[IO_ADDRESS_SIZE]);
enum { IO_UV_PORT_SIZE = 6 };
/* What a resolver is asked for this host: NULL, its own loopback addresses, for localhost, which it
 * may not know on a machine without /etc/hosts (RFC 6761 §6.3). */
const char *io_uv_address_node(const char *host);
/* Cuts "HOST:PORT", "[V6]:PORT" or ":PORT"; the host comes without brackets. */
must_use int io_uv_address_split(const char *address, char host[IO_ADDRESS_SIZE],
                                 char port[IO_UV_PORT_SIZE]);

/* A stream whose handle is ready to connect or accept. */
struct io_uv_stream *io_uv_stream_new(struct io_uv *uv);
/* Frees a stream nobody has seen yet. */
void io_uv_stream_discard(struct io_uv_stream *stream);
must_use int io_uv_listen(struct io_uv *uv, const char *address,
                          void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                          struct io_listener **out);
void io_uv_connect(struct io_uv *uv, struct io_request *request, const char *address,
                   struct io_stream **out);
void io_uv_listeners_discard(struct io_uv *uv);
