/* Reads a script and what it requires; see app_script.h. */
#include "runtime/app/app_script.h"

#include "log/base/error.h"

#include <string.h>

struct app_script_reader {
    struct io *io;
    const char *path; /* of the script; modules lie beside it */
};

static int app_script_read_file(struct io *io, const char *path, struct buffer *out)
{
    struct io_file *file;
    uint64_t size = 0;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        return error;
    }
    error = io_file_size(io, file, &size);
    if (error == 0 && size > SCRIPT_TEXT_SIZE_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        uint8_t *room = buffer_reserve(out, (size_t)size);
        int64_t count = io_file_read(io, file, room, (size_t)size, 0, IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        out->size += count < 0 ? 0 : (size_t)count;
    }
    io_file_close(io, file);
    return error;
}

static int app_script_read_beside(void *owner, const char *file_name, struct buffer *out)
{
    const struct app_script_reader *reader = owner;
    const char *slash = strrchr(reader->path, '/');
    size_t folder_size = slash == NULL ? 0 : (size_t)(slash - reader->path) + 1;
    struct buffer path;
    buffer_init(&path);
    buffer_add(&path, reader->path, folder_size);
    buffer_add_string(&path, file_name);
    int error = app_script_read_file(reader->io, buffer_string(&path), out);
    buffer_fini(&path);
    return error;
}

int app_script_open(struct io *io, const char *path, const struct script_limits *limits,
                    struct report *report, struct script **out)
{
    struct app_script_reader reader = {.io = io, .path = path};
    struct buffer text;
    buffer_init(&text);
    int error = app_script_read_file(io, path, &text);
    if (error != 0) {
        report_add(report, path, "the script %s cannot be read: %s", path, error_text(error));
    } else {
        const char *slash = strrchr(path, '/');
        struct script_options options = {.name = slash == NULL ? path : slash + 1,
                                         .text = buffer_bytes(&text),
                                         .limits = *limits,
                                         .read_file = app_script_read_beside,
                                         .owner = &reader};
        error = script_open(&options, report, out);
    }
    buffer_fini(&text);
    return error;
}
