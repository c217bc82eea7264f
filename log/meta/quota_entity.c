/* Keys and names of quota entities; see quota_entity.h.
 *
 * A key is, for each part that is given: the part's number, 0 for the default or 1 for a name, the
 * name's size (two bytes), the name. */
#include "log/meta/quota_entity.h"

#include "log/base/check.h"

static const char *const quota_entity_part_names[QUOTA_ENTITY_PARTS] = {
    [QUOTA_ENTITY_USER] = "user", [QUOTA_ENTITY_CLIENT] = "client-id", [QUOTA_ENTITY_IP] = "ip"};

enum { QUOTA_ENTITY_HEAD_SIZE = 4 };

const char *quota_entity_part_name(enum quota_entity_part part)
{
    return quota_entity_part_names[part];
}

bool quota_entity_find_part(struct bytes name, enum quota_entity_part *out)
{
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        if (bytes_equal_string(name, quota_entity_part_names[part])) {
            *out = (enum quota_entity_part)part;
            return true;
        }
    }
    return false;
}

void quota_entity_add_key(const struct quota_entity *entity, struct buffer *key)
{
    for (int part = 0; part < QUOTA_ENTITY_PARTS; part++) {
        const struct quota_entity_name *name = &entity->parts[part];
        if (name->is_given) {
            check(name->name.size <= UINT16_MAX);
            buffer_add_byte(key, (uint8_t)part);
            buffer_add_byte(key, bytes_is_null(name->name) ? 0 : 1);
            buffer_add_byte(key, (uint8_t)(name->name.size >> 8));
            buffer_add_byte(key, (uint8_t)name->name.size);
            buffer_add_bytes(key, name->name);
        }
    }
}

struct quota_entity quota_entity_from_key(struct bytes key)
{
    struct quota_entity entity = {0};
    while (key.size > 0) {
        check(key.size >= QUOTA_ENTITY_HEAD_SIZE);
        check(key.data[0] < QUOTA_ENTITY_PARTS);
        size_t size = (size_t)key.data[2] << 8 | key.data[3];
        check(size <= key.size - QUOTA_ENTITY_HEAD_SIZE);
        struct quota_entity_name *name = &entity.parts[key.data[0]];
        name->is_given = true;
        if (key.data[1] != 0) {
            name->name = bytes_make(key.data + QUOTA_ENTITY_HEAD_SIZE, size);
        }
        key = bytes_make(key.data + QUOTA_ENTITY_HEAD_SIZE + size,
                         key.size - QUOTA_ENTITY_HEAD_SIZE - size);
    }
    return entity;
}
