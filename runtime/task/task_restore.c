/* Starts a task: opens its state; restores every store from its changelog, from the offset the
 * state holds; decides which commit all changelogs agree on; begins the inputs at that commit's
 * positions, or at the group's offsets when there is no state. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_state.h"

#include <stdio.h>
#include <stdlib.h>

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
    task->instance = topology_instance_new(task->options.topology, task->options.part);
    task_timer_open(task);
    task->state = TASK_RUNNING;
    task->context.stream_time_ms = task->position.stream_time_ms;
    task_call_begin(task, NULL);
    int error = topology_instance_start(task->instance, &task->context);
    if (error != 0) {
        char reason[700];
        snprintf(reason, sizeof reason, "%s: %s", task->context.error_place,
                 task->context.error_text);
        task_state_fail(task, reason, true);
        return;
    }
    task->is_blocked = !task_call_send(task);
    task->is_dirty = task->emit_count > 0;
    task->checkpoint_ns = io_now(task->io);
    task_start_inputs(task);
    task->events->started(task->owner, task);
}

/* The newest commit that every changelog has; a task without changelogs keeps what its state says.
 */
static const struct state_position *task_decided_position(struct task *task)
{
    const struct state_position *decided = NULL;
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        if (task->changelogs[i] == NULL) {
            continue;
        }
        const struct state_position *last = changelog_last_position(task->changelogs[i]);
        const struct state_position *opened = state_position(task->stores);
        if (last->commit < opened->commit) {
            last = opened; /* nothing new since the checkpoint */
        }
        if (decided == NULL || last->commit < decided->commit) {
            decided = last;
        }
    }
    return decided == NULL ? state_position(task->stores) : decided;
}

static int task_decide(struct task *task)
{
    int64_t newest = 0;
    int error = 0;
    state_position_copy(&task->position, task_decided_position(task));
    for (size_t i = 0; i < state_store_count(task->stores) && error == 0; i++) {
        struct changelog *changelog = task->changelogs[i];
        if (changelog == NULL) {
            continue;
        }
        int64_t commit = changelog_last_position(changelog)->commit;
        newest = commit > newest ? commit : newest;
        error = changelog_decide(changelog, task->position.commit);
        task->counts.restored_count += changelog_restored_count(changelog);
        state_position_set_changelog(&task->position, kv_name(state_store_at(task->stores, i)),
                                     changelog_end_offset(changelog));
    }
    task->commit_number = task->position.commit > newest ? task->position.commit : newest;
    return error;
}

static void task_end_restore(struct task *task)
{
    int error = task_decide(task);
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        changelog_free(task->changelogs[i]);
        task->changelogs[i] = NULL;
    }
    if (error != 0) {
        task_state_fail(task, "a store cannot be restored from its changelog", false);
        return;
    }
    trace(TRACE_INFO, "task.restored", TRACE_STRING("part", task->options.part->name),
          TRACE_INT("partition", task->options.partition),
          TRACE_INT("commit", task->position.commit),
          TRACE_INT("changes", task->counts.restored_count));
    task_restore_run(task);
}

static void task_on_restored(void *owner, int error)
{
    struct task *task = owner;
    task->restoring_count--;
    if (error != 0) {
        char reason[200];
        snprintf(reason, sizeof reason, "a changelog cannot be read: %s", error_text(error));
        task_state_fail(task, reason, false);
    }
    if (task->is_closing) {
        task_state_close_step(task);
    } else if (task->restoring_count == 0 && task->state == TASK_RESTORING) {
        task_end_restore(task);
    }
}

static int task_open_state(struct task *task, struct report *report)
{
    const struct topology_part *part = task->options.part;
    struct state_store_options *stores = memory_zero(part->store_count, sizeof *stores);
    for (size_t i = 0; i < part->store_count; i++) {
        stores[i] = (struct state_store_options){.name = part->stores[i]->name,
                                                 .is_in_memory = part->stores[i]->kind ==
                                                                 TOPOLOGY_STORE_MEMORY};
    }
    int error = state_open(task->io, task->options.state_directory, stores, part->store_count,
                           &task->stores, report);
    free(stores);
    return error;
}

static void task_restore_store(struct task *task, size_t index)
{
    const struct topology_part *part = task->options.part;
    struct kv *kv = state_store_at(task->stores, index);
    if (!part->stores[index]->has_changelog) {
        return;
    }
    struct buffer name;
    buffer_init(&name);
    topology_changelog_name(task->options.topology, kv_name(kv), &name);
    task->changelog_topics[index] = memory_string(buffer_string(&name));
    buffer_fini(&name);
    int64_t offset = state_is_persistent(task->stores, index)
                         ? state_position_changelog(state_position(task->stores), kv_name(kv))
                         : 0;
    task->changelogs[index] = changelog_new(task->options.fetch_client, kv,
                                            task->changelog_topics[index], task->options.partition);
    task->restoring_count++;
    changelog_restore(task->changelogs[index], offset, task_on_restored, task);
}

void task_start(struct task *task)
{
    check(task->state == TASK_NEW);
    size_t store_count = task->options.part->store_count;
    struct report report = {0};
    task->state = TASK_RESTORING;
    if (store_count == 0) {
        task_restore_run(task);
        return;
    }
    if (task_open_state(task, &report) != 0) {
        task_state_fail(task, report.text, false);
        return;
    }
    task->changelogs = memory_zero(store_count, sizeof(struct changelog *));
    task->changelog_topics = memory_zero(store_count, sizeof(char *));
    for (size_t i = 0; i < store_count; i++) {
        task_restore_store(task, i);
    }
    if (task->restoring_count == 0) {
        task_end_restore(task);
    }
}
