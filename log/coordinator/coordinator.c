/* Partitions, their loading, what is written to them and who is answered; see coordinator.h.
 *
 * A write keeps its batch until it is committed, and then applies the very records it wrote, with
 * the function that loading uses. */
#include "log/coordinator/coordinator.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

enum {
    COORDINATOR_NAME_SIZE_MAX = INT16_MAX, /* of a string in the log */
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

struct coordinator_options coordinator_options_default(void)
{
    return (struct coordinator_options){
        .session_timeout_min_ms = 6000,
        .session_timeout_max_ms = 1800000,
        .initial_rebalance_delay_ms = 0,
        .group_size_max = INT32_MAX,
        .metadata_size_max = 4096,
        .offsets_retention_ms = 7LL * 86400000,
        .retention_check_ms = 600000,
    };
}

int32_t coordinator_partition_count(const struct coordinator *coordinator)
{
    return coordinator->partition_count;
}

int32_t coordinator_partition_of(const struct coordinator *coordinator, struct bytes group_id)
{
    if (coordinator->partition_count == 0) {
        return -1;
    }
    return (hash_java_string(group_id) & INT32_MAX) % coordinator->partition_count;
}

static struct coordinator_partition *coordinator_get_partition(struct coordinator *coordinator,
                                                               int32_t index)
{
    check(index >= 0 && index < coordinator->partition_count);
    return &coordinator->partitions[index];
}

struct coordinator_partition *coordinator_find_partition(struct coordinator *coordinator,
                                                         struct bytes group_id, int *error)
{
    int32_t index = coordinator_partition_of(coordinator, group_id);
    *error = 0;
    if (bytes_is_null(group_id) || group_id.size > COORDINATOR_NAME_SIZE_MAX) {
        *error = ERROR_INVALID_GROUP_ID;
        return NULL;
    }
    if (index < 0 || coordinator->is_stopped) {
        *error = ERROR_COORDINATOR_NOT_AVAILABLE;
        return NULL;
    }
    struct coordinator_partition *partition = &coordinator->partitions[index];
    switch (partition->status) {
    case COORDINATOR_AWAY:
        *error = ERROR_NOT_COORDINATOR;
        return NULL;
    case COORDINATOR_LOADING:
        *error = ERROR_COORDINATOR_LOAD_IN_PROGRESS;
        return NULL;
    case COORDINATOR_ACTIVE:
        break;
    }
    return partition;
}

struct group *coordinator_make_group(struct coordinator *coordinator,
                                     struct coordinator_partition *partition, struct bytes id)
{
    struct group *group = (struct group *)map_find(&partition->groups, id);
    if (group == NULL) {
        group = group_new(&coordinator->host, id);
        map_put(&partition->groups, id, group);
    }
    return group;
}

void coordinator_release_group(struct coordinator_partition *partition, struct group *group)
{
    if (group_is_bare(group)) {
        map_remove(&partition->groups, group->id);
        group_free(group, ERROR_COORDINATOR_NOT_AVAILABLE);
    }
}

static struct group *coordinator_on_find(struct group_host *host, struct bytes group_id)
{
    int error = 0;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator_of(host), group_id, &error);
    return partition == NULL ? NULL : (struct group *)map_find(&partition->groups, group_id);
}

/* Answers ------------------------------------------------------------------------------------ */

static void coordinator_deliver(struct io_request *request, int64_t result)
{
    (void)result;
    struct coordinator_outbox *outbox = (struct coordinator_outbox *)request->owner;
    struct list_link *link;
    while ((link = list_take(&outbox->requests)) != NULL) {
        struct coordinator_request *answered = list_member(link, struct coordinator_request, link);
        answered->done(answered);
    }
    outbox->is_posted = false;
    if (outbox->is_orphan) {
        free(outbox);
    }
}

static void coordinator_on_answer(struct group_host *host, struct coordinator_request *request)
{
    struct coordinator_outbox *outbox = coordinator_of(host)->outbox;
    request->link = (struct list_link){0};
    list_add(&outbox->requests, &request->link);
    if (!outbox->is_posted) {
        outbox->is_posted = true;
        io_post(host->io, &outbox->request);
    }
}

static struct coordinator_outbox *coordinator_outbox_new(void)
{
    struct coordinator_outbox *outbox = memory_new(struct coordinator_outbox);
    list_init(&outbox->requests);
    outbox->request = (struct io_request){.done = coordinator_deliver, .owner = outbox};
    return outbox;
}

/* Records ------------------------------------------------------------------------------------ */

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

static void coordinator_on_write(struct group_host *host, struct bytes group_id,
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

/* Writes under way come back some day and find nobody; who made them is told now. */
static void coordinator_forsake_writes(struct coordinator *coordinator,
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

/* Partitions --------------------------------------------------------------------------------- */

static void coordinator_free_groups(struct coordinator_partition *partition, int error)
{
    for (map_each (&partition->groups, entry)) {
        group_free((struct group *)entry->value, error);
    }
    map_fini(&partition->groups, NULL);
    map_init(&partition->groups);
}

static void coordinator_free_partitions(struct coordinator *coordinator)
{
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        struct coordinator_partition *partition = &coordinator->partitions[i];
        /* Groups would live elsewhere afterwards; and the lists' heads must not move. */
        check(partition->status == COORDINATOR_AWAY);
        check(list_is_empty(&partition->writes));
        map_fini(&partition->groups, NULL);
    }
    free(coordinator->partitions);
    coordinator->partitions = NULL;
    coordinator->partition_count = 0;
}

void coordinator_set_partition_count(struct coordinator *coordinator, int32_t count)
{
    check(count >= 0);
    if (count == coordinator->partition_count) {
        return;
    }
    coordinator_free_partitions(coordinator);
    coordinator->partitions =
        (struct coordinator_partition *)memory_zero((size_t)count, sizeof *coordinator->partitions);
    for (int32_t i = 0; i < count; i++) {
        map_init(&coordinator->partitions[i].groups);
        list_init(&coordinator->partitions[i].writes);
    }
    coordinator->partition_count = count;
}

void coordinator_load_start(struct coordinator *coordinator, int32_t index)
{
    struct coordinator_partition *partition = coordinator_get_partition(coordinator, index);
    check(partition->status == COORDINATOR_AWAY);
    check(!coordinator->is_stopped);
    partition->status = COORDINATOR_LOADING;
}

int coordinator_load_batch(struct coordinator *coordinator, int32_t index, struct bytes batches)
{
    struct coordinator_partition *partition = coordinator_get_partition(coordinator, index);
    check(partition->status == COORDINATOR_LOADING);
    return coordinator_use_bytes(coordinator, partition, batches, coordinator_apply_record);
}

static void coordinator_restore_group(struct group *group)
{
    struct arena arena;
    struct group_metadata_value value;
    if (bytes_is_null(group->logged)) {
        return;
    }
    arena_init(&arena, 0);
    int error = group_log_read_metadata(group->logged, &arena, &value);
    check(error == 0); /* it was read when it was applied */
    group_restore(group, &value);
    arena_fini(&arena);
}

static bool coordinator_is_homeless(void *owner, const struct offset_table_entry *entry)
{
    const struct coordinator *coordinator = (const struct coordinator *)owner;
    return coordinator->events->validate_partition(coordinator->owner, entry->topic,
                                                   entry->partition) ==
           ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

void coordinator_load_end(struct coordinator *coordinator, int32_t index)
{
    struct coordinator_partition *partition = coordinator_get_partition(coordinator, index);
    check(partition->status == COORDINATOR_LOADING);
    partition->status = COORDINATOR_ACTIVE;
    for (map_each (&partition->groups, entry)) {
        coordinator_restore_group((struct group *)entry->value);
    }
    /* A topic may have been deleted in a moment when the tombstones were not written. */
    for (map_each (&partition->groups, entry)) {
        struct group *group = (struct group *)entry->value;
        if (coordinator->events->validate_partition != NULL) {
            coordinator_write_tombstones(coordinator, group, coordinator_is_homeless, coordinator,
                                         false, NULL);
        }
        coordinator_release_group(partition, group);
    }
    trace(TRACE_INFO, "coordinator.partition_loaded", TRACE_INT("partition", index),
          TRACE_INT("groups", (int64_t)partition->groups.size));
}

static void coordinator_leave_partition(struct coordinator *coordinator, int32_t index, int error)
{
    struct coordinator_partition *partition = coordinator_get_partition(coordinator, index);
    partition->status = COORDINATOR_AWAY;
    coordinator_forsake_writes(coordinator, partition, error);
    coordinator_free_groups(partition, error);
}

void coordinator_unload(struct coordinator *coordinator, int32_t index)
{
    coordinator_leave_partition(coordinator, index, ERROR_NOT_COORDINATOR);
}

static bool coordinator_is_of_topic(void *owner, const struct offset_table_entry *entry)
{
    return bytes_equal(*(const struct bytes *)owner, entry->topic);
}

void coordinator_on_topic_deleted(struct coordinator *coordinator, struct bytes topic)
{
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        struct coordinator_partition *partition = &coordinator->partitions[i];
        if (partition->status != COORDINATOR_ACTIVE) {
            continue; /* load_end looks for topics that are gone */
        }
        for (map_each (&partition->groups, entry)) {
            coordinator_write_tombstones(coordinator, (struct group *)entry->value,
                                         coordinator_is_of_topic, &topic, false, NULL);
        }
    }
}

struct coordinator *coordinator_new(struct io *io, const struct coordinator_options *options,
                                    const struct coordinator_events *events, void *owner)
{
    struct coordinator *coordinator = memory_new(struct coordinator);
    coordinator->host = (struct group_host){
        .io = io,
        .options = *options,
        .write = coordinator_on_write,
        .answer = coordinator_on_answer,
        .find = coordinator_on_find,
    };
    coordinator->events = events;
    coordinator->owner = owner;
    coordinator->outbox = coordinator_outbox_new();
    coordinator_start_expiry(coordinator);
    return coordinator;
}

void coordinator_stop(struct coordinator *coordinator)
{
    if (coordinator->is_stopped) {
        return;
    }
    coordinator->is_stopped = true;
    io_timer_stop(coordinator->host.io, &coordinator->expiry_timer);
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        coordinator_leave_partition(coordinator, i, ERROR_COORDINATOR_NOT_AVAILABLE);
    }
}

void coordinator_free(struct coordinator *coordinator)
{
    if (coordinator == NULL) {
        return;
    }
    struct coordinator_outbox *outbox = coordinator->outbox;
    coordinator_stop(coordinator);
    coordinator_free_partitions(coordinator);
    outbox->is_orphan = true;
    if (!outbox->is_posted) {
        free(outbox);
    }
    free(coordinator);
}

/* Looking ------------------------------------------------------------------------------------ */

void coordinator_read_stats(const struct coordinator *coordinator, struct coordinator_stats *out)
{
    *out = (struct coordinator_stats){
        .rebalance_count = coordinator->host.rebalance_count,
        .expired_offset_count = coordinator->expired_offset_count,
    };
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        for (map_each (&coordinator->partitions[i].groups, entry)) {
            const struct group *group = (const struct group *)entry->value;
            out->group_count++;
            out->member_count += (int64_t)group->members.size;
            out->offset_count += (int64_t)group->offsets.entries.size;
        }
    }
}

static int coordinator_compare_groups(const void *left, const void *right)
{
    const struct group *a = *(struct group *const *)left;
    const struct group *b = *(struct group *const *)right;
    return bytes_compare(a->id, b->id);
}

void coordinator_print(const struct coordinator *coordinator, int32_t index, struct buffer *out)
{
    const struct coordinator_partition *partition = &coordinator->partitions[index];
    struct group **sorted =
        (struct group **)memory_zero(partition->groups.size + 1, sizeof(struct group *));
    size_t count = 0;
    for (map_each (&partition->groups, entry)) {
        sorted[count++] = (struct group *)entry->value;
    }
    qsort(sorted, count, sizeof(struct group *), coordinator_compare_groups);
    for (size_t i = 0; i < count; i++) {
        group_print(sorted[i], out);
    }
    free(sorted);
}

void coordinator_check_replay(const struct coordinator *coordinator, int32_t index,
                              struct bytes committed)
{
    static const struct coordinator_events nothing = {0};
    struct buffer live;
    struct buffer replayed;
    buffer_init(&live);
    buffer_init(&replayed);
    struct coordinator *other =
        coordinator_new(coordinator->host.io, &coordinator->host.options, &nothing, NULL);
    coordinator_set_partition_count(other, coordinator->partition_count);
    coordinator_load_start(other, index);
    int error = coordinator_load_batch(other, index, committed);
    check(error == 0);
    coordinator_print(coordinator, index, &live);
    coordinator_print(other, index, &replayed);
    check(bytes_equal(buffer_bytes(&live), buffer_bytes(&replayed))); /* (1) */
    coordinator_free(other);
    buffer_fini(&live);
    buffer_fini(&replayed);
}

void coordinator_check(const struct coordinator *coordinator)
{
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        const struct coordinator_partition *partition = &coordinator->partitions[i];
        check(partition->status != COORDINATOR_AWAY || partition->groups.size == 0);
        for (map_each (&partition->groups, entry)) {
            const struct group *group = (const struct group *)entry->value;
            check(coordinator_partition_of(coordinator, group->id) == i);
            if (partition->status == COORDINATOR_ACTIVE) {
                group_check(group);
            }
        }
        /* (3): whatever is done already waits for something before it. */
        if (!list_is_empty(&partition->writes)) {
            check(
                !list_member(partition->writes.head.next, struct coordinator_write, link)->is_done);
        }
    }
}
