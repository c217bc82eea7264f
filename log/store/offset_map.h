/* The latest offset of each key, by the hash of the key alone.
 *
 * Owns:   one table, made once; 24 bytes a place.
 * Keeps:  (1) the table never takes more than the size it was made for;
 *         (2) what is put stays, and a larger offset replaces a smaller one;
 *         (3) keys are told apart by 128 bits under a secret of this map, so that nobody can choose
 *             two keys that are taken for one (Kafka's MD5 can be deceived, and then drops
 *             somebody's records).
 * Thread: the owner's. */
#pragma once

#include "log/base/hash.h"

#include <stdbool.h>

struct offset_map_place {
    struct hash_wide hash;
    int64_t next_offset; /* one more than the offset; 0: free */
};

struct offset_map {
    struct offset_map_place *places;
    size_t place_count;
    size_t size;     /* keys */
    size_t size_max; /* keys */
    struct hash_secret secret;
};

/* For at most key_count keys, and not more than size_limit bytes hold; always for one. */
void offset_map_init(struct offset_map *map, size_t size_limit, uint64_t key_count,
                     const struct hash_secret *secret);
void offset_map_fini(struct offset_map *map);
/* What a key is known by. Its place comes near meanwhile: the table is larger than any cache, so
 * who asks for some keys first and uses them then does not wait for the memory each time. */
struct hash_wide offset_map_hash(const struct offset_map *map, struct bytes key);
/* False when the map is full and does not know the key. */
bool offset_map_put(struct offset_map *map, struct hash_wide hash, int64_t offset);
/* -1 when the key was never put. */
int64_t offset_map_find(const struct offset_map *map, struct hash_wide hash);
