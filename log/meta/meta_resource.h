/* Resources that exist only as configurations: subscriptions to client metrics, settings of groups.
 * Inside log/meta.
 *
 * Owns:   its resources and their values.
 * Keeps:  a resource has at least one value; names are unique within a kind.
 * Thread: the broker shard. */
#pragma once

#include "log/meta/meta.h"

struct meta_resource_set {
    struct map resources; /* kind and name to struct meta_resource * */
};

void meta_resource_set_init(struct meta_resource_set *set);
void meta_resource_set_fini(struct meta_resource_set *set);
/* NULL when nothing is set on it. */
struct meta_resource *meta_resource_set_find(const struct meta_resource_set *set, int8_t kind,
                                             struct bytes name);
/* Made when it is new. */
struct meta_resource *meta_resource_set_get(struct meta_resource_set *set, int8_t kind,
                                            struct bytes name);
/* Forgets it when it has no values any more. */
void meta_resource_set_trim(struct meta_resource_set *set, struct meta_resource *resource);
void meta_resource_set_check(const struct meta_resource_set *set);
