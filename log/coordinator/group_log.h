/* Groups and offsets as records of __consumer_offsets, in Kafka's own formats.
 *
 * A key is an int16 version and a message: version 0 or 1 names an offset, 2 a group; other
 * versions are of protocols that are not served and are left alone. A value is an int16 version and
 * a message, or null for a removal. Written are OffsetCommitKey 1, OffsetCommitValue 3,
 * GroupMetadataKey 2, GroupMetadataValue 3.
 *
 * Owns:   a group_log is one append on its way: its batch and what to do when it is durable.
 * Thread: the coordinator's shard. */
#pragma once

#include "log/coordinator/coordinator.h"

struct group;

struct group_log {
    struct coordinator_append append;
    struct batch_builder builder;
    struct group *group;
    void (*done)(struct group_log *log, int error);
    void *owner;
    void *operation; /* the owner's */
};

/* One append for a group; send it or free it. */
struct group_log *group_log_new(struct group *group, void (*done)(struct group_log *log, int error),
                                void *owner);
void group_log_add_offset(struct group_log *log, const struct coordinator_offset *offset,
                          int64_t commit_ms);
void group_log_remove_offset(struct group_log *log, struct bytes topic, int32_t partition);
/* The group as it is now, with its members' assignments. */
void group_log_add_group(struct group_log *log);
void group_log_remove_group(struct group_log *log);
/* Appends; afterwards `done` comes once and the log is freed. */
void group_log_send(struct group_log *log);

enum group_log_kind { GROUP_LOG_OFFSET, GROUP_LOG_GROUP, GROUP_LOG_OTHER };

struct group_log_entry {
    enum group_log_kind kind;
    bool is_removal;
    struct offset_commit_key offset_key;
    struct offset_commit_value offset_value;
    struct group_metadata_key group_key;
    struct group_metadata_value group_value;
};

/* ERROR_CORRUPT for a record that follows none of the formats. */
must_use int group_log_read(const struct batch_record *record, struct arena *arena,
                            struct group_log_entry *out);
