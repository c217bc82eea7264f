/* An overlay over LMDB; see kv_lmdb.h. */
#include "runtime/state/kv_lmdb.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/state/kv_entry.h"
#include "runtime/state/kv_kind.h"
#include "runtime/state/kv_memory.h"
#include "runtime/state/kv_sort.h"

#include <stdlib.h>
#include <string.h>

enum { KV_LMDB_REMOVED = 0, KV_LMDB_PRESENT = 1 };

/* The base as it was when the first of its iterators was opened. */
struct kv_lmdb_snapshot {
    struct kv_lmdb *store; /* NULL after a checkpoint: later iterators see another base */
    MDB_txn *transaction;
    size_t user_count;
};

struct kv_lmdb {
    struct kv kv;
    MDB_env *environment;
    MDB_dbi database;
    MDB_txn
        *reader; /* live from the first read of the base to the next write: views last so long */
    bool is_reading;
    struct kv_lmdb_snapshot *snapshot; /* for the next iterator; or NULL */
    size_t iterator_count;             /* open */
    int error;                         /* the first of the base */
    struct kv *overlay;
    bool is_frozen;
    struct buffer frozen;  /* copies of entries of the overlay */
    struct buffer wrapped; /* scratch */
};

static struct kv_lmdb *kv_lmdb_of(struct kv *kv)
{
    return (struct kv_lmdb *)(void *)kv;
}

static MDB_val kv_lmdb_value(struct bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

static void kv_lmdb_end_reading(struct kv_lmdb *store)
{
    if (store->is_reading) {
        mdb_txn_reset(store->reader);
        store->is_reading = false;
    }
}

/* True for success; what is not there is none, and no failure. A reader goes bad only by damage. */
static bool kv_lmdb_judge(struct kv_lmdb *store, int result)
{
    if (result != 0 && result != MDB_NOTFOUND && store->error == 0) {
        store->error = result == MDB_BAD_TXN ? MDB_CORRUPTED : result;
    }
    return result == 0;
}

static bool kv_lmdb_begin_reading(struct kv_lmdb *store)
{
    if (!store->is_reading && store->reader != NULL) {
        store->is_reading = kv_lmdb_judge(store, mdb_txn_renew(store->reader));
    }
    return store->is_reading;
}

static bool kv_lmdb_get_base(struct kv_lmdb *store, struct bytes key, struct bytes *value)
{
    MDB_val name = kv_lmdb_value(key);
    MDB_val found;
    if (!kv_lmdb_begin_reading(store) ||
        !kv_lmdb_judge(store, mdb_get(store->reader, store->database, &name, &found))) {
        return false;
    }
    *value = bytes_make(found.mv_data, found.mv_size);
    return true;
}

static bool kv_lmdb_unwrap(struct bytes wrapped, struct bytes *value)
{
    *value = bytes_make(wrapped.data + 1, wrapped.size - 1);
    return wrapped.data[0] == KV_LMDB_PRESENT;
}

/* Borrowed until the next call. */
static struct bytes kv_lmdb_wrap(struct kv_lmdb *store, struct bytes value)
{
    buffer_clear(&store->wrapped);
    buffer_add_byte(&store->wrapped, bytes_is_null(value) ? KV_LMDB_REMOVED : KV_LMDB_PRESENT);
    buffer_add_bytes(&store->wrapped, value);
    return buffer_bytes(&store->wrapped);
}

static bool kv_lmdb_get(struct kv *kv, struct bytes key, struct bytes *value)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    struct bytes wrapped;
    if (kv_get(store->overlay, key, &wrapped)) {
        return kv_lmdb_unwrap(wrapped, value);
    }
    return key.size > 0 && kv_lmdb_get_base(store, key, value);
}

/* What is below takes no hint. */
static void kv_lmdb_expect(struct kv *kv, struct bytes key)
{
    kv_expect(kv_lmdb_of(kv)->overlay, key);
}

static int kv_lmdb_put(struct kv *kv, struct bytes key, struct bytes value)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    if (key.size == 0) {
        return ERROR_INVALID; /* LMDB has no empty keys */
    }
    /* Judged already, without the first byte. */
    int error = store->overlay->ops->put(store->overlay, key, kv_lmdb_wrap(store, value));
    kv_lmdb_end_reading(store); /* not before: key or value may be views */
    return error;
}

static int kv_lmdb_touch(struct kv *kv, struct bytes key)
{
    struct bytes value = {0};
    return kv_lmdb_put(kv, key, kv_lmdb_get(kv, key, &value) ? value : (struct bytes){0});
}

static void kv_lmdb_savepoint(struct kv *kv)
{
    kv_savepoint(kv_lmdb_of(kv)->overlay);
}

static void kv_lmdb_rollback(struct kv *kv)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    kv_rollback(store->overlay);
    kv_lmdb_end_reading(store);
}

static bool kv_lmdb_is_changed(const struct kv *kv)
{
    return kv_is_changed(((const struct kv_lmdb *)(const void *)kv)->overlay);
}

/* --- Iteration: the two layers merged, the upper one winning --- */

struct kv_lmdb_layer {
    struct kv_iterator *overlay; /* or NULL: the cursor */
    MDB_cursor *cursor;
    bool is_at_end;
    struct bytes key; /* borrowed from the layer */
    struct bytes value;
};

struct kv_lmdb_iterator {
    struct kv_iterator iterator;
    struct kv_lmdb *store;
    struct kv_lmdb_snapshot *snapshot; /* NULL when the base cannot be read */
    struct kv_lmdb_layer layers[2];    /* overlay, base */
    size_t layer_count;
    struct buffer to; /* exclusive end */
    bool has_to;
    struct buffer key; /* what next gave */
    struct buffer value;
};

/* What the cursor found. */
static void kv_lmdb_layer_set(struct kv_lmdb_iterator *iterator, struct kv_lmdb_layer *layer,
                              int result, MDB_val key, MDB_val value)
{
    layer->is_at_end = !kv_lmdb_judge(iterator->store, result);
    if (!layer->is_at_end) {
        layer->key = bytes_make(key.mv_data, key.mv_size);
        layer->value = bytes_make(value.mv_data, value.mv_size);
        layer->is_at_end =
            iterator->has_to && bytes_compare(layer->key, buffer_bytes(&iterator->to)) >= 0;
    }
}

static void kv_lmdb_layer_next(struct kv_lmdb_iterator *iterator, struct kv_lmdb_layer *layer)
{
    if (layer->overlay != NULL) {
        layer->is_at_end = !kv_iterator_next(layer->overlay, &layer->key, &layer->value);
        return;
    }
    MDB_val key = {0};
    MDB_val value = {0};
    kv_lmdb_layer_set(iterator, layer, mdb_cursor_get(layer->cursor, &key, &value, MDB_NEXT), key,
                      value);
}

static struct kv_lmdb_layer *kv_lmdb_smallest(struct kv_lmdb_iterator *iterator)
{
    struct kv_lmdb_layer *smallest = NULL;
    for (size_t i = 0; i < iterator->layer_count; i++) {
        struct kv_lmdb_layer *layer = &iterator->layers[i];
        if (!layer->is_at_end &&
            (smallest == NULL || bytes_compare(layer->key, smallest->key) < 0)) {
            smallest = layer;
        }
    }
    return smallest;
}

/* Takes the smallest key from the uppermost layer that has it; true when it is a value. */
static bool kv_lmdb_take(struct kv_lmdb_iterator *iterator, struct kv_lmdb_layer *layer)
{
    bool is_base = layer->overlay == NULL;
    struct bytes value = layer->value;
    bool is_present = is_base || kv_lmdb_unwrap(layer->value, &value);
    buffer_clear(&iterator->key);
    buffer_clear(&iterator->value);
    buffer_add_bytes(&iterator->key, layer->key);
    buffer_add_bytes(&iterator->value, value);
    for (size_t i = 0; i < iterator->layer_count; i++) {
        struct kv_lmdb_layer *other = &iterator->layers[i];
        if (!other->is_at_end && bytes_equal(other->key, buffer_bytes(&iterator->key))) {
            kv_lmdb_layer_next(iterator, other);
        }
    }
    return is_present;
}

static bool kv_lmdb_iterator_next(struct kv_iterator *base, struct bytes *key, struct bytes *value)
{
    struct kv_lmdb_iterator *iterator = (struct kv_lmdb_iterator *)(void *)base;
    struct kv_lmdb_layer *layer;
    while ((layer = kv_lmdb_smallest(iterator)) != NULL) {
        if (kv_lmdb_take(iterator, layer)) {
            *key = buffer_bytes(&iterator->key);
            *value = buffer_bytes(&iterator->value);
            return true;
        }
    }
    return false;
}

/* Iterators share one, so a callback that opens many takes one reader of the environment. */
static struct kv_lmdb_snapshot *kv_lmdb_take_snapshot(struct kv_lmdb *store)
{
    if (store->snapshot == NULL) {
        MDB_txn *transaction;
        int result = mdb_txn_begin(store->environment, NULL, MDB_RDONLY, &transaction);
        if (!kv_lmdb_judge(store, result)) {
            return NULL;
        }
        store->snapshot = memory_new(struct kv_lmdb_snapshot);
        *store->snapshot = (struct kv_lmdb_snapshot){.store = store, .transaction = transaction};
    }
    store->snapshot->user_count++;
    return store->snapshot;
}

static void kv_lmdb_put_snapshot(struct kv_lmdb_snapshot *snapshot)
{
    if (snapshot == NULL || --snapshot->user_count > 0) {
        return;
    }
    if (snapshot->store != NULL) {
        snapshot->store->snapshot = NULL;
    }
    mdb_txn_abort(snapshot->transaction);
    free(snapshot);
}

static void kv_lmdb_iterator_free(struct kv_iterator *base)
{
    struct kv_lmdb_iterator *iterator = (struct kv_lmdb_iterator *)(void *)base;
    for (size_t i = 0; i < iterator->layer_count; i++) {
        if (iterator->layers[i].overlay != NULL) {
            kv_iterator_free(iterator->layers[i].overlay);
        } else {
            mdb_cursor_close(iterator->layers[i].cursor);
        }
    }
    kv_lmdb_put_snapshot(iterator->snapshot);
    iterator->store->iterator_count--;
    buffer_fini(&iterator->to);
    buffer_fini(&iterator->key);
    buffer_fini(&iterator->value);
    free(iterator);
}

static void kv_lmdb_open_base(struct kv_lmdb *store, struct kv_lmdb_iterator *iterator,
                              struct bytes from)
{
    struct kv_lmdb_layer *layer = &iterator->layers[iterator->layer_count];
    MDB_val key = kv_lmdb_value(from);
    MDB_val value = {0};
    iterator->snapshot = kv_lmdb_take_snapshot(store);
    if (iterator->snapshot == NULL ||
        !kv_lmdb_judge(store, mdb_cursor_open(iterator->snapshot->transaction, store->database,
                                              &layer->cursor))) {
        return;
    }
    iterator->layer_count++;
    int result =
        mdb_cursor_get(layer->cursor, &key, &value, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    kv_lmdb_layer_set(iterator, layer, result, key, value);
}

static struct kv_iterator *kv_lmdb_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    struct kv_lmdb_iterator *iterator = memory_new(struct kv_lmdb_iterator);
    iterator->iterator.next = kv_lmdb_iterator_next;
    iterator->iterator.free = kv_lmdb_iterator_free;
    iterator->store = store;
    store->iterator_count++;
    iterator->has_to = !bytes_is_null(to);
    buffer_add_bytes(&iterator->to, to);
    struct kv_lmdb_layer *layer = &iterator->layers[iterator->layer_count++];
    layer->overlay = kv_iterate(store->overlay, from, to);
    kv_lmdb_layer_next(iterator, layer);
    kv_lmdb_open_base(store, iterator, from);
    return &iterator->iterator;
}

struct kv_lmdb_each {
    void (*each)(void *owner, struct bytes key, struct bytes value);
    void *owner;
};

static void kv_lmdb_each_one(void *owner, struct bytes key, struct bytes wrapped)
{
    struct kv_lmdb_each *each = owner;
    struct bytes value;
    bool is_present = kv_lmdb_unwrap(wrapped, &value);
    each->each(each->owner, key, is_present ? value : (struct bytes){NULL, 0});
}

static void kv_lmdb_each_dirty(struct kv *kv,
                               void (*each)(void *owner, struct bytes key, struct bytes value),
                               void *owner)
{
    struct kv_lmdb_each wrapped = {.each = each, .owner = owner};
    kv_each_dirty(kv_lmdb_of(kv)->overlay, kv_lmdb_each_one, &wrapped);
}

static void kv_lmdb_mark_committed(struct kv *kv)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    kv_mark_committed(store->overlay);
    kv_lmdb_end_reading(store);
}

struct kv_lmdb_comparison {
    const struct kv_lmdb *store;
    MDB_txn *transaction;
};

/* What cannot be read is told by kv_lmdb_error when somebody needs it. */
static void kv_lmdb_compare_clean(void *owner, struct bytes key, struct bytes wrapped)
{
    struct kv_lmdb_comparison *comparison = owner;
    MDB_val name = kv_lmdb_value(key);
    MDB_val found;
    struct bytes value;
    bool is_present = kv_lmdb_unwrap(wrapped, &value);
    int result = mdb_get(comparison->transaction, comparison->store->database, &name, &found);
    check(result != MDB_NOTFOUND || !is_present);
    check(result != 0 || is_present);
    check(result != 0 || bytes_equal(value, bytes_make(found.mv_data, found.mv_size)));
}

static void kv_lmdb_check(const struct kv *kv)
{
    const struct kv_lmdb *store = (const struct kv_lmdb *)(const void *)kv;
    struct kv_lmdb_comparison comparison = {.store = store};
    kv_check(store->overlay);
    check(store->is_frozen || store->frozen.size == 0);
    if (store->error == 0 &&
        mdb_txn_begin(store->environment, NULL, MDB_RDONLY, &comparison.transaction) == 0) {
        kv_memory_each_clean(store->overlay, kv_lmdb_compare_clean, &comparison); /* (2) */
        mdb_txn_abort(comparison.transaction);
    }
}

static void kv_lmdb_free(struct kv *kv)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    kv_free(store->overlay);
    if (store->reader != NULL) {
        mdb_txn_abort(store->reader);
    }
    buffer_fini(&store->frozen);
    buffer_fini(&store->wrapped);
    kv_fini(kv);
    free(store);
}

struct kv *kv_new_lmdb(const char *name, MDB_env *environment, MDB_dbi database)
{
    static const struct kv_ops ops = {.get = kv_lmdb_get,
                                      .expect = kv_lmdb_expect,
                                      .put = kv_lmdb_put,
                                      .touch = kv_lmdb_touch,
                                      .savepoint = kv_lmdb_savepoint,
                                      .rollback = kv_lmdb_rollback,
                                      .is_changed = kv_lmdb_is_changed,
                                      .count = kv_count_rows,
                                      .iterate = kv_lmdb_iterate,
                                      .each_dirty = kv_lmdb_each_dirty,
                                      .mark_committed = kv_lmdb_mark_committed,
                                      .judge = kv_lmdb_check,
                                      .free = kv_lmdb_free};
    struct kv_lmdb *store = memory_new(struct kv_lmdb);
    kv_init(&store->kv, &ops, name);
    store->environment = environment;
    store->database = database;
    store->overlay = kv_new_overlay(name);
    if (kv_lmdb_judge(store, mdb_txn_begin(environment, NULL, MDB_RDONLY, &store->reader))) {
        mdb_txn_reset(store->reader);
    }
    return &store->kv;
}

void kv_lmdb_freeze(struct kv *kv)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    check(!store->is_frozen);
    store->is_frozen = true;
    kv_memory_freeze(store->overlay, &store->frozen);
}

static struct bytes kv_lmdb_key_of(const void *copy)
{
    struct bytes key;
    struct bytes value;
    kv_entry_read_copy(copy, &key, &value);
    return key;
}

static void kv_lmdb_sort_frozen(struct bytes frozen, struct kv_sort *sort)
{
    const uint8_t *end = frozen.data + frozen.size;
    struct bytes key;
    struct bytes value;
    kv_sort_init(sort, kv_lmdb_key_of);
    for (const uint8_t *place = frozen.data; place != end;) {
        kv_sort_add(sort, place);
        place = kv_entry_read_copy(place, &key, &value);
    }
    kv_sort_run(sort);
}

static int kv_lmdb_write_copy(MDB_cursor *cursor, const uint8_t *place)
{
    struct bytes key;
    struct bytes wrapped;
    struct bytes value;
    kv_entry_read_copy(place, &key, &wrapped);
    bool is_present = kv_lmdb_unwrap(wrapped, &value);
    MDB_val name = kv_lmdb_value(key);
    MDB_val content = kv_lmdb_value(value);
    if (is_present) {
        return mdb_cursor_put(cursor, &name, &content, 0);
    }
    int result = mdb_cursor_get(cursor, &name, &content, MDB_SET);
    if (result == MDB_NOTFOUND) {
        return 0;
    }
    return result != 0 ? result : mdb_cursor_del(cursor, 0);
}

/* One cursor, which looks on its page before it comes down from the root. */
int kv_lmdb_write_frozen(struct kv *kv, MDB_txn *transaction)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    MDB_cursor *cursor;
    int result = mdb_cursor_open(transaction, store->database, &cursor);
    if (result != 0) {
        return result;
    }
    struct kv_sort sort;
    kv_lmdb_sort_frozen(buffer_bytes(&store->frozen), &sort);
    for (size_t i = 0; i < sort.count && result == 0; i++) {
        result = kv_lmdb_write_copy(cursor, sort.rows[i].item);
    }
    kv_sort_fini(&sort);
    mdb_cursor_close(cursor);
    return result;
}

/* Who removes a key seldom comes back to it: windows that are closed, joins that are too old. */
static bool kv_lmdb_is_worth_room(struct bytes wrapped)
{
    return wrapped.data[0] == KV_LMDB_PRESENT;
}

void kv_lmdb_thaw(struct kv *kv, bool is_written)
{
    struct kv_lmdb *store = kv_lmdb_of(kv);
    check(store->is_frozen);
    kv_lmdb_end_reading(store);
    if (store->snapshot != NULL) {
        store->snapshot->store = NULL;
        store->snapshot = NULL;
    }
    kv_memory_thaw(store->overlay, is_written, kv_lmdb_is_worth_room);
    buffer_fini(&store->frozen);
    store->is_frozen = false;
}

size_t kv_lmdb_changed_size(const struct kv *kv)
{
    return kv_memory_changed_size(((const struct kv_lmdb *)(const void *)kv)->overlay);
}

int kv_lmdb_error(const struct kv *kv)
{
    return ((const struct kv_lmdb *)(const void *)kv)->error;
}

bool kv_lmdb_is_iterated(const struct kv *kv)
{
    return ((const struct kv_lmdb *)(const void *)kv)->iterator_count > 0;
}
