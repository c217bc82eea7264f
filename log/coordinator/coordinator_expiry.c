/* Offsets that nobody needs any more are forgotten after their retention; see coordinator.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

/* What coordinator_is_expired needs. */
struct coordinator_expiry {
    struct coordinator *coordinator;
    const struct group *group;
    int64_t now_ms;
    int64_t count; /* of entries that are not expired */
};

/* KIP-211: without members counted from the moment the group became empty; with members only for
 * topics that nobody subscribes to, from the commit. */
static bool coordinator_is_expired(void *owner, const struct offset_table_entry *entry)
{
    struct coordinator_expiry *expiry = (struct coordinator_expiry *)owner;
    const struct group *group = expiry->group;
    bool is_used = !group_is_empty(group) && group_is_subscribed(group, entry->topic);
    bool was_joined = group->protocol_type.size > 0;
    int64_t base_ms = group->state == GROUP_EMPTY && was_joined ? group->state_timestamp_ms : -1;
    int64_t retention_ms = expiry->coordinator->host.options.offsets_retention_ms;
    if (is_used || entry->pending_count > 0 || !entry->has_value ||
        offset_table_is_unstable(entry) ||
        offset_table_expiry_ms(entry, base_ms, retention_ms) > expiry->now_ms) {
        expiry->count++;
        return false;
    }
    expiry->coordinator->expired_offset_count += entry->doomed_count == 0;
    return entry->doomed_count == 0;
}

static void coordinator_on_group_expired(struct group_host *host, struct group_write *write,
                                         int error)
{
    int find_error = 0;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator_of(host), write->group_id, &find_error);
    struct group *group = host->find(host, write->group_id);
    if (group != NULL && group->state == GROUP_DEAD) {
        if (error != 0) {
            group_revive(group);
        }
        coordinator_release_group(partition, group);
    }
    bytes_free(write->group_id);
    free(write);
}

/* Whether nothing would be left of an empty group once its expired offsets are gone. */
static bool coordinator_is_over(const struct group *group, int64_t kept_count)
{
    bool is_logged = !bytes_is_null(group->logged) || group->records.size > 0;
    return group_is_empty(group) && kept_count == 0 && group->promises.size == 0 &&
           group->underway_count == 0 && is_logged;
}

static bool coordinator_is_none(void *owner, const struct offset_table_entry *entry)
{
    (void)owner;
    (void)entry;
    return false;
}

static void coordinator_expire_group(struct coordinator *coordinator,
                                     struct coordinator_partition *partition, struct group *group,
                                     int64_t now_ms)
{
    struct coordinator_expiry expiry = {
        .coordinator = coordinator, .group = group, .now_ms = now_ms};
    if (group->state != GROUP_DEAD) {
        bool is_quiet = group->underway_count == 0;
        coordinator_write_tombstones(coordinator, group, coordinator_is_expired, &expiry, false,
                                     NULL);
        bool has_written = is_quiet && group->underway_count > 0;
        if (!has_written && coordinator_is_over(group, expiry.count)) {
            struct group_write *write = memory_new(struct group_write);
            write->done = coordinator_on_group_expired;
            write->group_id = bytes_copy(group->id);
            group_die(group);
            check(coordinator_write_tombstones(coordinator, group, coordinator_is_none, NULL, true,
                                               write));
        }
    }
    coordinator_release_group(partition, group);
}

static void coordinator_on_expiry(struct io_timer *timer)
{
    struct coordinator *coordinator = (struct coordinator *)timer->owner;
    int64_t now_ms = io_wall_clock(coordinator->host.io);
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        struct coordinator_partition *partition = &coordinator->partitions[i];
        if (journal_status(coordinator->journal, i) != JOURNAL_ACTIVE) {
            continue;
        }
        for (map_each (&partition->groups, entry)) {
            coordinator_expire_group(coordinator, partition, (struct group *)entry->value, now_ms);
        }
    }
    coordinator_start_expiry(coordinator);
}

void coordinator_start_expiry(struct coordinator *coordinator)
{
    coordinator->expiry_timer =
        (struct io_timer){.fired = coordinator_on_expiry, .owner = coordinator};
    io_timer_start(coordinator->host.io, &coordinator->expiry_timer,
                   io_delay_ns(coordinator->host.options.retention_check_ms));
}
