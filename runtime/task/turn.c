/* Stages, judges and undoes; see turn.h. */
#include "runtime/task/turn.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/task/task_letter.h"

#include <stdio.h>
#include <stdlib.h>

static bool turn_is_same(struct bytes left, struct bytes right)
{
    return left.data == right.data && left.size == right.size;
}

/* What lies at the same place is the same. */
static struct bytes turn_body(const struct turn *turn, const struct record *record)
{
    const struct record *source = turn->context.source;
    bool is_source = source != NULL && turn_is_same(record->key, source->key) &&
                     turn_is_same(record->value, source->value) &&
                     turn_is_same(record->headers_encoded, source->headers_encoded);
    return is_source ? turn->source_body : (struct bytes){NULL, 0};
}

static struct turn_emit *turn_add_emit(struct turn *turn, const char *topic,
                                       const struct record *record)
{
    if (turn->emit_count == turn->emit_capacity) {
        turn->emit_capacity = turn->emit_capacity == 0 ? 16 : turn->emit_capacity * 2;
        turn->emits = memory_resize(turn->emits, turn->emit_capacity * sizeof *turn->emits);
    }
    struct turn_emit *emit = &turn->emits[turn->emit_count++];
    *emit = (struct turn_emit){.topic = topic, .record = *record, .body = turn_body(turn, record)};
    return emit;
}

static int turn_on_emit(struct node_context *context, const char *topic,
                        const struct record *record)
{
    turn_add_emit(context->owner, topic, record);
    return 0;
}

void turn_emit_own(struct turn *turn, const char *topic, const struct record *record)
{
    turn_add_emit(turn, topic, record)->is_own = true;
}

static struct kv *turn_on_store(struct node_context *context, const char *name)
{
    const struct turn *turn = context->owner;
    struct kv *own = turn->stores == NULL ? NULL : state_store(turn->stores, name);
    return own != NULL ? own : global_tables_store(turn->global, name);
}

void turn_init(struct turn *turn, const struct topology *topology,
               int (*validate)(void *owner, const struct turn_emit *emit), void *owner)
{
    *turn = (struct turn){.topology = topology, .validate = validate, .owner = owner};
    arena_init(&turn->arena, 0);
    turn->context = (struct node_context){.arena = &turn->arena,
                                          .emit = turn_on_emit,
                                          .store = turn_on_store,
                                          .stream_time_ms = -1,
                                          .owner = turn};
}

void turn_fini(struct turn *turn)
{
    arena_fini(&turn->arena);
    free(turn->emits);
}

void turn_begin(struct turn *turn, int64_t wall_clock_ms)
{
    arena_clear(&turn->arena);
    turn->emit_count = 0;
    turn->outcome = NULL;
    turn->context.late_count = 0;
    turn->context.source = NULL;
    turn->context.decoded = NULL;
    turn->context.error_text[0] = 0;
    turn->context.error_place[0] = 0;
    turn->context.error_kind = NULL;
    turn->context.error_node = NULL;
    turn->context.ends_task = false;
    turn->context.wall_clock_ms = wall_clock_ms;
    if (turn->stores != NULL) {
        state_savepoint(turn->stores);
    }
}

void turn_set_source(struct turn *turn, const struct record *source, struct bytes body,
                     struct decoded *decoded, int64_t time_ms)
{
    turn->context.source = source;
    turn->source_body = body;
    turn->context.decoded = decoded;
    if (time_ms > turn->context.stream_time_ms) {
        turn->context.stream_time_ms = time_ms;
    }
}

int turn_judge(struct turn *turn)
{
    size_t own_count = 0;
    for (size_t i = 0; i < turn->emit_count; i++) {
        const struct turn_emit *emit = &turn->emits[i];
        own_count += emit->is_own;
        int error = turn->validate(turn->owner, emit);
        if (error != 0) {
            snprintf(turn->context.error_text, sizeof turn->context.error_text,
                     "a record for topic %s with a value of %zu bytes cannot be sent: %s",
                     emit->topic, emit->record.value.size, error_text(error));
            turn->context.error_kind = "produce";
            return error;
        }
    }
    turn->counts.out_count += (int64_t)(turn->emit_count - own_count) - turn->context.late_count;
    turn->counts.out_late_count += turn->context.late_count;
    return 0;
}

static void turn_undo(struct turn *turn)
{
    if (turn->stores != NULL) {
        state_rollback(turn->stores);
    }
    turn->emit_count = 0;
}

static void turn_add_letter(struct turn *turn)
{
    const char *application = topology_name(turn->topology);
    struct turn_emit letter = {.topic = topology_errors(turn->topology)->topic};
    task_letter_make(&turn->context, application, true, &letter.record);
    if (turn->validate(turn->owner, &letter) != 0) {
        task_letter_make(&turn->context, application, false, &letter.record);
    }
    turn_emit_own(turn, letter.topic, &letter.record);
}

/* What became of a record whose nodes succeeded. */
static int64_t *turn_outcome(struct turn *turn)
{
    size_t late_count = (size_t)turn->context.late_count;
    if (turn->emit_count > late_count) {
        return &turn->counts.emitting_count;
    }
    if (turn->stores != NULL && state_is_changed(turn->stores)) {
        return &turn->counts.kept_count;
    }
    return late_count > 0 ? &turn->counts.late_count : &turn->counts.filtered_count;
}

/* As if the call had never been, but for its dead letter. */
static enum turn_end turn_reject(struct turn *turn, int error)
{
    turn_undo(turn);
    if (turn->context.error_text[0] == 0) {
        snprintf(turn->context.error_text, sizeof turn->context.error_text, "%s",
                 error_text(error));
    }
    trace(TRACE_INFO, "task.record_rejected", TRACE_STRING("app", topology_name(turn->topology)),
          TRACE_STRING("place", turn->context.error_place),
          TRACE_STRING("reason", turn->context.error_text));
    switch (topology_errors(turn->topology)->policy) {
    case TOPOLOGY_DEAD_LETTER:
        turn_add_letter(turn);
        turn->outcome = &turn->counts.dead_letter_count;
        break;
    case TOPOLOGY_SKIP:
        turn->outcome = &turn->counts.skipped_count;
        break;
    case TOPOLOGY_STOP:
        return TURN_STOPPED;
    }
    return TURN_DONE;
}

/* What the nodes read may be wrong when a store failed, and a node may say that the failure is not
 * the record's: nothing of the call counts then. */
static bool turn_is_lost(struct turn *turn, int error)
{
    struct report report;
    report.text[0] = report.place[0] = 0; /* asked for every record: the rest is not zeroed */
    if (turn->stores != NULL && state_has_failed(turn->stores, &report)) {
        snprintf(turn->context.error_text, sizeof turn->context.error_text, "%.*s",
                 (int)sizeof turn->context.error_text - 1, report.text);
        return true;
    }
    return error != 0 && turn->context.ends_task;
}

enum turn_end turn_end(struct turn *turn, int error)
{
    if (turn_is_lost(turn, error)) {
        turn_undo(turn);
        return TURN_LOST;
    }
    error = error == 0 ? turn_judge(turn) : error;
    if (error != 0) {
        turn->counts.timer_failed_count += turn->context.source == NULL;
        return turn_reject(turn, error);
    }
    turn->outcome = turn_outcome(turn);
    return TURN_DONE;
}
