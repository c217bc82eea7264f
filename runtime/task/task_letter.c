/* Adds the error headers; see task_letter.h. */
#include "runtime/task/task_letter.h"

#include "runtime/format/headers.h"

#include <inttypes.h>
#include <string.h>

struct task_letter {
    struct arena *arena;
    struct buffer headers;
    int32_t count;
};

static void task_letter_add(struct task_letter *letter, const char *name, const char *value)
{
    headers_append(&letter->headers, bytes_from_string(name),
                   bytes_from_string(value == NULL ? "" : value));
    letter->count++;
}

/* "app.lua:12" becomes script and line. */
static void task_letter_add_place(struct task_letter *letter, const char *place)
{
    const char *colon = strrchr(place, ':');
    if (colon == NULL) {
        task_letter_add(letter, "tidemill.errors.script", place);
        return;
    }
    task_letter_add(letter, "tidemill.errors.script",
                    arena_printf(letter->arena, "%.*s", (int)(colon - place), place));
    task_letter_add(letter, "tidemill.errors.line", colon + 1);
}

static void task_letter_add_error(struct task_letter *letter, const struct node_context *context,
                                  const char *application)
{
    const char *kind = context->error_kind == NULL ? "process" : context->error_kind;
    task_letter_add(letter, "__streams.errors.exception", kind);
    task_letter_add(letter, "__streams.errors.message", context->error_text);
    task_letter_add(letter, "__streams.errors.stacktrace", context->error_place);
    task_letter_add(letter, "tidemill.errors.app", application);
    task_letter_add(letter, "tidemill.errors.node",
                    context->error_node == NULL ? NULL : context->error_node->name);
    task_letter_add(letter, "tidemill.errors.kind", kind);
    task_letter_add_place(letter, context->error_place);
}

static void task_letter_add_source(struct task_letter *letter, const struct record *source)
{
    task_letter_add(letter, "__streams.errors.topic", source->topic);
    task_letter_add(letter, "__streams.errors.partition",
                    arena_printf(letter->arena, "%" PRId32, source->partition));
    task_letter_add(letter, "__streams.errors.offset",
                    arena_printf(letter->arena, "%" PRId64, source->offset));
}

static void task_letter_add_omitted(struct task_letter *letter, const struct record *source)
{
    task_letter_add(letter, "tidemill.errors.omitted",
                    arena_printf(letter->arena,
                                 "a key of %zu bytes, a value of %zu bytes, %" PRId32 " headers",
                                 source->key.size, source->value.size, source->header_count));
}

void task_letter_make(struct node_context *context, const char *application, bool is_whole,
                      struct record *out)
{
    const struct record *source = context->source;
    struct task_letter letter = {.arena = context->arena};
    buffer_init(&letter.headers);
    *out =
        (struct record){.partition = -1, .offset = -1, .timestamp_ms = node_wall_clock_ms(context)};
    if (source != NULL) {
        out->timestamp_ms = source->timestamp_ms;
        if (is_whole) {
            out->key = source->key;
            out->value = source->value;
            letter.count = source->header_count;
            buffer_add_bytes(&letter.headers, source->headers_encoded);
        } else {
            task_letter_add_omitted(&letter, source);
        }
        task_letter_add_source(&letter, source);
    }
    task_letter_add_error(&letter, context, application);
    out->headers_encoded = arena_copy(context->arena, buffer_bytes(&letter.headers));
    out->header_count = letter.count;
    buffer_fini(&letter.headers);
}
