/* See command.h for what a command is. */
#include "runtime/cli/command.h"

#include "log/base/error.h"
#include "runtime/cli/dialect.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void complain(struct command_world *world, const char *format, va_list arguments)
{
    static const struct dialect our_own;
    struct buffer ours, said;
    buffer_init(&ours);
    buffer_init(&said);
    buffer_vprintf(&ours, format, arguments);
    dialect_write(world->dialect == NULL ? &our_own : world->dialect, buffer_bytes(&ours), &said);
    fflush(world->out);
    fprintf(world->errors, "tidemill: %s\n", buffer_string(&said));
    buffer_fini(&ours);
    buffer_fini(&said);
}

int command_fail(struct command_world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(world, format, arguments);
    va_end(arguments);
    return COMMAND_FAILED;
}

int command_misuse(struct command_world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(world, format, arguments);
    va_end(arguments);
    return COMMAND_MISUSED;
}

static bool note_output(struct command_world *world, bool is_good)
{
    if (!is_good && world->output_error == 0) {
        world->output_error = errno;
    }
    return is_good;
}

bool command_print(struct command_world *world, struct buffer *out)
{
    bool is_good = out->size == 0 || fwrite(out->data, 1, out->size, world->out) == out->size;
    buffer_clear(out);
    return note_output(world, is_good);
}

bool command_flush(struct command_world *world)
{
    return note_output(world, fflush(world->out) == 0);
}

int command_read_output(struct command_world *world, const char *output, bool *is_json)
{
    *is_json = output != NULL && strcmp(output, "json") == 0;
    return output == NULL || *is_json || strcmp(output, "text") == 0
               ? COMMAND_OK
               : command_misuse(world, "-o takes text or json, not '%s'", output);
}

int command_read_file(struct command_world *world, const char *path, uint64_t size_max,
                      struct buffer *out)
{
    struct io_file *file = NULL;
    uint64_t size = 0;
    int error = io_file_open(world->io, path, IO_OPEN_READ, &file);
    if (error == 0) {
        error = io_file_size(world->io, file, &size);
    }
    if (error == 0 && size > size_max) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        int64_t count = io_file_read(world->io, file, buffer_reserve(out, (size_t)size),
                                     (size_t)size, 0, IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        out->size += count < 0 ? 0 : (size_t)count;
    }
    io_file_close(world->io, file);
    return error == 0 ? COMMAND_OK : command_fail(world, "%s: %s", path, error_text(error));
}
