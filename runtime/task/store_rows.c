/* Looking into stores; see store_rows.h. */
#include "runtime/task/store_rows.h"

#include "log/base/error.h"
#include "runtime/state/history.h"
#include "runtime/state/kv_expiring.h"

void store_rows_init(struct store_rows *rows, const struct topology_store *store, struct kv *kv,
                     const struct topology_instance *instance, const struct node_context *context)
{
    *rows = (struct store_rows){.store = store,
                                .kv = kv,
                                .node = topology_instance_reader(instance, store->name),
                                .context = *context};
    if (store->ttl_ms > 0) {
        rows->kv = rows->expiring = kv_new_expiring();
        kv_expiring_point(rows->expiring, kv, store->ttl_ms, context->stream_time_ms);
    }
    kv_windows_init(&rows->windows);
    if (store->retention_ms > 0) {
        kv_windows_point(&rows->windows, kv, store->retention_ms, context->stream_time_ms);
    }
    arena_init(&rows->arena, 0);
    buffer_init(&rows->key);
}

void store_rows_fini(struct store_rows *rows)
{
    kv_free(rows->expiring);
    kv_windows_fini(&rows->windows);
    arena_fini(&rows->arena);
    buffer_fini(&rows->key);
}

bool store_rows_is_hidden(const struct store_rows *rows)
{
    return rows->node != NULL && rows->node->ops->read_row == node_hide_row;
}

/* A store of windows; a window store knows only where they start. */
static int store_rows_read_window(struct store_rows *rows, struct bytes key, struct bytes value,
                                  struct record *out)
{
    struct kv_windows_entry entry;
    int result = kv_windows_read(&rows->windows, key, value, &entry);
    if (result == 1) {
        out->key = entry.key;
        out->value = entry.value;
        out->is_windowed = true;
        out->window_start_ms = entry.start_ms;
        out->window_end_ms = entry.end_ms;
    }
    return result;
}

/* A store of a script: what the script put. */
static int store_rows_read_plain(struct store_rows *rows, struct bytes key, struct bytes value,
                                 struct record *out)
{
    struct history_version version;
    *out = (struct record){.partition = -1,
                           .offset = -1,
                           .timestamp_ms = -1,
                           .key = key,
                           .value = value,
                           .value_format = rows->store->value_format};
    if (rows->store->retention_ms > 0) {
        return store_rows_read_window(rows, key, value, out);
    }
    if (rows->store->history_ms == 0) {
        return 1;
    }
    buffer_clear(&rows->key);
    int result = history_read_row(key, value, &rows->key, &version);
    if (result != 1 || bytes_is_null(version.value)) {
        return result == 1 ? 0 : result;
    }
    out->key = buffer_bytes(&rows->key);
    out->value = version.value;
    out->timestamp_ms = version.from_ms;
    return 1;
}

/* 1, 0 or an error. */
static int store_rows_read(struct store_rows *rows, struct bytes key, struct bytes value,
                           struct record *out)
{
    if (rows->node == NULL) {
        return store_rows_read_plain(rows, key, value, out);
    }
    arena_clear(&rows->arena);
    rows->context.arena = &rows->arena;
    int result = rows->node->ops->read_row(rows->node, &rows->context, key, value, out);
    return result < 0 ? ERROR_CORRUPT : result;
}

bool store_rows_has_plain_keys(const struct store_rows *rows)
{
    return rows->node == NULL ? rows->store->history_ms == 0 && rows->store->retention_ms == 0
                              : rows->node->row_is_keyed;
}

int store_rows_get(struct store_rows *rows, struct bytes key, struct record *out)
{
    struct bytes value;
    bool is_there = store_rows_has_plain_keys(rows) && kv_get(rows->kv, key, &value);
    return is_there ? store_rows_read(rows, key, value, out) : 0;
}

int store_rows_walk(struct store_rows *rows, struct buffer *place, struct bytes to,
                    size_t count_max, bool (*each)(void *owner, const struct record *record),
                    void *owner)
{
    struct bytes from = place->size == 0 ? (struct bytes){0} : buffer_bytes(place);
    struct kv_iterator *iterator = kv_iterate(rows->kv, from, to);
    struct bytes key;
    struct bytes value;
    struct record record;
    int result = 1;
    for (size_t count = 0; kv_iterator_next(iterator, &key, &value); count++) {
        int found = count < count_max ? store_rows_read(rows, key, value, &record) : 0;
        if (found < 0) {
            result = found;
            break;
        }
        if (count == count_max || (found == 1 && !each(owner, &record))) {
            buffer_clear(place);
            buffer_add_bytes(place, key);
            result = 0;
            break;
        }
    }
    kv_iterator_free(iterator);
    return result;
}
