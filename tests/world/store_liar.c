/* Passes every operation on but the one it lies about. */
#include "tests/world/store_liar.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

static struct store_liar *liar_of(struct io *io)
{
    return (struct store_liar *)(void *)io;
}

static uint64_t liar_now(struct io *io)
{
    return io_now(liar_of(io)->real);
}

static int64_t liar_wall_clock(struct io *io)
{
    return io_wall_clock(liar_of(io)->real);
}

static void liar_random(struct io *io, void *out, size_t size)
{
    io_random(liar_of(io)->real, out, size);
}

static void liar_timer_start(struct io *io, struct io_timer *timer, uint64_t delay_ns)
{
    io_timer_start(liar_of(io)->real, timer, delay_ns);
}

static void liar_timer_stop(struct io *io, struct io_timer *timer)
{
    io_timer_stop(liar_of(io)->real, timer);
}

static int liar_file_open(struct io *io, const char *path, int flags, struct io_file **out)
{
    return io_file_open(liar_of(io)->real, path, flags, out);
}

static void liar_file_close(struct io *io, struct io_file *file)
{
    io_file_close(liar_of(io)->real, file);
}

static int liar_file_size(struct io *io, struct io_file *file, uint64_t *out)
{
    return io_file_size(liar_of(io)->real, file, out);
}

static int64_t liar_file_read(struct io *io, struct io_file *file, void *out, size_t size,
                              uint64_t position, enum io_read_mode mode)
{
    return io_file_read(liar_of(io)->real, file, out, size, position, mode);
}

static void liar_file_read_async(struct io *io, struct io_request *request, struct io_file *file,
                                 void *out, size_t size, uint64_t position)
{
    io_file_read_async(liar_of(io)->real, request, file, out, size, position);
}

static void liar_file_pace(struct io *io, struct io_file *file, size_t ahead_size)
{
    io_file_pace(liar_of(io)->real, file, ahead_size);
}

static int liar_file_write(struct io *io, struct io_file *file, const struct bytes *parts,
                           size_t count, uint64_t position)
{
    return io_file_write(liar_of(io)->real, file, parts, count, position);
}

static int liar_file_sync(struct io *io, struct io_file *file)
{
    struct store_liar *liar = liar_of(io);
    return liar->lie == STORE_LIE_SKIP_FILE_SYNC ? 0 : io_file_sync(liar->real, file);
}

static void liar_file_sync_async(struct io *io, struct io_request *request, struct io_file *file)
{
    struct store_liar *liar = liar_of(io);
    if (liar->lie == STORE_LIE_EARLY_FLUSH) {
        io_post(liar->real, request);
    } else {
        io_file_sync_async(liar->real, request, file);
    }
}

static int liar_file_truncate(struct io *io, struct io_file *file, uint64_t size)
{
    struct store_liar *liar = liar_of(io);
    return liar->lie == STORE_LIE_DROP_TRUNCATE ? 0 : io_file_truncate(liar->real, file, size);
}

static int liar_file_allocate(struct io *io, struct io_file *file, uint64_t position, uint64_t size)
{
    return io_file_allocate(liar_of(io)->real, file, position, size);
}

static int liar_file_lock(struct io *io, struct io_file *file)
{
    return io_file_lock(liar_of(io)->real, file);
}

static int liar_path_info(struct io *io, const char *path, struct io_file_info *out)
{
    return io_path_info(liar_of(io)->real, path, out);
}

static int liar_path_space(struct io *io, const char *path, struct io_space *out)
{
    return io_path_space(liar_of(io)->real, path, out);
}

static int liar_process(struct io *io, struct io_process *out)
{
    return io_process(liar_of(io)->real, out);
}

static int liar_path_rename(struct io *io, const char *from, const char *to)
{
    return io_path_rename(liar_of(io)->real, from, to);
}

static int liar_path_remove(struct io *io, const char *path)
{
    return io_path_remove(liar_of(io)->real, path);
}

static int liar_dir_make(struct io *io, const char *path)
{
    return io_dir_make(liar_of(io)->real, path);
}

struct liar_listing {
    void (*each)(void *owner, const char *entry, bool is_directory);
    void *owner;
    char *held; /* the last entry so far, told when another one follows */
    bool is_directory;
};

static void liar_on_entry(void *owner, const char *entry, bool is_directory)
{
    struct liar_listing *listing = owner;
    if (listing->held != NULL) {
        listing->each(listing->owner, listing->held, listing->is_directory);
        free(listing->held);
    }
    listing->held = memory_string(entry);
    listing->is_directory = is_directory;
}

static int liar_dir_list(struct io *io, const char *path,
                         void (*each)(void *owner, const char *entry, bool is_directory),
                         void *owner)
{
    struct store_liar *liar = liar_of(io);
    if (liar->lie != STORE_LIE_SHORT_LIST) {
        return io_dir_list(liar->real, path, each, owner);
    }
    struct liar_listing listing = {.each = each, .owner = owner};
    int error = io_dir_list(liar->real, path, liar_on_entry, &listing);
    free(listing.held);
    return error;
}

static int liar_dir_sync(struct io *io, const char *path)
{
    struct store_liar *liar = liar_of(io);
    return liar->lie == STORE_LIE_SKIP_DIR_SYNC ? 0 : io_dir_sync(liar->real, path);
}

/* The network tells the truth. */
static int liar_listen(struct io *io, const char *address,
                       void (*accepted)(void *owner, struct io_stream *stream), void *owner,
                       struct io_listener **out)
{
    return io_listen(liar_of(io)->real, address, accepted, owner, out);
}

static void liar_listener_address(struct io *io, struct io_listener *listener,
                                  char out[IO_ADDRESS_SIZE])
{
    io_listener_address(liar_of(io)->real, listener, out);
}

static void liar_listener_close(struct io *io, struct io_listener *listener)
{
    io_listener_close(liar_of(io)->real, listener);
}

static void liar_connect(struct io *io, struct io_request *request, const char *address,
                         struct io_stream **out)
{
    io_connect(liar_of(io)->real, request, address, out);
}

static void liar_stream_watch(struct io *io, struct io_stream *stream,
                              const struct io_stream_events *events, void *owner)
{
    io_stream_watch(liar_of(io)->real, stream, events, owner);
}

static void liar_stream_pause(struct io *io, struct io_stream *stream, bool is_paused)
{
    io_stream_pause(liar_of(io)->real, stream, is_paused);
}

static void liar_stream_write(struct io *io, struct io_request *request, struct io_stream *stream,
                              const struct bytes *parts, size_t count)
{
    io_stream_write(liar_of(io)->real, request, stream, parts, count);
}

static size_t liar_stream_send_file(struct io *io, struct io_stream *stream, struct io_file *file,
                                    uint64_t position, size_t size)
{
    return io_stream_send_file(liar_of(io)->real, stream, file, position, size);
}

static void liar_stream_close(struct io *io, struct io_stream *stream)
{
    io_stream_close(liar_of(io)->real, stream);
}

static void liar_stream_addresses(struct io *io, struct io_stream *stream,
                                  char local[IO_ADDRESS_SIZE], char peer[IO_ADDRESS_SIZE])
{
    io_stream_addresses(liar_of(io)->real, stream, local, peer);
}

static void liar_work(struct io *io, struct io_request *request, void (*run)(void *owner))
{
    io_work(liar_of(io)->real, request, run);
}

static void liar_post(struct io *to, struct io_request *request)
{
    io_post(liar_of(to)->real, request);
}

enum store_lie store_liar_find(const char *name)
{
    enum store_lie lie = STORE_LIE_NONE;
    while (lie < STORE_LIE_COUNT && strcmp(store_liar_name(lie), name) != 0) {
        lie++;
    }
    return lie;
}

const char *store_liar_name(enum store_lie lie)
{
    switch (lie) {
    case STORE_LIE_NONE:
        return "none";
    case STORE_LIE_SKIP_DIR_SYNC:
        return "skip-dir-sync";
    case STORE_LIE_SKIP_FILE_SYNC:
        return "skip-file-sync";
    case STORE_LIE_EARLY_FLUSH:
        return "early-flush";
    case STORE_LIE_DROP_TRUNCATE:
        return "drop-truncate";
    case STORE_LIE_SHORT_LIST:
        return "short-list";
    case STORE_LIE_COUNT:
        break;
    }
    return NULL;
}

void store_liar_init(struct store_liar *liar, struct io *real, enum store_lie lie)
{
    static const struct io_ops ops = {
        .now = liar_now,
        .wall_clock = liar_wall_clock,
        .random = liar_random,
        .timer_start = liar_timer_start,
        .timer_stop = liar_timer_stop,
        .file_open = liar_file_open,
        .file_close = liar_file_close,
        .file_size = liar_file_size,
        .file_read = liar_file_read,
        .file_read_async = liar_file_read_async,
        .file_pace = liar_file_pace,
        .file_write = liar_file_write,
        .file_sync = liar_file_sync,
        .file_sync_async = liar_file_sync_async,
        .file_truncate = liar_file_truncate,
        .file_allocate = liar_file_allocate,
        .file_lock = liar_file_lock,
        .path_info = liar_path_info,
        .path_space = liar_path_space,
        .process = liar_process,
        .path_rename = liar_path_rename,
        .path_remove = liar_path_remove,
        .dir_make = liar_dir_make,
        .dir_list = liar_dir_list,
        .dir_sync = liar_dir_sync,
        .listen = liar_listen,
        .listener_address = liar_listener_address,
        .listener_close = liar_listener_close,
        .connect = liar_connect,
        .stream_watch = liar_stream_watch,
        .stream_pause = liar_stream_pause,
        .stream_write = liar_stream_write,
        .stream_send_file = liar_stream_send_file,
        .stream_close = liar_stream_close,
        .stream_addresses = liar_stream_addresses,
        .work = liar_work,
        .post = liar_post,
    };
    *liar = (struct store_liar){.io = {.ops = &ops}, .real = real, .lie = lie};
}
