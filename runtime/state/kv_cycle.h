/* The entries of a store in memory, and the way of each from commit to commit and, in one that lies
 * over another store (kv_memory.h has the drawing), from checkpoint to checkpoint.
 *
 * The order has only what is not clean: what lies below is in order there. So a checkpoint forgets
 * the order whole, and what is clean costs nothing when somebody iterates. What a checkpoint has
 * written stays if it was found again after it was added. Then a hand goes round the table, an
 * eighth with each checkpoint and further when there is too much, and removes what is clean and was
 * not found since it last came.
 *
 * A removed key keeps its entry, without a value, while a savepoint or the next commit still needs
 * to know of it.
 *
 * Owns:   the entries.
 * Keeps:  (1) every entry is in the table, and, if it is not clean, in the order;
 *         (2) live_count is the number of entries with a value;
 *         (3) an entry is in `dirty` exactly once when is_dirty is set, and never otherwise;
 *         (4) an entry is in `changed` exactly once when changed_size is not zero, in `frozen` when
 *             is_frozen is set, and clean, in an overlay, when it is in neither and not dirty;
 *         (5) clean_size and changed_size are the sums over the clean and over the changed entries.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv_order.h"
#include "runtime/state/kv_table.h"

struct kv_cycle {
    struct kv_table table;
    struct kv_order order;
    struct kv_entry_list dirty; /* in the order of the first change */
    int64_t live_count;

    bool is_overlay; /* nothing below is for others */
    struct kv_entry_list changed;
    struct kv_entry_list frozen;
    size_t changed_size; /* bytes of keys and values, as of the last commit */
    size_t clean_size;   /* bytes of memory */
    size_t hand;         /* a slot of the table */
};

void kv_cycle_init(struct kv_cycle *cycle, bool is_overlay);
void kv_cycle_fini(struct kv_cycle *cycle);
/* NULL when there is none. */
struct kv_entry *kv_cycle_find(struct kv_cycle *cycle, struct bytes key);
/* An entry without a value yet, which is to become dirty at once. */
struct kv_entry *kv_cycle_add(struct kv_cycle *cycle, struct bytes key, size_t value_size);
/* Whatever it was. */
void kv_cycle_make_dirty(struct kv_cycle *cycle, struct kv_entry *entry);
/* Of a dirty entry. */
void kv_cycle_write(struct kv_cycle *cycle, struct kv_entry *entry, struct bytes value);
/* Undoes the newest kv_cycle_make_dirty, when the entry has its old value again. */
void kv_cycle_end_dirty(struct kv_cycle *cycle, struct kv_entry *entry);
/* Forgets of the clean what is too much. */
void kv_cycle_trim(struct kv_cycle *cycle);
/* What is dirty is changed, or done with where nothing lies below. */
void kv_cycle_commit(struct kv_cycle *cycle);
/* As in kv_memory.h. */
void kv_cycle_freeze(struct kv_cycle *cycle, struct buffer *copies);
void kv_cycle_thaw(struct kv_cycle *cycle, bool is_written,
                   bool (*is_worth_room)(struct bytes value));
size_t kv_cycle_changed_size(const struct kv_cycle *cycle);
void kv_cycle_each_clean(const struct kv_cycle *cycle,
                         void (*each)(void *owner, struct bytes key, struct bytes value),
                         void *owner);
void kv_cycle_check(const struct kv_cycle *cycle);
