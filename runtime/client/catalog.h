/* What is known of the cluster: brokers, topics, and who leads their partitions.
 *
 * Owns:   copies of what brokers told.
 * Keeps:  (1) a leader epoch never goes back while the topic's id stays the same (KIP-320);
 *         (2) partitions are dense and stand at their index.
 * Thread: its client's shard. */
#pragma once

#include "log/base/map.h"
#include "log/wire/messages.h"
#include "runtime/client/client.h"

struct catalog_broker {
    int32_t node_id;
    char *address;
};

struct catalog {
    struct map topics; /* name to struct client_topic */
    struct catalog_broker *brokers;
    size_t broker_count;
    int32_t controller_id; /* -1: unknown */
    char *loopback;        /* the bootstrap address when it is one, else NULL */
};

void catalog_init(struct catalog *catalog, const char *loopback);
void catalog_fini(struct catalog *catalog);
/* Takes over an answer; with `is_all` topics it does not name are unknown from now on. */
void catalog_apply(struct catalog *catalog, const struct metadata_response *response, bool is_all);
void catalog_add_broker(struct catalog *catalog, int32_t node_id, struct bytes host, int32_t port);
/* NULL when the broker is unknown. */
const char *catalog_find_broker(const struct catalog *catalog, int32_t node_id);
const struct client_topic *catalog_find_topic(const struct catalog *catalog, const char *name);
/* Forgets the leaders of a topic, not their epochs. */
void catalog_expire_topic(struct catalog *catalog, const char *name);
void catalog_check(const struct catalog *catalog);
