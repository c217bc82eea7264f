/* Whom a client quota is for (KIP-55, KIP-546): users, client ids, both together, or addresses;
 * each by name or as the default of all without one.
 *
 * A plain value; names are borrowed. Its key orders and compares entities.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"

enum quota_entity_part {
    QUOTA_ENTITY_USER,
    QUOTA_ENTITY_CLIENT,
    QUOTA_ENTITY_IP,
    QUOTA_ENTITY_PARTS
};

struct quota_entity_name {
    bool is_given;
    struct bytes name; /* null: the default */
};

struct quota_entity {
    struct quota_entity_name parts[QUOTA_ENTITY_PARTS];
};

/* "user", "client-id", "ip". */
const char *quota_entity_part_name(enum quota_entity_part part);
/* False when there is no such part. */
bool quota_entity_find_part(struct bytes name, enum quota_entity_part *out);
/* Appends bytes that are the same for the same entity only. */
void quota_entity_add_key(const struct quota_entity *entity, struct buffer *key);
/* The entity of a key; its names point into the key. */
struct quota_entity quota_entity_from_key(struct bytes key);
