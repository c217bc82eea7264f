/* Client quotas that were set: limits of entities, as the metadata log has them.
 *
 * Owns:   the table of entities and their limits.
 * Keeps:  (1) an entity has at least one limit;
 *         (2) a limit is above zero, and whole where its row says so;
 *         (3) an entity has a user or a client id or both, or an address alone.
 * Thread: the broker shard. */
#pragma once

#include "log/base/map.h"
#include "log/meta/quota_entity.h"

enum quota_kind {
#define QUOTA(id, name, parts, is_whole, doc) QUOTA_##id,
#include "log/meta/quota.def"
#undef QUOTA
    QUOTA_KINDS
};

struct quota_row {
    const char *name; /* "producer_byte_rate" */
    bool is_of_address;
    bool is_whole;
    const char *doc;
};

/* The limits of one entity; 0 stands for none. */
struct quota_limits {
    double values[QUOTA_KINDS];
};

struct quota_table {
    struct map limits; /* key of the entity to struct quota_limits * */
};

/* One that is in force: the entity whose clients share it, and how much. */
struct quota_found {
    double limit;
    struct quota_entity shared_by; /* names are those that were looked for */
};

const struct quota_row *quota_row(enum quota_kind kind);
/* False when there is no such quota. */
bool quota_find_kind(struct bytes name, enum quota_kind *out);

void quota_table_init(struct quota_table *table);
void quota_table_fini(struct quota_table *table);
/* 0 removes the limit. */
void quota_table_set(struct quota_table *table, const struct quota_entity *entity,
                     enum quota_kind kind, double value);
/* NULL when it has none. */
const struct quota_limits *quota_table_find(const struct quota_table *table,
                                            const struct quota_entity *entity);
/* What a client of this user and id is held to, by Kafka's order of precedence; false: nothing. */
bool quota_table_resolve(const struct quota_table *table, enum quota_kind kind, struct bytes user,
                         struct bytes client_id, struct quota_found *out);
/* The limit of an address; 0: none. */
double quota_table_resolve_address(const struct quota_table *table, enum quota_kind kind,
                                   struct bytes address);
bool quota_table_is_empty(const struct quota_table *table);
void quota_table_check(const struct quota_table *table);
