/* Tables from records; see table_node.h. */
#include "runtime/operators/table_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/topology/late.h"
#include "runtime/topology/outlet.h"

#include <stdlib.h>

struct table_node {
    struct node node;
    struct table_store store;
    char *late_topic;
};

static struct table_node *table_node_of(struct node *node)
{
    return (struct table_node *)(void *)node;
}

static int table_node_start(struct node *node, struct node_context *context)
{
    table_store_open(&table_node_of(node)->store, context);
    return 0;
}

/* Looked for only if somebody wants it. */
static int find_old(struct table_node *it, struct node_context *context, struct bytes key,
                    struct kept_value *out)
{
    *out = (struct kept_value){0};
    int found = it->node.sends_old
                    ? table_store_get(&it->store, &it->node, context, key, INT64_MAX, out)
                    : 0;
    return found < 0 ? found : 0;
}

static int send_late(struct table_node *it, struct node_context *context,
                     const struct record *record)
{
    struct late_window instant = {.start_ms = record->timestamp_ms,
                                  .end_ms = record->timestamp_ms,
                                  .time_ms = history_time(&it->store.history)};
    return late_emit(&it->node, context, it->late_topic, record, &instant);
}

static int table_node_process(struct node *node, struct node_context *context,
                              const struct record *record)
{
    struct table_node *it = table_node_of(node);
    struct kept_value old;
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be kept in a table");
    }
    if (record->is_windowed) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a table holds keys without windows: use :map to make one of both");
    }
    if (record->is_past) {
        return node_forward(node, context, record);
    }
    struct record change = *record;
    int error = outlet_make_plain(node, context, &change);
    struct kept_value kept = table_store_kept(&change);
    error = error == 0 ? find_old(it, context, record->key, &old) : error;
    int result =
        error == 0 ? table_store_put(&it->store, node, context, record->key, &kept) : error;
    if (result < 0 || result == TABLE_STORE_TOO_OLD) {
        return result < 0 ? result : send_late(it, context, record);
    }
    change.is_past = result == TABLE_STORE_PAST;
    error = table_store_change(node, context, &old, &change);
    return error == 0 ? node_forward(node, context, &change) : error;
}

static int table_node_read_row(struct node *node, struct node_context *context, struct bytes key,
                               struct bytes value, struct record *out)
{
    return table_store_read_row(&table_node_of(node)->store, node, context, key, value, out);
}

static void table_node_free(struct node *node)
{
    struct table_node *it = table_node_of(node);
    table_store_fini(&it->store);
    free(it->late_topic);
    node_fini(node);
    free(it);
}

static const struct node_ops table_node_ops = {.process = table_node_process,
                                               .start = table_node_start,
                                               .free = table_node_free,
                                               .read_row = table_node_read_row};

struct node *table_node_new(const char *name, const struct table_node_options *options)
{
    struct table_node *it = memory_new(struct table_node);
    node_init(&it->node, &table_node_ops, name);
    table_store_init(&it->store, &options->store);
    it->late_topic = memory_string(options->late_topic);
    it->node.row_store = it->store.name;
    it->node.row_is_keyed = !it->store.has_history;
    return &it->node;
}
