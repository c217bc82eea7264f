/* Joins of streams; see meeting_node.h. */
#include "runtime/operators/meeting_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/operators/table_store.h"
#include "runtime/topology/late.h"
#include "runtime/topology/outlet.h"

#include <stdlib.h>

enum { MEETING_ALONE_MAX = 1000 }; /* records that one lets go on alone */

struct meeting_node {
    struct node node;
    struct meeting_node_options options;
    char *store;
    char *late_topic;
    struct meeting_rows rows;
    struct buffer keys[2]; /* of walks, by side */
};

static struct meeting_node *meeting_node_of(struct node *node)
{
    return (struct meeting_node *)(void *)node;
}

static int meeting_start(struct node *node, struct node_context *context)
{
    struct meeting_node *it = meeting_node_of(node);
    it->rows.kv = context->store(context, it->store);
    check(it->rows.kv != NULL);
    return 0;
}

static bool keeps_side(const struct meeting_node *it, enum meeting_side side)
{
    return side == MEETING_LEFT ? it->options.keeps_left : it->options.keeps_right;
}

/* How far after its own time a record of this side may meet somebody. */
static int64_t after_of(const struct meeting_node *it, enum meeting_side side)
{
    return side == MEETING_LEFT ? it->options.after_ms : it->options.before_ms;
}

static enum meeting_side other_of(enum meeting_side side)
{
    return side == MEETING_LEFT ? MEETING_RIGHT : MEETING_LEFT;
}

static int fail_store(struct meeting_node *it, struct node_context *context, int error)
{
    return error >= 0
               ? error
               : node_fail(&it->node, context, error, "process",
                           "the store %s cannot keep the record: %s", it->store, error_text(error));
}

/* `mine` is of this side, `theirs` of the other, null when it is alone; time and key are those of
 * `record`. */
static int forward_joined(struct meeting_node *it, struct node_context *context,
                          enum meeting_side side, const struct record *record,
                          const struct kept_value *theirs)
{
    struct record made = *record;
    struct kept_value mine = table_store_kept(record);
    int result =
        joiner_join(&it->options.joiner, &it->node, context, side == MEETING_LEFT ? &mine : theirs,
                    side == MEETING_LEFT ? theirs : &mine, &made);
    return result == 1 ? node_forward(&it->node, context, &made) : result;
}

static int forward_alone(struct meeting_node *it, struct node_context *context,
                         enum meeting_side side, const struct record *record)
{
    const struct kept_value nothing = {0};
    return forward_joined(it, context, side, record, &nothing);
}

/* --- Those whose time is over ----------------------------------------------------------------- */

struct meeting_walk {
    struct kv_iterator *iterators[2];
    struct meeting_row rows[2];
    int found[2];
};

static void walk_on(struct meeting_node *it, struct meeting_walk *walk, int side)
{
    walk->found[side] =
        meeting_rows_next_walked(walk->iterators[side], &it->keys[side], &walk->rows[side]);
}

/* The one that comes next, the right side first; negative: none. */
static int choose(const struct meeting_walk *walk)
{
    if (walk->found[0] != 1 || walk->found[1] != 1) {
        return walk->found[0] == 1 ? 0 : walk->found[1] == 1 ? 1 : -1;
    }
    return walk->rows[1].record.timestamp_ms < walk->rows[0].record.timestamp_ms;
}

/* One that waits goes on alone, as a record like `template`. */
static int release_one(struct meeting_node *it, struct node_context *context,
                       enum meeting_side side, const struct meeting_row *row,
                       const struct record *template)
{
    struct record alone = *template;
    alone.timestamp_ms = row->record.timestamp_ms;
    alone.key = arena_copy(context->arena, row->record.key);
    alone.is_windowed = row->record.is_windowed;
    alone.window_start_ms = row->record.window_start_ms;
    alone.window_end_ms = row->record.window_end_ms;
    alone.value = arena_copy(context->arena, row->record.value);
    alone.value_format = row->record.value_format;
    alone.headers_encoded = arena_copy(context->arena, row->record.headers_encoded);
    alone.header_count = row->record.header_count;
    int error = fail_store(it, context, meeting_rows_meet(&it->rows, side, row));
    return error == 0 ? forward_alone(it, context, side, &alone) : error;
}

static int release(struct meeting_node *it, struct node_context *context,
                   const struct record *template)
{
    struct meeting_walk walk;
    int error = 0;
    for (int side = 0; side < 2; side++) {
        int64_t span_ms = after_of(it, (enum meeting_side)side) + it->options.grace_ms;
        walk.iterators[side] =
            meeting_rows_walk(&it->rows, (enum meeting_side)side, it->rows.time_ms - span_ms);
        walk_on(it, &walk, side);
    }
    for (int i = 0; i < MEETING_ALONE_MAX && error == 0; i++) {
        int side = choose(&walk);
        if (side < 0) {
            break;
        }
        error = release_one(it, context, (enum meeting_side)side, &walk.rows[side], template);
        walk_on(it, &walk, side);
    }
    for (int side = 0; side < 2; side++) {
        error =
            error == 0 && walk.found[side] < 0 ? fail_store(it, context, walk.found[side]) : error;
        kv_iterator_free(walk.iterators[side]);
    }
    return error;
}

/* --- A record --------------------------------------------------------------------------------- */

static int meet(struct meeting_node *it, struct node_context *context, const struct record *record,
                const struct meeting_row *row)
{
    enum meeting_side other = other_of(it->options.side);
    struct kept_value theirs = table_store_kept(&row->record);
    theirs.value = arena_copy(context->arena, theirs.value);
    struct record joined = *record;
    if (theirs.timestamp_ms > joined.timestamp_ms) {
        joined.timestamp_ms = theirs.timestamp_ms;
    }
    int error = keeps_side(it, other)
                    ? fail_store(it, context, meeting_rows_meet(&it->rows, other, row))
                    : 0;
    return error == 0 ? forward_joined(it, context, it->options.side, &joined, &theirs) : error;
}

/* How many it met, or an error. */
static int meet_all(struct meeting_node *it, struct node_context *context,
                    const struct record *record)
{
    enum meeting_side side = it->options.side;
    struct kv_iterator *iterator = meeting_rows_find(
        &it->rows, other_of(side), record, record->timestamp_ms - after_of(it, other_of(side)),
        record->timestamp_ms + after_of(it, side));
    struct meeting_row row = {.record = {.key = record->key,
                                         .is_windowed = record->is_windowed,
                                         .window_start_ms = record->window_start_ms,
                                         .window_end_ms = record->window_end_ms}};
    int count = 0;
    int result = 0;
    while ((result = fail_store(it, context, meeting_rows_next_found(&it->rows, iterator, &row))) ==
           1) {
        result = meet(it, context, record, &row);
        if (result != 0) {
            break;
        }
        count++;
    }
    kv_iterator_free(iterator);
    return result < 0 ? result : count;
}

static int send_late(struct meeting_node *it, struct node_context *context,
                     const struct record *record)
{
    struct late_window window = {.start_ms = record->timestamp_ms -
                                             after_of(it, other_of(it->options.side)),
                                 .end_ms = record->timestamp_ms + after_of(it, it->options.side),
                                 .time_ms = it->rows.time_ms};
    return late_emit(&it->node, context, it->late_topic, record, &window);
}

/* It met nobody. */
static int stay_alone(struct meeting_node *it, struct node_context *context,
                      const struct record *record, bool is_kept, int64_t number)
{
    enum meeting_side side = it->options.side;
    if (!keeps_side(it, side)) {
        return is_kept ? 0 : send_late(it, context, record);
    }
    if (!is_kept || record->timestamp_ms + after_of(it, side) < it->rows.time_ms) {
        return forward_alone(it, context, side, record);
    }
    return fail_store(it, context, meeting_rows_wait(&it->rows, side, record, number));
}

static int take_record(struct meeting_node *it, struct node_context *context,
                       const struct record *record)
{
    int64_t number = 0;
    bool has_unmatched = it->options.keeps_left || it->options.keeps_right;
    int error = has_unmatched && record->timestamp_ms == it->rows.time_ms
                    ? release(it, context, record)
                    : 0;
    if (error != 0) {
        return error;
    }
    int kept =
        fail_store(it, context, meeting_rows_put(&it->rows, it->options.side, record, &number));
    int count = kept < 0 ? kept : meet_all(it, context, record);
    return count == 0 ? stay_alone(it, context, record, kept == 1, number) : count < 0 ? count : 0;
}

static int meeting_process(struct node *node, struct node_context *context,
                           const struct record *record)
{
    struct meeting_node *it = meeting_node_of(node);
    enum meeting_side side = it->options.side;
    struct record plain = *record;
    int error = fail_store(it, context, meeting_rows_observe(&it->rows, side, record));
    error = error == 0 ? outlet_make_plain(node, context, &plain) : error;
    if (error == 0 && !bytes_is_null(record->value)) {
        if (!bytes_is_null(record->key)) {
            error = take_record(it, context, &plain);
        } else if (keeps_side(it, side)) {
            error = forward_alone(it, context, side, &plain);
        }
    }
    return error == 0 ? fail_store(it, context, meeting_rows_close(&it->rows)) : error;
}

static void meeting_free(struct node *node)
{
    struct meeting_node *it = meeting_node_of(node);
    meeting_rows_fini(&it->rows);
    buffer_fini(&it->keys[0]);
    buffer_fini(&it->keys[1]);
    free(it->store);
    free(it->late_topic);
    node_fini(node);
    free(it);
}

static const struct node_ops meeting_ops = {.process = meeting_process,
                                            .start = meeting_start,
                                            .free = meeting_free,
                                            .read_row = node_hide_row};

struct node *meeting_node_new(const char *name, const struct meeting_node_options *options)
{
    struct meeting_node *it = memory_new(struct meeting_node);
    node_init(&it->node, &meeting_ops, name);
    it->options = *options;
    it->store = memory_string(options->store);
    it->node.row_store = it->store;
    it->late_topic = memory_string(options->late_topic);
    int64_t retention_ms = options->before_ms + options->after_ms + options->grace_ms;
    meeting_rows_init(&it->rows, retention_ms > 0 ? retention_ms : 1);
    buffer_init(&it->keys[0]);
    buffer_init(&it->keys[1]);
    return &it->node;
}
