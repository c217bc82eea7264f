/* A store in memory; see kv.h, and kv_memory.h for one that lies over another.
 *
 * A hash table finds an entry by key; a treap over the same entries keeps them in order for
 * iteration. Its priority is the hash of the key, so its shape depends on the keys alone. Order is
 * made when somebody iterates: until then new entries wait in a list, so that who only puts and
 * gets does not pay for it. A removed key keeps its entry, without a value, while a savepoint or
 * the next commit still needs to know of it.
 *
 * A small value lies in its entry, behind the key, where the room for it is made with the entry;
 * one that outgrew it has memory of its own. It is overwritten in place; what it was goes to a
 * buffer of all undo rows, which is reused from savepoint to savepoint. So a put of a known key
 * allocates nothing.
 *
 * The order has only what is not clean: what lies below is in order there. So a checkpoint forgets
 * the order whole, and what is clean costs nothing when somebody iterates. What a checkpoint has
 * written stays if it was found again after it was added. Then a hand goes round the table, an
 * eighth with each checkpoint and further when there is too much, and removes what is clean and was
 * not found since it last came.
 *
 * Keeps:  (1) every entry is in the table, and, if it is not clean, in the treap or in `pending`;
 *         (2) live_count is the number of entries with a value;
 *         (3) an entry is in `dirty` exactly once when is_dirty is set, and never otherwise;
 *         (4) `undo` has at most one row per entry since the savepoint;
 *         (5) `last` is an entry of the table: what is written was mostly read just before;
 *         (6) an entry is in `changed` exactly once when changed_size is not zero, in `frozen` when
 *             is_frozen is set, and clean, in an overlay, when it is in neither and not dirty;
 *         (7) clean_size and changed_size are the sums over the clean and over the changed entries.
 */
#include "runtime/state/kv_memory.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "runtime/state/kv_kind.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_MIN = 16,
    VALUE_CAPACITY_MIN = 32, /* outside of the entry */
    ROOM_MIN = 16,
    ROOM_MAX = 256,          /* for a value in its entry */
    UNDO_KEPT_MAX = 1 << 20, /* bytes that stay for the next savepoint */
    HAND_PART = 8,           /* of the table with each checkpoint */
    ENTRY_OVERHEAD = 56,     /* slots, two to four, and what the allocator takes */
};

static const uint32_t KV_CLEAN = UINT32_MAX;

struct kv_entry {
    struct kv_entry *left;
    struct kv_entry *right;
    uint64_t hash;     /* of the key; also the priority */
    uint64_t saved_at; /* the savepoint whose undo has a row for this entry */
    uint8_t *value;    /* in the entry, or owned; NULL: removed */
    uint32_t value_size;
    uint32_t value_capacity;
    uint32_t pending;      /* one more than the index there; 0: in the treap; or KV_CLEAN */
    uint32_t changed_size; /* what it adds to that of the store */
    uint16_t key_size;
    uint16_t room; /* for a value, behind the key */
    bool is_dirty : 1;
    bool is_frozen : 1;
    bool is_used : 1; /* found since the hand came by */
    uint8_t key[];
};

struct kv_slot {
    struct kv_entry *entry; /* NULL: free */
    uint64_t hash;
};

struct kv_list {
    struct kv_entry **entries;
    size_t count;
    size_t capacity;
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
    struct kv_list pending;
    struct kv_list dirty;
    struct kv_undo *undo;
    size_t undo_count;
    size_t undo_capacity;
    struct buffer undo_values;
    uint64_t savepoint; /* counts up */
    int64_t live_count;

    bool is_overlay; /* nothing below is for others */
    struct kv_list changed;
    struct kv_list frozen;
    size_t changed_size; /* bytes of keys and values, as of the last commit */
    size_t clean_size;   /* bytes of memory */
    size_t hand;         /* a slot */
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
        if (memory->last != NULL && !memory->last->is_used) {
            memory->last->is_used = true;
        }
    }
    return memory->last;
}

static void resize_table(struct kv_memory *memory, size_t slot_count)
{
    struct kv_slot *slots = memory->slots;
    size_t count = memory->slot_count;
    memory->slot_count = slot_count;
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
        resize_table(memory, memory->slot_count * 2);
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

/* In order, so that each finds the path of the one before it still at hand. */
static void settle(struct kv_memory *memory)
{
    struct kv_list *pending = &memory->pending;
    if (pending->count > 1) {
        qsort(pending->entries, pending->count, sizeof(struct kv_entry *), compare_entries);
    }
    for (size_t i = 0; i < pending->count; i++) {
        pending->entries[i]->pending = 0;
        treap_add(&memory->root, pending->entries[i]);
    }
    pending->count = 0;
}

/* --- Entries ---------------------------------------------------------------------------------- */

static void add_to_list(struct kv_list *list, struct kv_entry *entry)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->entries = memory_resize(list->entries, list->capacity * sizeof(struct kv_entry *));
    }
    list->entries[list->count++] = entry;
}

static void free_list(struct kv_list *list)
{
    free(list->entries);
    *list = (struct kv_list){0};
}

static uint8_t *room_of(struct kv_entry *entry)
{
    return entry->key + entry->key_size;
}

static bool has_own_value(const struct kv_entry *entry)
{
    return entry->value != NULL && entry->value != entry->key + entry->key_size;
}

static size_t clean_size_of(const struct kv_entry *entry)
{
    size_t size = offsetof(struct kv_entry, key) + entry->key_size + entry->room + ENTRY_OVERHEAD;
    return has_own_value(entry) ? size + entry->value_capacity : size;
}

static void add_to_order(struct kv_memory *memory, struct kv_entry *entry)
{
    add_to_list(&memory->pending, entry);
    check(memory->pending.count < KV_CLEAN);
    entry->pending = (uint32_t)memory->pending.count;
}

static void remove_from_order(struct kv_memory *memory, struct kv_entry *entry)
{
    if (entry->pending == 0) {
        treap_remove(&memory->root, entry);
    } else if (entry->pending != KV_CLEAN) {
        struct kv_entry *last = memory->pending.entries[--memory->pending.count];
        memory->pending.entries[entry->pending - 1] = last;
        last->pending = entry->pending;
    }
}

/* For a value of such a size, and some growth; what the allocator rounds up to is used. */
static size_t room_for(struct bytes key, size_t value_size)
{
    size_t others = offsetof(struct kv_entry, key) + key.size;
    size_t room = value_size < ROOM_MIN ? ROOM_MIN : value_size + value_size / 8;
    return value_size > ROOM_MAX ? 0 : ((others + room + 8 + 15) & ~(size_t)15) - 8 - others;
}

/* Without a value yet. */
static struct kv_entry *add_entry(struct kv_memory *memory, struct bytes key, size_t value_size)
{
    size_t room = room_for(key, value_size);
    size_t size = offsetof(struct kv_entry, key) + key.size + room;
    struct kv_entry *entry = memory_alloc(size < sizeof *entry ? sizeof *entry : size);
    *entry = (struct kv_entry){
        .hash = hash_table(key), .key_size = (uint16_t)key.size, .room = (uint16_t)room};
    if (key.size > 0) {
        memcpy(entry->key, key.data, key.size);
    }
    add_to_table(memory, entry);
    add_to_order(memory, entry);
    return entry;
}

static void free_entry(struct kv_entry *entry)
{
    if (has_own_value(entry)) {
        free(entry->value);
    }
    free(entry);
}

static void remove_entry(struct kv_memory *memory, struct kv_entry *entry)
{
    remove_from_order(memory, entry);
    remove_from_table(memory, entry);
    memory->last = NULL;
    free_entry(entry);
}

/* Where a value of this size goes, which is not where it was. */
static uint8_t *new_place(struct kv_entry *entry, size_t size)
{
    if (size <= entry->room) {
        entry->value_capacity = entry->room;
        return room_of(entry);
    }
    entry->value_capacity =
        (uint32_t)(size < VALUE_CAPACITY_MIN ? VALUE_CAPACITY_MIN : size + size / 8);
    return memory_alloc(entry->value_capacity);
}

static bool fits_in_place(const struct kv_entry *entry, size_t size)
{
    bool is_wasteful =
        has_own_value(entry) &&
        (size <= entry->room || entry->value_capacity / 4 > VALUE_CAPACITY_MIN + size);
    return entry->value != NULL && size <= entry->value_capacity && !is_wasteful;
}

/* The value, which may be a view of the entry's own, takes the place of what was there. */
static void write_value(struct kv_memory *memory, struct kv_entry *entry, struct bytes value)
{
    bool is_there = !bytes_is_null(value);
    memory->live_count += is_there - (entry->value != NULL);
    if (!is_there || !fits_in_place(entry, value.size)) {
        uint8_t *old = has_own_value(entry) ? entry->value : NULL;
        uint8_t *place = is_there ? new_place(entry, value.size) : NULL;
        if (value.size > 0) {
            memcpy(place, value.data, value.size);
        }
        free(old);
        entry->value = place;
    } else if (value.size > 0) {
        memmove(entry->value, value.data, value.size);
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

static void begin_clean(struct kv_memory *memory, struct kv_entry *entry)
{
    memory->clean_size += clean_size_of(entry);
    entry->pending = KV_CLEAN;
}

static void end_clean(struct kv_memory *memory, struct kv_entry *entry)
{
    if (entry->pending == KV_CLEAN) {
        memory->clean_size -= clean_size_of(entry);
        add_to_order(memory, entry);
    }
}

/* Null for a removed key, whose entry then stands for the removal. */
static void set_value(struct kv_memory *memory, struct kv_entry *entry, struct bytes value)
{
    end_clean(memory, entry);
    if (entry->saved_at != memory->savepoint) {
        add_undo(memory, entry);
    }
    write_value(memory, entry, value);
    if (!entry->is_dirty) {
        add_to_list(&memory->dirty, entry);
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
    set_value(memory, entry != NULL ? entry : add_entry(memory, key, value.size), value);
    return 0;
}

static int memory_touch(struct kv *kv, struct bytes key)
{
    struct kv_memory *memory = memory_of(kv);
    struct kv_entry *entry = find_entry(memory, key);
    if (entry == NULL) {
        entry = add_entry(memory, key, 0);
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

static void forget(struct kv_memory *memory, struct kv_entry *entry)
{
    memory->clean_size -= clean_size_of(entry);
    memory->live_count--;
    remove_entry(memory, entry);
}

/* Over so many slots at least, and until there is no more than may be. */
static void move_hand(struct kv_memory *memory, size_t slot_count)
{
    while (slot_count > 0 || memory->clean_size > KV_MEMORY_CLEAN_SIZE_MAX) {
        memory->hand &= memory->slot_count - 1;
        struct kv_entry *entry = memory->slots[memory->hand].entry;
        bool is_clean = entry != NULL && entry->pending == KV_CLEAN;
        if (is_clean && !entry->is_used) {
            forget(memory, entry); /* and one behind it may come here */
            continue;
        }
        if (is_clean) {
            entry->is_used = false;
        }
        memory->hand++;
        slot_count -= slot_count > 0;
    }
}

/* What became dirty since the savepoint stands last, in the order of the undo rows. */
static void end_dirty(struct kv_memory *memory, struct kv_entry *entry)
{
    check(memory->dirty.entries[memory->dirty.count - 1] == entry);
    memory->dirty.count--;
    entry->is_dirty = false;
    if (entry->value == NULL) {
        remove_entry(memory, entry);
    } else if (memory->is_overlay && !entry->is_frozen && entry->changed_size == 0) {
        remove_from_order(memory, entry);
        begin_clean(memory, entry);
    }
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
            end_dirty(memory, entry);
        }
    }
    forget_undo(memory);
    move_hand(memory, 0);
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

static void copy_entry(struct buffer *copies, const struct kv_entry *entry)
{
    size_t sizes[2] = {entry->key_size, entry->value_size};
    buffer_add(copies, sizes, sizeof sizes);
    buffer_add_bytes(copies, key_of(entry));
    buffer_add_bytes(copies, value_of(entry));
}

const uint8_t *kv_memory_read_copy(const uint8_t *copy, struct bytes *key, struct bytes *value)
{
    size_t sizes[2];
    memcpy(sizes, copy, sizeof sizes);
    *key = bytes_make(copy + sizeof sizes, sizes[0]);
    *value = bytes_make(key->data + sizes[0], sizes[1]);
    return value->data + sizes[1];
}

static bool snapshot_next(struct kv_iterator *iterator, struct bytes *key, struct bytes *value)
{
    struct kv_memory_iterator *it = (struct kv_memory_iterator *)(void *)iterator;
    if (it->position == it->copies.size) {
        return false;
    }
    const uint8_t *end = kv_memory_read_copy(it->copies.data + it->position, key, value);
    it->position = (size_t)(end - it->copies.data);
    return true;
}

static void snapshot_free(struct kv_iterator *iterator)
{
    struct kv_memory_iterator *it = (struct kv_memory_iterator *)(void *)iterator;
    buffer_fini(&it->copies);
    free(it);
}

static void copy_range(struct buffer *copies, const struct kv_entry *tree, struct bytes from,
                       struct bytes to)
{
    while (tree != NULL) {
        bool is_past_from = bytes_is_null(from) || bytes_compare(key_of(tree), from) >= 0;
        bool is_before_to = bytes_is_null(to) || bytes_compare(key_of(tree), to) < 0;
        if (is_past_from) {
            copy_range(copies, tree->left, from, to); /* as deep as the treap: about 2 log n */
        }
        if (is_past_from && is_before_to && tree->value != NULL) {
            copy_entry(copies, tree);
        }
        tree = is_before_to ? tree->right : NULL;
    }
}

static struct kv_iterator *memory_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    struct kv_memory_iterator *it = memory_new(struct kv_memory_iterator);
    it->iterator = (struct kv_iterator){.next = snapshot_next, .free = snapshot_free};
    buffer_init(&it->copies);
    settle(memory_of(kv));
    copy_range(&it->copies, memory_of(kv)->root, from, to);
    return &it->iterator;
}

static void memory_each_dirty(struct kv *kv,
                              void (*each)(void *owner, struct bytes key, struct bytes value),
                              void *owner)
{
    struct kv_memory *memory = memory_of(kv);
    for (size_t i = 0; i < memory->dirty.count; i++) {
        each(owner, key_of(memory->dirty.entries[i]), value_of(memory->dirty.entries[i]));
    }
}

/* --- Over another store ----------------------------------------------------------------------- */

static size_t size_of(const struct kv_entry *entry)
{
    return (size_t)entry->key_size + entry->value_size;
}

static void add_to_changed(struct kv_memory *memory, struct kv_entry *entry)
{
    if (entry->changed_size == 0) {
        add_to_list(&memory->changed, entry);
    }
    memory->changed_size += size_of(entry) - entry->changed_size;
    entry->changed_size = (uint32_t)size_of(entry);
}

static void memory_mark_committed(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    memory_savepoint(kv);
    for (size_t i = 0; i < memory->dirty.count; i++) {
        struct kv_entry *entry = memory->dirty.entries[i];
        entry->is_dirty = false;
        if (entry->value == NULL) {
            remove_entry(memory, entry);
        } else if (memory->is_overlay) {
            add_to_changed(memory, entry);
        }
    }
    memory->dirty.count = 0;
}

/* So much of what a large commit took is given back. */
static void forget_room(struct kv_memory *memory)
{
    free_list(&memory->dirty);
    free(memory->undo);
    memory->undo = NULL;
    memory->undo_capacity = 0;
}

/* All that is in the order: nothing is dirty, nothing frozen. Where somebody iterates, most of it
 * is in the treap, and the copies come in order. */
static void copy_changed(struct kv_memory *memory, struct buffer *copies)
{
    if (memory->pending.count <= memory->changed.count / 2) {
        settle(memory);
        copy_range(copies, memory->root, (struct bytes){0}, (struct bytes){0});
        return;
    }
    for (size_t i = 0; i < memory->changed.count; i++) {
        copy_entry(copies, memory->changed.entries[i]);
    }
}

void kv_memory_freeze(struct kv *overlay, struct buffer *copies)
{
    struct kv_memory *memory = memory_of(overlay);
    check(memory->is_overlay);
    check(memory->dirty.count == 0);
    check(memory->frozen.count == 0);
    copy_changed(memory, copies);
    for (size_t i = 0; i < memory->changed.count; i++) {
        memory->changed.entries[i]->is_frozen = true;
        memory->changed.entries[i]->changed_size = 0;
    }
    memory->frozen = memory->changed;
    memory->changed = (struct kv_list){0};
    memory->changed_size = 0;
    forget_room(memory);
}

static void begin_clean_list(struct kv_memory *memory, const struct kv_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i]->pending != KV_CLEAN) {
            begin_clean(memory, list->entries[i]);
        }
    }
}

static void end_clean_list(struct kv_memory *memory, const struct kv_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        end_clean(memory, list->entries[i]);
    }
}

/* All of the order is in one of the lists. */
static void clean_frozen(struct kv_memory *memory)
{
    memory->root = NULL;
    free_list(&memory->pending);
    begin_clean_list(memory, &memory->frozen);
    begin_clean_list(memory, &memory->changed);
    begin_clean_list(memory, &memory->dirty);
    end_clean_list(memory, &memory->changed);
    end_clean_list(memory, &memory->dirty);
}

static void judge_frozen(struct kv_memory *memory, bool (*is_worth_room)(struct bytes value))
{
    for (size_t i = 0; i < memory->frozen.count; i++) {
        struct kv_entry *entry = memory->frozen.entries[i];
        bool is_worth = entry->is_used && is_worth_room(value_of(entry));
        if (entry->pending == KV_CLEAN && !is_worth) {
            forget(memory, entry);
        }
    }
}

static void shrink_table(struct kv_memory *memory)
{
    size_t slot_count = memory->slot_count;
    while (slot_count > SLOTS_MIN && memory->entry_count < slot_count / 16) {
        slot_count /= 2;
    }
    if (slot_count < memory->slot_count) {
        resize_table(memory, slot_count);
    }
}

void kv_memory_thaw(struct kv *overlay, bool is_written, bool (*is_worth_room)(struct bytes value))
{
    struct kv_memory *memory = memory_of(overlay);
    for (size_t i = 0; i < memory->frozen.count; i++) {
        memory->frozen.entries[i]->is_frozen = false;
        if (!is_written) {
            add_to_changed(memory, memory->frozen.entries[i]);
        }
    }
    if (is_written) {
        clean_frozen(memory);
        judge_frozen(memory, is_worth_room);
        move_hand(memory, memory->slot_count / HAND_PART);
        shrink_table(memory);
    }
    free_list(&memory->frozen);
}

size_t kv_memory_changed_size(const struct kv *overlay)
{
    const struct kv_memory *memory = (const struct kv_memory *)(const void *)overlay;
    size_t size = memory->changed_size;
    for (size_t i = 0; i < memory->dirty.count; i++) {
        size += size_of(memory->dirty.entries[i]) - memory->dirty.entries[i]->changed_size;
    }
    return size;
}

void kv_memory_each_clean(const struct kv *overlay,
                          void (*each)(void *owner, struct bytes key, struct bytes value),
                          void *owner)
{
    const struct kv_memory *memory = (const struct kv_memory *)(const void *)overlay;
    for (size_t i = 0; i < memory->slot_count; i++) {
        const struct kv_entry *entry = memory->slots[i].entry;
        if (entry != NULL && entry->pending == KV_CLEAN) {
            each(owner, key_of(entry), value_of(entry));
        }
    }
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

struct kv_sums {
    size_t entry_count;
    int64_t live_count;
    size_t dirty_count;
    size_t ordered_count;
    size_t changed_count;
    size_t frozen_count;
    size_t clean_size;
    size_t changed_size;
};

static void check_entry(const struct kv_memory *memory, const struct kv_entry *entry,
                        struct kv_sums *sums)
{
    bool is_held = entry->is_dirty || entry->is_frozen || entry->changed_size > 0;
    bool is_clean = entry->pending == KV_CLEAN;
    sums->entry_count++;
    sums->live_count += entry->value != NULL;
    sums->dirty_count += entry->is_dirty;
    sums->ordered_count += !is_clean;
    sums->changed_count += entry->changed_size > 0;
    sums->frozen_count += entry->is_frozen;
    sums->clean_size += is_clean ? clean_size_of(entry) : 0;
    sums->changed_size += entry->changed_size;
    check(look_up(memory, key_of(entry)) == entry);
    check(is_clean == (memory->is_overlay && !is_held)); /* (6) */
    check(entry->value == NULL || has_own_value(entry) || entry->value_capacity == entry->room);
    check(is_clean || entry->pending == 0 || memory->pending.entries[entry->pending - 1] == entry);
}

static void check_lists(const struct kv_memory *memory)
{
    for (size_t i = 0; i < memory->dirty.count; i++) {
        check(memory->dirty.entries[i]->is_dirty);
    }
    for (size_t i = 0; i < memory->changed.count; i++) {
        check(memory->changed.entries[i]->changed_size > 0);
    }
    for (size_t i = 0; i < memory->frozen.count; i++) {
        check(memory->frozen.entries[i]->is_frozen);
    }
}

static void memory_check(const struct kv *kv)
{
    const struct kv_memory *memory = (const struct kv_memory *)(const void *)kv;
    struct kv_sums sums = {0};
    for (size_t i = 0; i < memory->slot_count; i++) {
        if (memory->slots[i].entry != NULL) {
            check_entry(memory, memory->slots[i].entry, &sums);
        }
    }
    check_lists(memory);
    check(sums.entry_count == memory->entry_count);
    check(check_tree(memory->root) + memory->pending.count == sums.ordered_count);        /* (1) */
    check(sums.live_count == memory->live_count);                                         /* (2) */
    check(sums.dirty_count == memory->dirty.count);                                       /* (3) */
    check(memory->last == NULL || look_up(memory, key_of(memory->last)) == memory->last); /* (5) */
    check(sums.changed_count == memory->changed.count);                                   /* (6) */
    check(sums.frozen_count == memory->frozen.count);
    check(sums.clean_size == memory->clean_size); /* (7) */
    check(sums.changed_size == memory->changed_size);
    check(memory->clean_size <= KV_MEMORY_CLEAN_SIZE_MAX);
}

static void memory_free(struct kv *kv)
{
    struct kv_memory *memory = memory_of(kv);
    for (size_t i = 0; i < memory->slot_count; i++) {
        if (memory->slots[i].entry != NULL) {
            free_entry(memory->slots[i].entry);
        }
    }
    free(memory->slots);
    free_list(&memory->pending);
    free_list(&memory->dirty);
    free_list(&memory->changed);
    free_list(&memory->frozen);
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

struct kv *kv_new_overlay(const char *name)
{
    struct kv *kv = kv_new_memory(name);
    memory_of(kv)->is_overlay = true;
    return kv;
}
