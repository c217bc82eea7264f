/* The trace sink: formats a line, writes it at once, and keeps the last ones. */
#include "log/base/trace.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { TRACE_LINE_SIZE = 512, TRACE_RECENT_COUNT = 64, TRACE_EVENT_COUNT = 512 };

struct trace_event_count {
    char event[64];
    int64_t count;
};

static struct {
    pthread_mutex_t lock;
    enum trace_level level;
    FILE *stream;
    int is_stream_set;
    int64_t (*wall_clock_ms)(void);
    char recent[TRACE_RECENT_COUNT][TRACE_LINE_SIZE];
    uint64_t line_count;
    struct trace_event_count counts[TRACE_EVENT_COUNT];
} trace_sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = TRACE_WARN};

static int64_t trace_now_ms(void)
{
    if (trace_sink.wall_clock_ms != NULL) {
        return trace_sink.wall_clock_ms();
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t trace_limit(int printed, size_t room)
{
    if (printed < 0 || room == 0) {
        return 0;
    }
    return (size_t)printed < room ? (size_t)printed : room - 1;
}

static size_t trace_format_field(char *out, size_t room, const struct trace_field *field)
{
    switch (field->kind) {
    case TRACE_FIELD_STRING:
        return trace_limit(
            snprintf(out, room, " %s=%s", field->name, field->string == NULL ? "-" : field->string),
            room);
    case TRACE_FIELD_INT:
        return trace_limit(snprintf(out, room, " %s=%" PRId64, field->name, field->integer), room);
    case TRACE_FIELD_BYTES:
        return trace_limit(snprintf(out, room, " %s=%.*s", field->name, BYTES_FORMAT(field->bytes)),
                           room);
    }
    return 0;
}

static void trace_format(char *out, size_t room, enum trace_level level, const char *event,
                         const struct trace_field *fields)
{
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    int64_t now_ms = trace_now_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char moment[32];
    strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", &utc);
    size_t used = trace_limit(
        snprintf(out, room, "%s.%03dZ %s %s", moment, (int)(now_ms % 1000), names[level], event),
        room);
    for (; fields->name != NULL; fields++) {
        used += trace_format_field(out + used, room - used, fields);
    }
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)out[i] < ' ') {
            out[i] = '?';
        }
    }
}

static void trace_count_event(const char *event)
{
    for (size_t i = 0; i < TRACE_EVENT_COUNT; i++) {
        struct trace_event_count *row = &trace_sink.counts[i];
        if (row->event[0] == 0) {
            snprintf(row->event, sizeof row->event, "%s", event);
        }
        if (strncmp(row->event, event, sizeof row->event - 1) == 0) {
            row->count++;
            return;
        }
    }
}

void trace_write(enum trace_level level, const char *event, const struct trace_field *fields)
{
    pthread_mutex_lock(&trace_sink.lock);
    char *line = trace_sink.recent[trace_sink.line_count++ % TRACE_RECENT_COUNT];
    trace_format(line, TRACE_LINE_SIZE, level, event, fields);
    trace_count_event(event);
    FILE *stream = trace_sink.is_stream_set ? trace_sink.stream : stderr;
    if (level <= trace_sink.level && stream != NULL) {
        fprintf(stream, "%s\n", line);
        fflush(stream);
    }
    pthread_mutex_unlock(&trace_sink.lock);
}

void trace_set_level(enum trace_level level)
{
    pthread_mutex_lock(&trace_sink.lock);
    trace_sink.level = level;
    pthread_mutex_unlock(&trace_sink.lock);
}

enum trace_level trace_get_level(void)
{
    pthread_mutex_lock(&trace_sink.lock);
    enum trace_level level = trace_sink.level;
    pthread_mutex_unlock(&trace_sink.lock);
    return level;
}

void trace_set_stream(FILE *stream)
{
    trace_sink.stream = stream;
    trace_sink.is_stream_set = 1;
}

void trace_set_clock(int64_t (*wall_clock_ms)(void))
{
    trace_sink.wall_clock_ms = wall_clock_ms;
}

void trace_print_recent(FILE *stream)
{
    uint64_t first =
        trace_sink.line_count > TRACE_RECENT_COUNT ? trace_sink.line_count - TRACE_RECENT_COUNT : 0;
    for (uint64_t i = first; i < trace_sink.line_count; i++) {
        fprintf(stream, "%s\n", trace_sink.recent[i % TRACE_RECENT_COUNT]);
    }
}

int64_t trace_count(const char *event)
{
    pthread_mutex_lock(&trace_sink.lock);
    int64_t count = 0;
    for (size_t i = 0; i < TRACE_EVENT_COUNT && trace_sink.counts[i].event[0] != 0; i++) {
        if (strncmp(trace_sink.counts[i].event, event, sizeof trace_sink.counts[i].event - 1) ==
            0) {
            count = trace_sink.counts[i].count;
        }
    }
    pthread_mutex_unlock(&trace_sink.lock);
    return count;
}

void trace_reset(void)
{
    pthread_mutex_lock(&trace_sink.lock);
    trace_sink.line_count = 0;
    memset(trace_sink.counts, 0, sizeof trace_sink.counts);
    pthread_mutex_unlock(&trace_sink.lock);
}
