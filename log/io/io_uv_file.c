/* Open files through system calls; see io_uv.h.
 *
 * An interrupted call is repeated, a short one continued. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv_loop.h"
#include "log/io/io_uv_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FILE_VECTOR_COUNT = 64, /* parts handed to the kernel at once */
    FILE_PAGE_SIZE = 4096,
    FILE_PAGES_MAX = 512, /* looked for in the page cache at once */
};

struct io_file {
    int descriptor;
    struct io_uv_memory_node *node; /* of a "memory:" file, which owns the descriptor; else NULL */
    size_t ahead_size;              /* 0: the system reads ahead */
};

static int file_open_real(const char *path, int flags, int *out)
{
    int system_flags = O_CLOEXEC | ((flags & IO_OPEN_WRITE) ? O_RDWR : O_RDONLY);
    system_flags |= (flags & IO_OPEN_CREATE) ? O_CREAT : 0;
    system_flags |= (flags & IO_OPEN_EXCLUSIVE) ? O_EXCL : 0;
    do {
        *out = open(path, system_flags, 0644);
    } while (*out < 0 && errno == EINTR);
    return *out < 0 ? error_from_errno(errno) : 0;
}

int io_uv_file_open(struct io *io, const char *path, int flags, struct io_file **out)
{
    struct io_file file = {.descriptor = -1};
    int error = io_uv_memory_is_path(path)
                    ? io_uv_memory_open(io_uv_of(io), path, flags, &file.descriptor, &file.node)
                    : file_open_real(path, flags, &file.descriptor);
    if (error == 0) {
        *out = memory_new(struct io_file);
        **out = file;
    }
    return error;
}

void io_uv_file_close(struct io *io, struct io_file *file)
{
    (void)io;
    if (file->node != NULL) {
        io_uv_memory_close(file->node, file);
    } else {
        close(file->descriptor);
    }
    free(file);
}

int io_uv_file_size(struct io *io, struct io_file *file, uint64_t *out)
{
    struct stat status;
    (void)io;
    if (fstat(file->descriptor, &status) != 0) {
        return error_from_errno(errno);
    }
    if (S_ISDIR(status.st_mode)) {
        return ERROR_IS_DIRECTORY; /* which could be opened to be read */
    }
    *out = (uint64_t)status.st_size;
    return 0;
}

/* A mapping that is never touched costs no page fault. What is in memory now may be gone when it is
 * sent; then the sender waits for the disk, once, which is rare enough. */
size_t io_uv_file_find_cached(struct io_file *file, uint64_t position, size_t size, int *out)
{
    unsigned char pages[FILE_PAGES_MAX] = {0};
    size_t skipped = (size_t)(position % FILE_PAGE_SIZE);
    size_t most = (size_t)FILE_PAGES_MAX * FILE_PAGE_SIZE - skipped;
    size = size < most ? size : most;
    size_t mapped_size = skipped + size;
    size_t count = (mapped_size + FILE_PAGE_SIZE - 1) / FILE_PAGE_SIZE;
    size_t cached = 0;
    *out = file->descriptor;
    void *map = mmap(NULL, mapped_size, PROT_READ, MAP_SHARED, file->descriptor,
                     (off_t)(position - skipped));
    if (map == MAP_FAILED) {
        return 0;
    }
    if (mincore(map, mapped_size, pages) == 0) {
        while (cached < count && (pages[cached] & 1) != 0) {
            cached++;
        }
    }
    munmap(map, mapped_size);
    size_t cached_size = cached * FILE_PAGE_SIZE;
    cached_size = cached_size < skipped ? 0 : cached_size - skipped;
    return cached_size < size ? cached_size : size;
}

/* A file system that cannot tell what is cached answers ERROR_AGAIN too. */
static int64_t read_all(int descriptor, uint8_t *out, size_t size, uint64_t position, int flags)
{
    size_t done = 0;
    while (done < size) {
        struct iovec vector = {.iov_base = out + done, .iov_len = size - done};
        ssize_t count = preadv2(descriptor, &vector, 1, (off_t)(position + done), flags);
        if (count == 0) {
            break;
        }
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return flags != 0 && errno == EOPNOTSUPP ? ERROR_AGAIN : error_from_errno(errno);
        }
        done += (size_t)count;
    }
    return (int64_t)done;
}

int64_t io_uv_file_read(struct io *io, struct io_file *file, void *out, size_t size,
                        uint64_t position, enum io_read_mode mode)
{
    (void)io;
    bool is_hasty = mode == IO_READ_CACHED && file->node == NULL; /* memory is always cached */
    int descriptor;
    if (is_hasty && file->ahead_size > 0 &&
        io_uv_file_find_cached(file, position, size, &descriptor) < size) {
        return ERROR_AGAIN; /* the kernel would begin to read what a hasty read does not find */
    }
    return read_all(file->descriptor, out, size, position, is_hasty ? RWF_NOWAIT : 0);
}

static int64_t read_run(struct io_request *request)
{
    int descriptor = (int)(intptr_t)request->private_state[0];
    size_t size = (size_t)(uintptr_t)request->private_state[2];
    uint64_t position = (uint64_t)(uintptr_t)request->private_state[3];
    size_t ahead_size = (size_t)(uintptr_t)request->private_state[4];
    if (ahead_size > size) {
        (void)posix_fadvise(descriptor, (off_t)position, (off_t)ahead_size, POSIX_FADV_WILLNEED);
    }
    return read_all(descriptor, request->private_state[1], size, position, 0);
}

void io_uv_file_read_async(struct io *io, struct io_request *request, struct io_file *file,
                           void *out, size_t size, uint64_t position)
{
    request->private_state[0] = (void *)(intptr_t)file->descriptor;
    request->private_state[1] = out;
    request->private_state[2] = (void *)(uintptr_t)size;
    request->private_state[3] = (void *)(uintptr_t)position;
    request->private_state[4] = (void *)(uintptr_t)file->ahead_size;
    io_uv_work(io_uv_of(io), request, read_run);
}

/* A file system that takes no advice reads ahead as before. */
void io_uv_file_pace(struct io *io, struct io_file *file, size_t ahead_size)
{
    (void)io;
    if (file->node == NULL && (file->ahead_size == 0) != (ahead_size == 0)) {
        (void)posix_fadvise(file->descriptor, 0, 0,
                            ahead_size == 0 ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
    }
    file->ahead_size = ahead_size;
}

/* Where the next byte to write lies: `skip` bytes into parts[index]. */
struct write_place {
    size_t index;
    size_t skip;
};

static int vectors_fill(struct iovec vectors[FILE_VECTOR_COUNT], const struct bytes *parts,
                        size_t count, struct write_place place)
{
    int used = 0;
    for (size_t i = place.index; i < count && used < FILE_VECTOR_COUNT; i++) {
        size_t skip = i == place.index ? place.skip : 0;
        if (parts[i].size > skip) {
            vectors[used++] = (struct iovec){
                .iov_base = (void *)(uintptr_t)(parts[i].data + skip), /* only read from */
                .iov_len = parts[i].size - skip,
            };
        }
    }
    return used;
}

static void place_advance(struct write_place *place, const struct bytes *parts, size_t size)
{
    while (size > 0) {
        size_t left = parts[place->index].size - place->skip;
        if (size < left) {
            place->skip += size;
            return;
        }
        size -= left;
        place->index++;
        place->skip = 0;
    }
}

int io_uv_file_write(struct io *io, struct io_file *file, const struct bytes *parts, size_t count,
                     uint64_t position)
{
    struct iovec vectors[FILE_VECTOR_COUNT];
    struct write_place place = {0, 0};
    int used;
    (void)io;
    while ((used = vectors_fill(vectors, parts, count, place)) > 0) {
        ssize_t written = pwritev(file->descriptor, vectors, used, (off_t)position);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return written == 0 ? ERROR_IO : error_from_errno(errno);
        }
        place_advance(&place, parts, (size_t)written);
        position += (uint64_t)written;
    }
    return 0;
}

/* A failed sync is not repeated, not even an interrupted one. */
static int sync_now(int descriptor)
{
    if (fdatasync(descriptor) == 0) {
        return 0;
    }
    return errno == EINTR ? ERROR_IO : error_from_errno(errno);
}

int io_uv_file_sync(struct io *io, struct io_file *file)
{
    (void)io;
    return sync_now(file->descriptor);
}

static int64_t sync_run(struct io_request *request)
{
    return sync_now((int)(intptr_t)request->private_state[0]);
}

void io_uv_file_sync_async(struct io *io, struct io_request *request, struct io_file *file)
{
    request->private_state[0] = (void *)(intptr_t)file->descriptor;
    io_uv_work(io_uv_of(io), request, sync_run);
}

int io_uv_file_truncate(struct io *io, struct io_file *file, uint64_t size)
{
    int result;
    (void)io;
    do {
        result = ftruncate(file->descriptor, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : error_from_errno(errno);
}

int io_uv_file_allocate(struct io *io, struct io_file *file, uint64_t position, uint64_t size)
{
    int result;
    (void)io;
    if (file->node != NULL) {
        return ERROR_UNSUPPORTED; /* it would take the memory at once */
    }
    do {
        result = fallocate(file->descriptor, FALLOC_FL_KEEP_SIZE, (off_t)position, (off_t)size);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return 0;
    }
    return errno == EOPNOTSUPP || errno == ENOSYS ? ERROR_UNSUPPORTED : error_from_errno(errno);
}

/* A lock of the open file, not of the process: a second open in this process is refused too. */
int io_uv_file_lock(struct io *io, struct io_file *file)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    (void)io;
    if (file->node != NULL) {
        return io_uv_memory_lock(file->node, file);
    }
    if (fcntl(file->descriptor, F_OFD_SETLK, &whole) == 0) {
        return 0;
    }
    return errno == EAGAIN || errno == EACCES ? ERROR_BUSY : error_from_errno(errno);
}
