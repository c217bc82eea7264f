/* Windows of a number of records; see counted_node.h. */
#include "runtime/operators/counted_node.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/row_key.h"
#include "runtime/format/timed.h"

#include <stdlib.h>

enum {
    COUNTED_START = sizeof(uint32_t),
    COUNTED_FLAG = COUNTED_START + sizeof(int64_t),
    COUNTED_HEAD_SIZE = COUNTED_FLAG + 1,
};

struct counted_node {
    struct node node;
    struct counted_node_options options;
    struct fold *fold;
    struct kv *kv;
    struct buffer row;
    struct buffer other;
    struct buffer stored;
};

/* What a window holds; without records: it is about to begin. */
struct counted_window {
    int64_t ordinal;
    int64_t count;
    int64_t start_ms;
    int64_t end_ms;
    struct bytes accumulator;
};

static struct counted_node *counted_node_of(struct node *node)
{
    return (struct counted_node *)(void *)node;
}

static int counted_node_start(struct node *node, struct node_context *context)
{
    struct counted_node *it = counted_node_of(node);
    it->kv = context->store(context, it->options.store);
    check(it->kv != NULL);
    return 0;
}

static struct bytes make_row(struct buffer *row, struct bytes key, int64_t ordinal)
{
    buffer_clear(row);
    row_key_add(row, key);
    row_key_add_time(row, ordinal);
    return buffer_bytes(row);
}

/* The accumulator is borrowed from `stored`. */
static int read_window(const struct counted_node *it, struct bytes stored,
                       struct counted_window *out)
{
    if (stored.size < COUNTED_HEAD_SIZE) {
        return ERROR_CORRUPT;
    }
    out->count = endian_read_u32(stored.data);
    out->start_ms = endian_read_i64(stored.data + COUNTED_START);
    struct bytes timed =
        bytes_make(stored.data + COUNTED_HEAD_SIZE, stored.size - COUNTED_HEAD_SIZE);
    int error = timed_read(timed, &out->end_ms, &out->accumulator);
    if (stored.data[COUNTED_FLAG] == 0) {
        out->accumulator = (struct bytes){0};
    }
    bool is_open = out->count >= 1 && out->count < it->options.count; /* (1) */
    return error == 0 && !is_open ? ERROR_CORRUPT : error;
}

/* Leaves the key in `other`. */
static int read_row(struct counted_node *it, struct node_context *context, struct bytes row,
                    struct bytes stored, struct counted_window *out)
{
    buffer_clear(&it->other);
    int error = row_key_take(&row, &it->other);
    error = error == 0 ? row_key_take_time(&row, &out->ordinal) : error;
    error = error == 0 ? read_window(it, stored, out) : error;
    return error == 0 && row.size == 0
               ? 0
               : node_fail(&it->node, context, ERROR_CORRUPT, "process",
                           "the store %s holds something else than windows of records",
                           it->options.store);
}

/* The next open window of a key, oldest first: 1, 0 behind the last, or an error. */
static int next_window(struct counted_node *it, struct node_context *context,
                       struct kv_iterator *iterator, struct counted_window *out)
{
    struct bytes row;
    struct bytes stored;
    if (!kv_iterator_next(iterator, &row, &stored)) {
        return 0;
    }
    int error = read_row(it, context, row, stored, out);
    if (error != 0) {
        return error;
    }
    out->accumulator = arena_copy(context->arena, out->accumulator);
    return 1;
}

/* A window that is full leaves the store. */
static int store_window(struct counted_node *it, struct node_context *context, struct bytes key,
                        const struct counted_window *window)
{
    struct bytes stored = {0};
    if (window->count < it->options.count) {
        uint8_t head[COUNTED_HEAD_SIZE];
        endian_write_u32(head, (uint32_t)window->count);
        endian_write_i64(head + COUNTED_START, window->start_ms);
        head[COUNTED_FLAG] = !bytes_is_null(window->accumulator);
        buffer_clear(&it->stored);
        buffer_add(&it->stored, head, sizeof head);
        fold_write(it->fold, &it->stored, window->end_ms, window->accumulator);
        stored = buffer_bytes(&it->stored);
    }
    int error = kv_put(it->kv, make_row(&it->row, key, window->ordinal), stored);
    return error == 0 ? 0
                      : node_fail(&it->node, context, error, "process",
                                  "the key does not fit the store %s: %s", it->options.store,
                                  error_text(error));
}

/* Under the key of `window` stands the result of `accumulator` now, before that of `old`. */
static int forward(struct counted_node *it, struct node_context *context,
                   const struct record *record, const struct counted_window *window,
                   struct bytes old, struct bytes accumulator)
{
    struct record change = *record;
    change.is_windowed = true;
    change.window_start_ms = window->start_ms;
    change.window_end_ms = window->end_ms;
    change.timestamp_ms = window->end_ms;
    return fold_forward(it->fold, &it->node, context, old, accumulator, &change);
}

static int forward_update(struct counted_node *it, struct node_context *context,
                          const struct record *record, const struct counted_window *old,
                          const struct counted_window *window)
{
    const struct bytes none = {0};
    bool is_first = old->count == 0;
    bool has_moved = old->start_ms != window->start_ms || old->end_ms != window->end_ms;
    int error = 0;
    if (it->options.is_final) {
        return window->count < it->options.count
                   ? 0
                   : forward(it, context, record, window, none, window->accumulator);
    }
    if (!is_first && has_moved) {
        error = forward(it, context, record, old, old->accumulator, none);
    }
    struct bytes before = is_first || has_moved ? none : old->accumulator;
    return error == 0 ? forward(it, context, record, window, before, window->accumulator) : error;
}

static int add_record(struct counted_node *it, struct node_context *context,
                      const struct record *record, const struct counted_window *old)
{
    int64_t time_ms = record->timestamp_ms;
    struct counted_window window = {.ordinal = old->ordinal,
                                    .count = old->count + 1,
                                    .start_ms = time_ms < old->start_ms ? time_ms : old->start_ms,
                                    .end_ms = time_ms > old->end_ms ? time_ms : old->end_ms};
    int error = it->fold->ops->add(it->fold, &it->node, context, record, old->accumulator,
                                   &window.accumulator);
    if (error != 0) {
        return error;
    }
    window.accumulator = arena_copy(context->arena, window.accumulator);
    error = store_window(it, context, record->key, &window);
    return error == 0 ? forward_update(it, context, record, old, &window) : error;
}

/* Adds to the open windows of the key, oldest first; *newest is the last, as it was before. */
static int add_to_open(struct counted_node *it, struct node_context *context,
                       const struct record *record, struct counted_window *newest)
{
    struct bytes from = make_row(&it->row, record->key, INT64_MIN);
    struct bytes to = make_row(&it->other, record->key, INT64_MAX);
    struct kv_iterator *iterator = kv_iterate(it->kv, from, to);
    struct counted_window window;
    int result = 0;
    int error = 0;
    while (error == 0 && (result = next_window(it, context, iterator, &window)) == 1) {
        *newest = window;
        error = add_record(it, context, record, &window);
    }
    kv_iterator_free(iterator);
    return result < 0 ? result : error;
}

static int counted_node_process(struct node *node, struct node_context *context,
                                const struct record *record)
{
    struct counted_node *it = counted_node_of(node);
    struct counted_window newest = {.ordinal = -1, .count = it->options.advance};
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be aggregated");
    }
    if (record->timestamp_ms < 0) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a time cannot be put into a window");
    }
    int error = add_to_open(it, context, record, &newest);
    if (error != 0 || newest.count < it->options.advance) {
        return error;
    }
    struct counted_window next = {
        .ordinal = newest.ordinal + 1, .start_ms = INT64_MAX, .end_ms = INT64_MIN}; /* (2) */
    return add_record(it, context, record, &next);
}

static int counted_node_read_row(struct node *node, struct node_context *context, struct bytes row,
                                 struct bytes stored, struct record *out)
{
    struct counted_node *it = counted_node_of(node);
    struct counted_window window;
    int error = read_row(it, context, row, stored, &window);
    if (error != 0) {
        return error;
    }
    *out = (struct record){.key = buffer_bytes(&it->other),
                           .partition = -1,
                           .offset = -1,
                           .timestamp_ms = window.end_ms,
                           .is_windowed = true,
                           .window_start_ms = window.start_ms,
                           .window_end_ms = window.end_ms};
    error = fold_tell(it->fold, node, context, window.accumulator, out);
    return error == 0 ? 1 : error;
}

static void counted_node_free(struct node *node)
{
    struct counted_node *it = counted_node_of(node);
    it->fold->ops->free(it->fold);
    buffer_fini(&it->row);
    buffer_fini(&it->other);
    buffer_fini(&it->stored);
    free((void *)(uintptr_t)it->options.store);
    node_fini(node);
    free(it);
}

static const struct node_ops counted_node_ops = {.process = counted_node_process,
                                                 .start = counted_node_start,
                                                 .free = counted_node_free,
                                                 .read_row = counted_node_read_row};

struct node *counted_node_new(const char *name, const struct counted_node_options *options,
                              struct fold *fold)
{
    struct counted_node *it = memory_new(struct counted_node);
    check(options->count >= 1);
    check(options->count <= UINT32_MAX);
    check(options->advance >= 1);
    check(options->advance <= options->count);
    node_init(&it->node, &counted_node_ops, name);
    it->options = *options;
    it->options.store = memory_string(options->store);
    it->node.row_store = it->options.store;
    it->fold = fold;
    buffer_init(&it->row);
    buffer_init(&it->other);
    buffer_init(&it->stored);
    return &it->node;
}
