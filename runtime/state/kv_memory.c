/* A store in memory; see kv.h.
 *
 * A hash table finds an entry by key; a treap over the same entries keeps them in order for
 * iteration. Its priority is the hash of the key, so its shape depends on the keys alone. Order is
 * made when somebody iterates: until then new entries wait in a list, so that who only puts and
 * gets does not pay for it. A removed key keeps its entry, without a value, while a savepoint or
 * the next commit still needs to know of it.
 *
 * A value is overwritten in place; what it was goes to a buffer of all undo rows, which is reused
 * from savepoint to savepoint. So a put of a known key allocates nothing.
 *
 * Keeps:  (1) every entry is in the table, and in the treap or in `pending`;
 *         (2) live_count is the number of entries with a value;
 *         (3) an entry is in `dirty` exactly once when is_dirty is set, and never otherwise;
 *         (4) `undo` has at most one row per entry since the savepoint;
 *         (5) `last` is an entry of the table: what is written was mostly read just before. */
#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "runtime/state/kv_kind.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_MIN = 16,
    VALUE_CAPACITY_MIN = 32,
    UNDO_KEPT_MAX = 1 << 20, /* bytes that stay for the next savepoint */
};

struct kv_entry {
    struct kv_entry *left;
    struct kv_entry *right;
    uint64_t hash;     /* of the key; also the priority */
    uint64_t saved_at; /* the savepoint whose undo has a row for this entry */
    uint8_t *value;    /* owned; NULL: removed */
    size_t pending;    /* one more than the index there; 0: in the treap */
    uint32_t value_size;
    uint32_t value_capacity;
    uint32_t key_size;
    bool is_dirty;
    uint8_t key[];
};

struct kv_slot {
    struct kv_entry *entry; /* NULL: free */
    uint64_t hash;
};

struct kv_undo {
    struct kv_entry *entry;
    size_t position; /* of what it was, in `undo_values` */
    uint32_t size;
    bool was_there;
    bool was_dirty;
};

struct kv_memory {
    struct kv kv;
    struct kv_slot *slots; /* open addressing, a power of two */
    size_t slot_count;
    size_t entry_count;
    struct kv_entry *last; /* that was found; NULL: none */
    struct kv_entry *root;
    struct kv_entry **pending;
    size_t pending_count;
    size_t pending_capacity;
    struct kv_entry **dirty;
    size_t dirty_count;
    size_t dirty_capacity;
    struct kv_undo *undo;
    size_t undo_count;
    size_t undo_capacity;
    struct buffer undo_values;
    uint64_t savepoint; /* counts up */
    int64_t live_count;
};

static struct kv_memory *memory_of(struct kv *kv)
{
    return (struct kv_memory *)(void *)kv;
}

static struct bytes key_of(const struct kv_entry *entry)
{
    return bytes_make(entry->key, entry->key_size);
}

/* Null when it was removed. */
static struct bytes value_of(const struct kv_entry *entry)
{
    return bytes_make(entry->value, entry->value_size);
}

/* --- The table -------------------------------------------------------------------------------- */

/* Where the key is or would go. */
static size_t find_slot(const struct kv_memory *memory, struct bytes key, uint64_t hash)
{
    size_t mask = memory->slot_count - 1;
    size_t at = (size_t)hash & mask;
    while (memory->slots[at].entry != NULL &&
           (memory->slots[at].hash != hash || !bytes_equal(key_of(memory->slots[at].entry), key))) {
        at = (at + 1) & mask;
    }
    return at;
}

static struct kv_entry *look_up(const struct kv_memory *memory, struct bytes key)
{
    return memory->slots[find_slot(memory, key, hash_table(key))].entry;
}

static struct kv_entry *find_entry(struct kv_memory *memory, struct bytes key)
{
    if (memory->last == NULL || !bytes_equal(key_of(memory->last), key)) {
        memory->last = look_up(memory, key);
    }
    return memory->last;
}

static void grow_table(struct kv_memory *memory)
{
    struct kv_slot *slots = memory->slots;
    size_t count = memory->slot_count;
    memory->slot_count = count * 2;
    memory->slots = memory_zero(memory->slot_count, sizeof *memory->slots);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)slots[i].hash & (memory->slot_count - 1);
        while (slots[i].entry != NULL && memory->slots[at].entry != NULL) {
            at = (at + 1) & (memory->slot_count - 1);
        }
        if (slots[i].entry != NULL) {
            memory->slots[at] = slots[i];
        }
    }
    free(slots);
}

static void add_to_table(struct kv_memory *memory, struct kv_entry *entry)
{
    if (memory->entry_count >= memory->slot_count / 2) {
        grow_table(memory);
    }
    memory->slots[find_slot(memory, key_of(entry), entry->hash)] =
        (struct kv_slot){.entry = entry, .hash = entry->hash};
    memory->entry_count++;
}

/* Those behind move up, so that no search ends too early. */
static void remove_from_table(struct kv_memory *memory, const struct kv_entry *entry)
{
    size_t mask = memory->slot_count - 1;
    size_t hole = find_slot(memory, key_of(entry), entry->hash);
    check(memory->slots[hole].entry == entry);
    for (size_t at = (hole + 1) & mask; memory->slots[at].entry != NULL; at = (at + 1) & mask) {
        size_t distance = (at - (size_t)memory->slots[at].hash) & mask;
        if (distance >= ((at - hole) & mask)) {
            memory->slots[hole] = memory->slots[at];
            hole = at;
        }
    }
    memory->slots[hole] = (struct kv_slot){0};
    memory->entry_count--;
}

/* --- The order ------------------------------------------------------------------------------- */

/* Splits a tree into keys below `key` and the others. */
static void treap_split(struct kv_entry *tree, struct bytes key, struct kv_entry **low,
                        struct kv_entry **high)
{
    while (tree != NULL) {
        if (bytes_compare(key_of(tree), key) < 0) {
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
    while (*root != NULL && (*root)->hash >= entry->hash) {
        root = bytes_compare(key_of(entry), key_of(*root)) < 0 ? &(*root)->left : &(*root)->right;
    }
    treap_split(*root, key_of(entry), &entry->left, &entry->right);
    *root = entry;
}

static struct kv_entry *treap_merge(struct kv_entry *low, struct kv_entry *high)
{
    struct kv_entry *merged = NULL;
    struct kv_entry **place = &merged;
    while (low != NULL && high != NULL) {
        if (low->hash >= high->hash) {
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
        root = bytes_compare(key_of(entry), key_of(*root)) < 0 ? &(*root)->left : &(*root)->right;
    }
    *root = treap_merge(entry->left, entry->right);
}

static int compare_entries(const void *left, const void *right)
{
    const struct kv_entry *const *a = left;
    const struct kv_entry *const *b = right;
    return bytes_compare(key_of(*a), key_of(*b));
}

/* In order, so that each finds the path of the one before it still at hand. One that is settled is
 * only read, by two threads at once when it is the frozen overlay of kv_lmdb.c. */
static void memory_settle(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    if (memory->pending_count == 0) {
        return;
    }
    if (memory->pending_count > 1) {
        qsort(memory->pending, memory->pending_count, sizeof(struct kv_entry *), compare_entries);
    }
    for (size_t i = 0; i < memory->pending_count; i++) {
        memory->pending[i]->pending = 0;
        treap_add(&memory->root, memory->pending[i]);
    }
    memory->pending_count = 0;
}

/* --- Entries ---------------------------------------------------------------------------------- */

/* Appends to a growing list of entries. */
static void add_to_list(struct kv_entry ***list, size_t *count, size_t *capacity,
                        struct kv_entry *entry)
{
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 16 : *capacity * 2;
        *list = memory_resize(*list, *capacity * sizeof(struct kv_entry *));
    }
    (*list)[(*count)++] = entry;
}

static struct kv_entry *add_entry(struct kv_memory *memory, struct bytes key)
{
    struct kv_entry *entry = memory_alloc(sizeof *entry + key.size);
    *entry = (struct kv_entry){.hash = hash_table(key), .key_size = (uint32_t)key.size};
    if (key.size > 0) {
        memcpy(entry->key, key.data, key.size);
    }
    add_to_table(memory, entry);
    add_to_list(&memory->pending, &memory->pending_count, &memory->pending_capacity, entry);
    entry->pending = memory->pending_count;
    return entry;
}

static void remove_entry(struct kv_memory *memory, struct kv_entry *entry)
{
    if (entry->pending == 0) {
        treap_remove(&memory->root, entry);
    } else {
        struct kv_entry *last = memory->pending[--memory->pending_count];
        memory->pending[entry->pending - 1] = last;
        last->pending = entry->pending;
    }
    remove_from_table(memory, entry);
    memory->last = NULL;
    free(entry->value);
    free(entry);
}

/* The value, which may be a view of the entry's own, takes the place of what was there. */
static void write_value(struct kv_memory *memory, struct kv_entry *entry, struct bytes value)
{
    bool is_there = !bytes_is_null(value);
    memory->live_count += is_there - (entry->value != NULL);
    bool is_wasteful = entry->value_capacity / 4 > VALUE_CAPACITY_MIN + value.size;
    if (is_there && entry->value != NULL && value.size <= entry->value_capacity && !is_wasteful) {
        memmove(entry->value, value.data, value.size);
    } else {
        size_t capacity =
            value.size < VALUE_CAPACITY_MIN ? VALUE_CAPACITY_MIN : value.size + value.size / 8;
        uint8_t *copy = is_there ? memory_alloc(capacity) : NULL;
        if (value.size > 0) {
            memcpy(copy, value.data, value.size);
        }
        free(entry->value);
        entry->value = copy;
        entry->value_capacity = is_there ? (uint32_t)capacity : 0;
    }
    entry->value_size = (uint32_t)value.size;
}

static void add_undo(struct kv_memory *memory, struct kv_entry *entry)
{
    if (memory->undo_count == memory->undo_capacity) {
        memory->undo_capacity = memory->undo_capacity == 0 ? 16 : memory->undo_capacity * 2;
        memory->undo = memory_resize(memory->undo, memory->undo_capacity * sizeof *memory->undo);
    }
    memory->undo[memory->undo_count++] = (struct kv_undo){.entry = entry,
                                                          .position = memory->undo_values.size,
                                                          .size = entry->value_size,
                                                          .was_there = entry->value != NULL,
                                                          .was_dirty = entry->is_dirty};
    buffer_add_bytes(&memory->undo_values, value_of(entry));
    entry->saved_at = memory->savepoint;
}

static struct bytes undone_value(const struct kv_memory *memory, const struct kv_undo *undo)
{
    return undo->was_there
               ? bytes_make(buffer_bytes(&memory->undo_values).data + undo->position, undo->size)
               : (struct bytes){0};
}

/* Null for a removed key, whose entry then stands for the removal. */
static void set_value(struct kv_memory *memory, struct kv_entry *entry, struct bytes value)
{
    if (entry->saved_at != memory->savepoint) {
        add_undo(memory, entry);
    }
    write_value(memory, entry, value);
    if (!entry->is_dirty) {
        add_to_list(&memory->dirty, &memory->dirty_count, &memory->dirty_capacity, entry);
        entry->is_dirty = true;
    }
}

/* --- Calls ------------------------------------------------------------------------------------ */

static bool memory_get(struct kv *kv, struct bytes key, struct bytes *value)
{
    const struct kv_entry *entry = find_entry(memory_of(kv), key);
    if (entry == NULL || entry->value == NULL) {
        return false;
    }
    *value = value_of(entry);
    return true;
}

static int memory_put(struct kv *kv, struct bytes key, struct bytes value)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = find_entry(memory, key);
    bool is_there = entry != NULL && entry->value != NULL;
    if (bytes_is_null(value) && !is_there) {
        return 0;
    }
    set_value(memory, entry != NULL ? entry : add_entry(memory, key), value);
    return 0;
}

static int memory_touch(struct kv *kv, struct bytes key)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = find_entry(memory, key);
    if (entry == NULL) {
        entry = add_entry(memory, key);
    }
    set_value(memory, entry, value_of(entry));
    return 0;
}

static void forget_undo(struct kv_memory *memory)
{
    memory->undo_count = 0;
    memory->savepoint++;
    if (memory->undo_values.capacity > UNDO_KEPT_MAX) {
        buffer_fini(&memory->undo_values);
    }
    buffer_clear(&memory->undo_values);
}

static void memory_savepoint(struct kv *kv)
{
    forget_undo(memory_of(kv));
}

static void memory_rollback(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    while (memory->undo_count > 0) {
        struct kv_undo *undo = &memory->undo[--memory->undo_count];
        struct kv_entry *entry = undo->entry;
        write_value(memory, entry, undone_value(memory, undo));
        entry->saved_at = 0;
        if (!undo->was_dirty) {
            /* What became dirty since the savepoint stands last, in the order of the undo rows. */
            check(memory->dirty[memory->dirty_count - 1] == entry);
            memory->dirty_count--;
            entry->is_dirty = false;
            if (entry->value == NULL) {
                remove_entry(memory, entry);
            }
        }
    }
    forget_undo(memory);
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
        bool is_past_from = bytes_is_null(from) || bytes_compare(key_of(tree), from) >= 0;
        bool is_before_to = bytes_is_null(to) || bytes_compare(key_of(tree), to) < 0;
        if (is_past_from) {
            copy_range(it, tree->left, from, to); /* as deep as the treap: about 2 log n */
        }
        if (is_past_from && is_before_to && tree->value != NULL) {
            size_t sizes[2] = {tree->key_size, tree->value_size};
            buffer_add(&it->copies, sizes, sizeof sizes);
            buffer_add_bytes(&it->copies, key_of(tree));
            buffer_add_bytes(&it->copies, value_of(tree));
        }
        tree = is_before_to ? tree->right : NULL;
    }
}

static struct kv_iterator *memory_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    struct kv_memory_iterator *it = memory_new(struct kv_memory_iterator);
    it->iterator = (struct kv_iterator){.next = snapshot_next, .free = snapshot_free};
    buffer_init(&it->copies);
    memory_settle(kv);
    copy_range(it, memory_of(kv)->root, from, to);
    return &it->iterator;
}

static void memory_each_dirty(struct kv *kv,
                              void (*each)(void *owner, struct bytes key, struct bytes value),
                              void *owner)
{
    struct kv_memory *memory = memory_of(kv);
    for (size_t i = 0; i < memory->dirty_count; i++) {
        each(owner, key_of(memory->dirty[i]), value_of(memory->dirty[i]));
    }
}

static void memory_mark_committed(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    memory_savepoint(kv);
    for (size_t i = 0; i < memory->dirty_count; i++) {
        struct kv_entry *entry = memory->dirty[i];
        entry->is_dirty = false;
        if (entry->value == NULL) {
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
        check(tree->left->hash <= tree->hash);
        check(bytes_compare(key_of(tree->left), key_of(tree)) < 0);
    }
    if (tree->right != NULL) {
        check(tree->right->hash <= tree->hash);
        check(bytes_compare(key_of(tree->right), key_of(tree)) > 0);
    }
    return 1 + check_tree(tree->left) + check_tree(tree->right);
}

static void memory_check(const struct kv *kv)
{
    const struct kv_memory *memory = (const struct kv_memory *)(const void *)kv;
    int64_t live_count = 0;
    size_t entry_count = 0;
    size_t dirty_count = 0;
    for (size_t i = 0; i < memory->slot_count; i++) {
        const struct kv_entry *entry = memory->slots[i].entry;
        if (entry != NULL) {
            entry_count++;
            live_count += entry->value != NULL;
            dirty_count += entry->is_dirty;
            check(look_up(memory, key_of(entry)) == entry);
            check(entry->pending == 0 || memory->pending[entry->pending - 1] == entry);
        }
    }
    check(memory->last == NULL || look_up(memory, key_of(memory->last)) == memory->last); /* (5) */
    check(entry_count == memory->entry_count);
    check(check_tree(memory->root) + memory->pending_count == entry_count); /* (1) */
    check(live_count == memory->live_count);                                /* (2) */
    check(dirty_count == memory->dirty_count);                              /* (3) */
    for (size_t i = 0; i < memory->dirty_count; i++) {
        check(memory->dirty[i]->is_dirty);
    }
}

static void memory_free(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    for (size_t i = 0; i < memory->slot_count; i++) {
        if (memory->slots[i].entry != NULL) {
            free(memory->slots[i].entry->value);
            free(memory->slots[i].entry);
        }
    }
    free(memory->slots);
    free(memory->pending);
    free(memory->dirty);
    free(memory->undo);
    buffer_fini(&memory->undo_values);
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
    .settle = memory_settle,
    .each_dirty = memory_each_dirty,
    .mark_committed = memory_mark_committed,
    .judge = memory_check,
    .free = memory_free,
};

struct kv *kv_new_memory(const char *name)
{
    struct kv_memory *memory = memory_new(struct kv_memory);
    kv_init(&memory->kv, &memory_ops, name);
    memory->slot_count = SLOTS_MIN;
    memory->slots = memory_zero(SLOTS_MIN, sizeof *memory->slots);
    buffer_init(&memory->undo_values);
    memory->savepoint = 1;
    return &memory->kv;
}
