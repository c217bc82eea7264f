/* Starts a task: opens its state; restores every store from its changelog, from the offset the
 * state holds; goes on from the commit that runtime/state/accord.h gives; begins the inputs at
 * that commit's positions, or at the group's offsets when it has none. State that somebody else has
 * open, who had the partition before, is waited for. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_placement.h"
#include "runtime/task/task_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { TASK_OPEN_AGAIN_MS = 50, TASK_OPEN_PATIENCE_COUNT = 200 };

static void task_start_inputs(struct task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        struct task_input *input = &task->inputs[i];
        int64_t offset = state_position_input(&task->position, input->topic, input->partition);
        if (offset < 0) {
            offset = task->committed_offsets[i];
        }
        input->source = topology_instance_source(task->instance, input->topic);
        check(input->source != NULL);
        task_input_start(input, offset >= 0 ? offset : FETCHER_OFFSET_EARLIEST);
    }
}

static void task_restore_run(struct task *task)
{
    task->turn.stores = task->stores;
    task->instance = topology_instance_new(task->options.topology, task->options.part);
    task->state = TASK_RUNNING;
    bool has_time = task->position.commit > 0;
    task->turn.context.stream_time_ms = has_time ? task->position.stream_time_ms : -1;
    task_timer_open(task);
    task_clock_open(task);
    bool is_repairing = task->is_dirty;
    task_call_begin(task, NULL);
    int error = topology_instance_start(task->instance, &task->turn.context);
    error = error == 0 ? turn_judge(&task->turn) : error;
    if (error != 0) {
        task_call_fail(task);
        return;
    }
    task->is_blocked = !task_call_send(task);
    task->is_dirty = is_repairing || task->turn.emit_count > 0;
    task->checkpoint_ns = io_now(task->io);
    task_start_inputs(task);
    task_placement_begin(task);
    task->events->started(task->owner, task);
}

static void task_fail_restore(struct task *task, const struct task_changelog *row, int error)
{
    char reason[400];
    snprintf(reason, sizeof reason, "store %s cannot be restored from %s-%d: %s", kv_name(row->kv),
             row->topic, (int)task->options.partition, error_text(error));
    task_state_fail(task, reason, false);
}

/* The logs of the stores that have a changelog. */
static size_t task_gather_logs(const struct task *task, const struct accord_log **logs)
{
    size_t count = 0;
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        if (task->changelogs[i].changelog != NULL) {
            logs[count++] = replay_log(changelog_replay(task->changelogs[i].changelog));
        }
    }
    return count;
}

static void task_tell_lost(struct task *task, const struct accord_log *const *logs, size_t count)
{
    struct buffer text;
    buffer_init(&text);
    buffer_add_string(&text,
                      "records of a changelog were lost, its stores have no commit in common:");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&text, "%s %s is at %lld or %lld", i == 0 ? "" : ",", logs[i]->store,
                      (long long)logs[i]->base.commit, (long long)logs[i]->newest);
    }
    buffer_printf(&text, "; to begin without state, delete the topics %s-*-changelog",
                  topology_name(task->options.topology));
    if (task->options.state_directory != NULL) {
        buffer_printf(&text, " and %s", task->options.state_directory);
    }
    task_state_fail(task, buffer_string(&text), true);
    buffer_fini(&text);
}

static int task_decide_store(struct task *task, struct task_changelog *row,
                             const struct state_position *decided)
{
    const struct replay *replay = changelog_replay(row->changelog);
    const struct accord_log *log = replay_log(replay);
    if (accord_log_fate(log, decided) == ACCORD_FATE_EMPTY) {
        trace(TRACE_WARN, "task.store_begins_empty", TRACE_STRING("store", log->store),
              TRACE_STRING("topic", row->topic), TRACE_INT("commit", decided->commit));
    }
    int error = changelog_decide(row->changelog, decided);
    task->turn.counts.restored_count += replay_count(replay) - row->followed_count;
    task->is_dirty = task->is_dirty || replay_is_repairing(replay);
    task->newest_commit = log->newest > task->newest_commit ? log->newest : task->newest_commit;
    state_position_set_changelog(&task->position, log->store, log->topic_id,
                                 replay_end_offset(replay));
    return error;
}

/* 0, or an error that was told. */
static int task_decide(struct task *task)
{
    size_t store_count = state_store_count(task->stores);
    const struct accord_log **logs = memory_zero(store_count, sizeof(struct accord_log *));
    size_t count = task_gather_logs(task, logs);
    const struct state_position *decided = accord_choose(logs, count, state_position(task->stores));
    int error = decided == NULL ? ERROR_CORRUPT : 0;
    if (error != 0) {
        task_tell_lost(task, logs, count);
    } else {
        state_position_copy(&task->position, decided);
        state_position_clear_changelogs(&task->position);
        task->decided_commit = task->newest_commit = decided->commit;
    }
    for (size_t i = 0; i < store_count && error == 0; i++) {
        struct task_changelog *row = &task->changelogs[i];
        error = row->changelog == NULL ? 0 : task_decide_store(task, row, decided);
        if (error != 0) {
            task_fail_restore(task, row, error);
        }
    }
    free(logs);
    return error;
}

static void task_end_restore(struct task *task)
{
    int error = task_decide(task);
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        changelog_free(task->changelogs[i].changelog);
        task->changelogs[i].changelog = NULL;
    }
    if (error != 0) {
        return;
    }
    trace(TRACE_INFO, "task.restored", TRACE_STRING("part", task->options.part->name),
          TRACE_INT("partition", task->options.partition),
          TRACE_INT("commit", task->position.commit),
          TRACE_INT("changes", task->turn.counts.restored_count));
    task_restore_run(task);
}

static void task_end_one_restore(struct task *task)
{
    task->restoring_count--;
    if (task->is_closing) {
        task_state_close_step(task);
    } else if (task->restoring_count == 0 && task->state == TASK_RESTORING) {
        task_end_restore(task);
    }
}

static struct task_restore_view task_restore_view(const struct task_changelog *row)
{
    return (struct task_restore_view){.store = kv_name(row->kv),
                                      .progress = changelog_progress(row->changelog)};
}

static void task_on_restore_begun(void *owner)
{
    struct task_changelog *row = owner;
    struct task *task = row->task;
    struct task_restore_view view = task_restore_view(row);
    if (task->state == TASK_RESTORING && task->events->restore_begun != NULL) {
        task->events->restore_begun(task->owner, task, &view);
    }
}

static void task_on_restored(void *owner, int error)
{
    struct task_changelog *row = owner;
    struct task *task = row->task;
    struct task_restore_view view = task_restore_view(row);
    if (error != 0) {
        task_fail_restore(task, row, error);
    } else if (view.progress.total_count > 0 && task->events->restore_ended != NULL) {
        task->events->restore_ended(task->owner, task, &view);
    }
    task_end_one_restore(row->task);
}

static void task_on_clock_restored(struct task *task, int error)
{
    char reason[400];
    if (error != 0) {
        snprintf(reason, sizeof reason, "decisions about time cannot be read from %s-%d: %s",
                 task->clock.topic, (int)task->options.partition, error_text(error));
        task_state_fail(task, reason, false);
    }
    task_end_one_restore(task);
}

static int task_open_state(struct task *task, struct report *report)
{
    const struct topology_part *part = task->options.part;
    struct state_store_options *stores = memory_zero(part->store_count, sizeof *stores);
    const char *directory = NULL; /* for persistent stores only */
    for (size_t i = 0; i < part->store_count; i++) {
        const struct topology_store *store = part->stores[i];
        stores[i] =
            (struct state_store_options){.name = store->name,
                                         .is_in_memory = store->kind == TOPOLOGY_STORE_MEMORY,
                                         .has_changelog = store->has_changelog};
        directory = stores[i].is_in_memory ? directory : task->options.state_directory;
    }
    int error = state_open(task->io, directory, stores, part->store_count, &task->stores, report);
    free(stores);
    return error;
}

static void task_restore_store(struct task *task, size_t index)
{
    struct task_changelog *row = &task->changelogs[index];
    struct buffer name;
    buffer_init(&name);
    topology_changelog_name(task->options.topology, kv_name(row->kv), &name);
    row->topic = memory_string(buffer_string(&name));
    buffer_fini(&name);
    row->changelog =
        changelog_new(task->options.fetch_client, row->kv, row->topic, task->options.partition);
    task->restoring_count++;
    changelog_on_begun(row->changelog, task_on_restore_begun, row);
    const struct state_position *opened =
        state_is_kept(task->stores, index) ? state_position(task->stores) : NULL;
    if (task->state == TASK_FOLLOWING) {
        changelog_follow(row->changelog, opened, task->follow_fetcher, task_on_restored, row);
    } else {
        changelog_restore(row->changelog, opened, task_on_restored, row);
    }
}

void task_restore_clock(struct task *task)
{
    task->restoring_count += task_clock_restore(task, task_on_clock_restored);
    if (task->restoring_count == 0) {
        task_end_restore(task);
    }
}

static void task_restore_begin(struct task *task)
{
    const struct topology_part *part = task->options.part;
    task->changelogs = memory_zero(part->store_count, sizeof *task->changelogs);
    for (size_t i = 0; i < part->store_count; i++) {
        task->changelogs[i] =
            (struct task_changelog){.task = task, .kv = state_store_at(task->stores, i)};
        if (part->stores[i]->has_changelog) {
            task_restore_store(task, i);
        }
    }
    if (task->state == TASK_FOLLOWING) {
        task_follow_begin(task);
    } else {
        task_restore_clock(task);
    }
}

static void task_on_open_time(struct io_timer *timer)
{
    task_restore_open(timer->owner);
}

/* Who had the partition before us closes its stores as soon as it hears of it; it may be a process
 * that never hears, so its users are told in time. */
static void task_restore_wait(struct task *task, const char *why)
{
    if (task->open_count == 0) {
        trace(TRACE_WARN, "task.waits_for_stores", TRACE_STRING("part", task->options.part->name),
              TRACE_INT("partition", task->options.partition), TRACE_STRING("why", why));
    }
    if (++task->open_count == TASK_OPEN_PATIENCE_COUNT && task->events->noticed != NULL) {
        char text[REPORT_TEXT_SIZE + 100];
        snprintf(text, sizeof text, "%s; partition %d waits until it is closed there", why,
                 (int)task->options.partition);
        task->events->noticed(task->owner, task, text);
    }
    task->open_timer = (struct io_timer){.fired = task_on_open_time, .owner = task};
    io_timer_start(task->io, &task->open_timer, (uint64_t)TASK_OPEN_AGAIN_MS * 1000000);
}

void task_restore_open(struct task *task)
{
    struct report report = {0};
    int error = task_open_state(task, &report);
    if (error == ERROR_BUSY) {
        task_restore_wait(task, report.text);
    } else if (error != 0) {
        task_state_fail(task, report.text, false);
    } else {
        task_restore_begin(task);
    }
}

void task_start(struct task *task)
{
    if (task->state == TASK_FOLLOWING) {
        task_follow_end(task);
        return;
    }
    check(task->state == TASK_NEW);
    task->state = TASK_RESTORING;
    if (task->options.part->store_count == 0) {
        task_restore_run(task);
    } else {
        task_restore_open(task);
    }
}

void task_restore_cancel(struct task *task)
{
    task_clock_cancel(task);
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        if (task->changelogs[i].changelog != NULL) {
            changelog_cancel(task->changelogs[i].changelog);
        }
    }
}

bool task_view_restore(const struct task *task, size_t index, struct task_restore_view *out)
{
    const struct task_changelog *row = task->changelogs == NULL ? NULL : &task->changelogs[index];
    if (task->state != TASK_RESTORING || row == NULL || row->changelog == NULL) {
        return false;
    }
    *out = task_restore_view(row);
    return true;
}
