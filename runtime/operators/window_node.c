/* What all kinds of windows share; see window_node.h. */
#include "runtime/operators/window_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/timed.h"
#include "runtime/topology/late.h"

#include <stdlib.h>

static struct window_node *window_node_of(struct node *node)
{
    return (struct window_node *)(void *)node;
}

static int fail_store(struct window_node *it, struct node_context *context, int error)
{
    return error == ERROR_CORRUPT
               ? node_fail(&it->node, context, error, "process",
                           "the store %s holds something else than windows", it->options.store)
               : node_fail(&it->node, context, error, "process",
                           "the key does not fit the store %s: %s", it->options.store,
                           error_text(error));
}

static int window_node_start(struct node *node, struct node_context *context)
{
    struct window_node *it = window_node_of(node);
    struct kv *kv = context->store(context, it->options.store);
    check(kv != NULL);
    int error = window_rows_open(&it->rows, kv);
    return error == 0 ? 0 : fail_store(it, context, error);
}

bool window_node_is_closed(const struct window_node *it, int64_t end_ms)
{
    return end_ms <= it->rows.time_ms - it->linger_ms;
}

static int read_content(struct window_node *it, struct node_context *context, struct bytes stored,
                        struct window_node_content *out)
{
    int error = timed_read(stored, &out->time_ms, &out->accumulator);
    if (error != 0) {
        return fail_store(it, context, error);
    }
    out->accumulator = arena_copy(context->arena, out->accumulator);
    return 0;
}

int window_node_read(struct window_node *it, struct node_context *context,
                     struct window_rows_entry *row, struct window_node_content *out)
{
    *out = (struct window_node_content){.time_ms = INT64_MIN};
    return window_rows_get(&it->rows, row) ? read_content(it, context, row->stored, out) : 0;
}

static int forward(struct window_node *it, struct node_context *context,
                   const struct record *record, const struct window_rows_entry *row,
                   struct bytes old, const struct window_node_content *content)
{
    struct record change = *record;
    change.key = row->key;
    change.is_windowed = true;
    change.window_start_ms = row->start_ms;
    change.window_end_ms = row->end_ms;
    change.timestamp_ms = content->time_ms;
    return fold_forward(it->fold, &it->node, context, old, content->accumulator, &change);
}

int window_node_put(struct window_node *it, struct node_context *context,
                    const struct record *record, const struct window_rows_entry *row,
                    const struct window_node_content *old,
                    const struct window_node_content *content)
{
    struct window_rows_entry written = *row;
    written.stored = (struct bytes){0};
    if (!bytes_is_null(content->accumulator)) {
        buffer_clear(&it->timed);
        fold_write(it->fold, &it->timed, content->time_ms, content->accumulator);
        written.stored = buffer_bytes(&it->timed);
    }
    int error = window_rows_put(&it->rows, &written);
    if (error != 0) {
        return fail_store(it, context, error);
    }
    return it->options.is_final ? 0 : forward(it, context, record, row, old->accumulator, content);
}

int window_node_add(struct window_node *it, struct node_context *context,
                    const struct record *record, const struct window_rows_entry *row,
                    const struct window_node_content *content)
{
    if (window_node_is_closed(it, row->end_ms)) {
        return window_node_late(it, context, record, row);
    }
    struct window_node_content added = {.time_ms = record->timestamp_ms};
    int error = it->fold->ops->add(it->fold, &it->node, context, record, content->accumulator,
                                   &added.accumulator);
    if (!bytes_is_null(content->accumulator) && content->time_ms > added.time_ms) {
        added.time_ms = content->time_ms;
    }
    return error == 0 ? window_node_put(it, context, record, row, content, &added) : error;
}

int window_node_late(struct window_node *it, struct node_context *context,
                     const struct record *record, const struct window_rows_entry *row)
{
    struct late_window window = {
        .start_ms = row->start_ms, .end_ms = row->end_ms, .time_ms = it->rows.time_ms};
    return late_emit(&it->node, context, it->options.late_topic, record, &window);
}

/* What became final since the time was `before_ms`. */
static int forward_final(struct window_node *it, struct node_context *context,
                         const struct record *record, int64_t before_ms)
{
    int64_t from_ms = before_ms == INT64_MIN ? INT64_MIN : before_ms - it->linger_ms + 1;
    int64_t to_ms = it->rows.time_ms - it->linger_ms;
    if (!it->options.is_final || before_ms >= it->rows.time_ms || it->rows.end_ms_min > to_ms) {
        return 0;
    }
    struct window_rows_entry row;
    struct kv_iterator *iterator = window_rows_walk(&it->rows, from_ms, to_ms);
    int result = 0;
    int error = 0;
    while (error == 0 && (result = window_rows_next_walked(&it->rows, iterator, &row)) == 1) {
        struct window_node_content content;
        row.key = arena_copy(context->arena, row.key);
        error = read_content(it, context, row.stored, &content);
        error =
            error == 0 ? forward(it, context, record, &row, (struct bytes){0}, &content) : error;
    }
    kv_iterator_free(iterator);
    return result < 0 ? fail_store(it, context, result) : error;
}

/* (1) */
static int forget_windows(struct window_node *it, struct node_context *context)
{
    int64_t to_ms = it->rows.time_ms - it->linger_ms - it->retain_ms;
    if (it->rows.end_ms_min > to_ms) {
        return 0;
    }
    struct window_rows_entry row;
    struct kv_iterator *iterator = window_rows_walk(&it->rows, INT64_MIN, to_ms);
    int result = 0;
    int error = 0;
    while (error == 0 && (result = window_rows_next_walked(&it->rows, iterator, &row)) == 1) {
        row.stored = (struct bytes){0};
        error = window_rows_put(&it->rows, &row);
    }
    kv_iterator_free(iterator);
    window_rows_settle(&it->rows);
    error = result < 0 ? result : error;
    return error == 0 ? 0 : fail_store(it, context, error);
}

static int window_node_process(struct node *node, struct node_context *context,
                               const struct record *record)
{
    struct window_node *it = window_node_of(node);
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be aggregated");
    }
    if (record->timestamp_ms < 0) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a time cannot be put into a window");
    }
    if (bytes_is_null(record->value) && !it->options.kind->takes_nulls) {
        return 0;
    }
    int64_t before_ms = INT64_MIN;
    int error = window_rows_observe(&it->rows, record->timestamp_ms, &before_ms);
    if (error != 0) {
        return fail_store(it, context, error);
    }
    error = it->options.kind->place(it, context, record);
    error = error == 0 ? forward_final(it, context, record, before_ms) : error;
    return error == 0 ? forget_windows(it, context) : error;
}

static bool window_node_expect(struct node *node, const struct record *record)
{
    struct window_node *it = window_node_of(node);
    bool is_known = !bytes_is_null(record->key) && record->timestamp_ms >= 0;
    if (is_known && it->options.kind->expect != NULL) {
        it->options.kind->expect(it, record);
    }
    return it->options.kind->expect != NULL;
}

static int64_t window_node_horizon(struct node *node)
{
    struct window_node *it = window_node_of(node);
    int64_t time_ms = INT64_MIN;
    if (window_rows_observe(&it->rows, INT64_MIN, &time_ms) != 0) {
        return INT64_MIN; /* the next record tells */
    }
    int64_t end_ms = window_rows_end_max(&it->rows);
    bool is_open = end_ms != INT64_MIN && !window_node_is_closed(it, end_ms);
    return is_open ? end_ms + it->linger_ms : INT64_MIN;
}

static int window_node_advance(struct node *node, struct node_context *context, int64_t time_ms)
{
    struct window_node *it = window_node_of(node);
    struct record nothing = {.partition = -1, .offset = -1, .timestamp_ms = time_ms};
    int64_t before_ms = INT64_MIN;
    int error = window_rows_observe(&it->rows, time_ms, &before_ms);
    if (error != 0) {
        return fail_store(it, context, error);
    }
    error = forward_final(it, context, &nothing, before_ms);
    return error == 0 ? forget_windows(it, context) : error;
}

static void window_node_free(struct node *node)
{
    struct window_node *it = window_node_of(node);
    it->fold->ops->free(it->fold);
    window_rows_fini(&it->rows);
    buffer_fini(&it->timed);
    free((void *)(uintptr_t)it->options.store);
    free((void *)(uintptr_t)it->options.late_topic);
    node_fini(node);
    free(it);
}

static int window_node_read_row(struct node *node, struct node_context *context, struct bytes key,
                                struct bytes value, struct record *out)
{
    struct window_node *it = window_node_of(node);
    struct window_rows_entry row;
    struct window_node_content content;
    int result = window_rows_read(&it->rows, key, value, &row);
    if (result <= 0) {
        return result == 0 ? 0 : fail_store(it, context, result);
    }
    *out = (struct record){.key = row.key,
                           .partition = -1,
                           .offset = -1,
                           .is_windowed = true,
                           .window_start_ms = row.start_ms,
                           .window_end_ms = row.end_ms};
    int error = read_content(it, context, row.stored, &content);
    out->timestamp_ms = content.time_ms;
    error = error == 0 ? fold_tell(it->fold, node, context, content.accumulator, out) : error;
    return error == 0 ? 1 : error;
}

static const struct node_ops window_node_ops = {.process = window_node_process,
                                                .expect = window_node_expect,
                                                .start = window_node_start,
                                                .free = window_node_free,
                                                .horizon = window_node_horizon,
                                                .advance = window_node_advance,
                                                .read_row = window_node_read_row};

struct node *window_node_new(const char *name, const struct window_node_options *options,
                             struct fold *fold)
{
    struct window_node *it = memory_new(struct window_node);
    check(!options->kind->must_merge || fold->ops->merge != NULL);
    node_init(&it->node, &window_node_ops, name);
    it->options = *options;
    it->options.store = memory_string(options->store);
    it->node.row_store = it->options.store;
    it->options.late_topic = memory_string(options->late_topic);
    it->linger_ms = options->kind->linger(options->size_ms, options->grace_ms);
    it->retain_ms = options->kind->retain == NULL
                        ? 0
                        : options->kind->retain(options->size_ms, options->is_final);
    it->fold = fold;
    window_rows_init(&it->rows, options->kind->is_by_key);
    buffer_init(&it->timed);
    return &it->node;
}
