/* A ring of lines; see app_log.h. */
#include "runtime/app/app_log.h"

#include "log/base/memory.h"
#include "runtime/format/record_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct app_log_line {
    int64_t at_ms;
    const char *kind;
    size_t size;
    char text[APP_LOG_LINE_SIZE];
};

struct app_log {
    struct io *io;
    struct app_log_line *lines; /* NULL: there is none yet */
    int64_t last;               /* number of the newest */
    void (*added)(void *owner);
    void *owner;
};

struct app_log *app_log_new(struct io *io)
{
    struct app_log *log = memory_new(struct app_log);
    log->io = io;
    return log;
}

void app_log_free(struct app_log *log)
{
    if (log != NULL) {
        free(log->lines);
        free(log);
    }
}

/* No character is cut in two. */
static size_t app_log_fit(const char *text)
{
    size_t size = strnlen(text, APP_LOG_LINE_SIZE + 1);
    if (size <= APP_LOG_LINE_SIZE) {
        return size;
    }
    size = APP_LOG_LINE_SIZE;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

void app_log_on_add(struct app_log *log, void (*added)(void *owner), void *owner)
{
    log->added = added;
    log->owner = owner;
}

bool app_log_is_empty(const struct app_log *log)
{
    return log->last == 0;
}

struct app_log *app_log_take(struct app_log *log)
{
    struct app_log *taken = app_log_new(NULL);
    taken->lines = log->lines;
    taken->last = log->last;
    log->lines = NULL;
    log->last = 0;
    return taken;
}

static struct app_log_line *app_log_next(struct app_log *log)
{
    if (log->lines == NULL) {
        log->lines = memory_zero(APP_LOG_LINE_COUNT, sizeof *log->lines);
    }
    return &log->lines[log->last++ % APP_LOG_LINE_COUNT];
}

void app_log_append(struct app_log *log, const struct app_log *other)
{
    int64_t first = other->last > APP_LOG_LINE_COUNT ? other->last - APP_LOG_LINE_COUNT : 0;
    for (int64_t i = first; i < other->last; i++) {
        *app_log_next(log) = other->lines[i % APP_LOG_LINE_COUNT];
    }
}

void app_log_add(struct app_log *log, const char *kind, const char *text)
{
    struct app_log_line *line = app_log_next(log);
    line->at_ms = io_wall_clock(log->io);
    line->kind = kind;
    line->size = app_log_fit(text);
    memcpy(line->text, text, line->size);
    if (log->added != NULL) {
        log->added(log->owner);
    }
}

void app_log_write(const struct app_log *log, int64_t number, int64_t count_max, struct buffer *out)
{
    int64_t left = count_max < APP_LOG_LINE_COUNT ? count_max : APP_LOG_LINE_COUNT;
    int64_t oldest = log->last - left;
    const char *between = "";
    buffer_add_string(out, "\"lines\":[");
    for (int64_t i = number > oldest ? number : oldest; i < log->last; i++) {
        if (i < 0) {
            continue;
        }
        const struct app_log_line *line = &log->lines[i % APP_LOG_LINE_COUNT];
        buffer_printf(out, "%s{\"number\":%" PRId64 ",\"at\":%" PRId64 ",\"kind\":\"%s\",\"text\":",
                      between, i + 1, line->at_ms, line->kind);
        record_json_write_bytes(out, bytes_make(line->text, line->size));
        buffer_add_byte(out, '}');
        between = ",";
    }
    buffer_printf(out, "],\"last\":%" PRId64, log->last);
}
