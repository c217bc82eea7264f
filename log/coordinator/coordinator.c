/* Partitions, their loading, and who is answered; see coordinator.h. */
#include "log/coordinator/coordinator.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

enum { COORDINATOR_NAME_SIZE_MAX = INT16_MAX }; /* of a string in the log */

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

struct coordinator_partition *coordinator_get_partition(struct coordinator *coordinator,
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
    return coordinator_apply_batches(coordinator, partition, batches);
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
        .write = coordinator_write_batch,
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
        coordinator_check_writes(partition);
    }
}
