/* Asking and making results; see foreign_left_node.h. */
#include "runtime/operators/foreign_left_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/operators/foreign.h"

#include <stdlib.h>

enum { CHILD_SUBSCRIPTIONS, CHILD_ANSWERS, CHILD_COUNT };

struct foreign_left_node {
    struct node node;
    struct foreign_left_node_options options;
    struct table_store left;
    struct table_store result;
    struct buffer text;
};

static struct foreign_left_node *foreign_left_node_of(struct node *node)
{
    return (struct foreign_left_node *)(void *)node;
}

static void foreign_left_free(struct node *node)
{
    struct foreign_left_node *it = foreign_left_node_of(node);
    if (it->options.on.map != NULL) {
        mapper_free(&it->options.on);
    }
    table_store_fini(&it->left);
    table_store_fini(&it->result);
    buffer_fini(&it->text);
    node_fini(node);
    free(it);
}

static struct foreign_left_node *make_node(const char *name, const struct node_ops *ops,
                                           const struct foreign_left_node_options *options)
{
    struct foreign_left_node *it = memory_new(struct foreign_left_node);
    node_init(&it->node, ops, name);
    it->options = *options;
    table_store_init(&it->left, &options->left);
    table_store_init(&it->result, &options->result);
    buffer_init(&it->text);
    return it;
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* The right key of a value of the change; null: none. */
static int find_key(struct foreign_left_node *it, struct node_context *context,
                    const struct record *record, struct bytes value, struct bytes *key)
{
    struct record asked = *record;
    struct record mapped;
    *key = (struct bytes){0};
    if (bytes_is_null(value)) {
        return 0;
    }
    asked.value = value;
    asked.is_change = false;
    asked.old_value = (struct bytes){0};
    int result = mapper_map(&it->options.on, &it->node, context, &asked, &mapped);
    if (result == 1) {
        *key = mapped.key;
    }
    return result < 0 ? result : 0;
}

static int send(struct foreign_left_node *it, struct node_context *context,
                const struct record *record, size_t child, struct bytes key)
{
    struct record sent = *record;
    check(it->node.child_count == CHILD_COUNT);
    sent.key = key;
    sent.value = arena_copy(context->arena, buffer_bytes(&it->text));
    sent.value_format = VALUE_BYTES;
    sent.is_change = false;
    sent.old_value = (struct bytes){0};
    return node_process(it->node.children[child], context, &sent);
}

static int subscribe(struct foreign_left_node *it, struct node_context *context,
                     const struct record *record, struct bytes right_key,
                     enum foreign_action action)
{
    buffer_clear(&it->text);
    foreign_subscription_write(
        &it->text, &(struct foreign_subscription){.action = action,
                                                  .hash = foreign_hash_of(record->value),
                                                  .left_key = record->key});
    return send(it, context, record, CHILD_SUBSCRIPTIONS, right_key);
}

/* There is no right key to ask. */
static int answer(struct foreign_left_node *it, struct node_context *context,
                  const struct record *record)
{
    buffer_clear(&it->text);
    foreign_answer_write(&it->text,
                         &(struct foreign_answer){.hash = foreign_hash_of(record->value)});
    return send(it, context, record, CHILD_ANSWERS, record->key);
}

static int change_key(struct foreign_left_node *it, struct node_context *context,
                      const struct record *record, struct bytes old_key, struct bytes new_key)
{
    bool has_old = !bytes_is_null(old_key);
    bool has_new = !bytes_is_null(new_key);
    bool is_same = has_old && has_new && bytes_equal(old_key, new_key);
    if (has_old && !has_new && !it->options.keeps_left) {
        return subscribe(it, context, record, old_key, FOREIGN_REMOVE_ALL);
    }
    int error = has_old && !is_same ? subscribe(it, context, record, old_key, FOREIGN_REMOVE) : 0;
    if (error == 0 && has_new) {
        bool is_moved = has_old && !is_same;
        error = subscribe(it, context, record, new_key,
                          is_moved || it->options.keeps_left ? FOREIGN_REPLACE : FOREIGN_ADD);
    }
    bool is_alone = it->options.keeps_left && !has_new;
    return error == 0 && is_alone ? answer(it, context, record) : error;
}

static int foreign_left_process(struct node *node, struct node_context *context,
                                const struct record *record)
{
    struct foreign_left_node *it = foreign_left_node_of(node);
    struct bytes old_key;
    struct bytes new_key = {0};
    bool is_nothing = bytes_is_null(record->value) && bytes_is_null(record->old_value);
    if (record->is_past || is_nothing) {
        return 0;
    }
    int error = find_key(it, context, record, record->old_value, &old_key);
    error = error == 0 ? find_key(it, context, record, record->value, &new_key) : error;
    return error == 0 ? change_key(it, context, record, old_key, new_key) : error;
}

static const struct node_ops foreign_left_ops = {
    .process = foreign_left_process, .free = foreign_left_free, .wants_old = true};

struct node *foreign_left_node_new(const char *name,
                                   const struct foreign_left_node_options *options)
{
    return &make_node(name, &foreign_left_ops, options)->node;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static int answer_start(struct node *node, struct node_context *context)
{
    struct foreign_left_node *it = foreign_left_node_of(node);
    table_store_open(&it->left, context);
    table_store_open(&it->result, context);
    return 0;
}

static int answer_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct foreign_left_node *it = foreign_left_node_of(node);
    struct foreign_answer told;
    struct kept_value left;
    if (foreign_answer_read(record->value, &told) != 0) {
        return node_fail(node, context, ERROR_CORRUPT, "decode",
                         "the topic of answers holds something else");
    }
    int found = table_store_get(&it->left, node, context, record->key, INT64_MAX, &left);
    if (found < 0 || !foreign_hash_is_equal(told.hash, foreign_hash_of(left.value))) {
        return found < 0 ? found : 0;
    }
    if (told.is_still_nothing) {
        struct kept_value result;
        int kept = table_store_get(&it->result, node, context, record->key, INT64_MAX, &result);
        if (kept <= 0) {
            return kept;
        }
    }
    struct record made = *record;
    made.value = (struct bytes){0};
    bool has_right = !bytes_is_null(told.right.value);
    int result = 0;
    if (found == 1 && (has_right || it->options.keeps_left)) {
        result = joiner_join(&it->options.joiner, node, context, &left, &told.right, &made);
    }
    return result < 0 ? result : node_forward(node, context, &made);
}

static const struct node_ops answer_ops = {
    .process = answer_process, .start = answer_start, .free = foreign_left_free};

struct node *foreign_left_node_new_answer(const char *name,
                                          const struct foreign_left_node_options *options)
{
    return &make_node(name, &answer_ops, options)->node;
}
