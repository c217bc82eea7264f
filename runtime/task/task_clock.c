/* Makes, reads and repeats decisions about time; see task_clock.h. */
#include "runtime/task/task_clock.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_state.h"

#include <stdlib.h>
#include <string.h>

enum { TASK_CLOCK_INFLATED_MAX = 256 * 1024 * 1024 };

/* --- Reading --- */

static void task_clock_on_closed(void *owner)
{
    struct task *task = owner;
    task->clock.fetcher = NULL;
    task->clock.done(task, task->clock.error);
}

static void task_clock_end(struct task *task, int error)
{
    struct task_clock *clock = &task->clock;
    if (clock->is_ending) {
        return;
    }
    clock->is_ending = true;
    clock->error = error;
    fetcher_on_ready(clock->fetcher, NULL, NULL);
    fetcher_close(clock->fetcher, task_clock_on_closed, task);
}

/* Whether the decision is for a node of this part. */
static bool task_clock_is_ours(const struct task *task, const char *name, int64_t offset)
{
    const struct topology_part *part = task->options.part;
    int id = topology_node_find(task->options.topology, name);
    if (id < 0) {
        trace(TRACE_WARN, "task.decision_passed_over", TRACE_STRING("topic", task->clock.topic),
              TRACE_INT("offset", offset), TRACE_STRING("node", name));
    }
    for (size_t i = 0; i < part->node_count; i++) {
        if (part->nodes[i] == id) {
            return topology_node_at(task->options.topology, id)->idle_ms > 0;
        }
    }
    return false;
}

static int task_clock_read(struct task *task, const struct batch_record *record)
{
    struct task_clock *clock = &task->clock;
    struct task_clock_decision decision = {.node = bytes_to_string(record->key)};
    state_position_init(&decision.at);
    int error =
        decision.node == NULL ? ERROR_CORRUPT : state_position_parse(&decision.at, record->value);
    if (error != 0 || !task_clock_is_ours(task, decision.node, record->offset)) {
        free(decision.node);
        state_position_fini(&decision.at);
        return error;
    }
    clock->waiting =
        memory_resize(clock->waiting, (clock->waiting_count + 1) * sizeof *clock->waiting);
    clock->waiting[clock->waiting_count++] = decision;
    return 0;
}

static int task_clock_read_batch(struct task *task, const struct fetcher_batch *fetched)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, &fetched->batch, TASK_CLOCK_INFLATED_MAX);
    if (error != 0) {
        return error;
    }
    while ((error = batch_iterator_next(&iterator, &record)) == 1) {
        error = record.offset < fetched->position ? 0 : task_clock_read(task, &record);
        if (error != 0) {
            break;
        }
    }
    batch_iterator_close(&iterator);
    return error;
}

/* Whether everything was read that was there when reading began; what is not decided is waited for.
 */
static bool task_clock_is_read(struct task *task)
{
    struct task_clock *clock = &task->clock;
    int32_t partition = task->options.partition;
    int64_t told = fetcher_high_watermark(clock->fetcher, clock->topic, partition);
    if (clock->end_offset < 0 || told < clock->end_offset) {
        clock->end_offset = told;
    }
    return told >= 0 &&
           fetcher_position(clock->fetcher, clock->topic, partition) >= clock->end_offset;
}

static void task_clock_on_ready(void *owner)
{
    struct task *task = owner;
    struct fetcher_batch fetched;
    int result;
    while ((result = fetcher_take(task->clock.fetcher, NULL, 0, &fetched)) == 1) {
        int error = task_clock_read_batch(task, &fetched);
        fetcher_release(task->clock.fetcher, &fetched);
        if (error != 0) {
            task_clock_end(task, error);
            return;
        }
    }
    if (result < 0) {
        task_clock_end(task, result);
    } else if (task_clock_is_read(task)) {
        task_clock_end(task, 0);
    }
}

bool task_clock_restore(struct task *task, void (*done)(struct task *task, int error))
{
    struct task_clock *clock = &task->clock;
    if (!topology_part_has_idle(task->options.topology, task->options.part)) {
        return false;
    }
    struct buffer name;
    buffer_init(&name);
    topology_clock_name(task->options.topology, &name);
    clock->topic = memory_string(buffer_string(&name));
    buffer_fini(&name);
    struct fetcher_options options = fetcher_options_default();
    options.wait_max_ms = 100;
    options.is_read_committed = true;
    clock->end_offset = -1;
    clock->done = done;
    clock->fetcher = fetcher_new(task->options.fetch_client, &options);
    fetcher_on_ready(clock->fetcher, task_clock_on_ready, task);
    fetcher_add(clock->fetcher, clock->topic, task->options.partition, FETCHER_OFFSET_EARLIEST);
    return true;
}

void task_clock_cancel(struct task *task)
{
    if (task->clock.fetcher != NULL) {
        task_clock_end(task, ERROR_CANCELLED);
    }
}

static void task_clock_forget(struct task_clock_decision *decision)
{
    free(decision->node);
    state_position_fini(&decision->at);
}

/* Of two with one number, which two owners of the partition may have written at least once, the
 * first counts. */
void task_clock_open(struct task *task)
{
    struct task_clock *clock = &task->clock;
    size_t count = 0;
    clock->number = task->position.clock;
    clock->quiet_since_ms = io_wall_clock(task->io);
    size_t idler_count = 0;
    topology_instance_idlers(task->instance, &idler_count);
    clock->is_asked = idler_count == 0 ? NULL : memory_zero(idler_count, sizeof *clock->is_asked);
    int64_t last = clock->number;
    for (size_t i = 0; i < clock->waiting_count; i++) {
        struct task_clock_decision *decision = &clock->waiting[i];
        if (decision->at.commit > last) {
            last = decision->at.commit;
            clock->waiting[count++] = *decision;
        } else {
            task_clock_forget(decision);
        }
    }
    clock->waiting_count = count;
}

void task_clock_fini(struct task_clock *clock)
{
    check(clock->fetcher == NULL);
    for (size_t i = clock->waiting_next; i < clock->waiting_count; i++) {
        task_clock_forget(&clock->waiting[i]);
    }
    free(clock->waiting);
    free(clock->is_asked);
    free(clock->topic);
}

/* --- Making --- */

/* The decision as a record of the topic, staged with what it causes. */
static void task_clock_write(struct task *task, const struct node *node, int64_t time_ms)
{
    struct state_position at;
    struct buffer text;
    state_position_init(&at);
    buffer_init(&text);
    at.commit = task->clock.number + 1;
    at.stream_time_ms = time_ms;
    for (size_t i = 0; i < task->input_count; i++) {
        const struct task_input *input = &task->inputs[i];
        state_position_set_input(&at, input->topic, input->partition, task_input_next(input));
    }
    state_position_print(&at, &text);
    struct record record = {.partition = task->options.partition,
                            .timestamp_ms = node_wall_clock_ms(&task->turn.context),
                            .key = bytes_from_string(node->name),
                            .value = arena_copy(&task->turn.arena, buffer_bytes(&text))};
    turn_emit_own(&task->turn, task->clock.topic, &record);
    buffer_fini(&text);
    state_position_fini(&at);
}

/* A new one is written down. */
static void task_clock_advance(struct task *task, struct node *node, int64_t time_ms, bool is_new)
{
    trace(TRACE_DEBUG, "task.time_moved", TRACE_STRING("node", node->name),
          TRACE_INT("partition", task->options.partition), TRACE_INT("time_ms", time_ms));
    task_call_begin(task, NULL);
    if (is_new) {
        task_clock_write(task, node, time_ms);
    }
    int error = node->ops->advance(node, &task->turn.context, time_ms);
    task->is_blocked = !task_call_end(task, error) && task->state == TASK_RUNNING;
}

static bool task_clock_is_drained(const struct task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        if (!task_input_is_drained(&task->inputs[i])) {
            return false;
        }
    }
    return true;
}

/* What a node emits may open something in those behind it. */
static void task_clock_ask_from(struct task *task, size_t index)
{
    size_t count = 0;
    topology_instance_idlers(task->instance, &count);
    for (size_t i = index; i < count; i++) {
        task->clock.is_asked[i] = false;
    }
}

void task_clock_on_record(struct task *task)
{
    if (task->clock.is_asked == NULL) {
        return;
    }
    task_clock_ask_from(task, 0);
    task->clock.quiet_since_ms = node_wall_clock_ms(&task->turn.context);
}

/* Asks one node; true when it was moved on. */
static bool task_clock_ask(struct task *task, struct node *node)
{
    int64_t time_ms = node->ops->horizon(node);
    if (time_ms == INT64_MIN) {
        return false;
    }
    task_clock_advance(task, node, time_ms, true);
    task->clock.number++;
    return true;
}

int64_t task_clock_tick(struct task *task, int64_t now_ms)
{
    struct task_clock *clock = &task->clock;
    size_t count = 0;
    const struct topology_instance_idler *idlers = topology_instance_idlers(task->instance, &count);
    bool is_free = clock->waiting_next == clock->waiting_count && task_clock_is_drained(task);
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; is_free && i < count; i++) {
        int64_t left_ms = idlers[i].idle_ms - (now_ms - clock->quiet_since_ms);
        if (left_ms <= 0 && !clock->is_asked[i] && !task->is_blocked &&
            task->state == TASK_RUNNING) {
            clock->is_asked[i] = true;
            if (task_clock_ask(task, idlers[i].node)) {
                task_clock_ask_from(task, i + 1);
            }
        } else if (left_ms > 0 && left_ms < next_ms) {
            next_ms = left_ms;
        }
    }
    return next_ms;
}

/* --- Repeating --- */

static const struct task_clock_decision *task_clock_next(const struct task_clock *clock)
{
    return clock->waiting_next < clock->waiting_count ? &clock->waiting[clock->waiting_next] : NULL;
}

bool task_clock_holds(const struct task *task, const struct task_input *input)
{
    const struct task_clock_decision *next = task_clock_next(&task->clock);
    if (next == NULL) {
        return false;
    }
    int64_t place = state_position_input(&next->at, input->topic, input->partition);
    return place >= 0 && (input->has_head ? input->head.offset : task_input_next(input)) >= place;
}

static bool task_clock_is_reached(const struct task *task)
{
    for (size_t i = 0; i < task->input_count; i++) {
        struct task_input *input = &task->inputs[i];
        const struct task_clock_decision *next = task_clock_next(&task->clock);
        bool has_place = state_position_input(&next->at, input->topic, input->partition) >= 0;
        int result = has_place ? task_input_fill(input) : 0;
        if (result < 0) {
            return false; /* told by who chooses the next record */
        }
        if (has_place && !task_clock_holds(task, input) && !task_input_is_drained(input)) {
            return false;
        }
    }
    return true;
}

bool task_clock_repeat(struct task *task)
{
    struct task_clock *clock = &task->clock;
    if (task_clock_next(clock) == NULL || task->is_stopped || !task_clock_is_reached(task)) {
        return false;
    }
    struct task_clock_decision *decision = &clock->waiting[clock->waiting_next++];
    struct node *node = topology_instance_find_idler(task->instance, decision->node);
    check(node != NULL); /* judged when it was read */
    clock->number = decision->at.commit;
    task_clock_advance(task, node, decision->at.stream_time_ms, false);
    task_clock_forget(decision);
    return true;
}

void task_clock_check(const struct task_clock *clock)
{
    int64_t last = clock->number;
    check(clock->waiting_next <= clock->waiting_count);
    for (size_t i = clock->waiting_next; i < clock->waiting_count; i++) {
        check(clock->waiting[i].at.commit > last); /* (1) */
        last = clock->waiting[i].at.commit;
    }
}
