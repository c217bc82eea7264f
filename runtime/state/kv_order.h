/* The entries of a store in memory in the order of their keys, for iteration.
 *
 * A treap, whose priority is the hash of the key, so that its shape depends on the keys alone.
 * Order is made when somebody iterates: until then new entries wait in a list, so that who only
 * puts and gets does not pay for it.
 *
 * A walk over a range goes from entry to entry and copies what it shows, no more. Nothing may
 * change of what it still has to show: before that is written to, it copies the rest of its range
 * and is done with the order. So who removes what it was just shown, or writes elsewhere, copies
 * nothing, and who stops after the first entry has paid for one. The tree may change under a walk,
 * by what is added, or removed after its value was: then it finds its place again by the key that
 * it showed last.
 *
 * Owns:   the tree and its walks; entries belong to who adds them.
 * Keeps:  (1) an entry is in the treap when its `pending` is 0, in the list, one below that, when
 *             it is another number, and in neither when it is KV_ENTRY_UNORDERED;
 *         (2) what a walk in the order still has to show is there as it was when the walk began.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv_entry.h"
#include "runtime/state/kv_kind.h"

struct kv_order_walk;

struct kv_order {
    struct kv_entry *root;
    struct kv_entry_list pending;
    struct kv_order_walk *walks; /* those that did not copy their rest */
    uint64_t version;            /* of the tree */
};

void kv_order_add(struct kv_order *order, struct kv_entry *entry);
/* One that is in neither may be removed as well. What has a value: behind kv_order_before_write. */
void kv_order_remove(struct kv_order *order, struct kv_entry *entry);
/* Forgets all at once: the `pending` of those that were in it is the caller's to set. Walks go on;
 * so this is what ends an order. */
void kv_order_clear(struct kv_order *order);
/* Keys from <= key < to with a value, as they are now; null bounds are open. */
struct kv_iterator *kv_order_iterate(struct kv_order *order, struct bytes from, struct bytes to);
/* To be called while there are walks, before the value of the key is written. */
void kv_order_before_write(struct kv_order *order, struct bytes key);
/* Appends copies of all that has a value, in order. */
void kv_order_copy(struct kv_order *order, struct buffer *copies);
/* How many entries are in it. */
size_t kv_order_check(const struct kv_order *order);
