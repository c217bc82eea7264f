/* What is written to the partitions of __consumer_offsets and what is read from them; see
 * coordinator.h.
 *
 * A write keeps its batch until it is committed, and then applies the very records it wrote, with
 * the function that loading uses. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

enum {
    COORDINATOR_BATCH_SIZE_MAX = 256 << 20,
    COORDINATOR_TOMBSTONE_COUNT = 1000, /* of one batch */
};

/* One batch on its way. */
struct coordinator_write {
    struct coordinator_append append;
    struct list_link link;
    struct coordinator *coordinator; /* NULL: it lost interest */
    struct coordinator_partition *partition;
    struct buffer batch;
    struct bytes group_id; /* owned */
    struct group_write *write;
    bool is_done;
    int error;
};

static void coordinator_apply_record(struct coordinator *coordinator,
                                     struct coordinator_partition *partition,
                                     const struct group_log_record *record, struct bytes value)
{
    if (record->kind == GROUP_LOG_UNKNOWN) {
        return;
    }
    /* The topic had fewer partitions when this was written: the group lives elsewhere by now. */
    int32_t index = coordinator_partition_of(coordinator, record->group);
    if (&coordinator->partitions[index] != partition) {
        return;
    }
    struct group *group = coordinator_make_group(coordinator, partition, record->group);
    if (record->kind == GROUP_LOG_OFFSET) {
        offset_table_apply(&group->offsets, record->topic, record->partition,
                           record->is_tombstone ? NULL : &record->offset);
    } else {
        group_set_bytes(&group->logged, value);
    }
}

/* A record that was not committed: its tombstone hides nothing any more. */
static void coordinator_lose_record(struct coordinator *coordinator,
                                    struct coordinator_partition *partition,
                                    const struct group_log_record *record, struct bytes value)
{
    (void)coordinator;
    (void)value;
    struct group *group = (struct group *)map_find(&partition->groups, record->group);
    if (group != NULL && record->kind == GROUP_LOG_OFFSET && record->is_tombstone) {
        offset_table_spare(&group->offsets, record->topic, record->partition);
    }
}

typedef void coordinator_use_record(struct coordinator *coordinator,
                                    struct coordinator_partition *partition,
                                    const struct group_log_record *record, struct bytes value);

static int coordinator_use_batch(struct coordinator *coordinator,
                                 struct coordinator_partition *partition, const struct batch *batch,
                                 coordinator_use_record *use)
{
    struct batch_iterator iterator;
    struct batch_record record;
    struct arena arena;
    if (batch_is_control(batch)) {
        return 0;
    }
    int error = batch_iterator_open(&iterator, batch, COORDINATOR_BATCH_SIZE_MAX);
    if (error != 0) {
        return error;
    }
    arena_init(&arena, 0);
    int state = 0;
    while (error == 0 && (state = batch_iterator_next(&iterator, &record)) == 1) {
        struct group_log_record parsed;
        error = group_log_read(record.key, record.value, &arena, &parsed);
        if (error == 0) {
            use(coordinator, partition, &parsed, record.value);
        }
        arena_clear(&arena);
    }
    arena_fini(&arena);
    batch_iterator_close(&iterator);
    return error != 0 ? error : state;
}

static int coordinator_use_bytes(struct coordinator *coordinator,
                                 struct coordinator_partition *partition, struct bytes bytes,
                                 coordinator_use_record *use)
{
    while (bytes.size > 0) {
        struct batch batch;
        int error = batch_read_header(bytes, &batch, NULL);
        if (error == 0) {
            error = coordinator_use_batch(coordinator, partition, &batch, use);
        }
        if (error != 0) {
            return error == ERROR_TRUNCATED ? ERROR_CORRUPT : error;
        }
        bytes = bytes_make(bytes.data + batch.bytes.size, bytes.size - batch.bytes.size);
    }
    return 0;
}

int coordinator_apply_batches(struct coordinator *coordinator,
                              struct coordinator_partition *partition, struct bytes batches)
{
    return coordinator_use_bytes(coordinator, partition, batches, coordinator_apply_record);
}

/* Writes ------------------------------------------------------------------------------------- */

/* What a client is told when the log refused. */
static int coordinator_translate(int error)
{
    switch (error) {
    case 0:
        return 0;
    case ERROR_NOT_LEADER:
    case ERROR_NOT_FOUND:
    case ERROR_FENCED_LEADER_EPOCH:
        return ERROR_NOT_COORDINATOR;
    case ERROR_MESSAGE_TOO_LARGE:
    case ERROR_RECORD_LIST_TOO_LARGE:
        return ERROR_INVALID_COMMIT_OFFSET_SIZE;
    }
    return ERROR_COORDINATOR_NOT_AVAILABLE;
}

static void coordinator_write_free(struct coordinator_write *write)
{
    list_remove(&write->link);
    buffer_fini(&write->batch);
    bytes_free(write->group_id);
    free(write);
}

/* Applies and tells whoever wrote. */
static void coordinator_settle(struct coordinator *coordinator, struct coordinator_write *write)
{
    struct coordinator_partition *partition = write->partition;
    int error = coordinator_use_bytes(coordinator, partition, buffer_bytes(&write->batch),
                                      write->error == 0 ? coordinator_apply_record
                                                        : coordinator_lose_record);
    check(error == 0); /* we wrote it */
    struct group *group = (struct group *)map_find(&partition->groups, write->group_id);
    if (group != NULL) {
        group->underway_count--;
    }
    if (write->write != NULL) {
        write->write->done(&coordinator->host, write->write, write->error);
    }
    coordinator_write_free(write);
}

static void coordinator_on_appended(struct coordinator_append *append, int error)
{
    struct coordinator_write *write = (struct coordinator_write *)append->owner;
    struct coordinator *coordinator = write->coordinator;
    if (coordinator == NULL) {
        coordinator_write_free(write);
        return;
    }
    write->is_done = true;
    write->error = coordinator_translate(error);
    if (error != 0) {
        trace(TRACE_WARN, "coordinator.write_failed", TRACE_BYTES("group", write->group_id),
              TRACE_STRING("error", error_name(error)));
    }
    struct list *writes = &write->partition->writes;
    while (!list_is_empty(writes)) {
        struct coordinator_write *first =
            list_member(writes->head.next, struct coordinator_write, link);
        if (!first->is_done) {
            return;
        }
        coordinator_settle(coordinator, first); /* (3) */
    }
}

void coordinator_write_batch(struct group_host *host, struct bytes group_id,
                             struct batch_builder *builder, struct group_write *group_write)
{
    struct coordinator *coordinator = coordinator_of(host);
    int32_t index = coordinator_partition_of(coordinator, group_id);
    struct coordinator_write *write = memory_new(struct coordinator_write);
    write->append = (struct coordinator_append){.done = coordinator_on_appended, .owner = write};
    write->coordinator = coordinator;
    write->partition = coordinator_get_partition(coordinator, index);
    write->group_id = bytes_copy(group_id);
    write->write = group_write;
    buffer_init(&write->batch);
    int error = batch_builder_finish(builder, &write->batch);
    check(error == 0);
    batch_builder_clear(builder);
    list_add(&write->partition->writes, &write->link);
    struct group *group = (struct group *)map_find(&write->partition->groups, group_id);
    check(group != NULL);
    group->underway_count++;
    coordinator->events->append(coordinator->owner, index, &write->append, write->batch.data,
                                write->batch.size);
}

void coordinator_forsake_writes(struct coordinator *coordinator,
                                struct coordinator_partition *partition, int error)
{
    struct list_link *link;
    while ((link = list_take(&partition->writes)) != NULL) {
        struct coordinator_write *write = list_member(link, struct coordinator_write, link);
        struct group *group = (struct group *)map_find(&partition->groups, write->group_id);
        if (group != NULL) {
            group->underway_count--;
        }
        write->coordinator = NULL;
        if (write->write != NULL) {
            write->write->done(&coordinator->host, write->write, error);
        }
        if (write->is_done) {
            coordinator_write_free(write);
        }
    }
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
        group_log_write_group(&builder, now_ms, group->id, NULL);
    }
    bool has_written = builder.record_count > 0;
    if (has_written) {
        coordinator->host.write(&coordinator->host, group->id, &builder, write);
    }
    batch_builder_fini(&builder);
    return has_written;
}

void coordinator_check_writes(const struct coordinator_partition *partition)
{
    /* (3): whatever is done already waits for something before it. */
    if (!list_is_empty(&partition->writes)) {
        check(!list_member(partition->writes.head.next, struct coordinator_write, link)->is_done);
    }
}
