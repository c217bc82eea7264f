/* What one call of the nodes causes, whole or not at all: emits and store writes are staged, sent
 * when the nodes succeed and undone when they fail. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_letter.h"
#include "runtime/task/task_state.h"

#include <stdio.h>

static int task_on_emit(struct node_context *context, const char *topic,
                        const struct record *record)
{
    struct task *task = context->owner;
    if (task->emit_count == task->emit_capacity) {
        task->emit_capacity = task->emit_capacity == 0 ? 16 : task->emit_capacity * 2;
        task->emits = memory_resize(task->emits, task->emit_capacity * sizeof *task->emits);
    }
    task->emits[task->emit_count++] = (struct task_emit){.topic = topic, .record = *record};
    return 0;
}

static struct kv *task_on_store(struct node_context *context, const char *name)
{
    return task_store(context->owner, name);
}

void task_call_init(struct task *task)
{
    arena_init(&task->arena, 0);
    task->context = (struct node_context){.arena = &task->arena,
                                          .emit = task_on_emit,
                                          .store = task_on_store,
                                          .stream_time_ms = -1,
                                          .owner = task};
}

bool task_call_send(struct task *task)
{
    while (task->emit_next < task->emit_count) {
        const struct task_emit *emit = &task->emits[task->emit_next];
        struct producer_record record = {.topic = emit->topic,
                                         .partition = emit->record.partition < 0
                                                          ? PRODUCER_PARTITION_BY_KEY
                                                          : emit->record.partition,
                                         .timestamp_ms = emit->record.timestamp_ms,
                                         .key = emit->record.key,
                                         .value = emit->record.value,
                                         .headers_encoded = emit->record.headers_encoded,
                                         .header_count = emit->record.header_count};
        int error = producer_send(task->options.producer, &record);
        if (error == ERROR_AGAIN) {
            return false;
        }
        if (error != 0) {
            char reason[300];
            snprintf(reason, sizeof reason, "a record for topic %s cannot be sent: %s", emit->topic,
                     error_text(error));
            task_state_fail(task, reason, false);
            return false;
        }
        task->counts.out_count++;
        task->emit_next++;
    }
    return true;
}

void task_call_begin(struct task *task, const struct record *source)
{
    arena_clear(&task->arena);
    task->emit_count = 0;
    task->emit_next = 0;
    task->context.source = source;
    task->context.error_text[0] = 0;
    task->context.error_place[0] = 0;
    task->context.error_kind = NULL;
    task->context.error_node = NULL;
    task->context.wall_clock_ms = io_wall_clock(task->io);
    if (source != NULL && source->timestamp_ms > task->context.stream_time_ms) {
        task->context.stream_time_ms = source->timestamp_ms;
    }
    if (task->stores != NULL) {
        state_savepoint(task->stores);
    }
    task->is_dirty = true;
}

void task_call_reject(struct task *task, int error)
{
    const struct topology_errors *errors = topology_errors(task->options.topology);
    if (task->stores != NULL) {
        state_rollback(task->stores);
    }
    task->emit_count = 0;
    if (task->context.error_text[0] == 0) {
        snprintf(task->context.error_text, sizeof task->context.error_text, "%s",
                 error_text(error));
    }
    trace(TRACE_INFO, "task.record_rejected",
          TRACE_STRING("app", topology_name(task->options.topology)),
          TRACE_STRING("place", task->context.error_place),
          TRACE_STRING("reason", task->context.error_text));
    switch (errors->policy) {
    case TOPOLOGY_DEAD_LETTER: {
        struct record letter;
        task_letter_make(&task->context, topology_name(task->options.topology), &letter);
        check(task_on_emit(&task->context, errors->topic, &letter) == 0);
        task->counts.dead_letter_count++;
        break;
    }
    case TOPOLOGY_SKIP:
        task->counts.skipped_count++;
        break;
    case TOPOLOGY_STOP: {
        char reason[700];
        snprintf(reason, sizeof reason, "%s: %s", task->context.error_place,
                 task->context.error_text);
        task_state_fail(task, reason, true);
        break;
    }
    }
}
