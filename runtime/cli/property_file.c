/* Cuts the lines of property_file.h; a name ends at the first '=' or ':'. */
#include "runtime/cli/property_file.h"

#include <string.h>

enum { PROPERTY_FILE_MAX = 1 << 20 };

static const char spaces[] = " \t\r\f";

/* Without spaces around it. */
static char *trim(char *text)
{
    text += strspn(text, spaces);
    size_t size = strlen(text);
    while (size > 0 && strchr(spaces, text[size - 1]) != NULL) {
        text[--size] = '\0';
    }
    return text;
}

int property_file_read(struct command_world *world, const char *path, struct arena *arena,
                       struct property_file *out)
{
    struct buffer content;
    buffer_init(&content);
    int code = command_read_file(world, path, PROPERTY_FILE_MAX, &content);
    char *rest = arena_string(arena, buffer_bytes(&content)), *line;
    *out = (struct property_file){
        .rows = arena_array(arena, struct property_file_row, content.size / 2 + 1)};
    buffer_fini(&content);
    for (int number = 1; code == COMMAND_OK && (line = strsep(&rest, "\n")) != NULL; number++) {
        line = trim(line);
        if (line[0] == '\0' || line[0] == '#' || line[0] == '!') {
            continue;
        }
        size_t size = strcspn(line, "=:");
        if (line[size] == '\0' || size == 0) {
            code =
                command_misuse(world, "%s:%d: a line is NAME=VALUE, not '%s'", path, number, line);
            break;
        }
        line[size] = '\0';
        out->rows[out->count++] =
            (struct property_file_row){.name = trim(line), .value = trim(line + size + 1)};
    }
    return code;
}
