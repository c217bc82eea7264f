/* From one generation to the next; see the drawing in group.h.
 *
 *  1. Whoever waits for an assignment is told to join again; the group is PREPARING.
 *  2. Members join. An empty group waits group.initial.rebalance.delay.ms, and again as long as new
 *     members come; any other group waits until all its members and promised ids have joined.
 *  3. When all have, or the longest rebalance timeout is over, dynamic members that did not join
 * are gone. Static ones stay: they may be restarting (KIP-345).
 *  4. The generation goes up, a protocol is voted for, all are answered; the group is COMPLETING.
 *  5. Who does not ask for its assignment within the rebalance timeout is gone. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/group.h"

#include <stdlib.h>

static void group_rebalance_start_timer(struct group *group, struct io_timer *timer,
                                        void (*fired)(struct io_timer *timer), int64_t timeout_ms)
{
    timer->fired = fired;
    timer->owner = group;
    io_timer_start(group->host->io, timer, timeout_ms <= 0 ? 0 : (uint64_t)timeout_ms * 1000000);
}

static int32_t group_rebalance_timeout_ms(const struct group *group)
{
    int32_t timeout_ms = 0;
    for (map_each (&group->members, entry)) {
        const struct group_member *member = (const struct group_member *)entry->value;
        if (member->rebalance_timeout_ms > timeout_ms) {
            timeout_ms = member->rebalance_timeout_ms;
        }
    }
    return timeout_ms;
}

static bool group_rebalance_is_complete(const struct group *group)
{
    for (map_each (&group->members, entry)) {
        if (((const struct group_member *)entry->value)->join == NULL) {
            return false;
        }
    }
    return group->promises.size == 0;
}

/* Whether every member knows the protocol. */
static bool group_knows_protocol(const struct group *group, struct bytes name)
{
    for (map_each (&group->members, entry)) {
        if (group_member_protocol((const struct group_member *)entry->value, name) == NULL) {
            return false;
        }
    }
    return true;
}

bool group_supports(const struct group *group, const struct join_group_request *in)
{
    if (in->protocol_type.size == 0 || in->protocols.count <= 0) {
        return false;
    }
    if (group->members.size == 0) {
        return true;
    }
    if (!bytes_equal(in->protocol_type, group->protocol_type)) {
        return false;
    }
    for (int32_t i = 0; i < in->protocols.count; i++) {
        if (group_knows_protocol(group, in->protocols.items[i].name)) {
            return true;
        }
    }
    return false;
}

/* A protocol that all members know. */
struct group_candidate {
    struct bytes name; /* the first member's */
    size_t vote_count;
};

/* Owned by the caller, who frees them. */
static struct group_candidate *group_find_candidates(const struct group *group, int32_t *count)
{
    const struct map_entry *first = map_next(&group->members, NULL);
    *count = 0;
    if (first == NULL) {
        return NULL;
    }
    const struct group_member *member = (const struct group_member *)first->value;
    struct group_candidate *candidates =
        (struct group_candidate *)memory_zero((size_t)member->protocol_count, sizeof *candidates);
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (group_knows_protocol(group, member->protocols[i].name)) {
            candidates[(*count)++].name = member->protocols[i].name;
        }
    }
    return candidates;
}

/* The candidate that the member likes best; there is one. */
static struct group_candidate *group_member_vote(const struct group_member *member,
                                                 struct group_candidate *candidates, int32_t count)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        for (int32_t j = 0; j < count; j++) {
            if (bytes_equal(member->protocols[i].name, candidates[j].name)) {
                return &candidates[j];
            }
        }
    }
    check(count == 0);
    return NULL;
}

struct bytes group_select_protocol(const struct group *group)
{
    int32_t count = 0;
    struct group_candidate *candidates = group_find_candidates(group, &count);
    struct bytes winner = {0};
    size_t winner_count = 0;
    for (map_each (&group->members, entry)) {
        const struct group_member *member = (const struct group_member *)entry->value;
        struct group_candidate *choice = group_member_vote(member, candidates, count);
        if (choice != NULL) {
            choice->vote_count++;
        }
    }
    /* Of equals the one that an earlier member likes best. */
    for (map_each (&group->members, entry)) {
        const struct group_member *member = (const struct group_member *)entry->value;
        const struct group_candidate *choice = group_member_vote(member, candidates, count);
        if (choice != NULL && choice->vote_count > winner_count) {
            winner = choice->name;
            winner_count = choice->vote_count;
        }
    }
    free(candidates);
    return winner;
}

/* The leader stays if it joined; else the first member that did. False when nobody did. */
static bool group_elect_leader(struct group *group)
{
    struct group_member *leader =
        bytes_is_null(group->leader) ? NULL : group_member_find(group, group->leader);
    if (leader != NULL && leader->join != NULL) {
        return true;
    }
    for (map_each (&group->members, entry)) {
        struct group_member *member = (struct group_member *)entry->value;
        if (member->join != NULL) {
            group_set_bytes(&group->leader, member->id);
            return true;
        }
    }
    return false;
}

/* 5. */
static void group_on_sync_timeout(struct io_timer *timer)
{
    struct group *group = (struct group *)timer->owner;
    if (group->state != GROUP_COMPLETING && group->state != GROUP_STABLE) {
        return;
    }
    bool is_changed = group->unsynced.size > 0;
    for (map_each (&group->unsynced, entry)) {
        struct group_member *member = (struct group_member *)entry->value;
        trace(TRACE_INFO, "group.member_never_synced", TRACE_BYTES("group", group->id),
              TRACE_BYTES("member", member->id));
        group_remember(group, GROUP_CAUSE_SLOW, member,
                       "never asked for its assignment (SyncGroup) within max.poll.interval.ms");
        group_member_remove(group, member, ERROR_UNKNOWN_MEMBER_ID);
    }
    if (is_changed) {
        group_rebalance(group);
    }
}

/* 4., when there are members. */
static void group_begin_generation(struct group *group)
{
    group_set_bytes(&group->protocol, group_select_protocol(group));
    group_move(group, GROUP_COMPLETING);
    group->host->rebalance_count++;
    int32_t timeout_ms = group_rebalance_timeout_ms(group);
    for (map_each (&group->members, entry)) {
        struct group_member *member = (struct group_member *)entry->value;
        map_put(&group->unsynced, member->id, member);
        group_member_answer_join(member, 0);
        member->is_new = false;
        member->former_epoch = -1;
        group_member_touch(member);
    }
    group_rebalance_start_timer(group, &group->sync_timer, group_on_sync_timeout, timeout_ms);
}

/* 4., when nobody is left. */
static void group_become_empty(struct group *group)
{
    group_set_bytes(&group->protocol, (struct bytes){0});
    group_set_bytes(&group->leader, (struct bytes){0});
    group_move(group, GROUP_EMPTY);
    group_remember_end(group);
    group_write_metadata(group, NULL);
}

static void group_on_join_timeout(struct io_timer *timer);

/* 3. */
static void group_complete_join(struct group *group)
{
    io_timer_stop(group->host->io, &group->join_timer);
    group->initial_remaining_ms = -1;
    for (map_each (&group->members, entry)) {
        struct group_member *member = (struct group_member *)entry->value;
        if (member->join == NULL && bytes_is_null(member->instance_id)) {
            group_remember(group, GROUP_CAUSE_SLOW, member,
                           "did not join again (JoinGroup) within max.poll.interval.ms");
            group_member_remove(group, member, ERROR_UNKNOWN_MEMBER_ID);
        }
    }
    if (group->members.size > 0 && !group_elect_leader(group)) {
        /* Only static members, all of them away: give them their time again. */
        group_rebalance_start_timer(group, &group->join_timer, group_on_join_timeout,
                                    group_rebalance_timeout_ms(group));
        return;
    }
    check(group->generation < INT32_MAX);
    group->generation++;
    if (group->members.size == 0) {
        group_become_empty(group);
    } else {
        group_begin_generation(group);
    }
}

static int64_t group_smaller(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* The first rebalance of an empty group goes on waiting as long as members come. */
static void group_on_join_timeout(struct io_timer *timer)
{
    struct group *group = (struct group *)timer->owner;
    if (group->initial_remaining_ms > 0 && group->has_new_member) {
        int64_t delay_ms = group_smaller(group->host->options.initial_rebalance_delay_ms,
                                         group->initial_remaining_ms);
        group->has_new_member = false;
        group->initial_remaining_ms -= delay_ms;
        group_rebalance_start_timer(group, &group->join_timer, group_on_join_timeout, delay_ms);
        return;
    }
    group_complete_join(group);
}

/* 1. */
static void group_recall_assignments(struct group *group)
{
    for (map_each (&group->members, entry)) {
        struct group_member *member = (struct group_member *)entry->value;
        group_set_bytes(&member->assignment, (struct bytes){0});
        if (member->sync != NULL) {
            group_member_answer_sync(member, ERROR_REBALANCE_IN_PROGRESS);
            group_member_touch(member);
        }
    }
}

void group_rebalance(struct group *group)
{
    bool is_first = group->state == GROUP_EMPTY;
    int64_t timeout_ms = group_rebalance_timeout_ms(group);
    if (group->state == GROUP_COMPLETING) {
        group_recall_assignments(group);
    }
    for (map_each (&group->unsynced, entry)) {
        map_remove(&group->unsynced, entry->key);
    }
    io_timer_stop(group->host->io, &group->sync_timer);
    group->is_assigning = false;
    group->has_new_member = false;
    group_move(group, GROUP_PREPARING);
    if (is_first) {
        int64_t delay_ms =
            group_smaller(group->host->options.initial_rebalance_delay_ms, timeout_ms);
        group->initial_remaining_ms = timeout_ms - delay_ms;
        timeout_ms = delay_ms;
    }
    group_rebalance_start_timer(group, &group->join_timer, group_on_join_timeout, timeout_ms);
    group_rebalance_progress(group);
}

void group_rebalance_progress(struct group *group)
{
    if (group->state == GROUP_PREPARING && group->initial_remaining_ms == -1 &&
        group_rebalance_is_complete(group)) {
        group_complete_join(group);
    }
}

void group_rebalance_without(struct group *group, struct group_member *member, int error,
                             enum group_cause cause, const char *detail)
{
    group_remember(group, cause, member, detail);
    group_member_remove(group, member, error);
    switch (group->state) {
    case GROUP_COMPLETING:
    case GROUP_STABLE:
        group_rebalance(group);
        return;
    case GROUP_PREPARING:
        group_rebalance_progress(group);
        return;
    case GROUP_EMPTY:
    case GROUP_DEAD:
    case GROUP_STATE_COUNT:
        return;
    }
}
