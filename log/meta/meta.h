/* The picture of the cluster: the fold of the commands in the metadata log.
 *
 * Everybody reads it; it changes only through meta_apply, in log order. Who must act on a change
 * (open logs, tell coordinators) listens: listeners are called inside meta_apply, in the order in
 * which they were added, so that a change is complete everywhere before the proposal that caused it
 * is answered and before anybody can see a topic that cannot be used.
 *
 * Owns:   topics, values of brokers and other resources, quotas, producer id blocks, features.
 * Keeps:  (1) topics have unique names and unique ids; both indexes hold the same topics, and the
 *         row in name order is strictly rising;
 *         (2) the partitions of a topic are numbered 0 to partition_count - 1 without a gap;
 *         (3) a leader is -1 or one of the partition's in-sync replicas, and those are replicas;
 *         (4) leader epochs never fall;
 *         (5) a topic's options are what config_layers makes of its values;
 *         (6) producer id blocks never overlap: each starts at or behind next_producer_id.
 * Thread: the broker shard. */
#pragma once

#include "log/base/arena.h"
#include "log/base/list.h"
#include "log/base/map.h"
#include "log/meta/broker_options.h"
#include "log/meta/config.h"
#include "log/meta/quota.h"
#include "log/meta/topic_options.h"
#include "log/wire/wire.h"

struct meta;

struct meta_partition {
    int32_t index;
    int32_t leader; /* -1: none */
    int32_t leader_epoch;
    int32_t replica_count;
    int32_t isr_count;
    int32_t *replicas; /* the preferred leader first */
    int32_t *isr;
};

struct meta_topic {
    char *name;
    struct wire_uuid id;
    int32_t partition_count;
    struct meta_partition *partitions;
    struct map configs; /* what was set on the topic: name to char * */
    struct topic_options options;
    bool is_internal; /* __consumer_offsets, __transaction_state */
};

/* Kafka's numbers of the kinds that exist only as configurations. */
enum meta_resource_kind { META_RESOURCE_CLIENT_METRICS = 16, META_RESOURCE_GROUP = 32 };

struct meta_resource {
    int8_t kind; /* enum meta_resource_kind */
    char *name;
    struct map configs; /* name to char * */
};

/* Embedded by the listener; any function may be NULL. */
struct meta_listener {
    struct list_link link; /* the meta's */
    void *owner;
    void (*topic_created)(void *owner, const struct meta_topic *topic);
    /* Still whole; gone from all lookups, freed after the last listener. */
    void (*topic_deleted)(void *owner, const struct meta_topic *topic);
    void (*topic_config_changed)(void *owner, const struct meta_topic *topic);
    /* Partitions from first_index on are new. */
    void (*partitions_added)(void *owner, const struct meta_topic *topic, int32_t first_index);
    /* Leader, epoch or ISR of a partition changed. */
    void (*partition_changed)(void *owner, const struct meta_topic *topic, int32_t index);
    void (*broker_config_changed)(void *owner);
    void (*resource_config_changed)(void *owner, int8_t kind, struct bytes name);
    void (*client_quota_changed)(void *owner);
    void (*producer_ids_allocated)(void *owner, int32_t node, int64_t first_id, int32_t count);
};

/* `file`: the values of server.properties (name to char *), borrowed for life; NULL for none. */
struct meta *meta_new(int32_t node_id, const struct map *file);
void meta_free(struct meta *meta);
/* ERROR_CORRUPT for bytes that are no command, ERROR_UNSUPPORTED for a kind that this version does
 * not know, ERROR_INVALID for a command that does not fit the picture; then nothing changed. The
 * log is written by us alone, so every one of these means that this process must not go on. */
must_use int meta_apply(struct meta *meta, struct bytes command);
void meta_listen(struct meta *meta, struct meta_listener *listener);
void meta_unlisten(struct meta_listener *listener);

/* NULL when there is none. A topic lives until the apply that deletes it. */
const struct meta_topic *meta_find_topic(const struct meta *meta, struct bytes name);
const struct meta_topic *meta_find_topic_id(const struct meta *meta, struct wire_uuid id);
/* NULL when the topic has no such partition. */
const struct meta_partition *meta_find_partition(const struct meta_topic *topic, int32_t index);
/* Topics in the order of their names, bytewise: 0 to meta_topic_count - 1. */
size_t meta_topic_count(const struct meta *meta);
const struct meta_topic *meta_topic_at(const struct meta *meta, size_t index);

int32_t meta_node_id(const struct meta *meta);
/* "" until the cluster is named. */
const char *meta_cluster_id(const struct meta *meta);
/* How many times nodes were registered; 0 on a fresh log. */
int64_t meta_registration_count(const struct meta *meta);
/* The node that was registered first, whose log this is; -1 on a fresh log. */
int32_t meta_registered_node(const struct meta *meta);
int64_t meta_next_producer_id(const struct meta *meta);
/* The finalized level of a feature ("transaction.version"), 0 when it was never set. */
int32_t meta_feature_level(const struct meta *meta, const char *name);
/* Whether it was ever set: switched off (level 0) is not the same as new. */
bool meta_has_feature(const struct meta *meta, const char *name);
/* Grows with every change of a feature. */
int64_t meta_feature_epoch(const struct meta *meta);

/* The values in force on this node. */
const struct broker_options *meta_broker_options(const struct meta *meta);
/* What a topic without values of its own would have. */
const struct topic_options *meta_topic_defaults(const struct meta *meta);
/* Dynamic values: of a node ("1") or of all ("") ; NULL when there are none. */
const struct map *meta_broker_configs(const struct meta *meta, const char *node);
/* NULL when nothing is set on it. Valid until the next apply, as all resources. */
const struct meta_resource *meta_find_resource(const struct meta *meta, int8_t kind,
                                               struct bytes name);
void meta_each_resource(const struct meta *meta, int8_t kind,
                        void (*each)(void *owner, const struct meta_resource *resource),
                        void *owner);
/* The settings of a group: its own, over the broker's, over the defaults. */
void meta_read_group_options(const struct meta *meta, struct bytes group,
                             struct group_options *out);
const struct quota_table *meta_quotas(const struct meta *meta);
/* `topic` NULL: the layers of the broker. Valid until the next apply. */
struct config_layers meta_config_layers(const struct meta *meta, const struct meta_topic *topic);

/* "" or a sentence fragment that says why the name is not allowed. */
const char *meta_refuse_topic_name(struct bytes name);
bool meta_is_internal_name(struct bytes name);
static inline bool meta_uuid_equal(struct wire_uuid left, struct wire_uuid right)
{
    return bytes_equal(bytes_make(left.octets, sizeof left.octets),
                       bytes_make(right.octets, sizeof right.octets));
}
/* 22 characters and a NUL: URL-safe base64, as Kafka prints ids. */
enum { META_UUID_TEXT_SIZE = 23 };
void meta_print_uuid(struct wire_uuid id, char out[META_UUID_TEXT_SIZE]);
/* Makes an id of random octets as Kafka makes them: version 4, and its text does not begin with a
 * dash, which command lines would take for a flag. */
void meta_tame_uuid(struct wire_uuid *id);
/* Asserts the invariants above. */
void meta_check(const struct meta *meta);
