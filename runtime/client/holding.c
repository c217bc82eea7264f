/* Sets of partitions; see holding.h. */
#include "runtime/client/holding.h"

#include "log/base/endian.h"
#include "log/base/memory.h"

#include <stdlib.h>

struct holding_place {
    char *topic;
    int32_t partition;
};

static void holding_free_place(void *value)
{
    struct holding_place *place = value;
    free(place->topic);
    free(place);
}

void holding_init(struct holding *holding)
{
    map_init(&holding->places);
    buffer_init(&holding->key);
}

void holding_clear(struct holding *holding)
{
    map_fini(&holding->places, holding_free_place);
}

void holding_fini(struct holding *holding)
{
    holding_clear(holding);
    buffer_fini(&holding->key);
}

static struct bytes holding_key(struct holding *holding, struct bytes topic, int32_t partition)
{
    uint8_t suffix[4];
    endian_write_i32(suffix, partition);
    buffer_clear(&holding->key);
    buffer_add_bytes(&holding->key, topic);
    buffer_add(&holding->key, suffix, sizeof suffix);
    return buffer_bytes(&holding->key);
}

bool holding_has(struct holding *holding, struct bytes topic, int32_t partition)
{
    return map_find(&holding->places, holding_key(holding, topic, partition)) != NULL;
}

void holding_put(struct holding *holding, struct bytes topic, int32_t partition)
{
    if (holding_has(holding, topic, partition)) {
        return;
    }
    struct holding_place *place = memory_new(struct holding_place);
    place->topic = bytes_to_string(topic);
    place->partition = partition;
    map_put(&holding->places, buffer_bytes(&holding->key), place);
}

void holding_remove(struct holding *holding, struct bytes topic, int32_t partition)
{
    void *place = map_remove(&holding->places, holding_key(holding, topic, partition));
    if (place != NULL) {
        holding_free_place(place);
    }
}

void holding_put_all(struct holding *holding, const struct holding *other)
{
    for (map_each (&other->places, entry)) {
        const struct holding_place *place = entry->value;
        holding_put(holding, bytes_from_string(place->topic), place->partition);
    }
}

void holding_subtract(struct holding *holding, const struct holding *left, struct holding *right)
{
    holding_clear(holding);
    for (map_each (&left->places, entry)) {
        const struct holding_place *place = entry->value;
        struct bytes topic = bytes_from_string(place->topic);
        if (!holding_has(right, topic, place->partition)) {
            holding_put(holding, topic, place->partition);
        }
    }
}

size_t holding_count(const struct holding *holding)
{
    return holding->places.size;
}

struct member_partition *holding_list(const struct holding *holding, struct arena *arena)
{
    struct member_partition *list =
        arena_array(arena, struct member_partition, holding->places.size);
    size_t count = 0;
    for (map_each (&holding->places, entry)) {
        const struct holding_place *place = entry->value;
        list[count++] = (struct member_partition){
            .topic = place->topic, .partition = place->partition, .offset = -1};
    }
    return list;
}

static int holding_compare(const void *left, const void *right)
{
    const struct assignor_partition *a = left;
    const struct assignor_partition *b = right;
    int order = bytes_compare(a->topic, b->topic);
    return order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

struct assignor_partition *holding_claims(const struct holding *holding, struct arena *arena)
{
    struct assignor_partition *claims =
        arena_array(arena, struct assignor_partition, holding->places.size);
    size_t count = 0;
    for (map_each (&holding->places, entry)) {
        const struct holding_place *place = entry->value;
        claims[count++] = (struct assignor_partition){.topic = bytes_from_string(place->topic),
                                                      .partition = place->partition};
    }
    qsort(claims, count, sizeof *claims, holding_compare);
    return claims;
}
