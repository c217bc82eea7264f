/* Open addressing over an array of entries in insertion order; see map.h. */
#include "log/base/map.h"

#include "log/base/check.h"
#include "log/base/hash.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MAP_SLOT_FREE = 0 }; /* a slot holds an entry's index + 1 */

void map_init(struct map *map)
{
    *map = (struct map){0};
}

static void map_free_key(struct map_entry *entry)
{
    bytes_free(entry->key);
    entry->key = (struct bytes){NULL, 0};
}

void map_fini(struct map *map, void (*free_value)(void *value))
{
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].value == NULL) {
            continue;
        }
        if (free_value != NULL) {
            free_value(map->entries[i].value);
        }
        map_free_key(&map->entries[i]);
    }
    free(map->entries);
    free(map->slots);
    map_init(map);
}

static size_t map_slot(const struct map *map, struct bytes key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    for (size_t slot = (size_t)hash & mask;; slot = (slot + 1) & mask) {
        if (map->slots[slot] == MAP_SLOT_FREE) {
            return slot;
        }
        const struct map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->value != NULL && entry->hash == hash && bytes_equal(entry->key, key)) {
            return slot;
        }
    }
}

/* Drops the holes and lays the slots out again for `capacity` entries. */
static void map_rebuild(struct map *map, size_t capacity)
{
    size_t live = 0;
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].value != NULL) {
            map->entries[live++] = map->entries[i];
        }
    }
    check(live == map->size);
    map->entry_count = live;
    map->entry_capacity = capacity;
    map->entries = memory_resize(map->entries, capacity * sizeof *map->entries);
    size_t slot_count = 16;
    while (slot_count < capacity * 2) {
        slot_count *= 2;
    }
    free(map->slots);
    map->slots = memory_zero(slot_count, sizeof *map->slots);
    map->slot_count = slot_count;
    for (size_t i = 0; i < live; i++) {
        size_t slot = (size_t)map->entries[i].hash & (slot_count - 1);
        while (map->slots[slot] != MAP_SLOT_FREE) {
            slot = (slot + 1) & (slot_count - 1);
        }
        map->slots[slot] = (uint32_t)(i + 1);
    }
}

void *map_find(const struct map *map, struct bytes key)
{
    if (map->size == 0) {
        return NULL;
    }
    size_t slot = map_slot(map, key, hash_table(key));
    return map->slots[slot] == MAP_SLOT_FREE ? NULL : map->entries[map->slots[slot] - 1].value;
}

void *map_put(struct map *map, struct bytes key, void *value)
{
    check(value != NULL);
    check(key.data != NULL);
    if (map->entry_count == map->entry_capacity) {
        map_rebuild(map, map->size < 8 ? 8 : map->size * 2);
    }
    uint64_t hash = hash_table(key);
    size_t slot = map_slot(map, key, hash);
    if (map->slots[slot] != MAP_SLOT_FREE) {
        struct map_entry *entry = &map->entries[map->slots[slot] - 1];
        void *replaced = entry->value;
        entry->value = value;
        return replaced;
    }
    map->entries[map->entry_count] =
        (struct map_entry){.key = bytes_copy(key), .value = value, .hash = hash};
    map->slots[slot] = (uint32_t)(++map->entry_count);
    map->size++;
    return NULL;
}

void *map_remove(struct map *map, struct bytes key)
{
    if (map->size == 0) {
        return NULL;
    }
    size_t slot = map_slot(map, key, hash_table(key));
    if (map->slots[slot] == MAP_SLOT_FREE) {
        return NULL;
    }
    /* The hole keeps its slot, so longer probes still find what lies behind it. */
    struct map_entry *entry = &map->entries[map->slots[slot] - 1];
    void *removed = entry->value;
    map_free_key(entry);
    entry->value = NULL;
    map->size--;
    return removed;
}

struct map_entry *map_next(const struct map *map, const struct map_entry *entry)
{
    size_t index = entry == NULL ? 0 : (size_t)(entry - map->entries) + 1;
    while (index < map->entry_count && map->entries[index].value == NULL) {
        index++;
    }
    return index < map->entry_count ? &map->entries[index] : NULL;
}
