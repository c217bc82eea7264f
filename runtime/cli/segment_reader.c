/* See segment_reader.h. */
#include "runtime/cli/segment_reader.h"

#include "log/base/error.h"

enum { CHUNK_SIZE = 1 << 20 };

int segment_reader_open(struct segment_reader *reader, struct io *io, const char *path)
{
    struct io_file *file;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        return error;
    }
    uint64_t size;
    error = io_file_size(io, file, &size);
    if (error != 0) {
        io_file_close(io, file);
        return error;
    }
    *reader = (struct segment_reader){.io = io, .file = file, .size = size};
    buffer_init(&reader->buffer);
    return 0;
}

void segment_reader_close(struct segment_reader *reader)
{
    io_file_close(reader->io, reader->file);
    buffer_fini(&reader->buffer);
}

/* The bytes from `position` on that are at hand. */
static struct bytes at_hand(const struct segment_reader *reader)
{
    uint64_t used = reader->position - reader->buffer_position;
    if (used >= reader->buffer.size) {
        return bytes_make("", 0);
    }
    return bytes_make(reader->buffer.data + used, reader->buffer.size - (size_t)used);
}

/* Reads at least `size` bytes from the place on, or what the file has. */
static int fill(struct segment_reader *reader, size_t size)
{
    uint64_t left = reader->size - reader->position;
    uint64_t wanted = size < CHUNK_SIZE ? CHUNK_SIZE : size;
    wanted = wanted > left ? left : wanted;
    buffer_clear(&reader->buffer);
    reader->buffer_position = reader->position;
    uint8_t *out = buffer_reserve(&reader->buffer, (size_t)wanted);
    int64_t count =
        io_file_read(reader->io, reader->file, out, (size_t)wanted, reader->position, IO_READ_WAIT);
    if (count < 0) {
        return (int)count;
    }
    reader->buffer.size = (size_t)count;
    return 0;
}

int segment_reader_next(struct segment_reader *reader, struct batch *out, uint64_t *position)
{
    uint64_t left = reader->size - reader->position;
    size_t needed = BATCH_HEADER_SIZE;
    if (left == 0) {
        return 0;
    }
    /* The header first, then the whole batch: at most two reads. */
    for (int i = 0; i < 3; i++) {
        struct bytes bytes = at_hand(reader);
        int error = batch_read_header(bytes, out, &needed);
        if (error == 0) {
            *position = reader->position;
            reader->position += out->bytes.size;
            return 1;
        }
        if (error != ERROR_TRUNCATED || needed > left) {
            return error;
        }
        error = fill(reader, needed);
        if (error != 0) {
            return error;
        }
    }
    return ERROR_TRUNCATED;
}
