/* Diagnostics: one line per event, with a stable name and typed fields.
 *
 *     trace(TRACE_WARN, "store.log_truncated", TRACE_STRING("topic", name),
 *           TRACE_INT("partition", 0), TRACE_INT("offset", offset));
 *
 * prints `2026-11-24T12:31:00.000Z WARN store.log_truncated topic=orders partition=0 offset=17`.
 * An event is traced once, where it is born. ERROR: a person must act. WARN: heals itself.
 * Owns:   the sink, the only global of the program.
 * Thread: any; lines never mix. */
#pragma once

#include "log/base/bytes.h"

#include <stdio.h>

enum trace_level { TRACE_ERROR, TRACE_WARN, TRACE_INFO, TRACE_DEBUG };

struct trace_field {
    const char *name; /* NULL ends the list */
    const char *string;
    int64_t integer;
    struct bytes bytes;
    enum { TRACE_FIELD_STRING, TRACE_FIELD_INT, TRACE_FIELD_BYTES } kind;
};

#define TRACE_STRING(field_name, value)                                                            \
    ((struct trace_field){.name = (field_name), .string = (value), .kind = TRACE_FIELD_STRING})
#define TRACE_INT(field_name, value)                                                               \
    ((struct trace_field){.name = (field_name), .integer = (value), .kind = TRACE_FIELD_INT})
#define TRACE_BYTES(field_name, value)                                                             \
    ((struct trace_field){.name = (field_name), .bytes = (value), .kind = TRACE_FIELD_BYTES})

/* At least one field. */
#define trace(level, event, ...)                                                                   \
    trace_write((level), (event), (const struct trace_field[]){__VA_ARGS__, {.name = NULL}})

void trace_write(enum trace_level level, const char *event, const struct trace_field *fields);
/* Lines above this level are only kept for trace_print_recent. Default: TRACE_WARN. */
void trace_set_level(enum trace_level level);
enum trace_level trace_get_level(void);
/* Where lines go; NULL silences them. Default: stderr. */
void trace_set_stream(FILE *stream);
/* Milliseconds since the epoch for the line's time; NULL stands for the machine's clock. The
 * simulator sets its own so that two runs of one seed print the same. */
void trace_set_clock(int64_t (*wall_clock_ms)(void));
/* The last lines of any level, oldest first. */
void trace_print_recent(FILE *stream);
/* How often an event was traced since the start or trace_reset; for tests. */
int64_t trace_count(const char *event);
void trace_reset(void);
