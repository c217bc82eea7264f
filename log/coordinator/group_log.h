/* The records of __consumer_offsets, in Kafka's formats. Inside log/coordinator.
 *
 *     key    int16 version: 0, 1 an offset; 2 a group; 3 and up other kinds of groups
 *     value  int16 version, then the fields; null deletes
 *
 * Owns:   nothing; what is read borrows from the record and lives in the arena.
 * Thread: any. */
#pragma once

#include "log/wire/batch.h"
#include "log/wire/messages.h"

enum group_log_kind { GROUP_LOG_OFFSET, GROUP_LOG_GROUP, GROUP_LOG_UNKNOWN };

struct group_log_record {
    enum group_log_kind kind;
    struct bytes group;
    struct bytes topic; /* of an offset */
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
/* The value of a group's record alone. */
must_use int group_log_read_metadata(struct bytes value, struct arena *arena,
                                     struct group_metadata_value *out);
/* NULL writes the tombstone. */
void group_log_write_offset(struct batch_builder *builder, int64_t now_ms, struct bytes group,
                            struct bytes topic, int32_t partition,
                            const struct offset_commit_value *value);
void group_log_write_group(struct batch_builder *builder, int64_t now_ms, struct bytes group,
                           const struct group_metadata_value *value);
