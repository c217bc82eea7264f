/* A hash map from bytes to a pointer that iterates in the order of insertion.
 *
 * Owns:   a copy of each key; values belong to the caller.
 * Keeps:  iteration order never depends on addresses or time, so that a simulated run can be
 *         repeated; removing entries while iterating is allowed, adding is not.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"

struct map_entry {
    struct bytes key;
    void *value; /* never NULL; NULL marks a removed place */
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* in order of insertion, with holes */
    size_t entry_count;        /* places used, holes included */
    size_t entry_capacity;
    size_t size; /* live entries */
    uint32_t *slots;
    size_t slot_count; /* a power of two, or 0 */
};

/* for (map_each(map, entry)) visits every live entry. */
#define map_each(map, entry)                                                                       \
    struct map_entry *entry = map_next((map), NULL);                                               \
    entry != NULL;                                                                                 \
    entry = map_next((map), entry)

void map_init(struct map *map);
/* Frees the map and, if `free_value` is given, every value. */
void map_fini(struct map *map, void (*free_value)(void *value));
void *map_find(const struct map *map, struct bytes key);
/* Stores a non-NULL value; returns the one it replaces, or NULL. */
void *map_put(struct map *map, struct bytes key, void *value);
/* Returns the removed value, or NULL. */
void *map_remove(struct map *map, struct bytes key);
/* The entry after `entry`, the first for NULL, NULL at the end. */
struct map_entry *map_next(const struct map *map, const struct map_entry *entry);

static inline void *map_find_string(const struct map *map, const char *key)
{
    return map_find(map, bytes_from_string(key));
}
