/* Sends the changelogs of a commit and begins checkpoints; the order of a commit is in app.h. */
#include "log/base/error.h"
#include "runtime/task/task_state.h"

enum {
    TASK_CHECKPOINT_SIZE = 4 * 1024 * 1024, /* dirty bytes that call for a checkpoint */
    TASK_CHECKPOINT_NS = 1000000000,        /* or this long after the last */
    TASK_ROOM_NS = 1000000,                 /* until a full producer is asked again */
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
    task->position.stream_time_ms = task->turn.context.stream_time_ms;
    task->position.clock = task->clock.number;
    for (size_t i = 0; i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        state_position_set_input(&task->position, input->topic, input->partition,
                                 task_input_next(input));
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
    row->next_offset = offset + 1;
    task_end_sending(row->task, error);
}

/* True when nothing is left to be handed over. */
static bool task_append_groups(struct task *task)
{
    bool is_over = true;
    size_t store_count = task->stores == NULL ? 0 : state_store_count(task->stores);
    for (size_t i = 0; i < store_count; i++) {
        struct task_changelog *row = &task->changelogs[i];
        if (!row->is_appending) {
            continue;
        }
        int error = task->is_closing ? ERROR_CANCELLED : changelog_append_step(&row->append);
        row->is_appending = error == ERROR_AGAIN;
        is_over = is_over && !row->is_appending;
        if (error != 0 && error != ERROR_AGAIN) {
            task_end_sending(task, error);
        }
    }
    return is_over;
}

static void task_on_send_turn(struct io_timer *timer)
{
    struct task *task = timer->owner;
    if (task_append_groups(task)) {
        task_end_sending(task, 0);
    } else {
        io_timer_start(task->io, timer, TASK_ROOM_NS);
    }
}

void task_send_changelogs(struct task *task, void (*done)(void *owner, int error), void *owner)
{
    check(task->sending_count == 0);
    task_set_position(task);
    task->sent = done;
    task->sent_owner = owner;
    task->sending_error = 0;
    task->sending_count = 1;
    size_t store_count = task->stores == NULL ? 0 : state_store_count(task->stores);
    for (size_t i = 0; i < store_count; i++) {
        struct task_changelog *row = &task->changelogs[i];
        if (row->topic == NULL) {
            continue;
        }
        row->append = (struct changelog_append){.producer = task->options.producer,
                                                .kv = row->kv,
                                                .topic = row->topic,
                                                .partition = task->options.partition,
                                                .position = &task->position,
                                                .done = task_on_sent,
                                                .owner = row};
        row->is_appending = true;
        task->sending_count++;
    }
    task->send_timer = (struct io_timer){.fired = task_on_send_turn, .owner = task};
    io_timer_start(task->io, &task->send_timer, 0);
}

const struct state_position *task_commit_position(const struct task *task)
{
    return &task->position;
}

static void task_on_checkpointed(void *owner, int error)
{
    struct task *task = owner;
    struct report report = {0};
    task->checkpoint_ns = io_now(task->io);
    task->has_checkpoint_failed = error != 0;
    if (state_has_failed(task->stores, &report)) {
        task_state_fail(task, report.text, false);
    }
    task_state_close_step(task);
}

void task_checkpoint(struct task *task)
{
    state_checkpoint(task->stores, &task->position, task_on_checkpointed, task);
}

bool task_is_checkpoint_due(const struct task *task, uint64_t span_ns)
{
    bool is_large = state_dirty_size(task->stores) >= TASK_CHECKPOINT_SIZE;
    bool is_time = io_now(task->io) - task->checkpoint_ns >= span_ns ||
                   (is_large && !task->has_checkpoint_failed);
    return is_time && state_has_directory(task->stores) && !state_is_checkpointing(task->stores);
}

void task_end_commit(struct task *task)
{
    task->is_dirty = false;
    task->decided_commit = task->position.commit;
    if (task->stores == NULL) {
        return;
    }
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        const struct task_changelog *row = &task->changelogs[i];
        kv_mark_committed(row->kv);
        if (row->topic != NULL) {
            state_position_set_changelog(&task->position, kv_name(row->kv), NULL, row->next_offset);
        }
    }
    if (task_is_checkpoint_due(task, TASK_CHECKPOINT_NS)) {
        task_checkpoint(task);
    }
}
