/* A treap of entries; see kv_order.h. */
#include "runtime/state/kv_order.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <stdlib.h>

void kv_order_fini(struct kv_order *order)
{
    kv_entry_list_fini(&order->pending);
}

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
    } else if (entry->pending != KV_ENTRY_UNORDERED) {
        struct kv_entry *last = order->pending.entries[--order->pending.count];
        order->pending.entries[entry->pending - 1] = last;
        last->pending = entry->pending;
    }
    entry->pending = KV_ENTRY_UNORDERED;
}

void kv_order_clear(struct kv_order *order)
{
    order->root = NULL;
    kv_entry_list_fini(&order->pending);
}

static int compare_entries(const void *left, const void *right)
{
    const struct kv_entry *const *a = left;
    const struct kv_entry *const *b = right;
    return bytes_compare(kv_entry_key(*a), kv_entry_key(*b));
}

/* In order, so that each finds the path of the one before it still at hand. */
static void settle(struct kv_order *order)
{
    struct kv_entry_list *pending = &order->pending;
    if (pending->count > 1) {
        qsort(pending->entries, pending->count, sizeof(struct kv_entry *), compare_entries);
    }
    for (size_t i = 0; i < pending->count; i++) {
        pending->entries[i]->pending = 0;
        treap_add(&order->root, pending->entries[i]);
    }
    pending->count = 0;
}

struct kv_order_iterator {
    struct kv_iterator iterator;
    struct buffer copies;
    size_t position;
};

static bool snapshot_next(struct kv_iterator *iterator, struct bytes *key, struct bytes *value)
{
    struct kv_order_iterator *it = (struct kv_order_iterator *)(void *)iterator;
    if (it->position == it->copies.size) {
        return false;
    }
    const uint8_t *end = kv_entry_read_copy(it->copies.data + it->position, key, value);
    it->position = (size_t)(end - it->copies.data);
    return true;
}

static void snapshot_free(struct kv_iterator *iterator)
{
    struct kv_order_iterator *it = (struct kv_order_iterator *)(void *)iterator;
    buffer_fini(&it->copies);
    free(it);
}

static void copy_range(struct buffer *copies, const struct kv_entry *tree, struct bytes from,
                       struct bytes to)
{
    while (tree != NULL) {
        bool is_past_from = bytes_is_null(from) || bytes_compare(kv_entry_key(tree), from) >= 0;
        bool is_before_to = bytes_is_null(to) || bytes_compare(kv_entry_key(tree), to) < 0;
        if (is_past_from) {
            copy_range(copies, tree->left, from, to); /* as deep as the treap: about 2 log n */
        }
        if (is_past_from && is_before_to && tree->value != NULL) {
            kv_entry_copy(tree, copies);
        }
        tree = is_before_to ? tree->right : NULL;
    }
}

struct kv_iterator *kv_order_iterate(struct kv_order *order, struct bytes from, struct bytes to)
{
    struct kv_order_iterator *it = memory_new(struct kv_order_iterator);
    it->iterator = (struct kv_iterator){.next = snapshot_next, .free = snapshot_free};
    buffer_init(&it->copies);
    settle(order);
    copy_range(&it->copies, order->root, from, to);
    return &it->iterator;
}

void kv_order_copy(struct kv_order *order, struct buffer *copies)
{
    settle(order);
    copy_range(copies, order->root, (struct bytes){0}, (struct bytes){0});
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

size_t kv_order_check(const struct kv_order *order)
{
    for (size_t i = 0; i < order->pending.count; i++) {
        check(order->pending.entries[i]->pending == i + 1); /* (1) */
    }
    return check_tree(order->root) + order->pending.count;
}
