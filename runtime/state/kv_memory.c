/* A store in memory; see kv.h.
 *
 * A hash map finds an entry by key; a treap over the same entries keeps them in order for
 * iteration. The priority of the treap is the hash of the key, so its shape depends on the keys
 * alone. A removed key keeps its entry, without a value, while a savepoint or the next commit
 * still needs to know of it.
 *
 * Keeps:  (1) every entry is in the map and in the treap;
 *         (2) live_count is the number of entries with a value;
 *         (3) an entry is in `dirty` exactly once when is_dirty is set, and never otherwise;
 *         (4) `undo` has at most one row per entry since the savepoint. */
#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "runtime/state/kv_kind.h"

#include <stdlib.h>
#include <string.h>

struct kv_entry {
    struct bytes key;   /* owned */
    struct bytes value; /* owned; null: removed */
    struct kv_entry *left;
    struct kv_entry *right;
    uint64_t priority;
    uint64_t saved_at; /* the savepoint whose undo has a row for this entry */
    bool is_dirty;
};

struct kv_undo {
    struct kv_entry *entry;
    struct bytes value; /* owned: what it was */
    bool was_dirty;
};

struct kv_memory {
    struct kv kv;
    struct map entries;
    struct kv_entry *root;
    struct kv_entry **dirty;
    size_t dirty_count;
    size_t dirty_capacity;
    struct kv_undo *undo;
    size_t undo_count;
    size_t undo_capacity;
    uint64_t savepoint; /* counts up */
    int64_t live_count;
};

static struct kv_memory *memory_of(struct kv *kv)
{
    return (struct kv_memory *)(void *)kv;
}

static bool memory_get(struct kv *kv, struct bytes key, struct bytes *value)
{
    struct kv_entry *entry = map_find(&memory_of(kv)->entries, key);
    if (entry == NULL || bytes_is_null(entry->value)) {
        return false;
    }
    *value = entry->value;
    return true;
}

/* Splits a tree into keys below `key` and the others. */
static void treap_split(struct kv_entry *tree, struct bytes key, struct kv_entry **low,
                        struct kv_entry **high)
{
    while (tree != NULL) {
        if (bytes_compare(tree->key, key) < 0) {
            *low = tree;
            low = &tree->right;
            tree = tree->right;
        } else {
            *high = tree;
            high = &tree->left;
            tree = tree->left;
        }
    }
    *low = *high = NULL;
}

static void treap_add(struct kv_entry **root, struct kv_entry *entry)
{
    while (*root != NULL && (*root)->priority >= entry->priority) {
        root = bytes_compare(entry->key, (*root)->key) < 0 ? &(*root)->left : &(*root)->right;
    }
    treap_split(*root, entry->key, &entry->left, &entry->right);
    *root = entry;
}

static struct kv_entry *treap_merge(struct kv_entry *low, struct kv_entry *high)
{
    struct kv_entry *merged = NULL;
    struct kv_entry **place = &merged;
    while (low != NULL && high != NULL) {
        if (low->priority >= high->priority) {
            *place = low;
            place = &low->right;
            low = low->right;
        } else {
            *place = high;
            place = &high->left;
            high = high->left;
        }
    }
    *place = low != NULL ? low : high;
    return merged;
}

static void treap_remove(struct kv_entry **root, struct kv_entry *entry)
{
    while (*root != entry) {
        check(*root != NULL);
        root = bytes_compare(entry->key, (*root)->key) < 0 ? &(*root)->left : &(*root)->right;
    }
    *root = treap_merge(entry->left, entry->right);
}

static struct kv_entry *add_entry(struct kv_memory *memory, struct bytes key)
{
    struct kv_entry *entry = memory_new(struct kv_entry);
    entry->key = bytes_copy(key);
    entry->priority = hash_table(key);
    map_put(&memory->entries, entry->key, entry);
    treap_add(&memory->root, entry);
    return entry;
}

static void remove_entry(struct kv_memory *memory, struct kv_entry *entry)
{
    treap_remove(&memory->root, entry);
    map_remove(&memory->entries, entry->key);
    bytes_free(entry->key);
    bytes_free(entry->value);
    free(entry);
}

static void add_undo(struct kv_memory *memory, struct kv_entry *entry)
{
    if (memory->undo_count == memory->undo_capacity) {
        memory->undo_capacity = memory->undo_capacity == 0 ? 16 : memory->undo_capacity * 2;
        memory->undo = memory_resize(memory->undo, memory->undo_capacity * sizeof *memory->undo);
    }
    memory->undo[memory->undo_count++] =
        (struct kv_undo){.entry = entry, .value = entry->value, .was_dirty = entry->is_dirty};
    entry->saved_at = memory->savepoint;
}

static void add_dirty(struct kv_memory *memory, struct kv_entry *entry)
{
    if (memory->dirty_count == memory->dirty_capacity) {
        memory->dirty_capacity = memory->dirty_capacity == 0 ? 16 : memory->dirty_capacity * 2;
        memory->dirty =
            memory_resize(memory->dirty, memory->dirty_capacity * sizeof(struct kv_entry *));
    }
    memory->dirty[memory->dirty_count++] = entry;
    entry->is_dirty = true;
}

/* Null for a removed key, whose entry then stands for the removal. */
static void set_value(struct kv_memory *memory, struct kv_entry *entry, struct bytes value)
{
    struct bytes copy = bytes_copy(value);
    memory->live_count += !bytes_is_null(copy) - !bytes_is_null(entry->value);
    if (entry->saved_at != memory->savepoint) {
        add_undo(memory, entry); /* takes the old value */
    } else {
        bytes_free(entry->value);
    }
    entry->value = copy;
    if (!entry->is_dirty) {
        add_dirty(memory, entry);
    }
}

static int memory_put(struct kv *kv, struct bytes key, struct bytes value)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = map_find(&memory->entries, key);
    bool is_there = entry != NULL && !bytes_is_null(entry->value);
    if (bytes_is_null(value) && !is_there) {
        return 0;
    }
    set_value(memory, entry != NULL ? entry : add_entry(memory, key), value);
    return 0;
}

static int memory_touch(struct kv *kv, struct bytes key)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = map_find(&memory->entries, key);
    if (entry == NULL) {
        entry = add_entry(memory, key);
    }
    set_value(memory, entry, entry->value);
    return 0;
}

static void memory_savepoint(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    for (size_t i = 0; i < memory->undo_count; i++) {
        bytes_free(memory->undo[i].value);
    }
    memory->undo_count = 0;
    memory->savepoint++;
}

static void memory_rollback(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    while (memory->undo_count > 0) {
        struct kv_undo *undo = &memory->undo[--memory->undo_count];
        struct kv_entry *entry = undo->entry;
        memory->live_count += !bytes_is_null(undo->value) - !bytes_is_null(entry->value);
        bytes_free(entry->value);
        entry->value = undo->value;
        entry->saved_at = 0;
        if (!undo->was_dirty) {
            /* What became dirty since the savepoint stands last, in the order of the undo rows. */
            check(memory->dirty[memory->dirty_count - 1] == entry);
            memory->dirty_count--;
            entry->is_dirty = false;
            if (bytes_is_null(entry->value)) {
                remove_entry(memory, entry);
            }
        }
    }
    memory->savepoint++;
}

static bool memory_is_changed(const struct kv *kv)
{
    return ((const struct kv_memory *)(const void *)kv)->undo_count > 0;
}

static int64_t memory_count(struct kv *kv)
{
    return memory_of(kv)->live_count;
}

struct kv_memory_iterator {
    struct kv_iterator iterator;
    struct buffer copies; /* key size, value size, key, value, and so on */
    size_t position;
};

static bool snapshot_next(struct kv_iterator *iterator, struct bytes *key, struct bytes *value)
{
    struct kv_memory_iterator *it = (struct kv_memory_iterator *)(void *)iterator;
    if (it->position == it->copies.size) {
        return false;
    }
    size_t sizes[2];
    memcpy(sizes, it->copies.data + it->position, sizeof sizes);
    it->position += sizeof sizes;
    *key = bytes_make(it->copies.data + it->position, sizes[0]);
    *value = bytes_make(it->copies.data + it->position + sizes[0], sizes[1]);
    it->position += sizes[0] + sizes[1];
    return true;
}

static void snapshot_free(struct kv_iterator *iterator)
{
    struct kv_memory_iterator *it = (struct kv_memory_iterator *)(void *)iterator;
    buffer_fini(&it->copies);
    free(it);
}

static void copy_range(struct kv_memory_iterator *it, const struct kv_entry *tree,
                       struct bytes from, struct bytes to)
{
    while (tree != NULL) {
        bool is_past_from = bytes_is_null(from) || bytes_compare(tree->key, from) >= 0;
        bool is_before_to = bytes_is_null(to) || bytes_compare(tree->key, to) < 0;
        if (is_past_from) {
            copy_range(it, tree->left, from, to); /* as deep as the treap: about 2 log n */
        }
        if (is_past_from && is_before_to && !bytes_is_null(tree->value)) {
            size_t sizes[2] = {tree->key.size, tree->value.size};
            buffer_add(&it->copies, sizes, sizeof sizes);
            buffer_add_bytes(&it->copies, tree->key);
            buffer_add_bytes(&it->copies, tree->value);
        }
        tree = is_before_to ? tree->right : NULL;
    }
}

static struct kv_iterator *memory_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    struct kv_memory_iterator *it = memory_new(struct kv_memory_iterator);
    it->iterator = (struct kv_iterator){.next = snapshot_next, .free = snapshot_free};
    buffer_init(&it->copies);
    copy_range(it, memory_of(kv)->root, from, to);
    return &it->iterator;
}

static void memory_each_dirty(struct kv *kv,
                              void (*each)(void *owner, struct bytes key, struct bytes value),
                              void *owner)
{
    struct kv_memory *memory = memory_of(kv);
    for (size_t i = 0; i < memory->dirty_count; i++) {
        each(owner, memory->dirty[i]->key, memory->dirty[i]->value);
    }
}

static void memory_mark_committed(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    memory_savepoint(kv);
    for (size_t i = 0; i < memory->dirty_count; i++) {
        struct kv_entry *entry = memory->dirty[i];
        entry->is_dirty = false;
        if (bytes_is_null(entry->value)) {
            remove_entry(memory, entry);
        }
    }
    memory->dirty_count = 0;
}

static size_t check_tree(const struct kv_entry *tree)
{
    if (tree == NULL) {
        return 0;
    }
    if (tree->left != NULL) {
        check(tree->left->priority <= tree->priority);
        check(bytes_compare(tree->left->key, tree->key) < 0);
    }
    if (tree->right != NULL) {
        check(tree->right->priority <= tree->priority);
        check(bytes_compare(tree->right->key, tree->key) > 0);
    }
    return 1 + check_tree(tree->left) + check_tree(tree->right);
}

static void memory_check(const struct kv *kv)
{
    const struct kv_memory *memory = (const struct kv_memory *)(const void *)kv;
    int64_t live_count = 0;
    size_t dirty_count = 0;
    for (map_each (&memory->entries, it)) {
        const struct kv_entry *entry = it->value;
        live_count += !bytes_is_null(entry->value);
        dirty_count += entry->is_dirty;
    }
    check(check_tree(memory->root) == memory->entries.size);
    check(live_count == memory->live_count);
    check(dirty_count == memory->dirty_count);
    for (size_t i = 0; i < memory->dirty_count; i++) {
        check(memory->dirty[i]->is_dirty);
    }
}

static void memory_free(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    memory_savepoint(kv);
    for (map_each (&memory->entries, it)) {
        struct kv_entry *entry = it->value;
        bytes_free(entry->key);
        bytes_free(entry->value);
        free(entry);
    }
    map_fini(&memory->entries, NULL);
    free(memory->dirty);
    free(memory->undo);
    kv_fini(kv);
    free(memory);
}

static const struct kv_ops memory_ops = {
    .get = memory_get,
    .put = memory_put,
    .touch = memory_touch,
    .savepoint = memory_savepoint,
    .rollback = memory_rollback,
    .is_changed = memory_is_changed,
    .count = memory_count,
    .iterate = memory_iterate,
    .each_dirty = memory_each_dirty,
    .mark_committed = memory_mark_committed,
    .judge = memory_check,
    .free = memory_free,
};

struct kv *kv_new_memory(const char *name)
{
    struct kv_memory *memory = memory_new(struct kv_memory);
    kv_init(&memory->kv, &memory_ops, name);
    map_init(&memory->entries);
    memory->savepoint = 1;
    return &memory->kv;
}
