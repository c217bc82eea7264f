/* What a person asks of a cluster: topics, configurations, groups, offsets. Each call is one
 * question with one answer, for the command line and the mill's own needs.
 *
 * Owns:   the question between call and answer.
 * Keeps:  (1) each `done` is called exactly once, on a later turn, unless it was cancelled; what
 *             comes with it is valid until it returns;
 *         (2) errors that heal are repeated until the client's request timeout has passed;
 *         (3) inputs are copied before the call returns.
 * Thread: its client's shard. All are answered before the client is closed. */
#pragma once

#include "log/wire/messages.h"
#include "runtime/client/member.h"

struct admin_call;

/* Takes the question back. */
void admin_cancel(struct admin_call *call);

/* `text`: the broker's own sentence, or that of the error; never NULL. */
typedef void admin_done(void *owner, int error, const char *text);

struct admin_config {
    const char *name;
    const char *value; /* NULL: back to the default */
};

struct admin_topic_options {
    const char *topic;
    int32_t partition_count;    /* -1: the broker's default */
    int16_t replication_factor; /* -1: the broker's default */
    const struct admin_config *configs;
    size_t config_count;
    bool is_dry_run; /* only validates */
};

struct admin_call *admin_create_topic(struct client *client,
                                      const struct admin_topic_options *options, admin_done *done,
                                      void *owner);
struct admin_call *admin_delete_topic(struct client *client, const char *topic, admin_done *done,
                                      void *owner);
struct admin_call *admin_grow_topic(struct client *client, const char *topic,
                                    int32_t partition_count, admin_done *done, void *owner);

/* Configurations belong to a topic, or to a broker by its number in decimal ("": all brokers). */
enum admin_resource { ADMIN_TOPIC = 2, ADMIN_BROKER = 4 };

/* With 0 the rows of one resource. */
typedef void admin_configs_done(void *owner, int error, const char *text,
                                const struct describe_configs_response_result *configs);
struct admin_call *admin_describe_configs(struct client *client, enum admin_resource resource,
                                          const char *name, admin_configs_done *done, void *owner);
struct admin_call *admin_alter_configs(struct client *client, enum admin_resource resource,
                                       const char *name, const struct admin_config *configs,
                                       size_t count, bool is_dry_run, admin_done *done,
                                       void *owner);

/* With 0 all groups of all brokers. */
typedef void admin_groups_done(void *owner, int error,
                               const struct list_groups_response_group *groups, size_t count);
struct admin_call *admin_list_groups(struct client *client, admin_groups_done *done, void *owner);
/* A group that does not exist is "Dead", or ERROR_GROUP_ID_NOT_FOUND from newer brokers. */
typedef void admin_group_done(void *owner, int error, const char *text,
                              const struct describe_groups_response_group *group);
struct admin_call *admin_describe_group(struct client *client, const char *group,
                                        admin_group_done *done, void *owner);
struct admin_call *admin_delete_group(struct client *client, const char *group, admin_done *done,
                                      void *owner);

/* For admin_list_offsets: a time in milliseconds since the epoch, or one of these. */
enum { ADMIN_TIME_LATEST = -1, ADMIN_TIME_EARLIEST = -2, ADMIN_TIME_MAX_TIMESTAMP = -3 };

struct admin_offset {
    const char *topic;
    int32_t partition;
    int64_t time;   /* in */
    int64_t offset; /* out; -1: no record is that young */
    int64_t timestamp_ms;
    int error; /* of this partition */
};
typedef void admin_offsets_done(void *owner, int error, const struct admin_offset *offsets,
                                size_t count);
/* Asks the leaders of all the partitions. */
struct admin_call *admin_list_offsets(struct client *client, const struct admin_offset *offsets,
                                      size_t count, bool is_read_committed,
                                      admin_offsets_done *done, void *owner);

/* What a group has committed; `partitions` NULL: everything. */
typedef void admin_committed_done(void *owner, int error, const struct member_partition *partitions,
                                  size_t count);
struct admin_call *admin_fetch_offsets(struct client *client, const char *group,
                                       const struct member_partition *partitions, size_t count,
                                       admin_committed_done *done, void *owner);
/* Allowed while the group is empty. */
struct admin_call *admin_commit_offsets(struct client *client, const char *group,
                                        const struct member_partition *partitions, size_t count,
                                        admin_done *done, void *owner);
