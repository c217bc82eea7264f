/* A key with its value, as a store in memory has it.
 *
 * A small value lies in the entry, behind the key, where the room for it is made with the entry;
 * one that outgrew it has memory of its own, until it is small again. So a put of a known key
 * allocates nothing.
 *
 * Owns:   the key and the value. The other fields belong to who finds and keeps entries:
 *         kv_table.h, kv_order.h, kv_cycle.h and kv_memory.c.
 * Keeps:  (1) a value is in the room, whose size its capacity is, or in memory of its own.
 * Thread: the task's shard. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/memory.h"

static const uint32_t KV_ENTRY_UNORDERED = UINT32_MAX;

struct kv_entry {
    struct kv_entry *left; /* of kv_order, until `pending` */
    struct kv_entry *right;
    uint64_t hash;     /* of the key; also the priority in the order */
    uint64_t saved_at; /* the savepoint whose undo has a row for this entry */
    uint8_t *value;    /* in the entry, or owned; NULL: removed */
    uint32_t value_size;
    uint32_t value_capacity;
    uint32_t pending;      /* one more than the index there; 0: in the treap; KV_ENTRY_UNORDERED */
    uint32_t changed_size; /* of kv_cycle: what it adds to that of the store */
    uint16_t key_size;
    uint16_t room; /* for a value, behind the key */
    bool is_dirty : 1;
    bool is_frozen : 1;
    bool is_used : 1; /* found since the hand of kv_cycle came by */
    uint8_t key[];
};

static inline struct bytes kv_entry_key(const struct kv_entry *entry)
{
    return bytes_make(entry->key, entry->key_size);
}

/* Null when it was removed. */
static inline struct bytes kv_entry_value(const struct kv_entry *entry)
{
    return bytes_make(entry->value, entry->value_size);
}

/* Without a value yet, with room for one of such a size and some growth; in no order. */
struct kv_entry *kv_entry_new(struct bytes key, size_t value_size);
void kv_entry_free(struct kv_entry *entry);
/* The value, which may be a view of the entry's own, takes the place of what was there. */
void kv_entry_write(struct kv_entry *entry, struct bytes value);
/* Bytes of key and value. */
size_t kv_entry_size(const struct kv_entry *entry);
/* Bytes of memory, with what a table and the allocator take. */
size_t kv_entry_memory_size(const struct kv_entry *entry);
void kv_entry_check(const struct kv_entry *entry);

/* Appends a copy: key size, value size, key, value. */
void kv_entry_copy(const struct kv_entry *entry, struct buffer *copies);
/* The entry whose copy begins there; where the next one begins. Thread: any. */
const uint8_t *kv_entry_read_copy(const uint8_t *copy, struct bytes *key, struct bytes *value);

struct kv_entry_list {
    struct kv_entry **entries; /* borrowed */
    size_t count;
    size_t capacity;
};

enum { KV_ENTRY_LIST_AHEAD = 8 };

/* For who goes over a list: a later entry than the one at hand begins to come to the caches. */
static inline void kv_entry_list_expect(const struct kv_entry_list *list, size_t index)
{
    if (index + KV_ENTRY_LIST_AHEAD < list->count) {
        memory_prefetch(list->entries[index + KV_ENTRY_LIST_AHEAD]);
        memory_prefetch(list->entries[index + KV_ENTRY_LIST_AHEAD]->key);
    }
}

void kv_entry_list_add(struct kv_entry_list *list, struct kv_entry *entry);
/* Empty, and without memory. */
void kv_entry_list_fini(struct kv_entry_list *list);
