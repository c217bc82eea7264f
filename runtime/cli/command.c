/* See command.h for what a command is. */
#include "runtime/cli/command.h"

#include <stdarg.h>

static void complain(struct command_world *world, const char *format, va_list arguments)
{
    fflush(world->out);
    fputs("tidemill: ", world->errors);
    vfprintf(world->errors, format, arguments);
    fputc('\n', world->errors);
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

bool command_print(struct command_world *world, struct buffer *out)
{
    bool is_good = out->size == 0 || fwrite(out->data, 1, out->size, world->out) == out->size;
    buffer_clear(out);
    return is_good;
}
