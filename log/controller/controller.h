/* Decides what happens to the cluster: topics, their options, partitions, producer ids.
 *
 * An operation is judged against the picture (log/meta), becomes commands, and is answered after
 * they were applied here. Plain structs, so that auto-creation and the server use the same door.
 *
 * Owns:   the row of operations and this node's block of producer ids.
 * Keeps:  (1) one operation is under way at a time, in the order of the calls: a decision sees
 *         everything that was decided before it;
 *         (2) the commands of one operation are one proposal: all or none;
 *         (3) `done` comes exactly once, never inside the call, and after the listeners of meta;
 *         (4) a producer id is handed out once in the life of the cluster.
 * Thread: the broker shard. */
#pragma once

#include "log/base/arena.h"
#include "log/base/list.h"
#include "log/io/io.h"
#include "log/meta/config.h"
#include "log/meta/meta.h"
#include "log/quorum/quorum.h"

struct controller;
struct decision_kind;

/* The head of every operation; embedded by the caller, belongs to the controller until `done`. */
struct controller_operation {
    /* in */
    void (*done)(struct controller_operation *operation);
    void *owner;
    struct arena *arena; /* results and sentences live here; it lives until `done` */
    /* NULL, or asked before partitions of a topic that is otherwise good are created or deleted;
     * false refuses the topic with ERROR_THROTTLING_QUOTA_EXCEEDED (KIP-599). */
    bool (*permit)(struct controller_operation *operation, int32_t partition_count);
    /* out: 0, or why nothing was decided at all (ERROR_NOT_CONTROLLER, ERROR_SHUTDOWN) or is not
     * known (ERROR_CLOSED: it may still happen) */
    int error;
    /* the controller's */
    struct list_link link;
    const struct decision_kind *kind;
    struct quorum_proposal proposal;
    struct controller *controller;
};

/* What became of one topic or resource. `error` is a row of error.def; `message` may be NULL. */
struct controller_config {
    struct bytes name;
    struct bytes value; /* null is refused */
};

struct controller_assignment {
    int32_t partition;
    const int32_t *brokers; /* the preferred leader first */
    int32_t broker_count;
};

struct controller_new_topic {
    struct bytes name;
    int32_t partition_count;    /* -1: the broker's default, or given by the assignments */
    int16_t replication_factor; /* -1: the broker's default, at most the live brokers */
    const struct controller_assignment *assignments;
    int32_t assignment_count;
    const struct controller_config *configs;
    int32_t config_count;
};

struct controller_topic_result {
    int error;
    const char *message;
    bool is_repeated; /* a name that stands in the request before; answered there */
    struct bytes name;
    struct wire_uuid id;
    int32_t partition_count;
    int16_t replication_factor;
    const struct config_entry *configs; /* what the topic has, by creation and by default */
    size_t config_count;
};

struct controller_create_topics {
    struct controller_operation operation;
    const struct controller_new_topic *topics;
    size_t count;
    bool is_validate_only;
    struct controller_topic_result *results; /* out: one per topic */
};

struct controller_old_topic {
    struct bytes name; /* null: by id */
    struct wire_uuid id;
};

struct controller_delete_topics {
    struct controller_operation operation;
    const struct controller_old_topic *topics;
    size_t count;
    struct controller_topic_result *results;
};

struct controller_grown_topic {
    struct bytes name;
    int32_t partition_count;                         /* the new total */
    const struct controller_assignment *assignments; /* of the new partitions; NULL: ours */
    int32_t assignment_count;
};

struct controller_create_partitions {
    struct controller_operation operation;
    const struct controller_grown_topic *topics;
    size_t count;
    bool is_validate_only;
    struct controller_topic_result *results;
};

/* Kafka's numbers. */
enum controller_resource_kind {
    CONTROLLER_RESOURCE_TOPIC = 2,
    CONTROLLER_RESOURCE_BROKER = 4,
    CONTROLLER_RESOURCE_LOGGER = 8, /* not decided here: a broker's own */
    CONTROLLER_RESOURCE_CLIENT_METRICS = META_RESOURCE_CLIENT_METRICS,
    CONTROLLER_RESOURCE_GROUP = META_RESOURCE_GROUP,
};
enum controller_change_kind {
    CONTROLLER_CHANGE_SET = 0,
    CONTROLLER_CHANGE_DELETE = 1,
    CONTROLLER_CHANGE_APPEND = 2,
    CONTROLLER_CHANGE_SUBTRACT = 3,
};

struct controller_change {
    struct bytes name;
    struct bytes value; /* null only with DELETE */
    int8_t kind;        /* enum controller_change_kind; ignored by a full replacement */
};

struct controller_resource {
    int8_t kind;       /* enum controller_resource_kind; others are refused */
    struct bytes name; /* of a broker its id, or empty for all */
    const struct controller_change *changes;
    int32_t change_count;
};

struct controller_resource_result {
    int error;
    const char *message;
};

struct controller_alter_configs {
    struct controller_operation operation;
    const struct controller_resource *resources;
    size_t count;
    bool is_incremental; /* else the changes replace everything that was set (AlterConfigs) */
    bool is_validate_only;
    struct controller_resource_result *results;
};

struct controller_quota_part {
    struct bytes type; /* "user" */
    struct bytes name; /* null: the default */
};

struct controller_quota_change {
    struct bytes key; /* "producer_byte_rate" */
    double value;
    bool is_removed;
};

struct controller_quota_entry {
    const struct controller_quota_part *parts;
    int32_t part_count;
    const struct controller_quota_change *changes;
    int32_t change_count;
};

struct controller_alter_quotas {
    struct controller_operation operation;
    const struct controller_quota_entry *entries;
    size_t count;
    bool is_validate_only;
    struct controller_resource_result *results;
};

/* Kafka's numbers. */
enum controller_upgrade_kind {
    CONTROLLER_UPGRADE = 1,
    CONTROLLER_SAFE_DOWNGRADE = 2,
    CONTROLLER_UNSAFE_DOWNGRADE = 3,
};

struct controller_feature_update {
    struct bytes name;
    int16_t level; /* 0: off */
    int8_t kind;   /* enum controller_upgrade_kind; others are refused */
};

struct controller_update_features {
    struct controller_operation operation;
    const struct controller_feature_update *updates;
    size_t count;
    bool is_validate_only;
    int refusal; /* out: 0, or why nothing was changed */
    const char *message;
};

struct controller_producer_id {
    struct controller_operation operation;
    int64_t producer_id; /* out */
};

struct controller_registration {
    struct controller_operation operation;
    struct bytes cluster_id; /* for a new cluster; null or empty: made up */
};

/* The picture is complete up to the end of the log when it is handed in. */
struct controller *controller_new(struct io *io, struct quorum *quorum, struct meta *meta);
/* Operations in the row are called back with ERROR_SHUTDOWN on a later turn, the one under way when
 * the quorum lets go of it. */
void controller_free(struct controller *controller);
/* Who can hold copies; sorted, copied. At first it is this node alone. */
void controller_set_brokers(struct controller *controller, const int32_t *brokers, size_t count);

/* First of all: names a new cluster, finalizes features, registers this node. */
void controller_register(struct controller *controller, struct controller_registration *operation);
void controller_create_topics(struct controller *controller,
                              struct controller_create_topics *operation);
void controller_delete_topics(struct controller *controller,
                              struct controller_delete_topics *operation);
void controller_create_partitions(struct controller *controller,
                                  struct controller_create_partitions *operation);
void controller_alter_configs(struct controller *controller,
                              struct controller_alter_configs *operation);
void controller_alter_quotas(struct controller *controller,
                             struct controller_alter_quotas *operation);
void controller_update_features(struct controller *controller,
                                struct controller_update_features *operation);
void controller_take_producer_id(struct controller *controller,
                                 struct controller_producer_id *operation);
void controller_check(const struct controller *controller);
