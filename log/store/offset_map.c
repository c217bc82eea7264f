/* Open addressing with linear probing; see offset_map.h. */
#include "log/store/offset_map.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <stdlib.h>

/* Nine places of ten may be used, as in Kafka. */
enum { OFFSET_MAP_LOAD = 9, OFFSET_MAP_LOAD_OF = 10, OFFSET_MAP_PLACES_MIN = 2 };

void offset_map_init(struct offset_map *map, size_t size_limit, uint64_t key_count,
                     const struct hash_secret *secret)
{
    _Static_assert(sizeof(struct offset_map_place) == 24, "as the sizes of Kafka's options assume");
    uint64_t places = size_limit / sizeof(struct offset_map_place);
    uint64_t wanted = key_count > UINT64_MAX / OFFSET_MAP_LOAD_OF
                          ? UINT64_MAX
                          : key_count * OFFSET_MAP_LOAD_OF / OFFSET_MAP_LOAD + 1;
    places = places > wanted ? wanted : places;
    places = places < OFFSET_MAP_PLACES_MIN ? OFFSET_MAP_PLACES_MIN : places;
    *map = (struct offset_map){
        .places = memory_zero(places, sizeof *map->places),
        .place_count = places,
        .size_max = places * OFFSET_MAP_LOAD / OFFSET_MAP_LOAD_OF,
        .secret = *secret,
    };
}

void offset_map_fini(struct offset_map *map)
{
    free(map->places);
    *map = (struct offset_map){0};
}

static size_t offset_map_index(const struct offset_map *map, struct hash_wide hash)
{
    return (size_t)((unsigned __int128)hash.words[0] * map->place_count >> 64);
}

struct hash_wide offset_map_hash(const struct offset_map *map, struct bytes key)
{
    struct hash_wide hash = hash_secure(&map->secret, key);
    __builtin_prefetch(&map->places[offset_map_index(map, hash)]);
    return hash;
}

/* The place of the hash, or the free one where it would go; there always is one. */
static struct offset_map_place *offset_map_place_of(const struct offset_map *map,
                                                    struct hash_wide hash)
{
    size_t index = offset_map_index(map, hash);
    for (;;) {
        struct offset_map_place *place = &map->places[index];
        if (place->next_offset == 0 ||
            (place->hash.words[0] == hash.words[0] && place->hash.words[1] == hash.words[1])) {
            return place;
        }
        index = index + 1 == map->place_count ? 0 : index + 1;
    }
}

bool offset_map_put(struct offset_map *map, struct hash_wide hash, int64_t offset)
{
    check(offset >= 0);
    struct offset_map_place *place = offset_map_place_of(map, hash);
    if (place->next_offset == 0) {
        if (map->size == map->size_max) {
            return false;
        }
        map->size++;
        place->hash = hash;
    }
    if (offset >= place->next_offset) {
        place->next_offset = offset + 1;
    }
    return true;
}

int64_t offset_map_find(const struct offset_map *map, struct hash_wide hash)
{
    return offset_map_place_of(map, hash)->next_offset - 1;
}
