/* Processes records of one part and partition; see task.h. */
#include "runtime/task/task.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_placement.h"
#include "runtime/task/task_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASK_IDLE_TIMES = 10 };

void task_state_fail(struct task *task, const char *reason, bool is_final)
{
    if (task->state == TASK_FAILED || task->is_closing) {
        return;
    }
    task->state = TASK_FAILED;
    trace(TRACE_ERROR, "task.failed", TRACE_STRING("app", topology_name(task->options.topology)),
          TRACE_STRING("part", task->options.part->name),
          TRACE_INT("partition", task->options.partition), TRACE_STRING("reason", reason));
    task->events->failed(task->owner, task, reason, is_final);
}

static void task_finish_record(struct task *task, struct task_input *input)
{
    int64_t stream_time_ms = task->turn.context.stream_time_ms;
    task_input_take(input);
    task->turn.counts.in_count++;
    ++*task->turn.outcome;
    task_clock_on_record(task);
    task_timer_call_due(task, TOPOLOGY_STREAM_TIME, stream_time_ms);
}

static void task_process_head(struct task *task, struct task_input *input)
{
    check(!task_clock_holds(task, input));
    if (input->placement_left > 0) {
        task_placement_look(task, input);
    }
    task_call_begin(task, input);
    int error = node_process(input->source, &task->turn.context, &input->head);
    if (task_call_end(task, error)) {
        task_finish_record(task, input);
    } else if (task->state == TASK_RUNNING) {
        task->is_blocked = true;
        task->blocked_input = input;
    }
}

static bool task_is_before(const struct task_input *left, const struct task_input *right)
{
    if (left->time_ms != right->time_ms) {
        return left->time_ms < right->time_ms;
    }
    return strcmp(left->topic, right->topic) < 0;
}

/* The input whose head is next; NULL when there is none, or when an empty input may still have an
 * older one on its way. */
static struct task_input *task_choose(struct task *task)
{
    struct task_input *chosen = NULL;
    for (size_t i = 0; i < task->input_count; i++) {
        struct task_input *input = &task->inputs[i];
        int result = task_input_fill(input);
        if (result < 0) {
            char reason[400];
            snprintf(reason, sizeof reason, "reading %s-%d at offset %lld failed: %s", input->topic,
                     (int)input->partition, (long long)input->position, error_text(result));
            task_state_fail(task, reason, false);
            return NULL;
        }
        if (task_clock_holds(task, input)) {
            continue;
        }
        if (result == 1) {
            if (chosen == NULL || task_is_before(input, chosen)) {
                chosen = input;
            }
        } else if (task->input_count > 1 && !task_input_is_drained(input)) {
            return NULL;
        }
    }
    return chosen;
}

/* True when nothing is left over from the record before. */
static bool task_unblock(struct task *task)
{
    if (!task->is_blocked) {
        return true;
    }
    if (!task_call_send(task)) {
        return false;
    }
    task->is_blocked = false;
    if (task->blocked_input != NULL) {
        struct task_input *input = task->blocked_input;
        task->blocked_input = NULL;
        task_finish_record(task, input);
    }
    return !task->is_blocked;
}

int64_t task_next_time_ms(struct task *task)
{
    bool is_ready = task->state == TASK_RUNNING && !task->is_blocked && !task->is_stopped;
    const struct task_input *input = is_ready ? task_choose(task) : NULL;
    return input == NULL ? INT64_MAX : input->time_ms;
}

bool task_is_unsure(const struct task *task)
{
    bool is_ready = task->state == TASK_RUNNING && !task->is_blocked && !task->is_stopped;
    for (size_t i = 0; is_ready && i < task->input_count; i++) {
        if (!task->inputs[i].has_head && !task_input_is_drained(&task->inputs[i])) {
            return true;
        }
    }
    return false;
}

/* Whether an input has run empty that was not missed yet: it may have to be waited for. */
static bool task_has_run_empty(const struct task *task)
{
    bool has_run_empty = false;
    for (size_t i = 0; task->options.idle_ms > 0 && i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        has_run_empty |= input->missed_ns == 0 && !input->is_ours && task_input_is_drained(input);
    }
    return has_run_empty;
}

bool task_is_idling(struct task *task, uint64_t since_ns, uint64_t *until_ns)
{
    bool is_ready = task->state == TASK_RUNNING && !task->is_blocked && !task->is_stopped;
    *until_ns = 0;
    if (task->options.idle_ms == 0 || !is_ready) {
        return false;
    }
    uint64_t idle_ns = (uint64_t)task->options.idle_ms * 1000000;
    uint64_t now_ns = io_now(task->io);
    for (size_t i = 0; i < task->input_count; i++) {
        struct task_input *input = &task->inputs[i];
        if (input->is_ours || !task_input_is_drained(input)) {
            continue;
        }
        input->missed_ns = input->missed_ns == 0 ? now_ns : input->missed_ns;
        uint64_t from_ns = input->missed_ns > since_ns ? input->missed_ns : since_ns;
        bool is_given_up = now_ns - input->missed_ns >= TASK_IDLE_TIMES * idle_ns;
        if (!is_given_up && from_ns + idle_ns > *until_ns) {
            *until_ns = from_ns + idle_ns;
        }
    }
    return *until_ns > now_ns;
}

size_t task_process(struct task *task, size_t count_max, int64_t time_ms_max)
{
    size_t count = 0;
    while (task->state == TASK_RUNNING && task_unblock(task)) {
        if (task_clock_repeat(task)) {
            continue;
        }
        if (count == count_max) {
            break;
        }
        struct task_input *input = task->is_stopped ? NULL : task_choose(task);
        if (input == NULL || input->time_ms > time_ms_max ||
            (count > 0 && task_has_run_empty(task))) {
            break;
        }
        task_process_head(task, input);
        count++;
    }
    return count;
}

struct task *task_new(const struct task_options *options, const struct task_events *events,
                      void *owner)
{
    struct task *task = memory_new(struct task);
    task->options = *options;
    task->options.state_directory = memory_string(options->state_directory);
    task->io = client_io(options->client);
    task->events = events;
    task->owner = owner;
    task_call_init(task);
    state_position_init(&task->position);
    task->position.stream_time_ms = -1;
    return task;
}

void task_add_input(struct task *task, const char *topic, int64_t committed_offset)
{
    check(task->state == TASK_NEW || task->state == TASK_FOLLOWING);
    size_t count = ++task->input_count;
    task->inputs = memory_resize(task->inputs, count * sizeof *task->inputs);
    task->committed_offsets =
        memory_resize(task->committed_offsets, count * sizeof *task->committed_offsets);
    task_input_init(&task->inputs[count - 1], task->options.fetcher, topic,
                    task->options.partition);
    task->committed_offsets[count - 1] = committed_offset;
    task->inputs[count - 1].is_ours = topology_part_repartitions(task->options.part, topic);
}

static void task_count_change(void *owner, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    ++*(size_t *)owner;
}

bool task_stop(struct task *task)
{
    if (task->state != TASK_RUNNING || task->is_stopped || task->is_blocked) {
        return false;
    }
    bool was_dirty = task->is_dirty;
    size_t change_count = 0;
    task->is_stopped = true;
    task_call_begin(task, NULL);
    int error = topology_instance_stop(task->instance, &task->turn.context);
    task->is_blocked = !task_call_end(task, error) && task->state == TASK_RUNNING;
    for (size_t i = 0; task->stores != NULL && i < state_store_count(task->stores); i++) {
        kv_each_dirty(state_store_at(task->stores, i), task_count_change, &change_count);
    }
    task->is_dirty = was_dirty || task->turn.emit_count > 0 || change_count > 0;
    return task->is_dirty;
}

static void task_free(struct task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        task_input_fini(&task->inputs[i]);
    }
    size_t store_count = task->stores == NULL ? 0 : state_store_count(task->stores);
    for (size_t i = 0; i < store_count; i++) {
        changelog_free(task->changelogs[i].changelog);
        free(task->changelogs[i].topic);
    }
    free(task->changelogs);
    state_close(task->stores);
    task_clock_fini(&task->clock);
    topology_instance_free(task->instance);
    state_position_fini(&task->position);
    turn_fini(&task->turn);
    free(task->inputs);
    free(task->committed_offsets);
    free(task->timers);
    free((void *)(uintptr_t)task->options.state_directory);
    free(task);
}

static void task_on_close_turn(struct io_timer *timer)
{
    struct task *task = timer->owner;
    void (*closed)(void *owner) = task->closed;
    void *owner = task->closed_owner;
    task_free(task);
    closed(owner);
}

void task_state_close_step(struct task *task)
{
    bool is_busy = task->restoring_count > 0 || task->sending_count > 0 ||
                   (task->stores != NULL && state_is_checkpointing(task->stores));
    if (!task->is_closing || is_busy || task->is_freed_later) {
        return;
    }
    task->is_freed_later = true;
    task->close_timer = (struct io_timer){.fired = task_on_close_turn, .owner = task};
    io_timer_start(task->io, &task->close_timer, 0);
}

void task_close(struct task *task, void (*closed)(void *owner), void *owner)
{
    check(!task->is_closing);
    task->is_closing = true;
    task->closed = closed;
    task->closed_owner = owner;
    io_timer_stop(task->io, &task->open_timer);
    io_timer_stop(task->io, &task->follow_timer);
    if (task->restoring_count > 0) {
        task_restore_cancel(task);
    }
    task_state_close_step(task);
}

bool task_is_running(const struct task *task)
{
    return task->state == TASK_RUNNING;
}

bool task_is_blocked(const struct task *task)
{
    return task->is_blocked;
}

int32_t task_partition(const struct task *task)
{
    return task->options.partition;
}

const struct topology_part *task_part(const struct task *task)
{
    return task->options.part;
}

const struct task_counts *task_counts(const struct task *task)
{
    return &task->turn.counts;
}

int64_t task_pending_count(const struct task *task)
{
    int64_t count = 0;
    for (size_t i = 0; task->state == TASK_RUNNING && i < task->input_count; i++) {
        count += task_input_pending_count(&task->inputs[i]);
    }
    return count;
}

struct kv *task_store(struct task *task, const char *name)
{
    return task->stores == NULL ? NULL : state_store(task->stores, name);
}

struct node *task_node(struct task *task, const char *name)
{
    return task->state == TASK_RUNNING ? topology_instance_node(task->instance, name) : NULL;
}

bool task_open_rows(struct task *task, const char *store, struct store_rows *rows)
{
    const struct topology_part *part = task->options.part;
    for (size_t i = 0; task->state == TASK_RUNNING && i < part->store_count; i++) {
        if (strcmp(part->stores[i]->name, store) == 0) {
            store_rows_init(rows, part->stores[i], task_store(task, store), task->instance,
                            &task->turn.context);
            return true;
        }
    }
    return false;
}

const char *task_state_name(const struct task *task)
{
    switch (task->state) {
    case TASK_FOLLOWING:
        return "standby";
    case TASK_NEW:
    case TASK_RESTORING:
        return "restoring";
    case TASK_RUNNING:
        return task->is_blocked ? "blocked" : task->is_stopped ? "stopped" : "running";
    case TASK_FAILED:
        break;
    }
    return "failed";
}

int64_t task_stream_time_ms(const struct task *task)
{
    return task->state == TASK_RUNNING ? task->turn.context.stream_time_ms : -1;
}

size_t task_input_count(const struct task *task)
{
    return task->input_count;
}

struct task_input_view task_view_input(const struct task *task, size_t index)
{
    const struct task_input *input = &task->inputs[index];
    bool is_running = task->state == TASK_RUNNING;
    return (struct task_input_view){
        .topic = input->topic,
        .next_offset = is_running ? task_input_next(input) : task->committed_offsets[index],
        .pending_count = is_running ? task_input_pending_count(input) : 0};
}

static void task_check_changelogs(const struct task *task)
{
    for (size_t i = 0; i < state_store_count(task->stores); i++) {
        const struct task_changelog *row = &task->changelogs[i];
        check(row->topic != NULL || (row->changelog == NULL && !row->is_appending));
        check(!row->is_appending || task->sending_count > 0);
        if (row->changelog != NULL) {
            check(task->state != TASK_RUNNING);
            changelog_check(row->changelog);
        }
    }
}

static void task_check_counts(const struct task_counts *counts)
{
    int64_t sum = 0;
#define TASK_COUNT(field, share, metric, help)                                                     \
    check(counts->field >= 0);                                                                     \
    sum += (share)*counts->field;
#include "runtime/task/task_count.def"
#undef TASK_COUNT
    check(sum == 0); /* (2) */
}

void task_check(const struct task *task)
{
    task_check_counts(&task->turn.counts);
    if (task->state == TASK_RUNNING) {
        task_clock_check(&task->clock);
    }
    check(task->emit_next <= task->turn.emit_count);
    check(!task->is_blocked || task->emit_next < task->turn.emit_count);
    check(task->decided_commit <= task->newest_commit);
    for (size_t i = 0; task->sending_count > 0 && i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        check(state_position_input(&task->position, input->topic, input->partition) >= 0);
    }
    if (task->state == TASK_RUNNING) {
        check(task->position.commit == task->decided_commit ||
              task->position.follows == task->decided_commit);
    }
    if (task->stores != NULL) {
        state_check(task->stores);
    }
    if (task->changelogs != NULL) {
        task_check_changelogs(task);
    }
}
