/* Runs the turns of one task; see driver_task.h. */
#include "runtime/driver/driver_task.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/driver/driver_trail.h"
#include "runtime/topology/inlet.h"

#include <stdlib.h>
#include <string.h>

enum { DRIVER_TASK_RECORD_SIZE_MAX = 1024 * 1024 }; /* as brokers and producers have it */

void driver_task_init(struct driver_task *task, const struct topology_part *part, int32_t partition,
                      struct driver_topic *(*find_topic)(void *owner, const char *name),
                      void (*written)(void *owner, const struct turn_emit *emit), void *owner)
{
    *task = (struct driver_task){.partition = partition,
                                 .input_count = part->topic_count,
                                 .store_count = part->store_count,
                                 .committed_stream_time_ms = -1,
                                 .written = written,
                                 .owner = owner};
    task->inputs = memory_zero(part->topic_count, sizeof *task->inputs);
    for (size_t i = 0; i < part->topic_count; i++) {
        task->inputs[i].topic = find_topic(owner, part->topics[i]);
        decoded_init(&task->inputs[i].decoded);
    }
    task->committed = memory_zero(part->store_count + 1, sizeof(struct kv *));
    for (size_t i = 0; i < part->store_count; i++) {
        task->committed[i] = kv_new_memory(part->stores[i]->name);
    }
}

void driver_task_fini(struct driver_task *task)
{
    driver_task_close(task);
    for (size_t i = 0; i < task->input_count; i++) {
        decoded_fini(&task->inputs[i].decoded);
    }
    for (size_t i = 0; i < task->store_count; i++) {
        kv_free(task->committed[i]);
    }
    driver_clock_fini(&task->clock);
    free(task->inputs);
    free(task->committed);
}

static int driver_task_validate(void *owner, const struct turn_emit *emit)
{
    (void)owner;
    const struct record *record = &emit->record;
    size_t size = record->key.size + record->value.size + record->headers_encoded.size;
    return size > DRIVER_TASK_RECORD_SIZE_MAX ? ERROR_TOO_LARGE : 0;
}

/* Stores as they were committed. */
static void driver_task_open_stores(struct driver_task *task)
{
    struct state_store_options *stores = memory_zero(task->store_count + 1, sizeof *stores);
    struct report report = {0};
    for (size_t i = 0; i < task->store_count; i++) {
        stores[i] =
            (struct state_store_options){.name = kv_name(task->committed[i]), .is_in_memory = true};
    }
    check(state_open(NULL, NULL, stores, task->store_count, &task->stores, &report) == 0);
    free(stores);
    for (size_t i = 0; i < task->store_count; i++) {
        struct kv *kv = state_store(task->stores, kv_name(task->committed[i]));
        struct kv_iterator *iterator =
            kv_iterate(task->committed[i], (struct bytes){0}, (struct bytes){0});
        struct bytes key, value;
        while (kv_iterator_next(iterator, &key, &value)) {
            check(kv_put(kv, key, value) == 0);
        }
        kv_iterator_free(iterator);
        kv_mark_committed(kv);
    }
}

static void driver_task_write(struct driver_task *task)
{
    for (size_t i = 0; i < task->turn.emit_count; i++) {
        task->written(task->owner, &task->turn.emits[i]);
    }
}

static bool driver_task_end_turn(struct driver_task *task, int error)
{
    enum turn_end end = turn_end(&task->turn, error);
    if (task->trail != NULL) {
        driver_trail_end_turn(task->trail, &task->turn);
    }
    if (end != TURN_DONE) {
        return false;
    }
    driver_task_write(task);
    return true;
}

/* A start that fails is never a dead letter. */
static bool driver_task_start(struct driver_task *task, int64_t now_ms)
{
    turn_begin(&task->turn, now_ms);
    int error = topology_instance_start(task->instance, &task->turn.context);
    error = error == 0 ? turn_judge(&task->turn) : error;
    if (error == 0) {
        driver_task_write(task);
    }
    return error == 0;
}

static void driver_task_ask_from(struct driver_task *task, size_t index)
{
    size_t count = 0;
    topology_instance_idlers(task->instance, &count);
    for (size_t i = index; i < count; i++) {
        task->is_asked[i] = false;
    }
}

static void driver_task_make_idlers(struct driver_task *task, int64_t now_ms)
{
    size_t count = 0;
    topology_instance_idlers(task->instance, &count);
    task->is_asked = memory_zero(count + 1, sizeof *task->is_asked);
    task->quiet_since_ms = now_ms;
}

bool driver_task_open(struct driver_task *task, const struct topology *topology,
                      const struct topology_part *part, const struct global_tables *global,
                      int64_t now_ms)
{
    task->is_running = true;
    task->instance = topology_instance_new(topology, part);
    task->timers =
        timetable_new(task->instance, task->committed_stream_time_ms, &task->timer_count);
    driver_task_make_idlers(task, now_ms);
    task->clock.next = task->clock.committed;
    driver_task_open_stores(task);
    turn_init(&task->turn, topology, driver_task_validate, task);
    task->turn.stores = task->stores;
    task->turn.global = global;
    task->turn.context.stream_time_ms = task->committed_stream_time_ms;
    for (size_t i = 0; i < task->input_count; i++) {
        task->inputs[i].next = task->inputs[i].committed;
        task->inputs[i].position = task->inputs[i].committed_position;
        task->inputs[i].source = topology_instance_source(task->instance, part->topics[i]);
    }
    return driver_task_start(task, now_ms) && driver_task_tick(task, now_ms);
}

bool driver_task_stop(struct driver_task *task, int64_t now_ms)
{
    turn_begin(&task->turn, now_ms);
    return driver_task_end_turn(task, topology_instance_stop(task->instance, &task->turn.context));
}

void driver_task_close(struct driver_task *task)
{
    if (!task->is_running) {
        return;
    }
    task_counts_add(&task->earlier, &task->turn.counts);
    topology_instance_free(task->instance);
    turn_fini(&task->turn);
    state_close(task->stores);
    free(task->timers);
    free(task->is_asked);
    task->is_asked = NULL;
    task->turn = (struct turn){0};
    task->stores = NULL;
    task->timers = NULL;
    task->timer_count = 0;
    task->is_running = false;
}

/* --- Decisions that are repeated, as runtime/task/task_clock.c does --- */

static bool driver_task_is_written(const struct driver_input *input)
{
    return input->topic->records[input->next]->is_output;
}

/* Whether an input is where the decision that is next has its place, or behind. */
static bool driver_task_holds(const struct driver_task *task, const struct driver_input *input)
{
    int64_t place = driver_clock_place(&task->clock, input->topic->name, task->partition);
    int64_t here = input->head != NULL && !driver_task_is_written(input) ? input->head->offset
                                                                         : input->position;
    return place >= 0 && here >= place;
}

static bool driver_task_look(const struct driver_task *task, struct driver_input *input)
{
    input->head = driver_topic_next(input->topic, task->partition, &input->next);
    return input->head != NULL;
}

bool driver_task_is_reached(const struct driver_task *task)
{
    if (!task->is_running || driver_clock_next(&task->clock) == NULL) {
        return false;
    }
    for (size_t i = 0; i < task->input_count; i++) {
        struct driver_input *input = &task->inputs[i];
        (void)driver_task_look(task, input);
        if (driver_clock_place(&task->clock, input->topic->name, task->partition) >= 0 &&
            !driver_task_holds(task, input)) {
            return false;
        }
    }
    return true;
}

bool driver_task_is_held(const struct driver_task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        if (driver_task_look(task, &task->inputs[i]) && driver_task_holds(task, &task->inputs[i])) {
            return true;
        }
    }
    return false;
}

bool driver_task_repeat(struct driver_task *task, int64_t now_ms)
{
    const struct driver_decision *decision = driver_clock_next(&task->clock);
    struct node *node = topology_instance_find_idler(task->instance, decision->node);
    check(node != NULL); /* judged when it was added */
    task->clock.next++;
    turn_begin(&task->turn, now_ms);
    return driver_task_end_turn(
        task, node->ops->advance(node, &task->turn.context, decision->at.stream_time_ms));
}

/* --- Records and timers --- */

struct driver_input *driver_task_choose(struct driver_task *task)
{
    struct driver_input *chosen = NULL;
    for (size_t i = 0; i < task->input_count; i++) { /* in the order of topics */
        struct driver_input *input = &task->inputs[i];
        if (driver_task_look(task, input) && !driver_task_holds(task, input)) {
            decoded_clear(&input->decoded);
            input->time_ms = inlet_time(input->source, &input->decoded, input->head);
            chosen = chosen == NULL || input->time_ms < chosen->time_ms ? input : chosen;
        }
    }
    return chosen;
}

static bool driver_task_call_due(struct driver_task *task, enum topology_clock clock,
                                 int64_t clock_ms, int64_t now_ms)
{
    for (size_t i = 0; i < task->timer_count; i++) {
        const struct topology_instance_timer *timer = task->timers[i].timer;
        int64_t scheduled_ms = 0;
        if (timer->clock != clock || !timetable_take(&task->timers[i], clock_ms, &scheduled_ms)) {
            continue;
        }
        turn_begin(&task->turn, now_ms);
        if (task->trail != NULL) {
            driver_trail_begin_turn(task->trail);
        }
        int error =
            timer->node->ops->tick(timer->node, &task->turn.context, timer->timer, scheduled_ms);
        if (!driver_task_end_turn(task, error)) {
            return false;
        }
    }
    return true;
}

bool driver_task_process(struct driver_task *task, struct driver_input *input, int64_t now_ms)
{
    turn_begin(&task->turn, now_ms);
    turn_set_source(&task->turn, input->head, (struct bytes){0}, &input->decoded, input->time_ms);
    int error = node_process(input->source, &task->turn.context, input->head);
    if (!driver_task_end_turn(task, error)) {
        return false;
    }
    input->position = driver_task_is_written(input) ? input->position + 1 : input->head->offset + 1;
    input->next++;
    task->turn.counts.in_count++;
    ++*task->turn.outcome;
    driver_task_ask_from(task, 0);
    task->quiet_since_ms = now_ms;
    return driver_task_call_due(task, TOPOLOGY_STREAM_TIME, task->turn.context.stream_time_ms,
                                now_ms);
}

/* As runtime/task/task_clock.c does; what that writes down is committed here with what it causes.
 */
static bool driver_task_close_idle(struct driver_task *task, int64_t now_ms)
{
    size_t count = 0;
    const struct topology_instance_idler *idlers = topology_instance_idlers(task->instance, &count);
    for (size_t i = 0; i < count; i++) {
        struct node *node = idlers[i].node;
        if (task->is_asked[i] || now_ms - task->quiet_since_ms < idlers[i].idle_ms) {
            continue;
        }
        task->is_asked[i] = true;
        int64_t time_ms = node->ops->horizon(node);
        if (time_ms == INT64_MIN) {
            continue;
        }
        turn_begin(&task->turn, now_ms);
        if (task->trail != NULL) {
            driver_trail_begin_turn(task->trail);
        }
        if (!driver_task_end_turn(task, node->ops->advance(node, &task->turn.context, time_ms))) {
            return false;
        }
        driver_task_ask_from(task, i + 1);
    }
    return true;
}

bool driver_task_tick(struct driver_task *task, int64_t now_ms)
{
    return driver_task_call_due(task, TOPOLOGY_WALL_CLOCK, now_ms, now_ms) &&
           driver_task_close_idle(task, now_ms);
}

int64_t driver_task_due_ms(const struct driver_task *task)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; i < task->timer_count; i++) {
        const struct timetable_row *row = &task->timers[i];
        if (row->timer->clock == TOPOLOGY_WALL_CLOCK && row->due_ms < due_ms) {
            due_ms = row->due_ms;
        }
    }
    size_t count = 0;
    const struct topology_instance_idler *idlers =
        task->is_running ? topology_instance_idlers(task->instance, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        int64_t idle_due_ms = task->quiet_since_ms + idlers[i].idle_ms;
        if (!task->is_asked[i] && idle_due_ms < due_ms) {
            due_ms = idle_due_ms;
        }
    }
    return due_ms;
}

static void driver_task_keep(void *owner, struct bytes key, struct bytes value)
{
    check(kv_put(owner, key, value) == 0);
}

void driver_task_commit(struct driver_task *task)
{
    for (size_t i = 0; i < task->store_count; i++) {
        struct kv *kv = state_store(task->stores, kv_name(task->committed[i]));
        kv_each_dirty(kv, driver_task_keep, task->committed[i]);
        kv_mark_committed(kv);
        kv_mark_committed(task->committed[i]);
    }
    for (size_t i = 0; i < task->input_count; i++) {
        task->inputs[i].committed = task->inputs[i].next;
        task->inputs[i].committed_position = task->inputs[i].position;
    }
    task->clock.committed = task->clock.next;
    task->committed_stream_time_ms = task->turn.context.stream_time_ms;
}
