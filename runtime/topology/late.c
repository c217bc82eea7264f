/* Writes records that came too late; see late.h. */
#include "runtime/topology/late.h"

#include "log/base/error.h"
#include "runtime/format/headers.h"

#include <inttypes.h>

static void add_number(struct buffer *headers, struct arena *arena, const char *name, int64_t value)
{
    headers_append(headers, bytes_from_string(name),
                   bytes_from_string(arena_printf(arena, "%" PRId64, value)));
}

int late_emit(struct node *node, struct node_context *context, const char *topic,
              const struct record *record, const struct late_window *window)
{
    struct buffer headers;
    struct record late = *record;
    buffer_init(&headers);
    buffer_add_bytes(&headers, record->headers_encoded);
    headers_append(&headers, BYTES_LITERAL("tidemill.late.node"), bytes_from_string(node->name));
    headers_append(&headers, BYTES_LITERAL("tidemill.late.window"),
                   bytes_from_string(arena_printf(context->arena, "%" PRId64 ",%" PRId64,
                                                  window->start_ms, window->end_ms)));
    add_number(&headers, context->arena, "tidemill.late.time", window->time_ms);
    late.headers_encoded = arena_copy(context->arena, buffer_bytes(&headers));
    late.header_count += 3;
    late.partition = -1;
    buffer_fini(&headers);
    context->late_count++;
    int error = context->emit(context, topic, &late);
    return error == 0 || context->error_node != NULL
               ? error
               : node_fail(node, context, error, "emit", "cannot write to %s: %s", topic,
                           error_text(error));
}
