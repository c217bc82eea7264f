/* Entries of a store in memory; see kv_entry.h. */
#include "runtime/state/kv_entry.h"

#include "log/base/check.h"
#include "log/base/hash.h"
#include "log/base/memory.h"

#include <stddef.h>
#include <stdlib.h>

enum {
    VALUE_CAPACITY_MIN = 32, /* outside of the entry */
    ROOM_MIN = 16,
    ROOM_MAX = 256,      /* for a value in its entry */
    ENTRY_OVERHEAD = 56, /* slots, two to four, and what the allocator takes */
};

/* For a value of such a size, and some growth; what the allocator rounds up to is used. */
static size_t room_for(struct bytes key, size_t value_size)
{
    size_t others = offsetof(struct kv_entry, key) + key.size;
    size_t room = value_size < ROOM_MIN ? ROOM_MIN : value_size + value_size / 8;
    return value_size > ROOM_MAX ? 0 : ((others + room + 8 + 15) & ~(size_t)15) - 8 - others;
}

struct kv_entry *kv_entry_new(struct bytes key, size_t value_size)
{
    size_t room = room_for(key, value_size);
    size_t size = offsetof(struct kv_entry, key) + key.size + room;
    struct kv_entry *entry = memory_alloc(size < sizeof *entry ? sizeof *entry : size);
    *entry = (struct kv_entry){.hash = hash_table(key),
                               .pending = KV_ENTRY_UNORDERED,
                               .key_size = (uint16_t)key.size,
                               .room = (uint16_t)room};
    if (key.size > 0) {
        memcpy(entry->key, key.data, key.size);
    }
    return entry;
}

static uint8_t *room_of(struct kv_entry *entry)
{
    return entry->key + entry->key_size;
}

static bool has_own_value(const struct kv_entry *entry)
{
    return entry->value != NULL && entry->value != entry->key + entry->key_size;
}

void kv_entry_free(struct kv_entry *entry)
{
    if (has_own_value(entry)) {
        free(entry->value);
    }
    free(entry);
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

void kv_entry_write(struct kv_entry *entry, struct bytes value)
{
    bool is_there = !bytes_is_null(value);
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

size_t kv_entry_size(const struct kv_entry *entry)
{
    return (size_t)entry->key_size + entry->value_size;
}

size_t kv_entry_memory_size(const struct kv_entry *entry)
{
    size_t size = offsetof(struct kv_entry, key) + entry->key_size + entry->room + ENTRY_OVERHEAD;
    return has_own_value(entry) ? size + entry->value_capacity : size;
}

void kv_entry_check(const struct kv_entry *entry)
{
    check(entry->value == NULL || has_own_value(entry) || entry->value_capacity == entry->room);
    check(entry->value == NULL || entry->value_size <= entry->value_capacity);
}

void kv_entry_copy(const struct kv_entry *entry, struct buffer *copies)
{
    size_t sizes[2] = {entry->key_size, entry->value_size};
    buffer_add(copies, sizes, sizeof sizes);
    buffer_add_bytes(copies, kv_entry_key(entry));
    buffer_add_bytes(copies, kv_entry_value(entry));
}

const uint8_t *kv_entry_read_copy(const uint8_t *copy, struct bytes *key, struct bytes *value)
{
    size_t sizes[2];
    memcpy(sizes, copy, sizeof sizes);
    *key = bytes_make(copy + sizeof sizes, sizes[0]);
    *value = bytes_make(key->data + sizes[0], sizes[1]);
    return value->data + sizes[1];
}

void kv_entry_list_add(struct kv_entry_list *list, struct kv_entry *entry)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->entries = memory_resize(list->entries, list->capacity * sizeof(struct kv_entry *));
    }
    list->entries[list->count++] = entry;
}

void kv_entry_list_fini(struct kv_entry_list *list)
{
    free(list->entries);
    *list = (struct kv_entry_list){0};
}
