/* The part of the host's table that sources and sinks share; see task_context.h. */
#include "runtime/connect/task_context.h"

#include "log/base/trace.h"

#include <stdio.h>

static void task_context_log(struct tidemill_context *context, enum tidemill_level level,
                             const char *text)
{
    static const enum trace_level levels[] = {[TIDEMILL_ERROR] = TRACE_ERROR,
                                              [TIDEMILL_WARN] = TRACE_WARN,
                                              [TIDEMILL_INFO] = TRACE_INFO,
                                              [TIDEMILL_DEBUG] = TRACE_DEBUG};
    trace(levels[level], "connect.plugin", TRACE_STRING("connector", context->connector),
          TRACE_STRING("text", text));
}

static void task_context_fail(struct tidemill_context *context, const char *text)
{
    struct task_context *own = task_context_of(context);
    snprintf(own->failure, sizeof own->failure, "%s", text);
}

static void task_context_metric(struct tidemill_context *context, const char *name, double value)
{
    trace(TRACE_DEBUG, "connect.metric", TRACE_STRING("connector", context->connector),
          TRACE_STRING("name", name), TRACE_INT("value", (int64_t)value));
}

static int64_t task_context_now_ms(struct tidemill_context *context)
{
    return io_wall_clock(task_context_of(context)->io);
}

void task_context_init(struct task_context *context, struct io *io, const char *connector,
                       const struct tidemill_kind *kind, const struct tidemill_option_value *values)
{
    *context = (struct task_context){.io = io,
                                     .host = {.size = sizeof(struct tidemill_host),
                                              .abi_major = TIDEMILL_ABI_MAJOR,
                                              .abi_minor = TIDEMILL_ABI_MINOR,
                                              .log = task_context_log,
                                              .fail = task_context_fail,
                                              .metric_add = task_context_metric,
                                              .metric_set = task_context_metric,
                                              .now_ms = task_context_now_ms},
                                     .context = {.size = sizeof(struct tidemill_context),
                                                 .task_count = 1,
                                                 .connector = connector,
                                                 .host = &context->host,
                                                 .kind = kind,
                                                 .values = values}};
}
