/* Subscriptions answered; see foreign_right_node.h. */
#include "runtime/operators/foreign_right_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/row_key.h"
#include "runtime/operators/foreign.h"

#include <stdlib.h>

struct foreign_right_node {
    struct node node;
    char *subscriptions;
    struct kv *kv;
    struct table_store right;
    bool has_right;
    struct buffer row;
    struct buffer end;
    struct buffer text;
};

static struct foreign_right_node *foreign_right_node_of(struct node *node)
{
    return (struct foreign_right_node *)(void *)node;
}

static int foreign_right_start(struct node *node, struct node_context *context)
{
    struct foreign_right_node *it = foreign_right_node_of(node);
    it->kv = context->store(context, it->subscriptions);
    check(it->kv != NULL);
    if (it->has_right) {
        table_store_open(&it->right, context);
    }
    return 0;
}

static void foreign_right_free(struct node *node)
{
    struct foreign_right_node *it = foreign_right_node_of(node);
    if (it->has_right) {
        table_store_fini(&it->right);
    }
    buffer_fini(&it->row);
    buffer_fini(&it->end);
    buffer_fini(&it->text);
    free(it->subscriptions);
    node_fini(node);
    free(it);
}

static struct foreign_right_node *make_node(const char *name, const struct node_ops *ops,
                                            const struct foreign_right_node_options *options)
{
    struct foreign_right_node *it = memory_new(struct foreign_right_node);
    node_init(&it->node, ops, name);
    it->subscriptions = memory_string(options->subscriptions);
    it->node.row_store = it->subscriptions;
    buffer_init(&it->row);
    buffer_init(&it->end);
    buffer_init(&it->text);
    return it;
}

/* To a left key, caused by `record`; it has the newer of both times. */
static int answer(struct foreign_right_node *it, struct node_context *context,
                  const struct record *record, struct bytes left_key,
                  const struct foreign_answer *told)
{
    struct record sent = *record;
    buffer_clear(&it->text);
    foreign_answer_write(&it->text, told);
    sent.key = arena_copy(context->arena, left_key);
    sent.value = arena_copy(context->arena, buffer_bytes(&it->text));
    sent.value_format = VALUE_BYTES;
    sent.is_change = false;
    sent.old_value = (struct bytes){0};
    if (told->right.timestamp_ms > sent.timestamp_ms) {
        sent.timestamp_ms = told->right.timestamp_ms;
    }
    return node_forward(&it->node, context, &sent);
}

/* --- Subscriptions ---------------------------------------------------------------------------- */

static int keep(struct foreign_right_node *it, struct node_context *context,
                const struct record *record, const struct foreign_subscription *subscription)
{
    bool is_removed = subscription->action >= FOREIGN_REMOVE;
    buffer_clear(&it->row);
    row_key_add(&it->row, record->key);
    buffer_add_bytes(&it->row, subscription->left_key);
    buffer_clear(&it->text);
    foreign_hash_write(&it->text, subscription->hash);
    int error = kv_put(it->kv, buffer_bytes(&it->row),
                       is_removed ? (struct bytes){0} : buffer_bytes(&it->text));
    return error == 0 ? 0
                      : node_fail(&it->node, context, error, "process",
                                  "the keys of both sides do not fit the store %s: %s",
                                  it->subscriptions, error_text(error));
}

static int foreign_right_process(struct node *node, struct node_context *context,
                                 const struct record *record)
{
    struct foreign_right_node *it = foreign_right_node_of(node);
    struct foreign_subscription subscription;
    if (bytes_is_null(record->key) || bytes_is_null(record->value) ||
        foreign_subscription_read(record->value, &subscription) != 0) {
        return node_fail(node, context, ERROR_CORRUPT, "decode",
                         "the topic of subscriptions holds something else");
    }
    int error = keep(it, context, record, &subscription);
    if (error != 0 || subscription.action == FOREIGN_REMOVE) {
        return error;
    }
    struct foreign_answer told = {.hash = subscription.hash};
    int found = table_store_get(&it->right, node, context, record->key, INT64_MAX, &told.right);
    if (found < 0) {
        return found;
    }
    told.is_still_nothing = found == 0 && subscription.action == FOREIGN_ADD;
    if (subscription.action == FOREIGN_REMOVE_ALL) {
        told.right.value = (struct bytes){0};
    }
    return answer(it, context, record, subscription.left_key, &told);
}

static const struct node_ops foreign_right_ops = {.process = foreign_right_process,
                                                  .start = foreign_right_start,
                                                  .free = foreign_right_free,
                                                  .read_row = node_hide_row};

struct node *foreign_right_node_new(const char *name,
                                    const struct foreign_right_node_options *options)
{
    struct foreign_right_node *it = make_node(name, &foreign_right_ops, options);
    table_store_init(&it->right, &options->right);
    it->has_right = true;
    return &it->node;
}

/* --- Changes ---------------------------------------------------------------------------------- */

/* One who subscribed is told. */
static int tell(struct foreign_right_node *it, struct node_context *context,
                const struct record *record, struct bytes row, struct bytes stored)
{
    struct bytes left_key = row;
    struct foreign_answer told = {.right = table_store_kept(record)};
    buffer_clear(&it->row);
    int error = row_key_take(&left_key, &it->row);
    error = error == 0 ? foreign_hash_take(&stored, &told.hash) : error;
    if (error != 0 || stored.size != 0) {
        return node_fail(&it->node, context, ERROR_CORRUPT, "process",
                         "the store %s holds something else than subscriptions", it->subscriptions);
    }
    return answer(it, context, record, left_key, &told);
}

static int change_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct foreign_right_node *it = foreign_right_node_of(node);
    struct bytes row;
    struct bytes stored;
    if (record->is_past) {
        return 0;
    }
    buffer_clear(&it->row);
    row_key_add(&it->row, record->key);
    buffer_clear(&it->end);
    buffer_add_bytes(&it->end, buffer_bytes(&it->row));
    it->end.data[it->end.size - 1] = 1; /* behind its two zeros */
    struct kv_iterator *iterator =
        kv_iterate(it->kv, buffer_bytes(&it->row), buffer_bytes(&it->end));
    int error = 0;
    while (error == 0 && kv_iterator_next(iterator, &row, &stored)) {
        error = tell(it, context, record, row, stored);
    }
    kv_iterator_free(iterator);
    return error;
}

static const struct node_ops change_ops = {.process = change_process,
                                           .start = foreign_right_start,
                                           .free = foreign_right_free,
                                           .read_row = node_hide_row};

struct node *foreign_right_node_new_change(const char *name,
                                           const struct foreign_right_node_options *options)
{
    return &make_node(name, &change_ops, options)->node;
}
