/* Processes records of one part and partition; see task.h.
 *
 * A start goes: open the state; restore every store from its changelog, from the offset the state
 * holds; decide which commit all changelogs agree on; begin the inputs at that commit's positions,
 * or at the group's offsets when there is no state. */
#include "runtime/task/task.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/state/changelog.h"
#include "runtime/state/state.h"
#include "runtime/task/task_input.h"
#include "runtime/task/task_letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TASK_CHECKPOINT_SIZE = 4 * 1024 * 1024, /* dirty bytes that call for a checkpoint */
    TASK_CHECKPOINT_NS = 1000000000,        /* or this long after the last */
};

struct task_emit {
    const char *topic;
    struct record record;
};

struct task_timer {
    const struct topology_instance_timer *timer;
    int64_t due_ms; /* -1: not begun */
};

enum task_state { TASK_NEW, TASK_RESTORING, TASK_RUNNING, TASK_FAILED };

struct task {
    struct task_options options;
    struct io *io;
    const struct task_events *events;
    void *owner;
    enum task_state state;
    struct topology_instance *instance;
    struct task_input *inputs;
    int64_t *committed_offsets;
    size_t input_count;

    struct node_context context;
    struct arena arena;
    struct task_emit *emits; /* of the record being processed */
    size_t emit_count;
    size_t emit_capacity;
    size_t emit_next;                 /* how many of them were sent */
    struct task_input *blocked_input; /* whose head caused the emits that wait */
    bool is_blocked;

    struct task_timer *timers;
    size_t timer_count;

    struct state *stores;
    struct changelog **changelogs; /* per store; NULL without */
    char **changelog_topics;
    size_t restoring_count;
    struct state_position position; /* of the commit being made, and of the last one made */
    int64_t commit_number;
    bool is_dirty;
    size_t sending_count; /* changelog markers not yet acknowledged */
    int sending_error;
    void (*sent)(void *owner, int error);
    void *sent_owner;
    uint64_t checkpoint_ns;

    struct task_counts counts;
    bool is_closing;
    bool is_freed_later;
    struct io_timer close_timer;
    void (*closed)(void *owner);
    void *closed_owner;
};

static void task_close_step(struct task *task);

static void task_fail(struct task *task, const char *reason, bool is_final)
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

/* --- What nodes may ask for --- */

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

/* --- One record --- */

/* True when all emits of the current record are with the producer. */
static bool task_send_emits(struct task *task)
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
            task_fail(task, reason, false);
            return false;
        }
        task->counts.out_count++;
        task->emit_next++;
    }
    return true;
}

static void task_begin_call(struct task *task, const struct record *source)
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

/* The record failed: as if it had never been, but for its dead letter. */
static void task_reject(struct task *task, int error)
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
        task_fail(task, reason, true);
        break;
    }
    }
}

static void task_call_timers(struct task *task, enum topology_clock clock, int64_t now_ms);

static void task_finish_record(struct task *task, struct task_input *input)
{
    int64_t stream_time_ms = task->context.stream_time_ms;
    task_input_take(input);
    task->counts.in_count++;
    task_call_timers(task, TOPOLOGY_STREAM_TIME, stream_time_ms);
}

static void task_process_head(struct task *task, struct task_input *input)
{
    task_begin_call(task, &input->head);
    int error = node_process(input->source, &task->context, &input->head);
    if (error != 0) {
        task_reject(task, error);
    }
    if (task->state != TASK_RUNNING) {
        return;
    }
    if (!task_send_emits(task)) {
        task->is_blocked = task->state == TASK_RUNNING;
        task->blocked_input = input;
        return;
    }
    task_finish_record(task, input);
}

static bool task_is_before(const struct task_input *left, const struct task_input *right)
{
    if (left->head.timestamp_ms != right->head.timestamp_ms) {
        return left->head.timestamp_ms < right->head.timestamp_ms;
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
            task_fail(task, reason, false);
            return NULL;
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
    if (!task_send_emits(task)) {
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

size_t task_process(struct task *task, size_t count_max)
{
    size_t count = 0;
    while (task->state == TASK_RUNNING && count < count_max && task_unblock(task)) {
        struct task_input *input = task_choose(task);
        if (input == NULL) {
            break;
        }
        task_process_head(task, input);
        count++;
    }
    return count;
}

/* --- Timers --- */

static void task_call_timer(struct task *task, const struct topology_instance_timer *timer,
                            int64_t scheduled_ms)
{
    task_begin_call(task, NULL);
    int error = timer->node->ops->tick(timer->node, &task->context, timer->timer, scheduled_ms);
    if (error != 0) {
        task_reject(task, error);
    }
    if (task->state == TASK_RUNNING && !task_send_emits(task)) {
        task->is_blocked = task->state == TASK_RUNNING;
    }
}

/* Missed ticks coalesce into one, at the newest time that was due. */
static void task_call_timers(struct task *task, enum topology_clock clock, int64_t now_ms)
{
    for (size_t i = 0; i < task->timer_count; i++) {
        struct task_timer *row = &task->timers[i];
        int64_t interval_ms = row->timer->interval_ms;
        if (row->timer->clock != clock || task->is_blocked || task->state != TASK_RUNNING) {
            continue;
        }
        if (row->due_ms < 0) {
            row->due_ms = now_ms - now_ms % interval_ms + interval_ms;
        }
        if (now_ms >= row->due_ms) {
            int64_t scheduled_ms = now_ms - (now_ms - row->due_ms) % interval_ms;
            row->due_ms = scheduled_ms + interval_ms;
            task_call_timer(task, row->timer, scheduled_ms);
        }
    }
}

uint64_t task_tick(struct task *task)
{
    uint64_t next_ns = UINT64_MAX;
    int64_t now_ms = io_wall_clock(task->io);
    if (task->state != TASK_RUNNING) {
        return next_ns;
    }
    task_call_timers(task, TOPOLOGY_WALL_CLOCK, now_ms);
    for (size_t i = 0; i < task->timer_count; i++) {
        const struct task_timer *row = &task->timers[i];
        if (row->timer->clock == TOPOLOGY_WALL_CLOCK && row->due_ms >= 0) {
            int64_t left_ms = row->due_ms > now_ms ? row->due_ms - now_ms : 1;
            uint64_t left_ns = (uint64_t)left_ms * 1000000;
            next_ns = left_ns < next_ns ? left_ns : next_ns;
        }
    }
    return next_ns;
}

/* --- Start --- */

struct task *task_new(const struct task_options *options, const struct task_events *events,
                      void *owner)
{
    struct task *task = memory_new(struct task);
    task->options = *options;
    task->options.state_directory = memory_string(options->state_directory);
    task->io = client_io(options->client);
    task->events = events;
    task->owner = owner;
    arena_init(&task->arena, 0);
    task->context = (struct node_context){.arena = &task->arena,
                                          .emit = task_on_emit,
                                          .store = task_on_store,
                                          .stream_time_ms = -1,
                                          .owner = task};
    state_position_init(&task->position);
    task->position.stream_time_ms = -1;
    return task;
}

void task_add_input(struct task *task, const char *topic, int64_t committed_offset)
{
    check(task->state == TASK_NEW);
    size_t count = ++task->input_count;
    task->inputs = memory_resize(task->inputs, count * sizeof *task->inputs);
    task->committed_offsets =
        memory_resize(task->committed_offsets, count * sizeof *task->committed_offsets);
    task_input_init(&task->inputs[count - 1], task->options.fetcher, topic,
                    task->options.partition);
    task->committed_offsets[count - 1] = committed_offset;
}

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

static void task_open_timers(struct task *task)
{
    const struct topology_instance_timer *timers =
        topology_instance_timers(task->instance, &task->timer_count);
    task->timers = memory_zero(task->timer_count, sizeof *task->timers);
    for (size_t i = 0; i < task->timer_count; i++) {
        task->timers[i] = (struct task_timer){.timer = &timers[i], .due_ms = -1};
    }
}

static void task_run(struct task *task)
{
    task->instance = topology_instance_new(task->options.topology, task->options.part);
    task_open_timers(task);
    task->state = TASK_RUNNING;
    task->context.stream_time_ms = task->position.stream_time_ms;
    task_begin_call(task, NULL);
    int error = topology_instance_start(task->instance, &task->context);
    if (error != 0) {
        char reason[700];
        snprintf(reason, sizeof reason, "%s: %s", task->context.error_place,
                 task->context.error_text);
        task_fail(task, reason, true);
        return;
    }
    task->is_blocked = !task_send_emits(task);
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
        task_fail(task, "a store cannot be restored from its changelog", false);
        return;
    }
    trace(TRACE_INFO, "task.restored", TRACE_STRING("part", task->options.part->name),
          TRACE_INT("partition", task->options.partition),
          TRACE_INT("commit", task->position.commit),
          TRACE_INT("changes", task->counts.restored_count));
    task_run(task);
}

static void task_on_restored(void *owner, int error)
{
    struct task *task = owner;
    task->restoring_count--;
    if (error != 0) {
        char reason[200];
        snprintf(reason, sizeof reason, "a changelog cannot be read: %s", error_text(error));
        task_fail(task, reason, false);
    }
    if (task->is_closing) {
        task_close_step(task);
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
        task_run(task);
        return;
    }
    if (task_open_state(task, &report) != 0) {
        task_fail(task, report.text, false);
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

/* --- Commit --- */

bool task_is_dirty(const struct task *task)
{
    return task->is_dirty && task->state == TASK_RUNNING;
}

static void task_set_position(struct task *task)
{
    task->position.commit = ++task->commit_number;
    task->position.stream_time_ms = task->context.stream_time_ms;
    for (size_t i = 0; i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        if (input->position >= 0) {
            state_position_set_input(&task->position, input->topic, input->partition,
                                     input->position);
        }
    }
}

struct task_sending {
    struct task *task;
    size_t index;
};

static void task_end_sending(struct task *task, int error)
{
    if (error != 0 && task->sending_error == 0) {
        task->sending_error = error;
    }
    if (--task->sending_count == 0) {
        task->sent(task->sent_owner, task->sending_error);
    }
}

static void task_on_sent(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    struct task_sending *sending = owner;
    struct task *task = sending->task;
    if (error == 0) {
        state_position_set_changelog(
            &task->position, kv_name(state_store_at(task->stores, sending->index)), offset + 1);
    }
    free(sending);
    task_end_sending(task, error);
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
        if (task->changelog_topics[i] == NULL) {
            continue;
        }
        struct task_sending *sending = memory_new(struct task_sending);
        *sending = (struct task_sending){.task = task, .index = i};
        error = changelog_send(task->options.producer, state_store_at(task->stores, i),
                               task->changelog_topics[i], task->options.partition, &task->position,
                               task_on_sent, sending);
        if (error != 0) {
            free(sending);
        } else {
            task->sending_count++;
        }
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
    task_close_step(task);
}

void task_end_commit(struct task *task)
{
    task->is_dirty = false;
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

/* --- End --- */

static void task_free(struct task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        task_input_fini(&task->inputs[i]);
    }
    size_t store_count = task->stores == NULL ? 0 : state_store_count(task->stores);
    for (size_t i = 0; i < store_count; i++) {
        changelog_free(task->changelogs[i]);
        free(task->changelog_topics[i]);
    }
    free(task->changelogs);
    free(task->changelog_topics);
    state_close(task->stores);
    topology_instance_free(task->instance);
    state_position_fini(&task->position);
    arena_fini(&task->arena);
    free(task->inputs);
    free(task->committed_offsets);
    free(task->emits);
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

static void task_close_step(struct task *task)
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
    task_close_step(task);
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
    return &task->counts;
}

struct kv *task_store(struct task *task, const char *name)
{
    return task->stores == NULL ? NULL : state_store(task->stores, name);
}

void task_check(const struct task *task)
{
    check(task->emit_next <= task->emit_count);
    check(!task->is_blocked || task->emit_next < task->emit_count);
    if (task->stores != NULL) {
        state_check(task->stores);
    }
}
