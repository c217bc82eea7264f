/* The entries of a store in memory in the order of their keys, for iteration.
 *
 * A treap, whose priority is the hash of the key, so that its shape depends on the keys alone.
 * Order is made when somebody iterates: until then new entries wait in a list, so that who only
 * puts and gets does not pay for it.
 *
 * Owns:   the tree; entries belong to who adds them.
 * Keeps:  (1) an entry is in the treap when its `pending` is 0, in the list, one below that, when
 * it is another number, and in neither when it is KV_ENTRY_UNORDERED. Thread: the task's shard. */
#pragma once

#include "runtime/state/kv_entry.h"
#include "runtime/state/kv_kind.h"

struct kv_order {
    struct kv_entry *root;
    struct kv_entry_list pending;
};

void kv_order_fini(struct kv_order *order);
void kv_order_add(struct kv_order *order, struct kv_entry *entry);
/* One that is in neither may be removed as well. */
void kv_order_remove(struct kv_order *order, struct kv_entry *entry);
/* Forgets all at once, without a look at them: their `pending` is the caller's to set. */
void kv_order_clear(struct kv_order *order);
/* Keys from <= key < to with a value, as they are now; null bounds are open. */
struct kv_iterator *kv_order_iterate(struct kv_order *order, struct bytes from, struct bytes to);
/* Appends copies of all that has a value, in order. */
void kv_order_copy(struct kv_order *order, struct buffer *copies);
/* How many entries are in it. */
size_t kv_order_check(const struct kv_order *order);
