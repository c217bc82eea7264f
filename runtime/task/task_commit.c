/* Sends the changelogs of a commit and begins checkpoints; the order of a commit is in app.h. */
#include "runtime/task/task_state.h"

enum {
    TASK_CHECKPOINT_SIZE = 4 * 1024 * 1024, /* dirty bytes that call for a checkpoint */
    TASK_CHECKPOINT_NS = 1000000000,        /* or this long after the last */
};

bool task_is_dirty(const struct task *task)
{
    return task->is_dirty && task->state == TASK_RUNNING;
}

static void task_set_position(struct task *task)
{
    task->newest_commit =
        accord_next(task->newest_commit, task->decided_commit, io_wall_clock(task->io));
    task->position.commit = task->newest_commit;
    task->position.follows = task->decided_commit;
    task->position.stream_time_ms = task->context.stream_time_ms;
    for (size_t i = 0; i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        if (input->position >= 0) {
            state_position_set_input(&task->position, input->topic, input->partition,
                                     input->position);
        }
    }
}

static void task_end_sending(struct task *task, int error)
{
    if (error != 0 && task->sending_error == 0) {
        task->sending_error = error;
    }
    if (--task->sending_count == 0) {
        task->sent(task->sent_owner, task->sending_error);
        task_state_close_step(task);
    }
}

static void task_on_sent(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    struct task_changelog *row = owner;
    if (error == 0) {
        state_position_set_changelog(&row->task->position, kv_name(row->kv), NULL, offset + 1);
    }
    task_end_sending(row->task, error);
}

static void task_on_nothing_sent(struct io_timer *timer)
{
    task_end_sending(timer->owner, 0);
}

int task_send_changelogs(struct task *task, void (*done)(void *owner, int error), void *owner)
{
    check(task->sending_count == 0);
    task_set_position(task);
    task->sent = done;
    task->sent_owner = owner;
    task->sending_error = 0;
    int error = 0;
    size_t store_count = task->stores == NULL ? 0 : state_store_count(task->stores);
    for (size_t i = 0; i < store_count && error == 0; i++) {
        struct task_changelog *row = &task->changelogs[i];
        if (row->topic == NULL) {
            continue;
        }
        error = changelog_send(task->options.producer, row->kv, row->topic, task->options.partition,
                               &task->position, task_on_sent, row);
        task->sending_count += error == 0;
    }
    if (error != 0 && task->sending_count > 0) {
        /* Some groups are on their way and will be told; this commit then fails. */
        task->sending_error = error;
        return 0;
    }
    if (error == 0 && task->sending_count == 0) {
        task->sending_count = 1;
        task->close_timer = (struct io_timer){.fired = task_on_nothing_sent, .owner = task};
        io_timer_start(task->io, &task->close_timer, 0);
    }
    return error;
}

const struct state_position *task_commit_position(const struct task *task)
{
    return &task->position;
}

static void task_on_checkpointed(void *owner, int error)
{
    (void)error;
    struct task *task = owner;
    task->checkpoint_ns = io_now(task->io);
    task_state_close_step(task);
}

void task_end_commit(struct task *task)
{
    task->is_dirty = false;
    task->decided_commit = task->position.commit;
    if (task->stores == NULL) {
        return;
    }
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        kv_mark_committed(state_store_at(task->stores, i));
    }
    bool is_time = io_now(task->io) - task->checkpoint_ns >= TASK_CHECKPOINT_NS ||
                   state_dirty_size(task->stores) >= TASK_CHECKPOINT_SIZE;
    if (is_time && state_has_directory(task->stores) && !state_is_checkpointing(task->stores)) {
        state_checkpoint(task->stores, &task->position, task_on_checkpointed, task);
    }
}
