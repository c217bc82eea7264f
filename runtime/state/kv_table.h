/* Finds the entries of a store in memory by key: a hash table with open addressing.
 *
 * Owns:   the slots; entries belong to who adds them.
 * Keeps:  (1) every entry that was added and not removed is found by its key, and no other;
 *         (2) at most half of the slots are taken;
 *         (3) `last` is an entry of the table: what is written was mostly read just before.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv_entry.h"

struct kv_table_slot {
    struct kv_entry *entry; /* NULL: free */
    uint64_t hash;
};

enum { KV_TABLE_EXPECTED = 8 };

struct kv_table {
    struct kv_table_slot *slots; /* a power of two */
    size_t slot_count;
    size_t entry_count;
    struct kv_entry *last;                /* that was found; NULL: none */
    uint64_t expected[KV_TABLE_EXPECTED]; /* hashes of the keys that were expected last, in turn */
    size_t expected_next;
};

void kv_table_init(struct kv_table *table);
/* The entries stay. */
void kv_table_fini(struct kv_table *table);
/* NULL when there is none. What is found is used. */
struct kv_entry *kv_table_find(struct kv_table *table, struct bytes key);
/* The key will be looked for a few keys from now: what the search will read begins to come to the
 * caches, its slot at once, and its entry when KV_TABLE_EXPECTED more are expected, as then the
 * slot is there. Changes nothing else. */
void kv_table_expect(struct kv_table *table, struct bytes key);
/* Its key is not there yet. */
void kv_table_add(struct kv_table *table, struct kv_entry *entry);
/* Others may move to its slot. */
void kv_table_remove(struct kv_table *table, const struct kv_entry *entry);
/* Gives back what is far too much for what is left. */
void kv_table_shrink(struct kv_table *table);
void kv_table_check(const struct kv_table *table);
