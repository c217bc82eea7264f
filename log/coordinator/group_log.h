/* The records of __consumer_offsets, in Kafka's formats. Inside log/coordinator.
 *
 *     key    int16 version: 0, 1 an offset; 2 a classic group; 3 to 8 and 16 a consumer group, its
 *            members, targets and expressions; others belong to kinds of groups we do not have
 *     value  int16 version, then the fields; null deletes
 *
 * Owns:   nothing; what is read borrows from the record and lives in the arena.
 * Thread: any. */
#pragma once

#include "log/coordinator/state_record.h"
#include "log/wire/batch.h"
#include "log/wire/messages.h"

enum group_log_kind { GROUP_LOG_OFFSET, GROUP_LOG_GROUP, GROUP_LOG_CONSUMER, GROUP_LOG_UNKNOWN };

/* The first number of a key. */
enum group_log_key {
    GROUP_LOG_KEY_OFFSET_OLD = 0,
    GROUP_LOG_KEY_OFFSET = 1,
    GROUP_LOG_KEY_GROUP = 2,
    GROUP_LOG_KEY_CONSUMER = 3,
    GROUP_LOG_KEY_CONSUMER_TOPICS = 4, /* of older brokers */
    GROUP_LOG_KEY_CONSUMER_MEMBER = 5,
    GROUP_LOG_KEY_CONSUMER_TARGET = 6,
    GROUP_LOG_KEY_CONSUMER_TARGET_MEMBER = 7,
    GROUP_LOG_KEY_CONSUMER_CURRENT = 8,
    GROUP_LOG_KEY_CONSUMER_REGEX = 16,
};

struct group_log_record {
    enum group_log_kind kind;
    struct bytes group;
    struct bytes topic; /* of an offset */
    struct bytes name;  /* of a consumer group's member or expression; null for the group */
    enum group_log_key key;
    int32_t partition;
    bool is_tombstone;
    union {
        struct offset_commit_value offset;
        struct group_metadata_value metadata;
    };
};

/* 0, or an error for a record of a known kind that cannot be read. */
must_use int group_log_read(struct bytes key, struct bytes value, struct arena *arena,
                            struct group_log_record *out);
/* The key of a record of a consumer group; `name` as in group_log_record. */
void group_log_write_key(struct buffer *out, enum group_log_key key, struct bytes group,
                         struct bytes name);
/* Appends a record of a consumer group as a line of text. */
void group_log_print(struct bytes key, struct bytes value, struct buffer *out);
/* The value of a group's record alone. */
must_use int group_log_read_metadata(struct bytes value, struct arena *arena,
                                     struct group_metadata_value *out);
/* NULL writes the tombstone. */
void group_log_write_offset(struct batch_builder *builder, int64_t now_ms, struct bytes group,
                            struct bytes topic, int32_t partition,
                            const struct offset_commit_value *value);
void group_log_write_group(struct batch_builder *builder, int64_t now_ms, struct bytes group,
                           const struct group_metadata_value *value);
