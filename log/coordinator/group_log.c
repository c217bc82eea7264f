/* Encodes and decodes the coordinator's records; see group_log.h. */
#include "log/coordinator/group_log.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

enum {
    GROUP_LOG_OFFSET_KEY_VERSION = 1,
    GROUP_LOG_GROUP_KEY_VERSION = 2,
    GROUP_LOG_VALUE_VERSION = 3,
    GROUP_LOG_VERSION_SIZE = 2,
};

static void group_log_on_appended(struct coordinator_append *append, int error)
{
    struct group_log *log = append->owner;
    log->group->append_count--;
    log->done(log, error);
    batch_builder_fini(&log->builder);
    free(log);
}

struct group_log *group_log_new(struct group *group, void (*done)(struct group_log *log, int error),
                                void *owner)
{
    struct group_log *log = memory_new(struct group_log);
    log->append = (struct coordinator_append){.done = group_log_on_appended, .owner = log};
    log->group = group;
    log->done = done;
    log->owner = owner;
    batch_builder_init(&log->builder, COMPRESS_NONE);
    return log;
}

static void group_log_encode(struct buffer *out, const struct wire_schema *schema, int16_t version,
                             const void *message)
{
    endian_write_i16(buffer_reserve(out, GROUP_LOG_VERSION_SIZE), version);
    out->size += GROUP_LOG_VERSION_SIZE;
    wire_write(out, schema, version, message);
}

/* `value` is NULL for a removal. */
static void group_log_add(struct group_log *log, const struct wire_schema *key_schema,
                          int16_t key_version, const void *key,
                          const struct wire_schema *value_schema, const void *value)
{
    struct buffer key_bytes;
    struct buffer value_bytes;
    struct bytes null = {NULL, 0};
    buffer_init(&key_bytes);
    buffer_init(&value_bytes);
    group_log_encode(&key_bytes, key_schema, key_version, key);
    if (value != NULL) {
        group_log_encode(&value_bytes, value_schema, GROUP_LOG_VALUE_VERSION, value);
    }
    batch_builder_add(&log->builder, io_wall_clock(log->group->coordinator->io),
                      buffer_bytes(&key_bytes), value == NULL ? null : buffer_bytes(&value_bytes),
                      NULL, 0);
    buffer_fini(&key_bytes);
    buffer_fini(&value_bytes);
}

void group_log_add_offset(struct group_log *log, const struct coordinator_offset *offset,
                          int64_t commit_ms)
{
    struct offset_commit_key key = {
        .group = log->group->id, .topic = offset->topic, .partition = offset->partition};
    struct offset_commit_value value = {.offset = offset->offset,
                                        .leader_epoch = offset->leader_epoch,
                                        .metadata = offset->metadata,
                                        .commit_timestamp_ms = commit_ms,
                                        .expire_timestamp_ms = -1};
    group_log_add(log, &offset_commit_key_schema, GROUP_LOG_OFFSET_KEY_VERSION, &key,
                  &offset_commit_value_schema, &value);
}

void group_log_remove_offset(struct group_log *log, struct bytes topic, int32_t partition)
{
    struct offset_commit_key key = {
        .group = log->group->id, .topic = topic, .partition = partition};
    group_log_add(log, &offset_commit_key_schema, GROUP_LOG_OFFSET_KEY_VERSION, &key, NULL, NULL);
}

void group_log_add_group(struct group_log *log)
{
    struct group *group = log->group;
    struct group_metadata_key key = {.group = group->id};
    struct group_metadata_value value = {.protocol_type = group->protocol_type,
                                         .generation = group->generation,
                                         .protocol = group->protocol,
                                         .leader = group->leader_id,
                                         .current_state_timestamp_ms = group->state_changed_ms};
    value.members.items =
        memory_zero(group->member_count, sizeof(struct group_metadata_value_member));
    for (list_each (&group->members, link)) {
        const struct group_member *member = list_member(link, struct group_member, link);
        value.members.items[value.members.count++] = (struct group_metadata_value_member){
            .member_id = member->id,
            .group_instance_id = member->instance_id,
            .client_id = member->client_id,
            .client_host = member->client_host,
            .rebalance_timeout_ms = member->rebalance_timeout_ms,
            .session_timeout_ms = member->session_timeout_ms,
            .subscription = group_metadata(member, group->protocol),
            .assignment = member->assignment};
    }
    group_log_add(log, &group_metadata_key_schema, GROUP_LOG_GROUP_KEY_VERSION, &key,
                  &group_metadata_value_schema, &value);
    free(value.members.items);
}

void group_log_remove_group(struct group_log *log)
{
    struct group_metadata_key key = {.group = log->group->id};
    group_log_add(log, &group_metadata_key_schema, GROUP_LOG_GROUP_KEY_VERSION, &key, NULL, NULL);
}

void group_log_send(struct group_log *log)
{
    struct coordinator *coordinator = log->group->coordinator;
    struct buffer data;
    buffer_init(&data);
    log->group->append_count++;
    check(batch_builder_finish(&log->builder, &data) == 0);
    coordinator->events->append(coordinator->owner, log->group->partition, data.data, data.size,
                                &log->append);
    buffer_fini(&data);
}

static int group_log_decode(struct bytes bytes, const struct wire_schema *schema,
                            struct arena *arena, void *out)
{
    if (bytes.size < GROUP_LOG_VERSION_SIZE) {
        return ERROR_CORRUPT;
    }
    struct wire_reader reader = {bytes.data + GROUP_LOG_VERSION_SIZE, bytes.data + bytes.size};
    int16_t version = endian_read_i16(bytes.data);
    return wire_read(&reader, schema, version, arena, out) == 0 ? 0 : ERROR_CORRUPT;
}

int group_log_read(const struct batch_record *record, struct arena *arena,
                   struct group_log_entry *out)
{
    if (record->key.size < GROUP_LOG_VERSION_SIZE) {
        return ERROR_CORRUPT;
    }
    int16_t version = endian_read_i16(record->key.data);
    int error = 0;
    out->is_removal = bytes_is_null(record->value);
    if (version == 0 || version == GROUP_LOG_OFFSET_KEY_VERSION) {
        out->kind = GROUP_LOG_OFFSET;
        error = group_log_decode(record->key, &offset_commit_key_schema, arena, &out->offset_key);
        if (error == 0 && !out->is_removal) {
            error = group_log_decode(record->value, &offset_commit_value_schema, arena,
                                     &out->offset_value);
        }
    } else if (version == GROUP_LOG_GROUP_KEY_VERSION) {
        out->kind = GROUP_LOG_GROUP;
        error = group_log_decode(record->key, &group_metadata_key_schema, arena, &out->group_key);
        if (error == 0 && !out->is_removal) {
            error = group_log_decode(record->value, &group_metadata_value_schema, arena,
                                     &out->group_value);
        }
    } else {
        out->kind = GROUP_LOG_OTHER;
    }
    return error;
}
