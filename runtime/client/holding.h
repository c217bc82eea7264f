/* A set of partitions, in the order they were put in.
 *
 * Owns:   copies of the topics' names.
 * Thread: the owner's. */
#pragma once

#include "log/base/arena.h"
#include "log/base/map.h"
#include "runtime/client/assignor.h"
#include "runtime/client/member.h"

struct holding {
    struct map places; /* topic and partition to struct holding_place */
    struct buffer key;
};

void holding_init(struct holding *holding);
void holding_fini(struct holding *holding);
void holding_clear(struct holding *holding);
void holding_put(struct holding *holding, struct bytes topic, int32_t partition);
void holding_remove(struct holding *holding, struct bytes topic, int32_t partition);
bool holding_has(struct holding *holding, struct bytes topic, int32_t partition);
/* Puts in all of `other`. */
void holding_put_all(struct holding *holding, const struct holding *other);
/* Makes it `left` without `right`. */
void holding_subtract(struct holding *holding, const struct holding *left, struct holding *right);
size_t holding_count(const struct holding *holding);
/* The members as lists in the arena; names stay the holding's. Offsets are -1. */
struct member_partition *holding_list(const struct holding *holding, struct arena *arena);
struct assignor_partition *holding_claims(const struct holding *holding, struct arena *arena);
