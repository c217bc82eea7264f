/* Configurations without anything behind them, by kind and name; see meta_resource.h. */
#include "log/meta/meta_resource.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

static void meta_resource_free(void *value)
{
    struct meta_resource *resource = (struct meta_resource *)value;
    map_fini(&resource->configs, free);
    free(resource->name);
    free(resource);
}

static struct bytes meta_resource_key(struct buffer *key, int8_t kind, struct bytes name)
{
    buffer_init(key);
    buffer_add_byte(key, (uint8_t)kind);
    buffer_add_bytes(key, name);
    return buffer_bytes(key);
}

void meta_resource_set_init(struct meta_resource_set *set)
{
    map_init(&set->resources);
}

void meta_resource_set_fini(struct meta_resource_set *set)
{
    map_fini(&set->resources, meta_resource_free);
}

struct meta_resource *meta_resource_set_find(const struct meta_resource_set *set, int8_t kind,
                                             struct bytes name)
{
    struct buffer key;
    struct meta_resource *resource =
        (struct meta_resource *)map_find(&set->resources, meta_resource_key(&key, kind, name));
    buffer_fini(&key);
    return resource;
}

struct meta_resource *meta_resource_set_get(struct meta_resource_set *set, int8_t kind,
                                            struct bytes name)
{
    struct meta_resource *resource = meta_resource_set_find(set, kind, name);
    if (resource != NULL) {
        return resource;
    }
    struct buffer key;
    resource = memory_new(struct meta_resource);
    resource->kind = kind;
    resource->name = bytes_to_string(name);
    map_init(&resource->configs);
    map_put(&set->resources, meta_resource_key(&key, kind, name), resource);
    buffer_fini(&key);
    return resource;
}

void meta_resource_set_trim(struct meta_resource_set *set, struct meta_resource *resource)
{
    if (resource->configs.size > 0) {
        return;
    }
    struct buffer key;
    map_remove(&set->resources,
               meta_resource_key(&key, resource->kind, bytes_from_string(resource->name)));
    buffer_fini(&key);
    meta_resource_free(resource);
}

void meta_resource_set_check(const struct meta_resource_set *set)
{
    for (map_each (&set->resources, entry)) {
        const struct meta_resource *resource = (const struct meta_resource *)entry->value;
        check(resource->configs.size > 0);
        check(meta_resource_set_find(set, resource->kind, bytes_from_string(resource->name)) ==
              resource);
    }
}
