/* The table of client quotas and the order in which they are looked for; see quota.h. */
#include "log/meta/quota.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <math.h>
#include <stdlib.h>

#define QUOTA_PARTS_U false
#define QUOTA_PARTS_I true

static const struct quota_row quota_rows[QUOTA_KINDS] = {
#define QUOTA(id, name, parts, is_whole, doc)                                                      \
    [QUOTA_##id] = {name, QUOTA_PARTS_##parts, is_whole, doc},
#include "log/meta/quota.def"
#undef QUOTA
};

/* How a user's and a client's name take part in a place where a quota may be set. */
enum quota_part { QUOTA_ABSENT, QUOTA_NAMED, QUOTA_OTHERS };

/* Kafka's order: the user counts more than the client, a name more than the default. */
static const struct {
    enum quota_part user;
    enum quota_part client;
} quota_places[] = {
    {QUOTA_NAMED, QUOTA_NAMED},  {QUOTA_NAMED, QUOTA_OTHERS},  {QUOTA_NAMED, QUOTA_ABSENT},
    {QUOTA_OTHERS, QUOTA_NAMED}, {QUOTA_OTHERS, QUOTA_OTHERS}, {QUOTA_OTHERS, QUOTA_ABSENT},
    {QUOTA_ABSENT, QUOTA_NAMED}, {QUOTA_ABSENT, QUOTA_OTHERS},
};

const struct quota_row *quota_row(enum quota_kind kind)
{
    return &quota_rows[kind];
}

bool quota_find_kind(struct bytes name, enum quota_kind *out)
{
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        if (bytes_equal_string(name, quota_rows[kind].name)) {
            *out = (enum quota_kind)kind;
            return true;
        }
    }
    return false;
}

void quota_table_init(struct quota_table *table)
{
    map_init(&table->limits);
}

void quota_table_fini(struct quota_table *table)
{
    map_fini(&table->limits, free);
}

bool quota_table_is_empty(const struct quota_table *table)
{
    return table->limits.size == 0;
}

static bool quota_limits_are_none(const struct quota_limits *limits)
{
    bool is_none = true;
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        is_none = is_none && limits->values[kind] == 0;
    }
    return is_none;
}

void quota_table_set(struct quota_table *table, const struct quota_entity *entity,
                     enum quota_kind kind, double value)
{
    struct buffer key;
    buffer_init(&key);
    quota_entity_add_key(entity, &key);
    struct quota_limits *limits =
        (struct quota_limits *)map_find(&table->limits, buffer_bytes(&key));
    if (limits == NULL) {
        limits = memory_new(struct quota_limits);
        map_put(&table->limits, buffer_bytes(&key), limits);
    }
    limits->values[kind] = value;
    if (quota_limits_are_none(limits)) {
        map_remove(&table->limits, buffer_bytes(&key));
        free(limits);
    }
    buffer_fini(&key);
}

const struct quota_limits *quota_table_find(const struct quota_table *table,
                                            const struct quota_entity *entity)
{
    struct buffer key;
    buffer_init(&key);
    quota_entity_add_key(entity, &key);
    const struct quota_limits *limits =
        (const struct quota_limits *)map_find(&table->limits, buffer_bytes(&key));
    buffer_fini(&key);
    return limits;
}

static void quota_entity_fill(struct quota_entity *entity, enum quota_entity_part part,
                              enum quota_part how, struct bytes name)
{
    entity->parts[part] = (struct quota_entity_name){
        .is_given = how != QUOTA_ABSENT,
        .name = how == QUOTA_NAMED ? name : (struct bytes){NULL, 0},
    };
}

/* Those who are held to a default each have it for themselves. */
bool quota_table_resolve(const struct quota_table *table, enum quota_kind kind, struct bytes user,
                         struct bytes client_id, struct quota_found *out)
{
    for (size_t i = 0; i < sizeof quota_places / sizeof *quota_places; i++) {
        struct quota_entity entity = {0};
        quota_entity_fill(&entity, QUOTA_ENTITY_USER, quota_places[i].user, user);
        quota_entity_fill(&entity, QUOTA_ENTITY_CLIENT, quota_places[i].client, client_id);
        const struct quota_limits *limits = quota_table_find(table, &entity);
        if (limits != NULL && limits->values[kind] > 0) {
            *out = (struct quota_found){.limit = limits->values[kind], .shared_by = entity};
            if (entity.parts[QUOTA_ENTITY_USER].is_given) {
                out->shared_by.parts[QUOTA_ENTITY_USER].name = user;
            }
            if (entity.parts[QUOTA_ENTITY_CLIENT].is_given) {
                out->shared_by.parts[QUOTA_ENTITY_CLIENT].name = client_id;
            }
            return true;
        }
    }
    return false;
}

double quota_table_resolve_address(const struct quota_table *table, enum quota_kind kind,
                                   struct bytes address)
{
    struct quota_entity entity = {0};
    entity.parts[QUOTA_ENTITY_IP] = (struct quota_entity_name){.is_given = true, .name = address};
    const struct quota_limits *limits = quota_table_find(table, &entity);
    if (limits == NULL || limits->values[kind] == 0) {
        entity.parts[QUOTA_ENTITY_IP].name = (struct bytes){NULL, 0};
        limits = quota_table_find(table, &entity);
    }
    return limits == NULL ? 0 : limits->values[kind];
}

void quota_table_check(const struct quota_table *table)
{
    for (map_each (&table->limits, entry)) {
        const struct quota_limits *limits = (const struct quota_limits *)entry->value;
        struct quota_entity entity = quota_entity_from_key(entry->key);
        bool has_address = entity.parts[QUOTA_ENTITY_IP].is_given;
        bool has_client =
            entity.parts[QUOTA_ENTITY_USER].is_given || entity.parts[QUOTA_ENTITY_CLIENT].is_given;
        check(!quota_limits_are_none(limits)); /* (1) */
        check(has_address != has_client);      /* (3) */
        for (int kind = 0; kind < QUOTA_KINDS; kind++) {
            double value = limits->values[kind];
            check(value >= 0); /* (2) */
            check(!quota_rows[kind].is_whole || floor(value) == value);
        }
    }
}
