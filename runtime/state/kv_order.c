/* A treap of entries; see kv_order.h. */
#include "runtime/state/kv_order.h"

#include "log/base/check.h"
#include "log/base/memory.h"
#include "runtime/state/kv_sort.h"

#include <stdlib.h>

/* Splits a tree into keys below `key` and the others. */
static void treap_split(struct kv_entry *tree, struct bytes key, struct kv_entry **low,
                        struct kv_entry **high)
{
    while (tree != NULL) {
        if (bytes_compare(kv_entry_key(tree), key) < 0) {
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

static struct kv_entry **treap_side(struct kv_entry *tree, const struct kv_entry *entry)
{
    return bytes_compare(kv_entry_key(entry), kv_entry_key(tree)) < 0 ? &tree->left : &tree->right;
}

static void treap_add(struct kv_entry **root, struct kv_entry *entry)
{
    while (*root != NULL && (*root)->hash >= entry->hash) {
        root = treap_side(*root, entry);
    }
    treap_split(*root, kv_entry_key(entry), &entry->left, &entry->right);
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
        root = treap_side(*root, entry);
    }
    *root = treap_merge(entry->left, entry->right);
}

void kv_order_add(struct kv_order *order, struct kv_entry *entry)
{
    kv_entry_list_add(&order->pending, entry);
    check(order->pending.count < KV_ENTRY_UNORDERED);
    entry->pending = (uint32_t)order->pending.count;
}

void kv_order_remove(struct kv_order *order, struct kv_entry *entry)
{
    if (entry->pending == 0) {
        treap_remove(&order->root, entry);
        order->version++;
    } else if (entry->pending != KV_ENTRY_UNORDERED) {
        struct kv_entry *last = order->pending.entries[--order->pending.count];
        order->pending.entries[entry->pending - 1] = last;
        last->pending = entry->pending;
    }
    entry->pending = KV_ENTRY_UNORDERED;
}

static struct bytes key_of(const void *item)
{
    return kv_entry_key(item);
}

/* In order, so that each finds the path of the one before it still at hand. */
static void settle(struct kv_order *order)
{
    struct kv_entry_list *pending = &order->pending;
    struct kv_sort sort;
    kv_sort_init(&sort, key_of);
    for (size_t i = 0; i < pending->count; i++) {
        kv_sort_add(&sort, pending->entries[i]);
    }
    kv_sort_run(&sort);
    for (size_t i = 0; i < sort.count; i++) {
        struct kv_entry *entry = (struct kv_entry *)(uintptr_t)sort.rows[i].item;
        entry->pending = 0;
        treap_add(&order->root, entry);
    }
    kv_sort_fini(&sort);
    order->version += pending->count > 0;
    pending->count = 0;
}

/* --- Walks ------------------------------------------------------------------------------------ */

struct kv_order_walk {
    struct kv_iterator iterator;
    struct kv_order *order; /* NULL: it goes over `copies` now */
    struct kv_order_walk *next;
    struct kv_order_walk **place; /* in the list of the order */
    struct buffer row;            /* what was shown: key, value; at first the key to begin with */
    size_t key_size;              /* of that */
    bool has_shown;
    struct buffer to; /* exclusive */
    bool has_to;
    struct kv_entry_list path; /* what comes next stands last, before it what comes later */
    uint64_t version;          /* of the order, when the path was made */
    struct buffer copies;
    size_t position;
};

/* It ends or begins to go over copies. */
static void leave_order(struct kv_order_walk *walk)
{
    *walk->place = walk->next;
    if (walk->next != NULL) {
        walk->next->place = walk->place;
    }
    walk->order = NULL;
    kv_entry_list_fini(&walk->path);
}

static void go_down_left(struct kv_order_walk *walk, struct kv_entry *tree)
{
    for (; tree != NULL; tree = tree->left) {
        kv_entry_list_add(&walk->path, tree);
    }
}

/* Behind what was shown, or at what is to be the first. */
static bool is_to_come(const struct kv_order_walk *walk, struct bytes key)
{
    int compared = bytes_compare(key, bytes_make(walk->row.data, walk->key_size));
    bool is_early = walk->has_shown ? compared <= 0 : compared < 0;
    return !is_early && !(walk->has_to && bytes_compare(key, buffer_bytes(&walk->to)) >= 0);
}

/* From the root; the path may be of a tree that is not there any more. */
static void find_path(struct kv_order_walk *walk)
{
    struct bytes from = bytes_make(walk->row.data, walk->key_size);
    struct kv_entry *tree = walk->order->root;
    walk->path.count = 0;
    while (tree != NULL) {
        int compared = bytes_compare(kv_entry_key(tree), from);
        bool is_early = walk->has_shown ? compared <= 0 : compared < 0;
        if (!is_early) {
            kv_entry_list_add(&walk->path, tree);
        }
        tree = is_early ? tree->right : tree->left;
    }
    walk->version = walk->order->version;
}

/* The next one with a value; NULL at the end. */
static struct kv_entry *step(struct kv_order_walk *walk)
{
    struct kv_entry *entry = NULL;
    if (walk->version != walk->order->version) {
        find_path(walk);
    }
    while (walk->path.count > 0 && (entry == NULL || entry->value == NULL)) {
        entry = walk->path.entries[--walk->path.count];
        go_down_left(walk, entry->right);
    }
    bool is_found =
        entry != NULL && entry->value != NULL &&
        !(walk->has_to && bytes_compare(kv_entry_key(entry), buffer_bytes(&walk->to)) >= 0);
    return is_found ? entry : NULL;
}

static void copy_rest(struct kv_order_walk *walk)
{
    struct kv_entry *entry;
    while ((entry = step(walk)) != NULL) {
        kv_entry_copy(entry, &walk->copies);
    }
    leave_order(walk);
}

void kv_order_before_write(struct kv_order *order, struct bytes key)
{
    struct kv_order_walk *next;
    for (struct kv_order_walk *walk = order->walks; walk != NULL; walk = next) {
        next = walk->next;
        if (is_to_come(walk, key)) {
            copy_rest(walk);
        }
    }
}

/* So that what was shown stays when it is written to. */
static void show(struct kv_order_walk *walk, const struct kv_entry *entry, struct bytes *key,
                 struct bytes *value)
{
    buffer_clear(&walk->row);
    buffer_add_bytes(&walk->row, kv_entry_key(entry));
    buffer_add_bytes(&walk->row, kv_entry_value(entry));
    walk->key_size = entry->key_size;
    walk->has_shown = true;
    *key = bytes_make(walk->row.data, walk->key_size);
    *value = bytes_make(walk->row.data + walk->key_size, entry->value_size);
}

static bool walk_next(struct kv_iterator *iterator, struct bytes *key, struct bytes *value)
{
    struct kv_order_walk *walk = (struct kv_order_walk *)(void *)iterator;
    if (walk->order != NULL) {
        const struct kv_entry *entry = step(walk);
        if (entry == NULL) {
            leave_order(walk);
            return false;
        }
        show(walk, entry, key, value);
        return true;
    }
    if (walk->position == walk->copies.size) {
        return false;
    }
    const uint8_t *end = kv_entry_read_copy(walk->copies.data + walk->position, key, value);
    walk->position = (size_t)(end - walk->copies.data);
    return true;
}

static void walk_free(struct kv_iterator *iterator)
{
    struct kv_order_walk *walk = (struct kv_order_walk *)(void *)iterator;
    if (walk->order != NULL) {
        leave_order(walk);
    }
    buffer_fini(&walk->row);
    buffer_fini(&walk->to);
    buffer_fini(&walk->copies);
    free(walk);
}

static struct kv_order_walk *start_walk(struct kv_order *order, struct bytes from, struct bytes to)
{
    struct kv_order_walk *walk = memory_new(struct kv_order_walk);
    *walk = (struct kv_order_walk){.iterator = {.next = walk_next, .free = walk_free},
                                   .order = order,
                                   .next = order->walks,
                                   .place = &order->walks,
                                   .key_size = from.size,
                                   .has_to = !bytes_is_null(to)};
    buffer_add_bytes(&walk->row, from);
    buffer_add_bytes(&walk->to, to);
    if (order->walks != NULL) {
        order->walks->place = &walk->next;
    }
    order->walks = walk;
    return walk;
}

void kv_order_clear(struct kv_order *order)
{
    while (order->walks != NULL) {
        copy_rest(order->walks);
    }
    order->root = NULL;
    order->version++;
    kv_entry_list_fini(&order->pending);
}

struct kv_iterator *kv_order_iterate(struct kv_order *order, struct bytes from, struct bytes to)
{
    settle(order);
    struct kv_order_walk *walk = start_walk(order, from, to);
    find_path(walk);
    return &walk->iterator;
}

void kv_order_copy(struct kv_order *order, struct buffer *copies)
{
    settle(order);
    struct kv_order_walk *walk = start_walk(order, (struct bytes){0}, (struct bytes){0});
    find_path(walk);
    struct kv_entry *entry;
    while ((entry = step(walk)) != NULL) {
        kv_entry_copy(entry, copies);
    }
    walk_free(&walk->iterator);
}

static size_t check_tree(const struct kv_entry *tree)
{
    if (tree == NULL) {
        return 0;
    }
    check(tree->pending == 0);
    if (tree->left != NULL) {
        check(tree->left->hash <= tree->hash);
        check(bytes_compare(kv_entry_key(tree->left), kv_entry_key(tree)) < 0);
    }
    if (tree->right != NULL) {
        check(tree->right->hash <= tree->hash);
        check(bytes_compare(kv_entry_key(tree->right), kv_entry_key(tree)) > 0);
    }
    return 1 + check_tree(tree->left) + check_tree(tree->right);
}

/* What a walk still has to show is to come, in order, and in the tree. */
static void check_walk(const struct kv_order *order, const struct kv_order_walk *walk)
{
    check(walk->order == order);
    check(*walk->place == walk);
    for (size_t i = 0; walk->version == order->version && i < walk->path.count; i++) {
        const struct kv_entry *entry = walk->path.entries[i];
        const struct kv_entry *later = i > 0 ? walk->path.entries[i - 1] : NULL;
        check(entry->pending == 0);
        check(!walk->has_shown ||
              bytes_compare(bytes_make(walk->row.data, walk->key_size), kv_entry_key(entry)) < 0);
        check(later == NULL || bytes_compare(kv_entry_key(entry), kv_entry_key(later)) < 0);
    }
}

size_t kv_order_check(const struct kv_order *order)
{
    for (size_t i = 0; i < order->pending.count; i++) {
        check(order->pending.entries[i]->pending == i + 1); /* (1) */
    }
    for (const struct kv_order_walk *walk = order->walks; walk != NULL; walk = walk->next) {
        check_walk(order, walk); /* (2) */
    }
    return check_tree(order->root) + order->pending.count;
}
