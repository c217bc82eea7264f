/* Counting; see fold_count.h. */
#include "runtime/operators/fold_count.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_writer.h"

#include <stdlib.h>

struct fold_count {
    struct fold fold;
    struct buffer text;
};

static struct fold_count *fold_count_of(struct fold *fold)
{
    return (struct fold_count *)(void *)fold;
}

/* Nothing is a count of 0. */
static int read_count(struct node *node, struct node_context *context, struct bytes accumulator,
                      int64_t *out)
{
    int64_t count = 0;
    for (size_t i = 0; i < accumulator.size; i++) {
        if (accumulator.data[i] < '0' || accumulator.data[i] > '9' || i >= 18) {
            return node_fail(node, context, ERROR_CORRUPT, "process",
                             "the store of %s holds no count for this key", node->name);
        }
        count = count * 10 + (accumulator.data[i] - '0');
    }
    *out = count;
    return 0;
}

static struct bytes write_count(struct fold *fold, int64_t count)
{
    struct buffer *text = &fold_count_of(fold)->text;
    buffer_clear(text);
    json_writer_int64(text, count);
    return buffer_bytes(text);
}

static int fold_count_add(struct fold *fold, struct node *node, struct node_context *context,
                          const struct record *record, struct bytes accumulator, struct bytes *out)
{
    (void)record;
    int64_t count = 0;
    int error = read_count(node, context, accumulator, &count);
    if (error == 0) {
        *out = write_count(fold, count + 1);
    }
    return error;
}

static int fold_count_subtract(struct fold *fold, struct node *node, struct node_context *context,
                               const struct record *record, struct bytes accumulator,
                               struct bytes *out)
{
    (void)record;
    int64_t count = 0;
    int error = read_count(node, context, accumulator, &count);
    if (error == 0) {
        *out = write_count(fold, count > 0 ? count - 1 : 0);
    }
    return error;
}

static int fold_count_merge(struct fold *fold, struct node *node, struct node_context *context,
                            struct bytes key, struct bytes left, struct bytes right,
                            struct bytes *out)
{
    (void)key;
    int64_t counts[2] = {0, 0};
    int error = read_count(node, context, left, &counts[0]);
    error = error == 0 ? read_count(node, context, right, &counts[1]) : error;
    if (error == 0) {
        *out = write_count(fold, counts[0] + counts[1]);
    }
    return error;
}

static int fold_count_result(struct fold *fold, struct node *node, struct node_context *context,
                             struct bytes accumulator, struct record *record)
{
    (void)fold;
    (void)node;
    record->value = arena_copy(context->arena, accumulator);
    record->value_format = VALUE_JSON;
    return 0;
}

static void fold_count_free(struct fold *fold)
{
    buffer_fini(&fold_count_of(fold)->text);
    free(fold);
}

static const struct fold_ops fold_count_ops = {.add = fold_count_add,
                                               .subtract = fold_count_subtract,
                                               .merge = fold_count_merge,
                                               .result = fold_count_result,
                                               .free = fold_count_free};

struct fold *fold_count_new(void)
{
    struct fold_count *it = memory_new(struct fold_count);
    it->fold.ops = &fold_count_ops;
    buffer_init(&it->text);
    return &it->fold;
}
