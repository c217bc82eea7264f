/* What nodes with accumulators do alike; see fold.h. */
#include "runtime/operators/fold.h"

#include "runtime/format/timed.h"

void fold_write(const struct fold *fold, struct buffer *out, int64_t time_ms,
                struct bytes accumulator)
{
    if (fold->ops->is_binary || bytes_is_null(accumulator)) {
        timed_write_binary(out, time_ms, accumulator);
    } else {
        timed_write(out, time_ms, accumulator);
    }
}

int fold_tell(struct fold *fold, struct node *node, struct node_context *context,
              struct bytes accumulator, struct record *record)
{
    record->value = (struct bytes){0};
    return bytes_is_null(accumulator) ? 0
                                      : fold->ops->result(fold, node, context, accumulator, record);
}

int fold_forward(struct fold *fold, struct node *node, struct node_context *context,
                 struct bytes old, struct bytes accumulator, struct record *change)
{
    int error = 0;
    change->is_change = true;
    change->old_value = (struct bytes){0};
    if (node->sends_old) {
        error = fold_tell(fold, node, context, old, change);
        change->old_value = arena_copy(context->arena, change->value); /* the fold is asked again */
    }
    error = error == 0 ? fold_tell(fold, node, context, accumulator, change) : error;
    return error == 0 ? node_forward(node, context, change) : error;
}
