/* Aggregates by key; see aggregate_node.h. */
#include "runtime/operators/aggregate_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/timed.h"

#include <stdlib.h>

struct aggregate_node {
    struct node node;
    char *store;
    struct fold *fold;
    struct kv *kv;
    struct buffer stored;
};

static struct aggregate_node *aggregate_node_of(struct node *node)
{
    return (struct aggregate_node *)(void *)node;
}

static int aggregate_node_start(struct node *node, struct node_context *context)
{
    struct aggregate_node *it = aggregate_node_of(node);
    it->kv = context->store(context, it->store);
    check(it->kv != NULL);
    return 0;
}

/* The accumulator of the key, which outlives a write to the store; null: none. */
static int find_accumulator(struct aggregate_node *it, struct node_context *context,
                            struct bytes key, int64_t *time_ms, struct bytes *accumulator)
{
    struct bytes stored;
    *accumulator = (struct bytes){0};
    *time_ms = INT64_MIN;
    if (!kv_get(it->kv, key, &stored)) {
        return 0;
    }
    int error = timed_read(stored, time_ms, accumulator);
    if (error != 0) {
        return node_fail(&it->node, context, error, "process",
                         "the store %s holds something else than an aggregate", it->store);
    }
    *accumulator = arena_copy(context->arena, *accumulator);
    return 0;
}

static int take_away(struct aggregate_node *it, struct node_context *context,
                     const struct record *record, struct bytes old, struct bytes *out)
{
    struct record leaving = *record;
    leaving.value = record->old_value;
    return it->fold->ops->subtract == NULL
               ? node_fail(&it->node, context, ERROR_INVALID, "process",
                           "%s cannot take away what it added", it->node.name)
               : it->fold->ops->subtract(it->fold, &it->node, context, &leaving, old, out);
}

static int fold_record(struct aggregate_node *it, struct node_context *context,
                       const struct record *record, struct bytes old, struct bytes *out)
{
    const struct fold_ops *ops = it->fold->ops;
    int error = 0;
    *out = old;
    if (record->is_change && !bytes_is_null(record->old_value) && !bytes_is_null(old)) {
        error = take_away(it, context, record, old, out);
    }
    if (error == 0 && !bytes_is_null(record->value)) {
        *out = arena_copy(context->arena, *out);
        error = ops->add(it->fold, &it->node, context, record, *out, out);
    }
    return error;
}

static int store_accumulator(struct aggregate_node *it, struct node_context *context,
                             struct bytes key, int64_t time_ms, struct bytes accumulator)
{
    struct bytes stored = {0};
    if (!bytes_is_null(accumulator)) {
        buffer_clear(&it->stored);
        fold_write(it->fold, &it->stored, time_ms, accumulator);
        stored = buffer_bytes(&it->stored);
    }
    int error = kv_put(it->kv, key, stored);
    return error == 0
               ? 0
               : node_fail(&it->node, context, error, "process",
                           "the key does not fit the store %s: %s", it->store, error_text(error));
}

static int aggregate_node_process(struct node *node, struct node_context *context,
                                  const struct record *record)
{
    struct aggregate_node *it = aggregate_node_of(node);
    struct bytes old;
    struct bytes accumulator;
    int64_t time_ms = 0;
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be aggregated");
    }
    if (bytes_is_null(record->value) && !record->is_change) {
        return 0;
    }
    struct record change = *record;
    change.is_windowed = false; /* what is kept is of the key in all windows */
    int error = find_accumulator(it, context, record->key, &time_ms, &old);
    error = error == 0 ? fold_record(it, context, record, old, &accumulator) : error;
    if (error != 0) {
        return error;
    }
    change.timestamp_ms = record->timestamp_ms > time_ms ? record->timestamp_ms : time_ms;
    error = store_accumulator(it, context, record->key, change.timestamp_ms, accumulator);
    return error == 0 ? fold_forward(it->fold, node, context, old, accumulator, &change) : error;
}

static bool aggregate_node_expect(struct node *node, const struct record *record)
{
    if (!bytes_is_null(record->key)) {
        kv_expect(aggregate_node_of(node)->kv, record->key);
    }
    return true;
}

static int aggregate_node_read_row(struct node *node, struct node_context *context,
                                   struct bytes key, struct bytes value, struct record *out)
{
    struct aggregate_node *it = aggregate_node_of(node);
    struct bytes accumulator;
    *out = (struct record){.key = key, .partition = -1, .offset = -1};
    int error = timed_read(value, &out->timestamp_ms, &accumulator);
    if (error != 0) {
        return node_fail(node, context, error, "process",
                         "the store %s holds something else than an aggregate", it->store);
    }
    error = fold_tell(it->fold, node, context, accumulator, out);
    return error == 0 ? 1 : error;
}

static void aggregate_node_free(struct node *node)
{
    struct aggregate_node *it = aggregate_node_of(node);
    it->fold->ops->free(it->fold);
    buffer_fini(&it->stored);
    free(it->store);
    node_fini(node);
    free(it);
}

static const struct node_ops aggregate_node_ops = {.process = aggregate_node_process,
                                                   .expect = aggregate_node_expect,
                                                   .start = aggregate_node_start,
                                                   .free = aggregate_node_free,
                                                   .read_row = aggregate_node_read_row,
                                                   .wants_old = true};

struct node *aggregate_node_new(const char *name, const char *store, struct fold *fold)
{
    struct aggregate_node *it = memory_new(struct aggregate_node);
    node_init(&it->node, &aggregate_node_ops, name);
    it->store = memory_string(store);
    it->node.row_store = it->store;
    it->node.row_is_keyed = true;
    it->fold = fold;
    buffer_init(&it->stored);
    return &it->node;
}
