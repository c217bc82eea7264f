/* What one call of the nodes causes, whole or not at all: emits and store writes are staged, sent
 * when the nodes succeed and undone when they fail. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_letter.h"
#include "runtime/task/task_state.h"

#include <stdio.h>

static struct task_emit *task_call_add_emit(struct task *task, const char *topic,
                                            const struct record *record)
{
    if (task->emit_count == task->emit_capacity) {
        task->emit_capacity = task->emit_capacity == 0 ? 16 : task->emit_capacity * 2;
        task->emits = memory_resize(task->emits, task->emit_capacity * sizeof *task->emits);
    }
    struct task_emit *emit = &task->emits[task->emit_count++];
    *emit = (struct task_emit){.topic = topic, .record = *record};
    return emit;
}

static int task_on_emit(struct node_context *context, const char *topic,
                        const struct record *record)
{
    task_call_add_emit(context->owner, topic, record);
    return 0;
}

void task_call_emit_own(struct task *task, const char *topic, const struct record *record)
{
    task_call_add_emit(task, topic, record)->is_own = true;
}

static struct kv *task_on_store(struct node_context *context, const char *name)
{
    struct task *task = context->owner;
    struct kv *own = task_store(task, name);
    return own != NULL ? own : global_store(task->options.global, name);
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

static struct producer_record task_call_record(const struct task_emit *emit)
{
    const struct record *record = &emit->record;
    return (struct producer_record){.topic = emit->topic,
                                    .partition = record->partition < 0 ? PRODUCER_PARTITION_BY_KEY
                                                                       : record->partition,
                                    .timestamp_ms = record->timestamp_ms,
                                    .key = record->key,
                                    .value = record->value,
                                    .partition_key = record->partition_key,
                                    .headers_encoded = record->headers_encoded,
                                    .header_count = record->header_count};
}

bool task_call_send(struct task *task)
{
    while (task->emit_next < task->emit_count) {
        struct producer_record record = task_call_record(&task->emits[task->emit_next]);
        int error = producer_send(task->options.producer, &record);
        if (error == ERROR_AGAIN) {
            return false;
        }
        check(error == 0); /* all were judged before */
        task->emit_next++;
    }
    return true;
}

void task_call_begin(struct task *task, struct task_input *input)
{
    arena_clear(&task->arena);
    task->emit_count = 0;
    task->emit_next = 0;
    task->outcome = NULL;
    task->context.late_count = 0;
    task->context.source = input == NULL ? NULL : &input->head;
    task->context.decoded = input == NULL ? NULL : &input->decoded;
    task->context.error_text[0] = 0;
    task->context.error_place[0] = 0;
    task->context.error_kind = NULL;
    task->context.error_node = NULL;
    task->context.ends_task = false;
    task->context.wall_clock_ms = io_wall_clock(task->io);
    if (input != NULL && input->time_ms > task->context.stream_time_ms) {
        task->context.stream_time_ms = input->time_ms;
    }
    if (task->stores != NULL) {
        state_savepoint(task->stores);
    }
    task->is_dirty = true;
}

int task_call_judge(struct task *task)
{
    size_t own_count = 0;
    for (size_t i = 0; i < task->emit_count; i++) {
        own_count += task->emits[i].is_own;
        struct producer_record record = task_call_record(&task->emits[i]);
        int error = producer_validate(task->options.producer, &record);
        if (error != 0) {
            snprintf(task->context.error_text, sizeof task->context.error_text,
                     "a record for topic %s with a value of %zu bytes cannot be sent: %s",
                     record.topic, record.value.size, error_text(error));
            task->context.error_kind = "produce";
            return error;
        }
    }
    task->counts.out_count += (int64_t)(task->emit_count - own_count) - task->context.late_count;
    task->counts.out_late_count += task->context.late_count;
    return 0;
}

static void task_call_add_letter(struct task *task)
{
    const char *application = topology_name(task->options.topology);
    const char *topic = topology_errors(task->options.topology)->topic;
    struct record letter;
    task_letter_make(&task->context, application, true, &letter);
    struct producer_record record =
        task_call_record(&(struct task_emit){.topic = topic, .record = letter});
    if (producer_validate(task->options.producer, &record) != 0) {
        task_letter_make(&task->context, application, false, &letter);
    }
    task_call_emit_own(task, topic, &letter);
}

/* What became of a record whose nodes succeeded. */
static int64_t *task_call_outcome(struct task *task)
{
    size_t late_count = (size_t)task->context.late_count;
    if (task->emit_count > late_count) {
        return &task->counts.emitting_count;
    }
    if (task->stores != NULL && state_is_changed(task->stores)) {
        return &task->counts.kept_count;
    }
    return late_count > 0 ? &task->counts.late_count : &task->counts.filtered_count;
}

/* As if the call had never been, but for its dead letter. */
static void task_call_reject(struct task *task, int error)
{
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
    switch (topology_errors(task->options.topology)->policy) {
    case TOPOLOGY_DEAD_LETTER:
        task_call_add_letter(task);
        task->outcome = &task->counts.dead_letter_count;
        break;
    case TOPOLOGY_SKIP:
        task->outcome = &task->counts.skipped_count;
        break;
    case TOPOLOGY_STOP:
        task_call_fail(task);
        break;
    }
}

/* What the nodes read may be wrong then; nothing of it leaves. */
static bool task_call_lost_stores(struct task *task)
{
    struct report report = {0};
    if (task->stores == NULL || !state_has_failed(task->stores, &report)) {
        return false;
    }
    state_rollback(task->stores);
    task->emit_count = 0;
    task_state_fail(task, report.text, false);
    return true;
}

/* A node says that the failure is not the record's: nothing of the call counts, nor of the task. */
static bool task_call_ended_task(struct task *task, int error)
{
    if (error == 0 || !task->context.ends_task) {
        return false;
    }
    if (task->stores != NULL) {
        state_rollback(task->stores);
    }
    task->emit_count = 0;
    task_state_fail(task, task->context.error_text, false);
    return true;
}

bool task_call_end(struct task *task, int error)
{
    if (task_call_lost_stores(task) || task_call_ended_task(task, error)) {
        return false;
    }
    error = error == 0 ? task_call_judge(task) : error;
    if (error != 0) {
        task->counts.timer_failed_count += task->context.source == NULL;
        task_call_reject(task, error);
    } else {
        task->outcome = task_call_outcome(task);
    }
    return task->state == TASK_RUNNING && task_call_send(task);
}

void task_call_fail(struct task *task)
{
    char reason[700];
    snprintf(reason, sizeof reason, "%s%s%s", task->context.error_place,
             task->context.error_place[0] == 0 ? "" : ": ", task->context.error_text);
    task_state_fail(task, reason, true);
}
