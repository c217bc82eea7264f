/* A turn of the nodes of a task, and the sending of what it emitted. */
#include "log/base/error.h"
#include "runtime/task/task_state.h"

#include <stdio.h>

static int32_t task_call_partition(const struct record *record)
{
    return record->partition < 0 ? PRODUCER_PARTITION_BY_KEY : record->partition;
}

static struct producer_record task_call_record(const struct turn_emit *emit)
{
    const struct record *record = &emit->record;
    return (struct producer_record){.topic = emit->topic,
                                    .partition = task_call_partition(record),
                                    .timestamp_ms = record->timestamp_ms,
                                    .key = record->key,
                                    .value = record->value,
                                    .partition_key = record->partition_key,
                                    .headers_encoded = record->headers_encoded,
                                    .header_count = record->header_count,
                                    .body = emit->body};
}

static int task_call_validate(void *owner, const struct turn_emit *emit)
{
    const struct task *task = owner;
    const struct record *record = &emit->record;
    size_t size = record->key.size + record->value.size + record->headers_encoded.size;
    return producer_validate(task->options.producer, task_call_partition(record), size);
}

static int64_t task_call_read_wall_clock(struct node_context *context)
{
    const struct turn *turn = context->owner;
    const struct task *task = turn->owner;
    return io_wall_clock(task->io);
}

void task_call_init(struct task *task)
{
    turn_init(&task->turn, task->options.topology, task_call_validate, task);
    task->turn.context.read_wall_clock = task_call_read_wall_clock;
    task->turn.global = global_get_tables(task->options.global);
}

bool task_call_send(struct task *task)
{
    while (task->emit_next < task->turn.emit_count) {
        struct producer_record record = task_call_record(&task->turn.emits[task->emit_next]);
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
    task->emit_next = 0;
    task->is_dirty = true;
    turn_begin(&task->turn, -1);
    if (input != NULL) {
        turn_set_source(&task->turn, &input->head, input->head_body, &input->decoded,
                        input->time_ms);
    }
}

bool task_call_end(struct task *task, int error)
{
    switch (turn_end(&task->turn, error)) {
    case TURN_DONE:
        return task->state == TASK_RUNNING && task_call_send(task);
    case TURN_STOPPED:
        task_call_fail(task);
        break;
    case TURN_LOST:
        task_state_fail(task, task->turn.context.error_text, false);
        break;
    }
    return false;
}

void task_call_fail(struct task *task)
{
    char reason[700];
    snprintf(reason, sizeof reason, "%s%s%s", task->turn.context.error_place,
             task->turn.context.error_place[0] == 0 ? "" : ": ", task->turn.context.error_text);
    task_state_fail(task, reason, true);
}
