/* Joins of tables; see table_join_node.h. */
#include "runtime/operators/table_join_node.h"

#include "log/base/memory.h"

#include <stdlib.h>

struct table_join_node {
    struct node node;
    struct table_join_node_options options;
    struct table_store other;
};

static struct table_join_node *table_join_node_of(struct node *node)
{
    return (struct table_join_node *)(void *)node;
}

static int table_join_start(struct node *node, struct node_context *context)
{
    table_store_open(&table_join_node_of(node)->other, context);
    return 0;
}

/* Whether there is a result when this side has `mine` and the other one `theirs`. */
static bool has_result(const struct table_join_node *it, struct bytes mine, struct bytes theirs)
{
    bool keeps_mine = it->options.is_left ? it->options.keeps_left : it->options.keeps_right;
    bool keeps_theirs = it->options.is_left ? it->options.keeps_right : it->options.keeps_left;
    if (bytes_is_null(mine)) {
        return !bytes_is_null(theirs) && keeps_theirs;
    }
    return !bytes_is_null(theirs) || keeps_mine;
}

/* The result of one value of this side; null when there is none. */
static int join_value(struct table_join_node *it, struct node_context *context,
                      const struct record *record, struct bytes value,
                      const struct kept_value *theirs, struct kept_value *out)
{
    struct kept_value mine = table_store_kept(record);
    struct record made = *record;
    *out = (struct kept_value){.value_format = VALUE_JSON};
    if (!has_result(it, value, theirs->value)) {
        return 0;
    }
    mine.value = value;
    int result =
        joiner_join(&it->options.joiner, &it->node, context, it->options.is_left ? &mine : theirs,
                    it->options.is_left ? theirs : &mine, &made);
    if (result == 1) {
        *out = table_store_kept(&made);
    }
    return result < 0 ? result : 0;
}

static int table_join_process(struct node *node, struct node_context *context,
                              const struct record *record)
{
    struct table_join_node *it = table_join_node_of(node);
    struct kept_value theirs;
    struct kept_value old = {0};
    struct kept_value new;
    int found = record->is_past
                    ? 0
                    : table_store_get(&it->other, node, context, record->key, INT64_MAX, &theirs);
    if (found < 0 || record->is_past) {
        return found;
    }
    if (found == 0 && !has_result(it, record->old_value, theirs.value) &&
        !has_result(it, record->value, theirs.value)) {
        return 0;
    }
    int error =
        node->sends_old ? join_value(it, context, record, record->old_value, &theirs, &old) : 0;
    error = error == 0 ? join_value(it, context, record, record->value, &theirs, &new) : error;
    if (error != 0) {
        return error;
    }
    struct record change = *record;
    change.value = new.value;
    change.value_format = new.value_format;
    if (theirs.timestamp_ms > change.timestamp_ms) {
        change.timestamp_ms = theirs.timestamp_ms;
    }
    error = table_store_change(node, context, &old, &change);
    return error == 0 ? node_forward(node, context, &change) : error;
}

static void table_join_free(struct node *node)
{
    struct table_join_node *it = table_join_node_of(node);
    table_store_fini(&it->other);
    node_fini(node);
    free(it);
}

static const struct node_ops table_join_ops = {.process = table_join_process,
                                               .start = table_join_start,
                                               .free = table_join_free,
                                               .wants_old = true};

struct node *table_join_node_new(const char *name, const struct table_join_node_options *options)
{
    struct table_join_node *it = memory_new(struct table_join_node);
    node_init(&it->node, &table_join_ops, name);
    it->options = *options;
    table_store_init(&it->other, &options->other);
    return &it->node;
}
