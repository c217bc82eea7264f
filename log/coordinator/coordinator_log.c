/* What is written to the partitions of __consumer_offsets and what is read from them; see
 * coordinator.h and journal.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

enum { COORDINATOR_TOMBSTONE_COUNT = 1000 }; /* of one batch */

static void coordinator_use_record(struct coordinator *coordinator, int32_t index,
                                   const struct batch *batch, const struct group_log_record *record,
                                   struct bytes key, struct bytes value)
{
    struct coordinator_partition *partition = &coordinator->partitions[index];
    /* The topic may have had fewer partitions when this was written: the group lives elsewhere. */
    if (record->kind == GROUP_LOG_UNKNOWN ||
        journal_partition_of(coordinator->journal, record->group) != index) {
        return;
    }
    struct group *group = coordinator_make_group(coordinator, partition, record->group);
    if (record->kind == GROUP_LOG_OFFSET && batch_is_transactional(batch) &&
        !record->is_tombstone) {
        coordinator_stage_offset(partition, group, record, batch->producer_id);
    } else if (record->kind == GROUP_LOG_OFFSET) {
        offset_table_apply(&group->offsets, record->topic, record->partition,
                           record->is_tombstone ? NULL : &record->offset, partition->record_count);
    } else if (record->kind == GROUP_LOG_CONSUMER) {
        group_apply_record(group, key, value);
    } else {
        group_set_bytes(&group->logged, value);
    }
}

int coordinator_apply_record(void *owner, int32_t index, const struct batch *batch,
                             const struct batch_record *record)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    struct coordinator_partition *partition = &coordinator->partitions[index];
    struct group_log_record parsed;
    struct arena arena;
    partition->record_count++;
    if (batch_is_control(batch)) {
        bool is_commit = false;
        int32_t epoch = 0;
        if (batch_record_read_marker(record, &is_commit, &epoch)) {
            coordinator_end_transaction(partition, batch->producer_id, is_commit);
        }
        return 0;
    }
    arena_init(&arena, 0);
    int error = group_log_read(record->key, record->value, &arena, &parsed);
    if (error == 0) {
        coordinator_use_record(coordinator, index, batch, &parsed, record->key, record->value);
    }
    arena_fini(&arena);
    return error;
}

/* A tombstone that was not committed hides nothing any more; a consumer group is not what it seems.
 */
void coordinator_lose_record(void *owner, int32_t index, const struct batch *batch,
                             const struct batch_record *record)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    struct group_log_record parsed;
    struct arena arena;
    if (batch_is_control(batch)) {
        return;
    }
    arena_init(&arena, 0);
    int error = group_log_read(record->key, record->value, &arena, &parsed);
    check(error == 0); /* we wrote it */
    struct group *group =
        parsed.kind == GROUP_LOG_UNKNOWN
            ? NULL
            : (struct group *)map_find(&coordinator->partitions[index].groups, parsed.group);
    if (group != NULL && parsed.kind == GROUP_LOG_OFFSET && parsed.is_tombstone) {
        offset_table_spare(&group->offsets, parsed.topic, parsed.partition);
    }
    if (group != NULL && parsed.kind == GROUP_LOG_CONSUMER) {
        group->is_doubtful = true;
    }
    arena_fini(&arena);
}

/* Writes ------------------------------------------------------------------------------------- */

void coordinator_on_settled(void *owner, int32_t index, struct bytes group_id)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    struct group *group =
        (struct group *)map_find(&coordinator->partitions[index].groups, group_id);
    if (group != NULL && !bytes_is_null(group_id)) { /* markers are nobody's */
        group->underway_count--;
        if (group->is_doubtful && group->underway_count == 0 &&
            journal_status(coordinator->journal, index) == JOURNAL_ACTIVE) {
            group_reload(group);
        }
    }
}

static void coordinator_on_written(void *owner, void *write, int error)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    struct group_write *group_write = (struct group_write *)write;
    if (group_write != NULL) {
        group_write->done(&coordinator->host, group_write,
                          journal_translate(error, ERROR_INVALID_COMMIT_OFFSET_SIZE));
    }
}

void coordinator_write_batch(struct group_host *host, struct bytes group_id,
                             struct batch_builder *builder, struct group_write *group_write)
{
    struct coordinator *coordinator = coordinator_of(host);
    int32_t index = journal_partition_of(coordinator->journal, group_id);
    struct group *group =
        (struct group *)map_find(&coordinator->partitions[index].groups, group_id);
    check(group != NULL);
    group->underway_count++;
    journal_write(coordinator->journal, index, group_id, builder, coordinator_on_written,
                  group_write);
}

bool coordinator_write_tombstones(struct coordinator *coordinator, struct group *group,
                                  bool (*is_chosen)(void *owner,
                                                    const struct offset_table_entry *entry),
                                  void *owner, bool has_group, struct group_write *write)
{
    struct batch_builder builder;
    int64_t now_ms = io_wall_clock(coordinator->host.io);
    batch_builder_init(&builder, COMPRESS_NONE);
    for (map_each (&group->offsets.entries, place)) {
        struct offset_table_entry *entry = (struct offset_table_entry *)place->value;
        if (!is_chosen(owner, entry)) {
            continue;
        }
        if (builder.record_count == COORDINATOR_TOMBSTONE_COUNT) {
            coordinator->host.write(&coordinator->host, group->id, &builder, NULL);
        }
        offset_table_doom(entry);
        group_log_write_offset(&builder, now_ms, group->id, entry->topic, entry->partition, NULL);
    }
    if (has_group) {
        group_write_deletion(group, &builder);
    }
    bool has_written = builder.record_count > 0;
    if (has_written) {
        coordinator->host.write(&coordinator->host, group->id, &builder, write);
    }
    batch_builder_fini(&builder);
    return has_written;
}
