/* Stores of tables; see table_store.h. */
#include "runtime/operators/table_store.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/topology/outlet.h"

#include <stdlib.h>

void table_store_init(struct table_store *store, const struct table_store_options *options)
{
    *store = (struct table_store){.name = memory_string(options->name),
                                  .has_history = options->history_ms >= 0};
    history_init(&store->history, NULL, options->history_ms);
    buffer_init(&store->stored);
}

void table_store_fini(struct table_store *store)
{
    history_fini(&store->history);
    buffer_fini(&store->stored);
    free(store->name);
}

void table_store_open(struct table_store *store, struct node_context *context)
{
    store->kv = store->history.kv = context->store(context, store->name);
    check(store->kv != NULL);
}

static int fail_content(const struct table_store *store, struct node *node,
                        struct node_context *context)
{
    return node_fail(node, context, ERROR_CORRUPT, "process",
                     "the store %s holds something else than a table", store->name);
}

int table_store_get(struct table_store *store, struct node *node, struct node_context *context,
                    struct bytes key, int64_t as_of_ms, struct kept_value *out)
{
    struct history_version version;
    struct bytes stored = {0};
    *out = (struct kept_value){.timestamp_ms = INT64_MIN};
    int found = store->has_history ? history_get(&store->history, key, as_of_ms, &version)
                                   : kv_get(store->kv, key, &stored);
    if (found <= 0) {
        return found == 0 ? 0 : fail_content(store, node, context);
    }
    struct kept_value kept;
    if (kept_value_read(store->has_history ? version.value : stored, &kept) != 0) {
        return fail_content(store, node, context);
    }
    kept.value = arena_copy(context->arena, kept.value);
    *out = kept;
    return 1;
}

int table_store_put(struct table_store *store, struct node *node, struct node_context *context,
                    struct bytes key, const struct kept_value *kept)
{
    struct bytes stored = {0};
    if (!bytes_is_null(kept->value)) {
        buffer_clear(&store->stored);
        kept_value_write(&store->stored, kept);
        stored = buffer_bytes(&store->stored);
    }
    int64_t to_ms = INT64_MAX;
    int put = store->has_history
                  ? history_put(&store->history, key, kept->timestamp_ms, stored, &to_ms)
                  : kv_put(store->kv, key, stored);
    if (put < 0) {
        return node_fail(node, context, put, "process", "the key does not fit the store %s: %s",
                         store->name, error_text(put));
    }
    if (store->has_history && put == 0) {
        return TABLE_STORE_TOO_OLD;
    }
    return to_ms == INT64_MAX ? TABLE_STORE_NEWEST : TABLE_STORE_PAST;
}

int table_store_read_row(struct table_store *store, struct node *node, struct node_context *context,
                         struct bytes key, struct bytes value, struct record *out)
{
    struct history_version version;
    struct kept_value kept;
    *out = (struct record){.key = key, .partition = -1, .offset = -1};
    if (store->has_history) {
        buffer_clear(&store->stored);
        int result = history_read_row(key, value, &store->stored, &version);
        if (result <= 0) {
            return result == 0 ? 0 : fail_content(store, node, context);
        }
        if (bytes_is_null(version.value)) {
            return 0;
        }
        out->key = arena_copy(context->arena, buffer_bytes(&store->stored));
        value = version.value;
    }
    if (kept_value_read(value, &kept) != 0) {
        return fail_content(store, node, context);
    }
    out->timestamp_ms = kept.timestamp_ms;
    out->value = kept.value;
    out->value_format = kept.value_format;
    return 1;
}

struct kept_value table_store_kept(const struct record *record)
{
    return (struct kept_value){.timestamp_ms = record->timestamp_ms,
                               .value = record->value,
                               .value_format = record->value_format};
}

int table_store_change(struct node *node, struct node_context *context,
                       const struct kept_value *old, struct record *record)
{
    record->is_change = true;
    record->old_value = old->value;
    if (bytes_is_null(old->value)) {
        return 0;
    }
    if (bytes_is_null(record->value)) {
        record->value_format = old->value_format;
    }
    if (record->value_format == old->value_format) {
        return 0;
    }
    struct record converted = *record;
    converted.value = old->value;
    converted.value_format = old->value_format;
    int error = outlet_convert(node, context, record->value_format, &converted);
    record->old_value = converted.value;
    return error;
}
