/* Partitions, their loading, and who is answered; see coordinator.h. */
#include "log/coordinator/coordinator.h"

#include "log/base/error.h"
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
        .history_size = 10,
        .consumer_session_timeout_ms = 45000,
        .consumer_heartbeat_interval_ms = 5000,
        .consumer_group_size_max = INT32_MAX,
        .consumer_assignors = "uniform,range",
        .can_upgrade = true,
        .can_downgrade = true,
    };
}

struct journal *coordinator_journal(struct coordinator *coordinator)
{
    return coordinator->journal;
}

struct coordinator_partition *coordinator_find_partition(struct coordinator *coordinator,
                                                         struct bytes group_id, int *error)
{
    if (bytes_is_null(group_id) || group_id.size > COORDINATOR_NAME_SIZE_MAX) {
        *error = ERROR_INVALID_GROUP_ID;
        return NULL;
    }
    int32_t index = journal_find(coordinator->journal, group_id, error);
    return index < 0 ? NULL : &coordinator->partitions[index];
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

static void coordinator_on_answer(struct group_host *host, struct coordinator_request *request)
{
    outbox_add(coordinator_of(host)->outbox, request);
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

static void coordinator_on_resize(void *owner, int32_t count)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        map_fini(&coordinator->partitions[i].groups, NULL);
        map_fini(&coordinator->partitions[i].producers, NULL);
    }
    free(coordinator->partitions);
    coordinator->partitions =
        (struct coordinator_partition *)memory_zero((size_t)count, sizeof *coordinator->partitions);
    for (int32_t i = 0; i < count; i++) {
        map_init(&coordinator->partitions[i].groups);
        map_init(&coordinator->partitions[i].producers);
    }
    coordinator->partition_count = count;
}

static bool coordinator_is_homeless(void *owner, const struct offset_table_entry *entry)
{
    const struct coordinator *coordinator = (const struct coordinator *)owner;
    return coordinator->events->validate_partition(coordinator->owner, entry->topic,
                                                   entry->partition) ==
           ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void coordinator_on_loaded(void *owner, int32_t index)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    struct coordinator_partition *partition = &coordinator->partitions[index];
    for (map_each (&partition->groups, entry)) {
        group_load((struct group *)entry->value);
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

static void coordinator_on_left(void *owner, int32_t index, int error)
{
    struct coordinator *coordinator = (struct coordinator *)owner;
    coordinator_forget_producers(&coordinator->partitions[index]);
    coordinator_free_groups(&coordinator->partitions[index], error);
}

static const struct journal_keeper coordinator_keeper = {
    .resize = coordinator_on_resize,
    .apply = coordinator_apply_record,
    .lose = coordinator_lose_record,
    .settled = coordinator_on_settled,
    .loaded = coordinator_on_loaded,
    .left = coordinator_on_left,
};

static bool coordinator_is_of_topic(void *owner, const struct offset_table_entry *entry)
{
    return bytes_equal(*(const struct bytes *)owner, entry->topic);
}

void coordinator_on_topic_deleted(struct coordinator *coordinator, struct bytes topic)
{
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        struct coordinator_partition *partition = &coordinator->partitions[i];
        if (journal_status(coordinator->journal, i) != JOURNAL_ACTIVE) {
            continue; /* the end of loading looks for topics that are gone */
        }
        for (map_each (&partition->groups, entry)) {
            coordinator_write_tombstones(coordinator, (struct group *)entry->value,
                                         coordinator_is_of_topic, &topic, false, NULL);
        }
    }
}

void coordinator_set_assignment_interval(struct coordinator *coordinator, int32_t interval_ms)
{
    coordinator->host.options.consumer_assignment_interval_ms = interval_ms;
}

void coordinator_on_topics_changed(struct coordinator *coordinator)
{
    coordinator->host.topics_version++;
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
        .events = events,
        .events_owner = owner,
    };
    coordinator->assignors = memory_string(options->consumer_assignors);
    coordinator->host.options.consumer_assignors = coordinator->assignors;
    coordinator->events = events;
    coordinator->owner = owner;
    coordinator->outbox = outbox_new(io);
    coordinator->journal = journal_new(&coordinator_keeper, coordinator, events->append, owner);
    coordinator_start_expiry(coordinator);
    return coordinator;
}

void coordinator_stop(struct coordinator *coordinator)
{
    io_timer_stop(coordinator->host.io, &coordinator->expiry_timer);
    journal_stop(coordinator->journal);
}

void coordinator_free(struct coordinator *coordinator)
{
    if (coordinator == NULL) {
        return;
    }
    coordinator_stop(coordinator);
    journal_free(coordinator->journal);
    outbox_free(coordinator->outbox);
    free(coordinator->partitions);
    free(coordinator->assignors);
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
            out->member_count += (int64_t)group_member_count(group);
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
    journal_set_partition_count(other->journal, coordinator->partition_count);
    journal_load_start(other->journal, index);
    int error = journal_load_batch(other->journal, index, committed);
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
        enum journal_status status = journal_status(coordinator->journal, i);
        check(status != JOURNAL_AWAY || partition->groups.size == 0);
        for (map_each (&partition->groups, entry)) {
            const struct group *group = (const struct group *)entry->value;
            check(journal_partition_of(coordinator->journal, group->id) == i);
            if (status == JOURNAL_ACTIVE) {
                group_check(group);
            }
        }
    }
    journal_check(coordinator->journal);
}
