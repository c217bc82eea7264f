/* One failure and one close; see task_life.h. */
#include "runtime/connect/task_life.h"

#include "log/base/check.h"
#include "log/base/trace.h"

#include <stdio.h>

void task_life_deliver(struct task_life *life, int64_t count)
{
    life->events->delivered(life->owner, count);
}

void task_life_fail(struct task_life *life, const char *reason)
{
    if (life->is_failed || life->is_closing) {
        return;
    }
    life->is_failed = true;
    snprintf(life->reason, sizeof life->reason, "%s", reason);
    trace(TRACE_ERROR, life->trace_event, TRACE_STRING("connector", life->connector),
          TRACE_STRING("reason", life->reason));
    life->events->failed(life->owner, life->reason);
}

void task_life_end_thread(struct task_life *life, const struct task_context *context)
{
    task_life_fail(life, context->failure[0] == 0 ? "the plugin ended" : context->failure);
}

void task_life_begin_close(struct task_life *life, void (*closed)(void *owner), void *owner)
{
    check(!life->is_closing);
    life->is_closing = true;
    life->closed = closed;
    life->closed_owner = owner;
}
