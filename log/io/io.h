/* The one door to the outside world: time, chance, files, streams, threads.
 *
 * Everything above this header is deterministic. It may not ask the machine for the time, for
 * randomness, files, sockets or threads in any other way. In production libuv stands behind the
 * door (log/io/io_uv.h), in tests a seeded world (tests/sim/sim.h).
 *
 * Owns:   nothing; a `struct io` belongs to one shard.
 * Keeps:  (1) every call and every callback happens on the shard's thread, except io_post, which
 *             any thread may call;
 *         (2) a callback never runs inside the call that caused it;
 *         (3) a request belongs to the callee between the call and its callback, and the memory
 *             it names stays untouched by the caller; each request is called back exactly once;
 *         (4) nothing is durable before a sync that was started after the write returned.
 * Errors: negative names of log/base/error.def. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

struct io;
struct io_file;
struct io_stream;
struct io_listener;
struct shard;
struct shard_events;
struct worker;

/* Embedded by the caller. `result` is the number of bytes or 0, or a negative error. */
struct io_request {
    void (*done)(struct io_request *request, int64_t result);
    void *owner;
    void *private_state[6]; /* the implementation's, between call and callback */
};

/* Embedded by the caller; a zeroed timer is stopped. It fires once per start. */
struct io_timer {
    void (*fired)(struct io_timer *timer);
    void *owner;
    void *private_state; /* the implementation's while started; NULL when stopped */
    uint64_t private_key;
};

enum io_open_flag {
    IO_OPEN_READ = 0,       /* always readable */
    IO_OPEN_WRITE = 1 << 0, /* writable too */
    IO_OPEN_CREATE = 1 << 1,
    IO_OPEN_EXCLUSIVE = 1 << 2, /* with CREATE: ERROR_EXISTS if it is there */
};

enum io_read_mode {
    IO_READ_WAIT,   /* may wait for the disk: start-up, recovery, tools */
    IO_READ_CACHED, /* ERROR_AGAIN when the disk would be waited for */
};

struct io_file_info {
    uint64_t size; /* bytes */
    int64_t modified_ms;
    bool is_directory;
};

struct io_space {
    int64_t total_size;  /* bytes */
    int64_t usable_size; /* bytes that this process may still write */
};

struct io_process {
    int64_t resident_size; /* bytes */
    int64_t cpu_ns;        /* of all threads, since the start */
    int64_t open_file_count;
    int64_t open_file_limit; /* descriptors that it may have */
    int64_t started_ms;      /* since the epoch */
};

struct io_stream_events {
    /* Bytes arrived; they are borrowed until the callback returns. */
    void (*data)(void *owner, const uint8_t *data, size_t size);
    /* The other side or the network ended it, or io_stream_close finished (ERROR_CANCELLED).
     * The last callback of a stream; afterwards the pointer is gone. */
    void (*closed)(void *owner, int reason);
};

enum { IO_ADDRESS_SIZE = 128 };

struct io_ops {
    uint64_t (*now)(struct io *io);
    int64_t (*wall_clock)(struct io *io);
    void (*random)(struct io *io, void *out, size_t size);
    void (*timer_start)(struct io *io, struct io_timer *timer, uint64_t delay_ns);
    void (*timer_stop)(struct io *io, struct io_timer *timer);

    int (*file_open)(struct io *io, const char *path, int flags, struct io_file **out);
    void (*file_close)(struct io *io, struct io_file *file);
    int (*file_size)(struct io *io, struct io_file *file, uint64_t *out);
    int64_t (*file_read)(struct io *io, struct io_file *file, void *out, size_t size,
                         uint64_t position, enum io_read_mode mode);
    void (*file_read_async)(struct io *io, struct io_request *request, struct io_file *file,
                            void *out, size_t size, uint64_t position);
    void (*file_pace)(struct io *io, struct io_file *file, size_t ahead_size);
    int (*file_write)(struct io *io, struct io_file *file, const struct bytes *parts, size_t count,
                      uint64_t position);
    int (*file_sync)(struct io *io, struct io_file *file);
    void (*file_sync_async)(struct io *io, struct io_request *request, struct io_file *file);
    int (*file_truncate)(struct io *io, struct io_file *file, uint64_t size);
    int (*file_allocate)(struct io *io, struct io_file *file, uint64_t position, uint64_t size);
    int (*file_lock)(struct io *io, struct io_file *file);
    int (*path_info)(struct io *io, const char *path, struct io_file_info *out);
    int (*path_space)(struct io *io, const char *path, struct io_space *out);
    int (*process)(struct io *io, struct io_process *out);
    int (*path_rename)(struct io *io, const char *from, const char *to);
    int (*path_remove)(struct io *io, const char *path);
    int (*dir_make)(struct io *io, const char *path);
    int (*dir_list)(struct io *io, const char *path,
                    void (*each)(void *owner, const char *entry, bool is_directory), void *owner);
    int (*dir_sync)(struct io *io, const char *path);

    int (*listen)(struct io *io, const char *address,
                  void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                  struct io_listener **out);
    void (*listener_address)(struct io *io, struct io_listener *listener,
                             char out[IO_ADDRESS_SIZE]);
    void (*listener_close)(struct io *io, struct io_listener *listener);
    void (*connect)(struct io *io, struct io_request *request, const char *address,
                    struct io_stream **out);
    void (*stream_watch)(struct io *io, struct io_stream *stream,
                         const struct io_stream_events *events, void *owner);
    void (*stream_pause)(struct io *io, struct io_stream *stream, bool is_paused);
    void (*stream_write)(struct io *io, struct io_request *request, struct io_stream *stream,
                         const struct bytes *parts, size_t count);
    size_t (*stream_send_file)(struct io *io, struct io_stream *stream, struct io_file *file,
                               uint64_t position, size_t size);
    void (*stream_close)(struct io *io, struct io_stream *stream);
    void (*stream_addresses)(struct io *io, struct io_stream *stream, char local[IO_ADDRESS_SIZE],
                             char peer[IO_ADDRESS_SIZE]);

    void (*work)(struct io *io, struct io_request *request, void (*run)(void *owner));
    void (*post)(struct io *to, struct io_request *request);
    /* log/io/worker.h and log/io/shard.h */
    struct worker *(*worker_start)(struct io *io, const char *name,
                                   void (*run)(struct worker *worker, void *owner), void *owner);
    struct shard *(*shard_start)(struct io *io, const char *name, const struct shard_events *events,
                                 void *owner);
};

struct io {
    const struct io_ops *ops;
};

/* Monotonic, nanoseconds. */
static inline uint64_t io_now(struct io *io)
{
    return io->ops->now(io);
}

/* Milliseconds since the epoch; may jump. Data, never a timeout. */
static inline int64_t io_wall_clock(struct io *io)
{
    return io->ops->wall_clock(io);
}

static inline void io_random(struct io *io, void *out, size_t size)
{
    io->ops->random(io, out, size);
}

/* Milliseconds of an option as a delay for timers: none for less than 0, and at most some 70 years,
 * so that it can be added to any time. */
static inline uint64_t io_delay_ns(int64_t delay_ms)
{
    const int64_t longest_ms = INT64_MAX / 4000000;
    int64_t held_ms = delay_ms < longest_ms ? delay_ms : longest_ms;
    return held_ms <= 0 ? 0 : (uint64_t)held_ms * 1000000;
}

/* Restarts a started timer. */
static inline void io_timer_start(struct io *io, struct io_timer *timer, uint64_t delay_ns)
{
    io->ops->timer_start(io, timer, delay_ns);
}

/* After it `fired` is not called. A stopped timer may be stopped again. */
static inline void io_timer_stop(struct io *io, struct io_timer *timer)
{
    io->ops->timer_stop(io, timer);
}

/* `flags`: enum io_open_flag. A new file's directory entry is durable only after io_dir_sync. */
must_use static inline int io_file_open(struct io *io, const char *path, int flags,
                                        struct io_file **out)
{
    return io->ops->file_open(io, path, flags, out);
}

/* Never fails and never makes anything durable. NULL is fine. No request may be pending. */
static inline void io_file_close(struct io *io, struct io_file *file)
{
    if (file != NULL) {
        io->ops->file_close(io, file);
    }
}

must_use static inline int io_file_size(struct io *io, struct io_file *file, uint64_t *out)
{
    return io->ops->file_size(io, file, out);
}

/* The bytes read: fewer than `size` only at the end of the file; or a negative error. */
must_use static inline int64_t io_file_read(struct io *io, struct io_file *file, void *out,
                                            size_t size, uint64_t position, enum io_read_mode mode)
{
    return io->ops->file_read(io, file, out, size, position, mode);
}

/* As io_file_read, off the loop; the result is the number of bytes. */
static inline void io_file_read_async(struct io *io, struct io_request *request,
                                      struct io_file *file, void *out, size_t size,
                                      uint64_t position)
{
    io->ops->file_read_async(io, request, file, out, size, position);
}

/* From now on io_file_read_async brings so many bytes from its position on into memory, or as many
 * as it reads, and IO_READ_CACHED brings none. 0: what the system finds good, as for a file that
 * was just opened, which may be megabytes that everybody else waits for. */
static inline void io_file_pace(struct io *io, struct io_file *file, size_t ahead_size)
{
    io->ops->file_pace(io, file, ahead_size);
}

/* Writes all parts, one after the other, into the page cache: whole, or an error after which the
 * place may hold anything. Waits for the disk only when the kernel throttles the writer. */
must_use static inline int io_file_write(struct io *io, struct io_file *file,
                                         const struct bytes *parts, size_t count, uint64_t position)
{
    return io->ops->file_write(io, file, parts, count, position);
}

/* Makes content and size durable, waiting; for start-up and shutdown. A failed sync is never
 * retried: the pages it lost look clean afterwards. */
must_use static inline int io_file_sync(struct io *io, struct io_file *file)
{
    return io->ops->file_sync(io, file);
}

/* As io_file_sync, off the loop. Covers every write that returned before this call. */
static inline void io_file_sync_async(struct io *io, struct io_request *request,
                                      struct io_file *file)
{
    io->ops->file_sync_async(io, request, file);
}

must_use static inline int io_file_truncate(struct io *io, struct io_file *file, uint64_t size)
{
    return io->ops->file_truncate(io, file, size);
}

/* Reserves space without changing the size; ERROR_UNSUPPORTED where the file system cannot. */
must_use static inline int io_file_allocate(struct io *io, struct io_file *file, uint64_t position,
                                            uint64_t size)
{
    return io->ops->file_allocate(io, file, position, size);
}

/* Exclusive until the file is closed or the process ends; ERROR_BUSY when another holds it. */
must_use static inline int io_file_lock(struct io *io, struct io_file *file)
{
    return io->ops->file_lock(io, file);
}

must_use static inline int io_path_info(struct io *io, const char *path, struct io_file_info *out)
{
    return io->ops->path_info(io, path, out);
}

/* Of the volume that the path is on; ERROR_UNSUPPORTED where it has no bounds. */
must_use static inline int io_path_space(struct io *io, const char *path, struct io_space *out)
{
    return io->ops->path_space(io, path, out);
}

/* What this process takes of the machine; ERROR_UNSUPPORTED where that has no meaning. */
must_use static inline int io_process(struct io *io, struct io_process *out)
{
    return io->ops->process(io, out);
}

/* Atomic; replaces a file. Durable only after io_dir_sync of both directories. */
must_use static inline int io_path_rename(struct io *io, const char *from, const char *to)
{
    return io->ops->path_rename(io, from, to);
}

/* A file or an empty directory. An open file stays readable. */
must_use static inline int io_path_remove(struct io *io, const char *path)
{
    return io->ops->path_remove(io, path);
}

/* One level; ERROR_EXISTS if it is there. */
must_use static inline int io_dir_make(struct io *io, const char *path)
{
    return io->ops->dir_make(io, path);
}

/* Calls `each` for every entry but "." and "..", in byte order of their names. */
must_use static inline int
io_dir_list(struct io *io, const char *path,
            void (*each)(void *owner, const char *entry, bool is_directory), void *owner)
{
    return io->ops->dir_list(io, path, each, owner);
}

/* Makes creations, renames and removals in the directory durable; waits. */
must_use static inline int io_dir_sync(struct io *io, const char *path)
{
    return io->ops->dir_sync(io, path);
}

/* `address`: "HOST:PORT", "[V6]:PORT", ":PORT" for every interface (both families), port 0 for a
 * free one; "loopback:NAME" for shards of this process. */
must_use static inline int io_listen(struct io *io, const char *address,
                                     void (*accepted)(void *owner, struct io_stream *stream),
                                     void *owner, struct io_listener **out)
{
    return io->ops->listen(io, address, accepted, owner, out);
}

/* "HOST:PORT" as bound. */
static inline void io_listener_address(struct io *io, struct io_listener *listener,
                                       char out[IO_ADDRESS_SIZE])
{
    io->ops->listener_address(io, listener, out);
}

/* Accepted streams live on. */
static inline void io_listener_close(struct io *io, struct io_listener *listener)
{
    io->ops->listener_close(io, listener);
}

/* Names are resolved; several addresses are tried in turn. Sets *out before `done` with 0. */
static inline void io_connect(struct io *io, struct io_request *request, const char *address,
                              struct io_stream **out)
{
    io->ops->connect(io, request, address, out);
}

/* Must be called inside `accepted` or the connect callback; nothing is read before. */
static inline void io_stream_watch(struct io *io, struct io_stream *stream,
                                   const struct io_stream_events *events, void *owner)
{
    io->ops->stream_watch(io, stream, events, owner);
}

/* A paused stream delivers no data and lets the sender feel it. */
static inline void io_stream_pause(struct io *io, struct io_stream *stream, bool is_paused)
{
    io->ops->stream_pause(io, stream, is_paused);
}

/* Writes the parts in order. `parts` itself is copied; the bytes it names are borrowed until
 * `done`: 0 when the system took them, an error otherwise. */
static inline void io_stream_write(struct io *io, struct io_request *request,
                                   struct io_stream *stream, const struct bytes *parts,
                                   size_t count)
{
    io->ops->stream_write(io, request, stream, parts, count);
}

/* Sends bytes of a file without copying them: from `position` on as many of `size` as are in memory
 * and as the stream takes at once, perhaps none; none behind a write that waits. What is wrong with
 * either, a read or a write will tell. */
static inline size_t io_stream_send_file(struct io *io, struct io_stream *stream,
                                         struct io_file *file, uint64_t position, size_t size)
{
    return io->ops->stream_send_file(io, stream, file, position, size);
}

/* Pending writes are called back with ERROR_CANCELLED, then `closed` comes. */
static inline void io_stream_close(struct io *io, struct io_stream *stream)
{
    io->ops->stream_close(io, stream);
}

/* "HOST:PORT" of both ends; "loopback:NAME" inside the process. */
static inline void io_stream_addresses(struct io *io, struct io_stream *stream,
                                       char local[IO_ADDRESS_SIZE], char peer[IO_ADDRESS_SIZE])
{
    io->ops->stream_addresses(io, stream, local, peer);
}

/* Runs `run(request->owner)` on another thread, then `done` with 0 here. `run` may touch nothing
 * that belongs to a shard. */
static inline void io_work(struct io *io, struct io_request *request, void (*run)(void *owner))
{
    io->ops->work(io, request, run);
}

/* Thread: any. Calls `done` with 0 on the shard of `to`, in the order of posting. */
static inline void io_post(struct io *to, struct io_request *request)
{
    to->ops->post(to, request);
}
